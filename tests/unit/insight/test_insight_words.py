"""What the people's commands say of a board: the order, its reasons, what would change it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ringmaster_cli.exits import UsageError
from ringmaster_operator.insight import graphs, lists, reasons
from ringmaster_operator.insight.lint import Severity, lint
from ringmaster_operator.insight.scene import Scene
from ringmaster_operator.insight.waiting import Waiting
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.worker import Worker
from support.boards import NOON, NS, bead, ended, taken, worker


def scene(*beads: Bead, workers: tuple[Worker, ...] = (), project: Project | None = None) -> Scene:
    return Scene(NS, NOON, {item.metadata.name: item for item in beads}, list(workers), project)


def words(shown: Scene, name: str) -> dict[str, str]:
    return dict(reasons.explanation(shown, name))


CHAIN = (
    bead("deep", priority="P3"),
    bead("mid", depends_on=["deep"]),
    bead("top", priority="P0", depends_on=["mid"]),
    bead("other", priority="P1"),
)


def test_the_order_names_the_lender_and_the_way_to_it() -> None:
    rows = lists.rank(scene(*CHAIN))
    assert [row["name"] for row in rows] == ["deep", "other"]
    assert "P0, lent by top through mid (its own is P3)" in rows[0]["why"]
    assert "2 beads wait for it" in rows[0]["why"]


def test_an_explanation_has_the_place_the_score_and_who_could_take_it() -> None:
    able, other = worker("able", capabilities=[{"name": "rust"}]), worker("other")
    item = bead("deep", priority="P3", capabilities=["rust"])
    told = words(scene(item, *CHAIN[1:], workers=(able, other)), "deep")
    assert told["Place"] == "1 of 2 that may be claimed"
    assert "PageRank 300" in told["Score"]
    assert "3 h of work in the longest chain" in told["Score"]
    assert told["Waited for by"] == "mid (2 in all)"
    assert told["Workers"] == "able may take it"
    assert "does not declare rust" in told["Not"]


def test_an_explanation_is_data_too() -> None:
    data = reasons.explained(scene(*CHAIN), "deep")
    assert json.loads(json.dumps(data)) == data
    assert (data["rank"], data["inheritedPath"], data["waitingInAll"]) == (1, ["mid", "top"], 2)


def test_waiting_says_what_it_has_come_to_and_what_comes_next() -> None:
    since = NOON - timedelta(days=2, hours=20)
    told = words(scene(bead("a", priority="P4", status={"waiting_since": since})), "a")
    assert told["Priority"] == "P4, counts as P2 by waiting"
    assert "2 d 20 h" in told["Waiting"]
    assert told["Waiting"].endswith("P1 in 4 h")
    overdue = bead("a", priority="P1", status={"waiting_since": since})
    assert "overdue" in words(scene(overdue), "a")["Priority"]


def test_turns_and_limits_are_told() -> None:
    project = Project.model_validate(
        {"concurrency": 1, "fairness": {"label": "team", "weights": {"core": 2}}}
    )
    team = {"team": "core"}
    shown = scene(taken(bead("r", labels=team)), bead("a", labels=team), workers=(worker(),), project=project)
    told = words(shown, "a")
    assert told["Turn"] == "team=core: 1 running for a weight of 2"
    assert told["Held back"] == "the project's limit of 1 running bead is reached"


def test_without_dependencies_the_score_says_that_it_says_nothing() -> None:
    assert "age decides" in words(scene(bead("a"), bead("b")), "a")["Score"]


def test_an_unknown_bead_is_a_usage_error_that_guesses() -> None:
    with pytest.raises(UsageError, match="did you mean deep"):
        scene(*CHAIN).named("dee")


def test_blocked_beads_with_what_has_to_happen_first() -> None:
    rows, holds = lists.blocked(scene(*CHAIN, bead("lost", depends_on=["nowhere"])))
    assert [row["name"] for row in rows] == ["mid", "lost", "top"]
    first = {item["name"]: item for item in holds}
    assert first["deep"]["holdsBack"] == 2
    assert first["nowhere"]["state"] == "does not exist"


def test_tracks_are_apart_and_their_waves_follow_each_other() -> None:
    found = lists.tracks(
        scene(*CHAIN, bead("x", depends_on=["y"]), bead("y", depends_on=["x"]), bead("z", exclusive=["db"]))
    )
    by_first = {track["beads"][0]: track for track in found}
    assert by_first["deep"]["waves"] == [["deep"], ["mid"], ["top"]]
    assert by_first["deep"]["minutes"] == 180
    assert by_first["x"]["inCycles"] == ["x", "y"]
    assert len(found) == 4


def test_a_track_goes_through_a_parents_gate_and_tells_what_shares_a_key() -> None:
    epic = bead("e", type="epic", depends_on=["d"])
    parts = [bead(name, parent="e", exclusive=["db"]) for name in ("p", "q")]
    (track,) = lists.tracks(scene(bead("d"), epic, *parts))
    assert track["waves"] == [["d"], ["p", "q"], ["e"]]
    assert track["oneAtATime"] == {"db": ["p", "q"]}


def changed(shown: Scene, **wishes: list[str]) -> list[dict[str, Any]]:
    none: dict[str, list[str]] = {"close": [], "priority": [], "hold": [], "run": []}
    return lists.what_if(shown, lists.changed(shown, **(none | wishes)))


def test_what_if_shows_the_order_that_would_follow_and_changes_nothing() -> None:
    shown = scene(*CHAIN)
    rows = changed(shown, close=["deep"])
    assert [(row["rank"], row["before"], row["name"]) for row in rows] == [
        (1, None, "mid"),
        (2, 2, "other"),
        (None, 1, "deep"),
    ]
    assert [row["name"] for row in changed(shown, priority=["top=P4", "deep=P4"])] == ["other", "deep"]
    assert changed(shown, hold=["other"])[-1]["why"].startswith("Held")
    assert shown.ranked() == ["deep", "other"]


@pytest.mark.parametrize("wish", ["top", "top=P9", "top=", "nobody=P0"])
def test_a_wish_that_cannot_be_meant_is_refused(wish: str) -> None:
    with pytest.raises(UsageError):
        changed(scene(*CHAIN), priority=[wish])


def test_a_tree_shows_each_bead_once_and_rings_as_well() -> None:
    text = graphs.tree(
        scene(
            *CHAIN, bead("also", depends_on=["mid"]), bead("x", depends_on=["y"]), bead("y", depends_on=["x"])
        ),
        ["deep", "mid", "top", "also", "x", "y"],
    )
    assert "○ top P0 top\n└─ ○ mid P0 mid (above)" in text
    assert "   └─ ● deep P0 deep" in text
    assert text.count("deep P0") == 1
    assert "✗ x P2 x\n└─ ✗ y P2 y" in text


def test_titles_cannot_break_a_drawing() -> None:
    rude = bead("a").model_copy(update={"spec": bead("a").spec.model_copy(update={"title": 'x"]; y\\ <b>'})})
    shown = scene(rude, bead("b", depends_on=["a"]))
    drawn = graphs.mermaid(shown, ["a", "b"])
    assert 'b0["a P2 x#34;#93;#59; y#92; #60;b#62;"]:::ready' in drawn
    assert "b0 --> b1" in drawn
    assert 'label="a P2 x\\"]; y\\\\ <b>"' in graphs.dot(shown, ["a", "b"])


def test_around_a_bead_is_all_that_it_is_tied_to() -> None:
    shown = scene(*CHAIN, ended("before"), bead("after", depends_on=["before", "top"]))
    assert graphs.around(shown, "mid") == {"deep", "mid", "top", "after"}


def rules(shown: Scene) -> set[tuple[str, str]]:
    return {(fault.rule, fault.where) for fault in lint(shown) if fault.severity is Severity.ERROR}


def test_lint_finds_what_keeps_work_from_being_done() -> None:
    done = {"criteria": ["it works"]}
    shown = scene(
        bead("x", depends_on=["y"], acceptance=done),
        bead("y", depends_on=["x"], acceptance=done),
        bead("lost", depends_on=["nowhere"], acceptance=done),
        bead("later", depends_on=["lost"], acceptance=done),
        bead("odd", capabilities=["cobol"], acceptance=done),
        bead("choosy", routing={"worker_selector": {"gpu": "yes"}}, acceptance=done),
        workers=(worker(),),
    )
    assert rules(shown) == {
        ("cycle", "Bead x"),
        ("unknown-name", "Bead lost"),
        ("unreachable", "Bead later"),
        ("capability", "Bead odd"),
        ("no-worker", "Bead choosy"),
    }


def test_lint_doubts_what_may_be_meant() -> None:
    found = lint(scene(bead("a"), bead("e", type="epic")))
    assert {fault.severity for fault in found} == {Severity.WARNING}
    assert {(fault.rule, fault.where) for fault in found} == {
        ("no-acceptance", "Bead a"),
        ("empty-epic", "Bead e"),
        ("no-worker", f"namespace {NS}"),
    }


def test_lint_reads_profiles_and_what_could_not_be_read() -> None:
    shown = scene(ended("a"))
    shown.unreadable.append(("ConfigMap ringmaster-project", "project.toml: concurrency: too small"))
    shown.profiles.append({"metadata": {"name": "mine"}, "data": {"mine.toml": "nonsense = ["}})
    assert rules(shown) == {
        ("unreadable", "ConfigMap ringmaster-project"),
        ("profile", "ConfigMap mine"),
    }


def test_who_waits_is_counted_through_gates_and_rings() -> None:
    epic = bead("e", type="epic", depends_on=["d"])
    shown = scene(
        bead("d"), epic, bead("c", parent="e"), bead("x", depends_on=["y", "d"]), bead("y", depends_on=["x"])
    )
    waiting = Waiting(shown.room.graph)
    assert waiting.count("d") == 4
    assert waiting.count("d", ["c", "y"]) == 2
    assert (waiting.count("x"), waiting.count("y"), waiting.count("e")) == (1, 1, 0)
