"""Sessions in pods, one pod a session."""
