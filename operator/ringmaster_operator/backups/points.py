"""The moments between which a crash makes a difference, so that tests can make one at each of them."""

from __future__ import annotations

from collections.abc import Callable

crash: Callable[[str], None] | None = None
"""Called with the moment's name; only tests set it."""


def passed(moment: str) -> None:
    """Nothing, unless a test wants the process to die here."""
    if crash is not None:
        crash(moment)
