"""Pages: nothing twice, nothing left out, and a cursor is good for its own list only."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.api import paging
from ringmaster_operator.claims.refusals import Refused

texts = st.text(max_size=40).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)
items = st.lists(st.tuples(st.integers(0, 5), texts), unique=True, max_size=40)


def walk(
    found: list[tuple[int, str]], limit: int, gone: frozenset[tuple[int, str]] = frozenset()
) -> list[tuple[int, str]]:
    """Every page, one after the other; `gone` go away after the first."""
    shown: list[tuple[int, str]] = []
    cursor = None
    while True:
        after = paging.decoded(cursor, "all", int, str)
        page, cursor = paging.page(found, key=lambda item: item, limit=limit, after=after, scope="all")
        assert len(page) <= limit
        shown += page
        if cursor is None:
            return shown
        found = [item for item in found if item not in gone]


@given(items, st.integers(1, 7))
def test_pages_hold_everything_once_and_in_order(found: list[tuple[int, str]], limit: int) -> None:
    assert walk(found, limit) == sorted(found)


@given(items, st.integers(1, 7), st.data())
def test_what_goes_away_meanwhile_hides_nothing_else(
    found: list[tuple[int, str]], limit: int, data: st.DataObject
) -> None:
    gone = frozenset(data.draw(st.lists(st.sampled_from(found), unique=True))) if found else frozenset()
    shown = walk(found, limit, gone)
    assert len(shown) == len(set(shown))
    assert set(shown) >= set(found) - gone


@given(st.text(max_size=80))
def test_a_made_up_cursor_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="cursor"):
        paging.decoded(text, "all", int, str)


@pytest.mark.parametrize("place", [(1, "a", 2), ("a", 1), (True, "a"), (1.5, "a"), (2**60, "a")])
def test_a_cursor_of_other_types_is_refused(place: tuple[int, str]) -> None:
    with pytest.raises(Refused, match="cursor"):
        paging.decoded(paging.encoded(place, "all"), "all", int, str)


def test_a_cursor_is_good_for_its_own_list() -> None:
    cursor = paging.encoded((3, "b"), "beads phase=Ready")
    assert paging.decoded(cursor, "beads phase=Ready", int, str) == (3, "b")
    with pytest.raises(Refused, match="cursor"):
        paging.decoded(cursor, "beads phase=Failed", int, str)


def test_one_changed_letter_spoils_it() -> None:
    cursor = paging.encoded((3, "b"), "all")
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        with pytest.raises(Refused, match="cursor"):
            paging.decoded(base64.urlsafe_b64encode(changed).decode().rstrip("="), "all", int, str)
