"""When Python looks for cycles of objects that nothing uses, in a process with very many that stay.

A full look goes through every object there is: with ten thousand beads all else stands still for most of a
second, and a burst of work brings several looks. What is there once the operator has started stays for long,
so later looks leave it out. Objects without cycles, as the beads are, are freed at once in any case.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

STARTING = (100_000, 50, 100)
SERVING = (10_000, 20, 20)
"""Objects made since the last look at the youngest; looks at one age until one at the next."""


def starting() -> None:
    """Before much is made that stays."""
    gc.set_threshold(*STARTING)


def settled() -> None:
    """What is there now stays; memory that it took to make it goes back to the system."""
    gc.freeze()
    gc.set_threshold(*SERVING)
    give_back()


def give_back() -> None:
    """Return free memory to the system where the C library can (glibc): by itself it keeps most of it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
