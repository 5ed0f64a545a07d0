"""The verdict: facts before words, and no word searched for in prose."""

from __future__ import annotations

from typing import Any

import pytest

from ringmaster_cli.agents.model import AgentResult
from ringmaster_cli.loop.tools import verdict_is_open
from ringmaster_cli.outcome import Changes, judge
from ringmaster_cli.plan.verdict import judge_plan
from ringmaster_operator.resources.bead import BeadType, OutcomeKind, Reason
from ringmaster_operator.resources.protocol import Progress, VerifyResult
from support.agents import checks, make_bead, make_result

Kind = OutcomeKind
SOME = Changes(files=2, commits=0)
NONE = Changes(files=0, commits=0)
IDLE = Progress()
DONE = "Added.\n\nRINGMASTER: done"
ASK = "RINGMASTER: needs-decision: A or B?\n- A\n- B"


def verdict(
    result: AgentResult,
    *,
    changes: Changes = SOME,
    verify: list[VerifyResult] | None = None,
    type: BeadType = BeadType.TASK,
) -> tuple[OutcomeKind, Reason | None]:
    given = verify or []
    bead = make_bead(type=type, verify=[check.command for check in given])
    outcome, question = judge(result=result, changes=changes, verify=given, bead=bead)
    assert (question is not None) == (outcome.kind is Kind.NEEDS_DECISION)
    assert outcome.summary
    return outcome.kind, outcome.reason


@pytest.mark.parametrize(
    "text",
    [
        "12 passed, 0 failed",
        "errors: 0",
        "I fixed the line that said `Error: no such file`.",
        "> Error: quoted from the issue\nIt is gone now.",
        "Should I add more tests? I did.",
        "FAILED before, passes now. Traceback (most recent call last) is no more.",
    ],
)
def test_words_do_not_make_a_failure(text: str) -> None:
    assert verdict(make_result(final_text=text), verify=checks(0)) == (Kind.SUCCESS, None)
    assert verdict(make_result(final_text=text)) == (Kind.LIKELY_SUCCESS, None)
    assert verdict(make_result(final_text=f"{text}\n\nRINGMASTER: done")) == (Kind.SUCCESS, None)


def test_a_decision_asked_with_exit_0_is_no_success() -> None:
    result = make_result(final_text=ASK)
    assert verdict(result, verify=checks(0)) == (Kind.NEEDS_DECISION, None)
    assert verdict(result, changes=NONE) == (Kind.NEEDS_DECISION, None)
    _, question = judge(result=result, changes=NONE, verify=[], bead=make_bead())
    assert question is not None
    assert [option.name for option in question.options] == ["A", "B"]


def test_a_bead_that_is_handed_back_as_too_large_is_not_checked() -> None:
    result = make_result(final_text="I looked.\n\nRINGMASTER: too-large: three services are touched")
    assert verdict(result) == (Kind.FAILED, Reason.TOO_LARGE)
    assert verdict(result, verify=checks(0)) == (Kind.FAILED, Reason.TOO_LARGE)
    assert not verdict_is_open(result, changed=True)


PLAN = 'So:\n```json\n{"beads": [{"name": "a", "title": "A"}]}\n```\nRINGMASTER: done'


@pytest.mark.parametrize(
    ("result", "kind", "reason"),
    [
        (make_result(final_text=PLAN), Kind.SUCCESS, None),
        (make_result(final_text="I would split it."), Kind.FAILED, Reason.AGENT_ERROR),
        (make_result(final_text=PLAN.replace("title", "colour")), Kind.FAILED, Reason.AGENT_ERROR),
        (make_result(final_text=PLAN, exit_code=3), Kind.FAILED, Reason.AGENT_ERROR),
        (make_result(final_text=PLAN, ended="stalled", exit_code=None), Kind.FAILED, Reason.STALLED),
        (make_result(final_text=PLAN, refused=True), Kind.FAILED, Reason.REFUSED),
    ],
)
def test_a_planning_run_succeeds_by_its_proposal_alone(
    result: AgentResult, kind: OutcomeKind, reason: Reason | None
) -> None:
    outcome, proposal = judge_plan(result, make_bead())
    assert (outcome.kind, outcome.reason) == (kind, reason)
    assert (proposal is not None) == (kind is Kind.SUCCESS)


def test_verify_commands_decide() -> None:
    assert verdict(make_result(final_text=DONE), verify=checks(0, 0)) == (Kind.SUCCESS, None)
    failing = verdict(make_result(final_text=DONE), verify=checks(0, 1))
    assert failing == (Kind.INCOMPLETE, Reason.VERIFICATION_FAILED)
    assert verdict(make_result(final_text="RINGMASTER: failed: no way"), verify=checks(1)) == (
        Kind.FAILED,
        Reason.AGENT_ERROR,
    )
    left = make_result(final_text="RINGMASTER: incomplete: docs")
    assert verdict(left, verify=checks(0)) == (Kind.INCOMPLETE, None)


def test_a_failing_check_is_told_with_the_end_of_its_output() -> None:
    verify = checks(1, output="\n".join(f"line {n}" for n in range(100)))
    outcome, _ = judge(result=make_result(), changes=SOME, verify=verify, bead=make_bead(verify=["check 0"]))
    assert outcome.summary == "`check 0` exited 1: line 95 / line 96 / line 97 / line 98 / line 99"


def test_checks_that_did_not_all_run_are_no_success() -> None:
    bead = make_bead(verify=["check 0", "check 1"])
    outcome, _ = judge(result=make_result(), changes=SOME, verify=checks(0), bead=bead)
    assert outcome.kind is Kind.INCOMPLETE


@pytest.mark.parametrize(
    ("changes", "more", "expected"),
    [
        # An empty success: no tokens, no tool, no change.
        (NONE, {"progress": IDLE, "seconds": 1.0, "final_text": ""}, (Kind.FAILED, Reason.EMPTY_SUCCESS)),
        (NONE, {"progress": IDLE, "final_text": DONE}, (Kind.FAILED, Reason.EMPTY_SUCCESS)),
        (NONE, {"final_text": ""}, (Kind.LIKELY_FAILED, Reason.EMPTY_SUCCESS)),
        (NONE, {}, (Kind.LIKELY_FAILED, Reason.EMPTY_SUCCESS)),
        (NONE, {"final_text": DONE}, (Kind.LIKELY_SUCCESS, None)),
        (SOME, {}, (Kind.LIKELY_SUCCESS, None)),
        (SOME, {"progress": IDLE}, (Kind.LIKELY_SUCCESS, None)),
        (SOME, {"final_text": DONE}, (Kind.SUCCESS, None)),
        (SOME, {"final_text": "RINGMASTER: incomplete: half"}, (Kind.INCOMPLETE, None)),
        (SOME, {"final_text": "RINGMASTER: failed: no"}, (Kind.FAILED, Reason.AGENT_ERROR)),
        # The agent's own errors.
        (NONE, {"exit_code": 3}, (Kind.FAILED, Reason.AGENT_ERROR)),
        (SOME, {"exit_code": 3}, (Kind.INCOMPLETE, Reason.AGENT_ERROR)),
        (SOME, {"exit_code": -9}, (Kind.INCOMPLETE, Reason.AGENT_ERROR)),
        (NONE, {"is_error": True, "error_reason": Reason.PROVIDER}, (Kind.FAILED, Reason.PROVIDER)),
        (SOME, {"is_error": True, "error_reason": Reason.PROVIDER}, (Kind.FAILED, Reason.PROVIDER)),
        (NONE, {"exit_code": 1, "error_reason": Reason.CREDENTIALS}, (Kind.FAILED, Reason.CREDENTIALS)),
        (SOME, {"refused": True}, (Kind.FAILED, Reason.REFUSED)),
        # Ended from outside.
        (NONE, {"ended": "timeout", "exit_code": None, "stop_reason": "t"}, (Kind.FAILED, Reason.TIMEOUT)),
        (
            SOME,
            {"ended": "timeout", "exit_code": None, "stop_reason": "t"},
            (Kind.INCOMPLETE, Reason.TIMEOUT),
        ),
        (NONE, {"ended": "stalled", "exit_code": None, "stop_reason": "s"}, (Kind.FAILED, Reason.STALLED)),
        (
            NONE,
            {"ended": "stalled", "stop_reason": "s", "error_reason": Reason.PROVIDER, "error_text": "529"},
            (Kind.FAILED, Reason.PROVIDER),
        ),
        (SOME, {"ended": "stopped", "stop_reason": "held"}, (Kind.CANCELLED, Reason.CANCELLED)),
        (NONE, {"ended": "missing", "stop_reason": "no claude"}, (Kind.FAILED, Reason.CONFIGURATION)),
    ],
)
def test_without_checks(
    changes: Changes, more: dict[str, Any], expected: tuple[OutcomeKind, Reason | None]
) -> None:
    assert verdict(make_result(**more), changes=changes) == expected


def test_an_idle_agent_is_no_success_by_a_check_that_fails() -> None:
    result = make_result(progress=IDLE, final_text="")
    assert verdict(result, changes=NONE, verify=checks(1)) == (Kind.FAILED, Reason.EMPTY_SUCCESS)
    assert verdict(result, changes=NONE, verify=checks(0)) == (Kind.LIKELY_SUCCESS, None)


def test_work_that_holds_survives_an_error_at_the_end() -> None:
    result = make_result(exit_code=1, is_error=True, error_reason=Reason.PROVIDER, error_text="529")
    assert verdict(result, verify=checks(0)) == (Kind.LIKELY_SUCCESS, None)
    assert verdict(result, changes=NONE, verify=checks(0)) == (Kind.FAILED, Reason.PROVIDER)


def test_a_question_bead_wants_words_not_changes() -> None:
    question = BeadType.QUESTION
    assert verdict(make_result(final_text="It is 42."), changes=NONE, type=question) == (Kind.SUCCESS, None)
    # A program that tells no tokens.
    spoken = make_result(final_text="It is 42.", progress=IDLE)
    assert verdict(spoken, changes=NONE, type=question) == (Kind.SUCCESS, None)
    assert verdict(make_result(final_text=""), changes=NONE, type=question) == (
        Kind.FAILED,
        Reason.EMPTY_SUCCESS,
    )


def test_the_answer_to_a_question_is_more_than_a_marker() -> None:
    question = make_bead(type=BeadType.QUESTION)
    answer = make_result(final_text="It is 42.\n\nRINGMASTER: done")
    outcome, _ = judge(result=answer, changes=NONE, verify=[], bead=question)
    assert (outcome.kind, outcome.summary) == (Kind.SUCCESS, "It is 42.")
    silent = make_result(final_text="RINGMASTER: done")
    assert verdict(silent, changes=NONE, type=BeadType.QUESTION) == (Kind.FAILED, Reason.EMPTY_SUCCESS)


def test_the_summary_is_the_agents_words_without_the_marker() -> None:
    outcome, _ = judge(result=make_result(final_text=DONE), changes=SOME, verify=[], bead=make_bead())
    assert outcome.summary == "Added."
    long = make_result(final_text="word " * 10_000 + "\n\x1b[31mRINGMASTER: done")
    outcome, _ = judge(result=long, changes=SOME, verify=[], bead=make_bead())
    assert len(outcome.summary) <= 1_000


def test_checks_are_surer_than_words() -> None:
    def confidence(final_text: str, verify: list[VerifyResult]) -> float:
        bead = make_bead(verify=[check.command for check in verify])
        result = make_result(final_text=final_text)
        return judge(result=result, changes=SOME, verify=verify, bead=bead)[0].confidence

    assert confidence(DONE, checks(0)) > confidence(DONE, []) > confidence("Added.", [])
