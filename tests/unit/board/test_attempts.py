"""Claims begin and end: fences grow, interruptions cost nothing, orders reach the holder."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ringmaster_operator.board.lifecycle import (
    Backoff,
    claimed,
    expired_ttl,
    holds,
    lost,
    order_for,
    released,
)
from ringmaster_operator.resources.base import ConditionStatus
from ringmaster_operator.resources.bead import Bead, BeadStatus, Desired, OutcomeKind, Phase, Reason
from ringmaster_operator.resources.protocol import Order
from support.boards import BACKOFF, NOON, bead, edited, ended, taken, worker

SECOND = timedelta(seconds=1)


def condition(status: BeadStatus, kind: str) -> tuple[ConditionStatus, str]:
    found = {item.type: item for item in status.conditions}[kind]
    return found.status, found.reason


def put(item: Bead, status: BeadStatus) -> Bead:
    return item.model_copy(update={"status": status})


def test_a_claim_takes_the_next_fence_and_says_who_works() -> None:
    status = taken(bead("a", status={"fence": 7}), session="w-1").status
    assert status.claim is not None
    assert (status.fence, status.claim.fence, status.claim.session) == (8, 8, "w-1")
    assert (status.attempts, status.iteration, status.started_at) == (1, 1, NOON)
    assert status.phase is Phase.RUNNING
    assert condition(status, "Claimed") == (ConditionStatus.TRUE, "Claimed")
    assert condition(status, "Ready") == (ConditionStatus.FALSE, "Running")


def test_the_first_start_is_kept() -> None:
    first = put(bead("a"), lost(taken(bead("a")), now=NOON, backoff=BACKOFF))
    assert taken(first, now=NOON + SECOND).status.started_at == NOON


@pytest.mark.parametrize("item", [taken(bead("a")), ended("a"), ended("a", Phase.FAILED)])
def test_what_is_claimed_or_finished_cannot_be_claimed(item: Bead) -> None:
    with pytest.raises(ValueError, match="cannot be claimed"):
        claimed(item, claim_id="claim-0002", worker="w", session="w-1", now=NOON)


def test_a_claim_obeys_a_wanted_retry_in_the_same_write() -> None:
    failed = bead(
        "a", retry="1", status={"phase": "Failed", "attempts": 3, "iteration": 4, "finished_at": NOON}
    )
    status = taken(failed).status
    assert (status.attempts, status.iteration, status.last_retry) == (1, 1, "1")
    assert (status.finished_at, status.phase) == (None, Phase.RUNNING)


def test_only_the_newest_fence_holds() -> None:
    item = taken(put(bead("a"), released(taken(bead("a")), now=NOON, backoff=BACKOFF)))
    assert holds(item, fence=2)
    assert holds(item, fence=2, iteration=1)
    assert not holds(item, fence=2, iteration=2)
    assert not holds(item, fence=1)
    assert not holds(bead("a", status={"fence": 2}), fence=2)


def test_a_release_costs_the_bead_nothing() -> None:
    item = put(bead("a"), taken(bead("a")).status.model_copy(update={"iteration": 3}))
    status = released(item, message="the host goes down", now=NOON, backoff=BACKOFF)
    assert (status.claim, status.attempts, status.interruptions, status.retry_after) == (None, 0, 0, None)
    assert status.outcome is not None
    assert (status.outcome.kind, status.outcome.summary) == (OutcomeKind.CANCELLED, "the host goes down")
    assert status.phase is Phase.READY
    again = taken(put(item, status)).status
    assert (again.attempts, again.iteration, again.fence) == (1, 3, 2)


def test_a_release_with_a_reason_waits_longer_each_time() -> None:
    item, waits = bead("a"), []
    for _ in range(3):
        status = released(taken(item), reason=Reason.PROVIDER, now=NOON, backoff=BACKOFF)
        assert status.retry_after is not None
        waits.append((status.retry_after - NOON).total_seconds())
        item = put(item, status)
    assert waits == [30, 60, 120]
    assert (item.status.attempts, item.status.interruptions) == (0, 3)
    assert condition(item.status, "Ready") == (ConditionStatus.FALSE, "Backoff")


def test_a_lost_session_is_no_failure_of_the_agent_and_the_next_goes_on_at_once() -> None:
    """A dead worker's bead stayed assigned for ever in the origin."""
    status = lost(taken(bead("a"), session="w-9"), now=NOON, backoff=BACKOFF)
    assert (status.claim, status.attempts, status.interruptions, status.retry_after) == (None, 0, 1, None)
    assert status.outcome is not None
    assert status.outcome.reason is Reason.INFRASTRUCTURE
    assert "w-9" in status.outcome.summary
    second = lost(taken(put(bead("a"), status)), now=NOON, backoff=BACKOFF)
    assert second.retry_after == NOON + 30 * SECOND


def test_a_held_bead_is_held_when_it_is_given_back() -> None:
    item = edited(taken(bead("a")), desired=Desired.HOLD)
    assert released(item, now=NOON, backoff=BACKOFF).phase is Phase.HELD


def test_backoff_doubles_up_to_its_limit() -> None:
    until = [BACKOFF.until(NOON, failures) for failures in (0, 1, 2, 7, 8, 10_000)]
    seconds = [None if time is None else (time - NOON).total_seconds() for time in until]
    assert seconds == [None, 30, 60, 1920, 3600, 3600]
    assert Backoff(base_seconds=0).until(NOON, 3) is None


def test_orders() -> None:
    item, hand = taken(bead("a")), worker()
    assert order_for(item, 1, desired=None, worker=hand) == (Order.CONTINUE, "")
    assert order_for(None, 1, desired=None, worker=hand)[0] is Order.CANCEL
    assert order_for(item, 2, desired=None, worker=hand)[0] is Order.CANCEL
    assert order_for(item, 1, desired=Desired.CANCEL, worker=hand)[0] is Order.CANCEL
    assert order_for(item, 1, desired=Desired.HOLD, worker=hand)[0] is Order.FINISH
    assert order_for(edited(item, desired=Desired.HOLD), 1, desired=None, worker=hand)[0] is Order.FINISH
    assert order_for(item, 1, desired=None, worker=None)[0] is Order.RELEASE


def test_a_deleted_bead_is_cancelled_with_its_holder() -> None:
    item = taken(bead("a"))
    going = item.model_copy(
        update={"metadata": item.metadata.model_copy(update={"deletion_timestamp": NOON})}
    )
    assert order_for(going, 1, desired=None, worker=worker()) == (Order.CANCEL, "the bead was deleted")


@pytest.mark.parametrize(("mode", "order"), [("Finish", Order.CONTINUE), ("Now", Order.RELEASE)])
def test_a_session_that_goes_finishes_its_bead_unless_stop_mode_is_now(mode: str, order: Order) -> None:
    item = taken(bead("a"), session="w-1")
    hand = worker(stop_mode=mode)
    assert order_for(item, 1, desired=None, worker=hand)[0] is Order.CONTINUE
    leaving = hand.model_copy(
        update={"metadata": hand.metadata.model_copy(update={"deletion_timestamp": NOON})}
    )
    assert order_for(item, 1, desired=None, worker=leaving)[0] is order
    sessions = [{"name": "w-0", "state": "Working"}, {"name": "w-1", "state": "Draining"}]
    draining = hand.model_copy(update={"status": type(hand.status).model_validate({"sessions": sessions})})
    assert order_for(item, 1, desired=None, worker=draining)[0] is order


def test_ttl_counts_from_the_end() -> None:
    done = bead("a", ttl_seconds_after_finished=60, status={"phase": "Succeeded", "finished_at": NOON})
    assert not expired_ttl(done, NOON + 59 * SECOND)
    assert expired_ttl(done, NOON + 60 * SECOND)
    assert not expired_ttl(ended("a"), NOON + timedelta(days=999))
    failed = bead(
        "a", ttl_seconds_after_finished=0, retry="1", status={"phase": "Failed", "finished_at": NOON}
    )
    assert not expired_ttl(failed, NOON)
    assert not expired_ttl(bead("a", ttl_seconds_after_finished=0), NOON)
