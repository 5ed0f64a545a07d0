"""Keys: bytes become names, names become intents, and nothing pasted acts."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.top.keys import Keys
from ringmaster_cli.top.ui import Intent, Item, Pane, Prompt, Ui

ITEMS = [Item(f"n/{name}", "n", name, "w", "w-0") for name in ("a", "b", "c")]


def test_bytes_become_keys() -> None:
    keys = Keys()
    assert keys.take(b"jk\r\t\x7f\x03\x1b[A\x1bOB\x1b[6~\x1b[Z") == [
        *("j", "k", "enter", "tab", "backspace", "ctrl-c", "up", "down", "pagedown", "backtab")
    ]
    assert keys.take("日🎉".encode()) == ["日", "🎉"]
    assert keys.take(b"\x1b[99;5u\x1b[1;5C") == []  # unknown ones are dropped as a whole


def test_what_comes_in_pieces_is_put_together() -> None:
    keys = Keys()
    pieces = [b"\xe6", b"\x97", b"\xa5", b"\x1b", b"[", b"5", b"~"]
    assert [key for piece in pieces for key in keys.take(piece)] == ["日", "pageup"]
    assert keys.take(b"\x1b") == []
    assert keys.waits
    assert (keys.flush(), keys.waits) == (["esc"], False)


def test_pasted_text_is_one_key_even_over_many_reads() -> None:
    keys = Keys()
    assert keys.take(b"x\x1b[200~hold\rr") == ["x"]
    assert not keys.waits
    assert keys.take(b"y\n\x1b[201~q") == ["paste:hold\rry\n", "q"]


@given(st.binary(max_size=200), st.integers(1, 7))
def test_no_bytes_break_it_however_they_are_cut(data: bytes, size: int) -> None:
    whole, parts = Keys(), Keys()
    at_once = whole.take(data)
    found = [key for at in range(0, len(data), size) for key in parts.take(data[at : at + size])]
    assert found == at_once
    assert all(key for key in at_once)


def pressed(ui: Ui, *keys: str) -> list[Intent]:
    found = [ui.handle(key, ITEMS, 10) for key in keys]
    return [intent for intent in found if intent is not None]


def test_keys_move_and_act() -> None:
    ui = Ui()
    assert pressed(ui, "j", "j", "j", "k", "enter") == [Intent("open", ITEMS[1])]
    assert pressed(ui, "G", "h", "g", "d", "a") == [
        Intent("hold", ITEMS[2]),
        Intent("ask", ITEMS[0]),
        Intent("attach", ITEMS[0]),
    ]
    panes = []
    for _ in Pane:
        assert pressed(ui, "tab") == []
        panes.append(ui.pane)
    assert panes == [Pane.FLEET, Pane.QUEUE, Pane.NEEDS]
    assert pressed(ui, "q") == [Intent("quit")]


def test_priority_and_retry_ask_first() -> None:
    ui = Ui()
    assert pressed(ui, "p", "x", "9", "0") == [Intent("priority", ITEMS[0], "P0")]
    assert pressed(ui, "r", "n", "r", "esc") == []
    assert pressed(ui, "r", "y", "r", "s") == [Intent("retry", ITEMS[0]), Intent("scratch", ITEMS[0])]


def test_words_are_typed_and_sent_with_enter_alone() -> None:
    ui = Ui()
    keys = [*"use q", "backspace", *"the queue", "enter"]
    assert pressed(ui, "s", "enter", *keys) == [Intent("steer", ITEMS[0], "use the queue")]
    assert pressed(ui, "s", *"no", "esc") == []
    assert ui.prompt is None


@given(st.text(string.printable, max_size=50))
def test_nothing_pasted_acts(text: str) -> None:
    ui = Ui()
    before = (ui.pane, ui.prompt, ui.page)
    ui.paste(text)
    assert (ui.pane, ui.prompt, ui.page) == before
    ui.prompt = Prompt("steer", "say: ", ITEMS[0])
    ui.paste(text)
    assert "\n" not in ui.prompt.text
    assert "\r" not in ui.prompt.text


@pytest.mark.parametrize("key", ["enter", "d", "h", "p", "r", "s", "a"])
def test_an_act_on_nothing_says_so(key: str) -> None:
    ui = Ui()
    assert ui.handle(key, [], 10) is None
    assert (ui.message, ui.prompt) == ("nothing is chosen", None)
    budget = Item("budget n/the project", "n")
    assert ui.handle(key, [budget], 10) is None
    assert ui.trouble


def test_the_chosen_line_stays_chosen_when_it_moves() -> None:
    ui = Ui()
    pressed(ui, "j")
    assert ui.settle(Pane.NEEDS, [ITEMS[2], ITEMS[0], ITEMS[1]]) == 2
    assert ui.settle(Pane.NEEDS, [ITEMS[2], ITEMS[0]]) == 1  # it is gone: its neighbour
    assert ui.chosen[Pane.NEEDS] == "n/a"
    assert ui.settle(Pane.NEEDS, []) == 0


def test_the_filter_is_typed_and_taken_back() -> None:
    ui = Ui()
    pressed(ui, "/", *"ab", "enter")
    assert (ui.filter, ui.filtering, ui.pane) == ("ab", False, Pane.QUEUE)
    pressed(ui, "esc")
    assert ui.filter == ""
    assert pressed(ui, "/", "q", "ctrl-c") == [Intent("quit")]
