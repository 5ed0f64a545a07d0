"""Terminal text taken apart: styles as terminals mean them, and nothing else comes through."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.runtimes import ansi


def one(line: str) -> list[dict[str, Any]]:
    return list(ansi.parsed([line])[0])


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("", []),
        ("   ", []),
        ("words  ", [{"text": "words"}]),
        ("a\x1b[31mb\x1b[39mc", [{"text": "a"}, {"text": "b", "color": "red"}, {"text": "c"}]),
        ("\x1b[91;101mz", [{"text": "z", "color": "bright-red", "background": "bright-red"}]),
        ("\x1b[38;5;208mo", [{"text": "o", "color": "#ff8700"}]),
        ("\x1b[38;5;9mo\x1b[m!", [{"text": "o", "color": "bright-red"}, {"text": "!"}]),
        ("\x1b[38;5;244mo", [{"text": "o", "color": "#808080"}]),
        ("\x1b[48;2;1;2;300mo", [{"text": "o", "background": "#0102ff"}]),
        ("\x1b[38:2::10:20:30mo", [{"text": "o", "color": "#0a141e"}]),
        ("\x1b[4:3;58;5;9mo\x1b[24mp", [{"text": "o", "underline": True}, {"text": "p"}]),
        ("\x1b[1;2;3;7;9mo\x1b[22;23;27;29mp", [
            {"text": "o", "bold": True, "dim": True, "italic": True, "reverse": True, "strike": True},
            {"text": "p"},
        ]),
        ("\x1b[7m \x1b[m", [{"text": " ", "reverse": True}]),
        ("\x0elqk\x0f|", [{"text": "┌─┐|"}]),
        ("10 %\r20 %\r", [{"text": "20 %"}]),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1b]0;title\x07end", [{"text": "link end"}]),
        ("\x1b[2Jkeep\x1b[10;20H\x1b7it\x07", [{"text": "keepit"}]),
        ("\x1b[38;5m\x1b[999mx", [{"text": "x", "color": "black"}]),
    ],
    ids=repr,
)  # fmt: skip
def test_a_line(line: str, runs: list[dict[str, Any]]) -> None:
    shown = one(line.rstrip("\r"))
    assert shown == runs


def test_a_style_lasts_over_the_end_of_a_line() -> None:
    first, second, third = ansi.parsed(["\x1b[32mgreen", "still", "\x1b[0mnot"])
    assert first == ({"text": "green", "color": "green"},)
    assert second == ({"text": "still", "color": "green"},)
    assert third == ({"text": "not"},)


@given(st.text(alphabet=st.sampled_from("\x1b[]0123456789;:mKH?\\\x07\x0e\x0f ab世\r\t\x9b"), max_size=60))
def test_nothing_that_a_terminal_obeys_comes_through(line: str) -> None:
    text = ansi.plain(tuple(one(line)))
    assert not any((ord(sign) < 32 and sign != "\t") or 127 <= ord(sign) < 160 for sign in text)
    assert all(run["text"] for run in one(line))
