"""What outcomes make of a confidence, and which Workers it lets take a bead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.capabilities import Registry, subject_of, verdicts
from ringmaster_operator.evidence import RECENT, Evidence, posterior
from ringmaster_operator.resources.bead import Outcome, OutcomeKind, Reason
from ringmaster_operator.resources.project import ConfidenceRules, Project
from ringmaster_operator.resources.protocol import Next
from ringmaster_operator.resources.worker import Worker
from support.boards import NOON, NS, bead, board_of, edited, ended, worker

RULES = ConfidenceRules()
DAY = timedelta(days=1)


def after(*outcomes: bool, weight: float = 1.0) -> Evidence:
    found = Evidence()
    for success in outcomes:
        found = found.added(success=success, weight=weight, now=NOON, half_life_days=30)
    return found


def learned(board: Board, item: Worker, capability: str, *outcomes: bool) -> None:
    board.registry.put(subject_of(item, capability), after(*outcomes))


def test_without_outcomes_the_declared_confidence_counts_to_the_last_digit() -> None:
    for prior in (0.0, 0.1, 0.7, 1.0):
        assert posterior(Evidence(), prior=prior, strength=3.0) == prior


@given(st.lists(st.booleans(), max_size=60), st.floats(0, 1), st.floats(0.1, 100))
def test_a_posterior_lies_between_the_prior_and_what_was_seen(
    outcomes: list[bool], prior: float, strength: float
) -> None:
    share = sum(outcomes) / len(outcomes) if outcomes else prior
    low, high = sorted((prior, share))
    assert low - 1e-9 <= posterior(after(*outcomes), prior=prior, strength=strength) <= high + 1e-9


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.integers(0, 400)), min_size=1, max_size=30))
def test_fading_step_by_step_is_fading_at_once(outcomes: list[tuple[bool, float, int]]) -> None:
    found, at, total = Evidence(), NOON, 0.0
    end = NOON + DAY * sum(days for _, _, days in outcomes)
    for success, weight, days in outcomes:
        at += DAY * days
        found = found.added(success=success, weight=weight, now=at, half_life_days=30)
        total += weight * 0.5 ** ((end - at) / (DAY * 30))
    assert found.faded(end, 30).weight == pytest.approx(total)
    assert found.succeeded + found.failed == len(outcomes)
    assert len(found.recent) == min(RECENT, len(outcomes))


def test_an_outcome_counts_half_after_its_half_life_and_never_grows_back() -> None:
    found = after(True, False).faded(NOON + DAY * 30, 30)
    assert (found.successes, found.failures) == (0.5, 0.5)
    assert found.faded(NOON, 30) == found
    assert found.added(success=True, weight=1, now=NOON, half_life_days=30).successes == 1.5


def test_a_reset_forgets_and_a_stale_copy_does_not_bring_it_back() -> None:
    registry, subject = Registry(), (NS, "w", "generic", "", "rust")
    old = after(True, True)
    assert registry.put(subject, old)
    assert registry.put(subject, old.reset("1"))
    assert not registry.put(subject, old)
    assert registry.evidence(subject).weight == 0
    assert registry.evidence(subject).last_reset == "1"


@pytest.mark.parametrize(
    ("kind", "reason", "counted", "after_", "speaks"),
    [
        (OutcomeKind.SUCCESS, None, True, Next.DONE, True),
        (OutcomeKind.LIKELY_SUCCESS, None, True, Next.DONE, True),
        (OutcomeKind.FAILED, None, True, Next.STOP, True),
        (OutcomeKind.FAILED, Reason.VERIFICATION_FAILED, True, Next.STOP, True),
        (OutcomeKind.LIKELY_FAILED, Reason.STALLED, True, Next.STOP, True),
        (OutcomeKind.INCOMPLETE, None, True, Next.DONE, True),
        (OutcomeKind.INCOMPLETE, None, True, Next.ITERATE, False),
        (OutcomeKind.INCOMPLETE, None, False, Next.STOP, False),
        (OutcomeKind.FAILED, Reason.INFRASTRUCTURE, False, Next.STOP, False),
        (OutcomeKind.FAILED, Reason.PROVIDER, False, Next.STOP, False),
        (OutcomeKind.FAILED, Reason.CREDENTIALS, False, Next.STOP, False),
        (OutcomeKind.FAILED, Reason.REPOSITORY, False, Next.STOP, False),
        (OutcomeKind.FAILED, Reason.CONFIGURATION, True, Next.STOP, False),
        (OutcomeKind.FAILED, Reason.MERGE_CONFLICT, True, Next.STOP, False),
        (OutcomeKind.FAILED, Reason.BUDGET, True, Next.DONE, False),
        (OutcomeKind.CANCELLED, Reason.CANCELLED, False, Next.DONE, False),
        (OutcomeKind.NEEDS_DECISION, None, False, Next.STOP, False),
    ],
)
def test_only_the_end_of_an_attempt_that_is_about_the_agent_counts(
    kind: OutcomeKind, reason: Reason | None, counted: bool, after_: Next, speaks: bool
) -> None:
    item = bead("a", capabilities=["rust"])
    standings = Registry().standings(worker(capabilities=[{"name": "rust"}]), RULES, NOON)
    outcome = Outcome(kind=kind, reason=reason, confidence=0.5)
    found = verdicts(item, outcome, after=after_, counted=counted, standings=standings)
    assert bool(found) is speaks
    assert all(verdict.weight == 0.5 and verdict.prior == 0.8 for verdict in found)
    assert not verdicts(bead("b"), outcome, after=after_, counted=counted, standings=standings)


def test_blame_is_shared_by_doubt_and_praise_is_not_shared() -> None:
    able = worker(capabilities=[{"name": "rust", "confidence": 0.9}, {"name": "ui", "confidence": 0.7}])
    standings = Registry().standings(able, RULES, NOON)
    item = bead("a", capabilities=["rust", "ui"])
    success = Outcome(kind=OutcomeKind.SUCCESS)
    praise = verdicts(item, success, after=Next.DONE, counted=True, standings=standings)
    assert [verdict.weight for verdict in praise] == [1, 1]
    failure = Outcome(kind=OutcomeKind.FAILED)
    blame = verdicts(item, failure, after=Next.STOP, counted=True, standings=standings)
    assert {verdict.capability: round(verdict.weight, 6) for verdict in blame} == {"rust": 0.25, "ui": 0.75}


def test_outcomes_move_the_bead_to_the_better_worker_and_back_when_they_have_faded() -> None:
    board = board_of(bead("a", priority="P0", capabilities=["rust"]))
    bad, good = (worker(name, capabilities=[{"name": "rust"}]) for name in ("bad", "good"))
    learned(board, bad, "rust", *[False] * 6)
    learned(board, good, "rust", *[True] * 6)
    assert board.pick(bad, NOON) is None
    assert "after 0 successes and 6 failures" in board.why_not(bad, "a")
    assert board.pick(good, NOON) is not None
    assert board.pick(bad, NOON + 150 * DAY) is not None


def test_another_model_is_another_agent() -> None:
    board = board_of(bead("a", priority="P0", capabilities=["rust"]))
    able = worker(capabilities=[{"name": "rust"}], agent={"model": "small"})
    learned(board, able, "rust", *[False] * 6)
    assert board.pick(able, NOON) is None
    large = able.spec.agent.model_copy(update={"model": "large"})
    assert board.pick(able.model_copy(update={"spec": able.spec.model_copy(update={"agent": large})}), NOON)
    board.put(bead("a", priority="P0", capabilities=["rust"], routing={"model": "large"}))
    assert board.pick(able, NOON) is not None


def test_an_override_counts_and_what_was_learned_stays() -> None:
    board = board_of(bead("a", priority="P0", capabilities=["rust"]))
    forced = worker(capabilities=[{"name": "rust", "override": 1.0}])
    learned(board, forced, "rust", *[False] * 6)
    assert board.pick(forced, NOON) is not None
    assert board.registry.standings(forced, RULES, NOON)["rust"].learned < 0.5
    barred = worker("barred", capabilities=[{"name": "rust", "confidence": 1, "override": 0.1}])
    assert "an override" in board.why_not(barred, "a")


def test_a_bead_and_a_project_set_the_threshold() -> None:
    able = worker(capabilities=[{"name": "rust", "confidence": 0.6}])
    item = bead("a", priority="P0", capabilities=["rust"])
    assert board_of(item).pick(able, NOON) is None
    assert board_of(edited(item, min_confidence=0.6)).pick(able, NOON) is not None
    project = Project(confidence=ConfidenceRules(threshold=0.5))
    assert board_of(item, project=project).pick(able, NOON) is not None
    assert board_of(edited(item, min_confidence=0.9), project=project).pick(able, NOON) is None


def explored(share: float, count: int = 1000, priority: str = "P2", **spec: object) -> int:
    beads = [bead(f"b{number}", priority=priority, capabilities=["rust"]) for number in range(count)]
    board = board_of(*beads, project=Project(confidence=ConfidenceRules(explore_share=share)))
    unknown = worker(capabilities=[{"name": "rust", "confidence": 0.5, **spec}])
    return board.claimable_count(unknown)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_an_unknown_worker_gets_its_share_by_lot_the_same_on_every_look(share: float) -> None:
    count = explored(share)
    assert abs(count - 1000 * share) <= 50
    assert explored(share) == count


def test_exploring_never_takes_what_is_urgent_nor_what_a_person_barred() -> None:
    assert explored(1.0, count=20, priority="P0") == 0
    assert explored(1.0, count=20, override=0.5) == 0
    lent = board_of(
        bead("deep", priority="P4", capabilities=["rust"]),
        bead("top", priority="P0", depends_on=["deep"]),
        project=Project(confidence=ConfidenceRules(explore_share=1.0)),
    )
    assert lent.claimable_count(worker(capabilities=[{"name": "rust", "confidence": 0.5}])) == 0


def test_what_is_known_to_be_bad_is_not_explored() -> None:
    project = Project(confidence=ConfidenceRules(explore_share=1.0))
    board = board_of(bead("a", capabilities=["rust"]), project=project)
    able = worker(capabilities=[{"name": "rust", "confidence": 0.5}])
    learned(board, able, "rust", *[False] * 4)
    assert board.pick(able, NOON) is not None
    learned(board, able, "rust", *[False] * 5)
    assert board.pick(able, NOON) is None


def test_what_beads_ask_for_does_not_change_their_order() -> None:
    beads = [
        bead(f"b{number:02d}", created=NOON - DAY * (number * 7 % 40), capabilities=capabilities)
        for number, capabilities in enumerate([["rust"], ["ui"], ["rust", "ui"], [], ["cobol"]] * 8)
    ]
    board = board_of(*beads)
    able = worker(capabilities=[{"name": "rust"}, {"name": "ui"}])
    given = []
    while (item := board.pick(able, NOON)) is not None:
        given.append(item)
        board.put(ended(item.metadata.name))
    assert given == sorted(
        (item for item in beads if "cobol" not in item.spec.capabilities),
        key=lambda item: (item.metadata.creation_timestamp, item.metadata.name),
    )
    last = beads[4]
    board.put(edited(last, capabilities=["ui"]))
    assert board.pick(able, NOON) == edited(last, capabilities=["ui"])
