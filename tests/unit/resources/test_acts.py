"""Acts of people on a bead: what each changes, and when it makes no sense."""

from __future__ import annotations

from typing import Any

import pytest

from ringmaster_operator.resources import acts
from ringmaster_operator.resources.bead import Bead, Desired

DECISION = {"question": "Which?", "options": [{"name": "Tiles"}, {"name": "Slate"}]}


def bead(phase: str | None = "Ready", status: dict[str, Any] | None = None, **spec: Any) -> Bead:
    told = {**({"phase": phase} if phase else {}), **(status or {})}
    return Bead.read({"metadata": {"name": "job"}, "spec": {"title": "Job", **spec}, "status": told})


@pytest.mark.parametrize("wish", list(Desired))
def test_a_wish_is_the_field(wish: Desired) -> None:
    assert acts.desire(bead(), wish) == {"desired": str(wish)}
    for phase, words in (("Succeeded", "reopen job"), ("Failed", "retry job"), ("Cancelled", "retry job")):
        with pytest.raises(acts.NotPossible, match=words):
            acts.desire(bead(phase), wish)


def test_retry_and_reopen_are_for_ended_beads() -> None:
    again = {"retry": "t", "desired": "Run", "retryFrom": "Work"}
    assert acts.retry(bead("Failed"), trigger="t") == again
    assert acts.retry(bead("Cancelled"), trigger="t", from_scratch=True)["retryFrom"] == "Scratch"
    assert acts.reopen(bead("Succeeded"), trigger="t") == {"reopen": "t", "desired": "Run"}
    for phase in (None, "Ready", "Running", "Succeeded"):
        with pytest.raises(acts.NotPossible):
            acts.retry(bead(phase), trigger="t")
    for phase in (None, "Ready", "Running", "Failed"):
        with pytest.raises(acts.NotPossible):
            acts.reopen(bead(phase), trigger="t")
    asked = acts.reopen(bead("Succeeded", type="decision", decision=DECISION), trigger="t")
    assert asked["decision"] == {"answer": None, "answeredBy": None, "deadline": None, "default": None}


def test_notes_that_were_told_make_room() -> None:
    notes = [{"id": f"n{number}", "text": "x"} for number in range(acts.MOST_NOTES)]
    with pytest.raises(acts.NotPossible, match="wait for bead job"):
        acts.steer(bead(steering=notes), note="new", text="y")
    told = bead(status={"steeringDelivered": ["n3"]}, steering=notes)
    steering = acts.steer(told, note="new", text="y")["steering"]
    assert len(steering) == acts.MOST_NOTES
    assert "n3" not in [note["id"] for note in steering]
    assert steering[-1] == {"id": "new", "text": "y"}
    with pytest.raises(acts.NotPossible, match="epic"):
        acts.steer(bead(type="epic"), note="new", text="y")
    for phase, words in (("Succeeded", "has succeeded"), ("Cancelled", "is cancelled")):
        with pytest.raises(acts.NotPossible, match=f"job {words} and cannot be steered"):
            acts.steer(bead(phase), note="new", text="y")


@pytest.mark.parametrize(
    ("text", "option"), [("Tiles", "Tiles"), ("tiles", "Tiles"), ("2", "Slate"), (" SLATE ", "Slate")]
)
def test_an_answer_names_an_option(text: str, option: str) -> None:
    asked = bead("NeedsDecision", type="decision", decision=DECISION)
    assert acts.answer(asked, text=text, by="me") == {"decision": {"answer": option, "answeredBy": "me"}}


@pytest.mark.parametrize("text", ["Straw", "0", "3", "99999999999999999999", "²", "-1"])
def test_what_is_no_option_is_no_answer(text: str) -> None:
    with pytest.raises(acts.NoOption, match="Tiles, Slate"):
        acts.answer(bead("NeedsDecision", type="decision", decision=DECISION), text=text, by="me")


def test_only_open_decisions_are_answered() -> None:
    with pytest.raises(acts.NotPossible, match="no decision"):
        acts.answer(bead(), text="x", by="me")
    made = {"decision": {"answer": "Tiles", "by": "ada", "at": "2026-01-01T00:00:00Z"}}
    with pytest.raises(acts.NotPossible, match=r"Tiles \(ada\)"):
        acts.answer(bead("Succeeded", made, type="decision", decision=DECISION), text="x", by="me")
    free = bead("NeedsDecision", type="decision", decision={"question": "Why?"})
    assert acts.answer(free, text="So", by="b" * 300)["decision"]["answeredBy"] == "b" * 128
