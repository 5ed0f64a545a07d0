"""What the models promise beyond single bodies: cleaned prose, lean statuses, newer servers, immutability."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.bead import Bead, BeadSpec, BeadStatus, Outcome, OutcomeKind
from ringmaster_operator.resources.protocol import ClaimRequest, Question, Usage
from ringmaster_operator.resources.rules import broken_transitions
from ringmaster_operator.resources.scalars import clean
from ringmaster_operator.resources.worker import Worker

BEAD = {
    "apiVersion": "ringmaster.dev/v1alpha1",
    "kind": "Bead",
    "metadata": {"name": "a", "namespace": "n", "managedFields": [{}], "resourceVersion": "7"},
    "spec": {"title": "t"},
}


def test_a_newer_servers_fields_are_dropped_when_read_but_refused_when_written() -> None:
    newer = {**BEAD, "spec": {"title": "t", "invented": 1}, "status": {"novelty": True}}
    assert Bead.read(newer).spec.title == "t"
    with pytest.raises(ValidationError, match="invented"):
        Bead.check(newer)


def test_python_names_are_not_wire_names() -> None:
    assert BeadSpec(title="t", depends_on=["b"]).body()["dependsOn"] == ["b"]
    with pytest.raises(ValidationError):
        BeadSpec.check({"title": "t", "depends_on": ["b"]})


def test_a_fresh_status_is_nothing_to_send() -> None:
    assert BeadStatus().lean() == {}
    assert BeadStatus(attempts=1).lean() == {"attempts": 1}


def test_models_do_not_change() -> None:
    bead = Bead.check(BEAD)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(bead.spec, "title", "other")  # noqa: B010 - plain assignment is a type error already


def test_all_broken_rules_are_told_at_once() -> None:
    spec = {"title": "t", "dependsOn": ["b"], "parent": "b", "decision": {"question": "q"}}
    with pytest.raises(ValidationError, match=r"only allowed for.*; a bead cannot depend on its parent"):
        Bead.check({**BEAD, "spec": spec})


def test_times_are_utc_inside_and_on_the_wire() -> None:
    spec = BeadSpec.check({"title": "t", "deferUntil": "2026-12-01T06:00:00+01:00"})
    assert spec.defer_until == datetime(2026, 12, 1, 5, tzinfo=UTC)
    assert spec.body()["deferUntil"] == "2026-12-01T05:00:00Z"
    east = datetime(2026, 12, 1, 6, tzinfo=timezone(timedelta(hours=1)))
    assert BeadSpec(title="t", defer_until=east).defer_until == spec.defer_until


def test_prose_of_programs_is_cleaned_and_cut_rather_than_refused() -> None:
    outcome = Outcome(kind=OutcomeKind.FAILED, summary="\x1b[1;31mboom\x1b[0m\x00\r\n" + "x" * 9000)
    assert outcome.summary.startswith("boom\nxxx")
    assert len(outcome.summary) == 4096
    assert outcome.summary.endswith("…")


@given(st.text())
def test_cleaned_text_is_clean_and_stays_as_it_is(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert not any(ord(c) < 32 and c not in "\t\n" for c in once)


@given(
    question=st.text(min_size=1).filter(lambda text: clean(text)),
    options=st.lists(st.fixed_dictionaries({"name": st.text(), "consequence": st.text()}), max_size=5),
)
def test_an_agents_question_always_fits_a_decision_bead(question: str, options: list[dict[str, str]]) -> None:
    usable = [option for option in options if clean(option["name"]).split()]
    asked = Question.model_validate({"question": question, "options": usable})
    spec = BeadSpec.check({"title": "t", "type": "decision", "decision": asked.body()})
    assert spec.decision is not None
    assert [o.name for o in spec.decision.options] == [o.name for o in asked.options]


def test_transitions_are_found_at_any_depth() -> None:
    def worker(runtime: str) -> Worker:
        pod = {"pod": {"image": "i"}} if runtime == "Pod" else {}
        return Worker.check({**BEAD, "kind": "Worker", "spec": {"runtime": runtime, **pod}})

    assert broken_transitions(worker("Pod"), worker("Tmux")) == ["runtime is immutable"]
    assert broken_transitions(worker("Pod"), worker("Pod")) == []


def _errors(model: type[Model], body: object) -> int:
    with pytest.raises(ValidationError) as refused:
        model.check(body)
    return refused.value.error_count()


def test_fields_that_nobody_knows_are_not_told_one_by_one() -> None:
    """What is said of each costs more than it did to send it: 70,000 fit into one call."""
    ask = {"claimId": "c" * 36, "worker": "w", "session": "w-0"}
    assert _errors(ClaimRequest, ask | {f"f{number}": 1 for number in range(70_000)}) == 1
    assert _errors(ClaimRequest, ask | {"f0": 1, "f1": 1}) == 2
    rows = [{f"f{field}": 1 for field in range(14)} for _ in range(5000)]
    assert _errors(Usage, {"requests": rows}) < 30
