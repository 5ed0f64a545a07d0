"""Progress, not presence: when a run has taken too long, or has stood still too long.

An agent that prints the same error for ever is as still as one that prints nothing; a test suite that runs
for an hour inside a tool call is not still. So only the reader's activity counts, and an open tool call is
bounded by the timeout alone.
"""

from __future__ import annotations

from typing import Literal

from ringmaster_cli.agents.facts import Facts


class Watch:
    """Judges one run; times are seconds of one steady clock, given from outside."""

    def __init__(self, *, timeout: float, stall: float, start: float) -> None:
        self.timeout = timeout
        self.stall = stall
        self.start = start
        self.last_progress = start
        self._activity = 0

    def saw(self, facts: Facts, *, now: float) -> bool:
        """Take note of the facts; True when there was progress since the last look."""
        if facts.activity == self._activity:
            return False
        self._activity = facts.activity
        self.last_progress = now
        return True

    def verdict(self, facts: Facts, *, now: float) -> Literal["timeout", "stalled"] | None:
        """What is to be done about the run now."""
        if now - self.start >= self.timeout:
            return "timeout"
        if not facts.open_tools and now - self.last_progress >= self.stall:
            return "stalled"
        return None
