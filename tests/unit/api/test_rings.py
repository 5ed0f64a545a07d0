"""What is kept for those who watch: pieces made once for all of them, none too long."""

from __future__ import annotations

import asyncio

from ringmaster_operator.api import changes as rings
from ringmaster_operator.api.changes import Changes
from ringmaster_operator.clock import Clock


def test_nobody_watching_keeps_nothing() -> None:
    changes = Changes(Clock())
    changes.take("Bead", ("n", "a"), None, None)
    assert changes.watchers == 0
    ring = changes.enter("n")
    changes.take("Bead", ("n", "a"), None, None)
    assert ring.newest == 1


async def test_what_comes_after_a_silence_is_shown_at_once_and_what_follows_soon_together() -> None:
    ring, kinds = rings.Ring("e", Clock()), frozenset({"bead"})
    ring.add("bead", "1")
    assert ring.piece(kinds, 0) == (b"event: bead\nid: e-1\ndata: 1\n\n", 1)
    for number in range(2, 52):
        ring.add("bead" if number % 2 else "event", str(number))
    assert ring.piece(kinds, 1) == (b"", 1)
    began = Clock().monotonic()
    await ring.moved(10)
    assert rings.PAUSE_SECONDS / 2 < Clock().monotonic() - began < 5
    together = ring.piece(kinds, 1)
    assert together is not None
    assert (together[0].count(b"event: bead\n"), together[0].count(b"event: event\n"), together[1]) == (
        25,
        0,
        51,
    )
    assert ring.piece(kinds, 1) is together  # made once for all who look
    await asyncio.sleep(rings.PAUSE_SECONDS)
    ring.add("bead", "52")
    assert ring.shown == 52


async def test_a_piece_is_not_too_long_and_says_where_it_ends() -> None:
    ring, kinds = rings.Ring("e", Clock()), frozenset({"bead"})
    for number in range(100):
        ring.add("bead", f"{number:03}" + "x" * 1000)
    ring.show()
    place, sizes = 0, []
    while place < ring.shown:
        found = ring.piece(kinds, place)
        assert found is not None
        assert found[1] > place
        sizes.append(len(found[0]))
        place = found[1]
    assert max(sizes) < rings.PIECE + 2000
    assert len(sizes) == sum(sizes) // rings.PIECE + 1
    for _ in range(rings.KEPT):
        ring.add("bead", "")
    assert ring.piece(kinds, place - 1) is None
