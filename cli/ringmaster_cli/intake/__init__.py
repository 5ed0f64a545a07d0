"""Backlogs in and out: other trackers' files become beads, and beads become files, with nothing lost."""
