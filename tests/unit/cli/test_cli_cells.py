"""Text in columns: every cell is where it should be, whatever the text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.agents.terminal import CONTROLS, data
from ringmaster_cli.cells import fit, right, width, wrapped
from ringmaster_cli.people.spans import ago, dollars, short, span


@given(st.text(), st.integers(1, 60))
def test_a_column_is_exactly_as_wide_as_it_is_to_be(text: str, cells: int) -> None:
    for shown in (fit(text, cells), right(text, cells)):
        assert width(shown) == cells
        assert shown.isprintable() or "\N{REPLACEMENT CHARACTER}" in shown or not shown.isascii()
        assert "\n" not in shown
        assert "\x1b" not in shown


@given(st.text(), st.integers(2, 40))
def test_wrapped_lines_fit_and_lose_no_letter(text: str, cells: int) -> None:
    lines = wrapped(text, cells)
    assert all(width(line) <= cells for line in lines)
    letters = [char for char in text if char.isascii() and char.isalnum()]
    if "\x1b" not in text:
        assert [char for char in "".join(lines) if char.isascii() and char.isalnum()] == letters


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short", "short     "),
        ("exactly-10", "exactly-10"),
        ("eleven-long", "eleven-lo…"),
        ("日本語のタイトル", "日本語の… "),
        ("a日本語のタイトル", "a日本語の…"),
        ("🎉 party", "🎉 party  "),
        ("👨\u200d👩\u200d👧 family", "👨👩👧 fa…"),
        ("two\nlines", "two lines "),
        ("\x1b[31mred\x1b[0m\x07", "red\N{REPLACEMENT CHARACTER}      "),
    ],
)
def test_wide_and_strange_characters(text: str, shown: str) -> None:
    assert fit(text, 10) == shown


def test_figures_are_short() -> None:
    assert [short(n) for n in (0, 999, 1000, 1234, 99_999, 999_999, 5_600_000, 2e9)] == [
        "0",
        "999",
        "1.0k",
        "1.2k",
        "100k",
        "1.0M",
        "5.6M",
        "2.0G",
    ]
    assert [span(n) for n in (-5, 0, 59, 60, 119, 7199, 7200, 172_799, 172_800)] == [
        "0s",
        "0s",
        "59s",
        "1m",
        "1m",
        "119m",
        "2h",
        "47h",
        "2d",
    ]
    assert [dollars(n) for n in (0, 0.001, 0.005, 1234.5)] == ["$0.00", "<$0.01", "$0.01", "$1,234.50"]
    now = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    assert (ago(None, now), ago(now - timedelta(minutes=5), now)) == ("-", "5m")


def test_data_is_the_same_to_programs_and_steers_no_terminal() -> None:
    strange = {"title": "wide 日本 \u202eover\u2066 \x9b31m \x1b[2J \x7f \ud800", "plain": "ä"}
    text = data(strange)
    assert json.loads(text) == strange
    assert not CONTROLS.search(text)
    assert "日本" in text
