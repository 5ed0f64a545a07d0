"""Pictures: they fit any terminal, and columns stand in line whatever is in them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.cells import width
from ringmaster_cli.people.known import Step
from ringmaster_cli.top.items import Rows
from ringmaster_cli.top.model import World
from ringmaster_cli.top.pages import answer, asked, detail
from ringmaster_cli.top.ui import Item, Pane, Prompt, Ui
from ringmaster_cli.top.view import draw
from ringmaster_operator.resources.bead import Bead

from .test_top_model import NOON, NS, info, made, view, worker

STRANGE = [
    "日本語のタイトルです",
    "🎉 party 👨\u200d👩\u200d👧 and \x1b[31mred",
    "x" * 300,
    "عربى",
    "a\nb\tc",
    "",
]


KINDS: list[dict[str, Any]] = [{"type": "task", "blockedBy": ["x"]}, {"type": "decision"}]


def world(*, beads: int = 30, title: str = "Do it") -> World:
    found = World([NS])
    phases = ["Ready", "Running", "Blocked", "Failed", "NeedsDecision", "Held"]
    steps = [
        made(info(f"bead-{at}", phases[at % 6], title=title or "-", session="w-0", **KINDS[at % 6 == 4]))
        for at in range(beads)
    ]
    sessions = [{"name": f"w-{at}", "state": "Working", "bead": f"bead-{at}"} for at in range(7)]
    found.begun(NS, [*steps, Step("worker", "w", None, worker(*sessions))])
    needs = [
        {"kind": "decision", "name": "bead-4", "why": title, "blocks": 3, "since": NOON.isoformat()},
        {"kind": "stuck", "name": "bead-2", "why": title},
        {"kind": "budget", "name": title or "-", "why": title},
    ]
    day = {"name": "the project", "per": "Day", "usd": 5, "spent": {"usd": 5}, "reserved": {}, "left": {}}
    parts: dict[str, Any] = {"needs": needs, "done": [{"day": "2026-11-29", "succeeded": 4}]}
    overview = view(**parts)
    spend = overview.spend.body() | {"budgets": [{**day, "reached": True}]}
    found.seen(NS, view(**parts, spend=spend), {"bead-0": (1, NOON)}, NOON)
    return found


def picture(known: World, ui: Ui, columns: int, lines: int) -> list[str]:
    canvas = draw(known, ui, Rows.of(known, ui), columns, lines, NOON + timedelta(minutes=5))
    for spans in canvas.lines:
        assert all(span.column + width(span.text) <= columns for span in spans)
        assert all("\n" not in span.text and "\x1b" not in span.text for span in spans)
    text = canvas.text().split("\n")
    assert len(text) == lines
    return text


@given(st.integers(1, 260), st.integers(1, 90), st.sampled_from(list(Pane)), st.sampled_from(STRANGE))
def test_it_fits_any_terminal(columns: int, lines: int, pane: Pane, title: str) -> None:
    ui = Ui(pane=pane)
    picture(world(title=title), ui, columns, lines)


@pytest.mark.parametrize("title", STRANGE)
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
def test_columns_stand_in_line_whatever_is_in_them(title: str, size: tuple[int, int]) -> None:
    def columns(known: World) -> set[tuple[int, ...]]:
        canvas = draw(known, Ui(pane=Pane.NEEDS), Rows.of(known, Ui()), *size, NOON)
        start = next(at for at, line in enumerate(canvas.text().split("\n")) if "QUEUE" in line)
        half = 0 if size[0] < 150 else size[0] // 2
        rows = canvas.lines[start + 1 : start + 4]
        return {tuple(sorted({span.column for span in spans if span.column >= half})) for spans in rows}

    assert columns(world(title=title)) == columns(world())
    assert len(columns(world(title=title))) == 1


def test_80_by_24_has_everything_that_matters() -> None:
    text = picture(world(), Ui(), 80, 24)
    whole = "\n".join(text)
    assert text[0].startswith(" ringmaster team  live")
    for words in (
        "NEEDS YOU 7",
        "FLEET 7",
        "QUEUE 30",
        "the project: $5.00 of $5.00 today REACHED",
        "? help",
    ):
        assert words in whole, whole
    assert "[3 wait] Do it" in whole


def test_offline_is_said_in_the_title() -> None:
    known = world()
    known.away[NS] = "Connection refused"
    assert "OFFLINE: Connection refused; trying again" in picture(known, Ui(), 80, 24)[0]


def test_a_long_list_scrolls_with_the_chosen_line_in_view() -> None:
    known, ui = world(beads=600), Ui(pane=Pane.QUEUE)
    rows = Rows.of(known, ui)
    items = rows.items(known, Pane.QUEUE)
    for key in ("pagedown", "pagedown", "j", "G", "k", "g", "j"):
        ui.handle(key, items, 10)
        chosen = items[ui.places[Pane.QUEUE]].bead
        assert any(line.startswith(">") and chosen in line for line in picture(known, ui, 80, 24)), key


def test_several_namespaces_are_told_apart() -> None:
    known = World(["one", "two"])
    for namespace in known.namespaces:
        known.begun(namespace, [made(info("same"))])
        known.seen(namespace, view(), {}, NOON)
    whole = "\n".join(picture(known, Ui(), 100, 40))
    assert "one/same" in whole
    assert "two/same" in whole
    assert "2 namespaces" in whole
    known.drop("one")
    assert "one/same" not in "\n".join(picture(known, Ui(), 100, 40))


def decision() -> Bead:
    options = [{"name": "red", "consequence": "warm"}, {"name": "2"}]
    asks = {"question": "Which\ncolour?", "options": options, "recommendation": "red"}
    meta = {"name": "colour", "namespace": NS, "uid": "u", "creationTimestamp": NOON.isoformat()}
    return Bead.read({"metadata": meta, "spec": {"title": "t", "type": "decision", "decision": asks}})


def test_a_question_is_shown_with_its_options_and_a_number_stands_for_one() -> None:
    bead = decision()
    assert bead.spec.decision is not None
    lines = asked(bead, bead.spec.decision, NOON + timedelta(hours=3))
    ui = Ui(prompt=Prompt("decide", "answer: ", Item("k", NS, "colour"), lines=lines))
    whole = "\n".join(picture(world(), ui, 60, 20))
    for words in ("asked 3h ago", "Which", "colour?", "1  red: warm", "would choose: red", "answer: _"):
        assert words in whole
    given = [answer(bead.spec.decision, text) for text in ("1", "2", "3", "red", "blue")]
    assert given == ["red", "2", "3", "red", "blue"]


def test_a_detail_has_all_about_a_bead_in_lines_that_fit() -> None:
    meta = {"name": "a", "namespace": NS, "uid": "u"}
    spec = {"title": "日" * 100, "description": "word " * 100, "acceptance": {"verify": ["make test"]}}
    status = {"phase": "Failed", "attempts": 3, "outcome": {"kind": "failed", "summary": "it broke"}}
    lines = detail(Bead.read({"metadata": meta, "spec": spec, "status": status}), None, [], 60, NOON)
    assert all(width(line) <= 58 for line in lines)
    whole = "\n".join(lines)
    assert all(words in whole for words in ("3 attempts", "last: failed: it broke", "$ make test"))
    ui = Ui(page="detail", detail=lines, scroll=1)
    assert picture(world(), ui, 60, 20)[1].strip() == lines[1].strip()
