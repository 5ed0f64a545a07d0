"""Running a coding agent of any make: profiles as data, readers of event streams, the run itself."""
