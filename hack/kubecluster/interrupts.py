"""SIGINT and SIGTERM, none of which is missed.

Python throws away what a signal's handler raises while a destructor or a weak reference's callback runs. So
the handler also writes it down, and who has just made something asks once more.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_told: list[int] = []


@contextmanager
def raised() -> Iterator[None]:
    """Within, both raise KeyboardInterrupt; but SIGINT not where whoever started this had it ignored."""
    kept = {signal.SIGTERM: signal.signal(signal.SIGTERM, _interrupt)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        kept[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        for number, before in kept.items():
            signal.signal(number, before)


def check() -> None:
    """Raise KeyboardInterrupt where one was told and got lost."""
    if _told:
        raise KeyboardInterrupt


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _told.append(number)
    raise KeyboardInterrupt
