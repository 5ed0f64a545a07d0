"""What is remembered of a session's crashes, and when it is tried again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_RESTART = timedelta(seconds=1)
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RESTART = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is remembered of a session's crashes, over restarts of the operator."""

    restarts: int = 0
    next_start_at: datetime | None = None
    last_error: str = ""
    reason: str = ""
    """The error as one word, where its surroundings ended the session; not kept over restarts."""
    fingerprint: str = ""
    """Of the settings that it crashed with: with others it is tried at once. Empty: not known any more."""


def after_crash(
    memory: Memory | None,
    message: str,
    *,
    fingerprint: str,
    now: datetime,
    hopeless: bool = False,
    reason: str = "",
) -> Memory:
    """One crash more: the pause doubles from 1 s (30 s when the program cannot even be run) to 10 min."""
    restarts = (memory.restarts if memory else 0) + 1
    first = FIRST_RETRY if hopeless else FIRST_RESTART
    pause = min(first * 2 ** min(restarts - 1, 16), LONGEST_RESTART)
    return Memory(
        restarts=restarts,
        next_start_at=now + pause,
        last_error=message[:1024],
        reason=reason,
        fingerprint=fingerprint,
    )
