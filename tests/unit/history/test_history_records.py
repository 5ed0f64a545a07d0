"""Beads, events, attempts and sessions, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from ringmaster_operator.history import History, NewEvent, StoredSession
from ringmaster_operator.history.tables import BeadRow, EventRow
from ringmaster_operator.resources.bead import Bead, Outcome, OutcomeKind
from ringmaster_operator.resources.protocol import ModelUsage, Next, Reflexion, Usage, VerifyResult

from .conftest import NOON, Work

Make = Callable[..., Work]


def bead(uid: str = "u1", **spec: Any) -> Bead:
    return Bead.read(
        {
            "apiVersion": "ringmaster.dev/v1alpha1",
            "kind": "Bead",
            "metadata": {"name": "b", "namespace": "n", "uid": uid},
            "spec": {"title": "Do it", **spec},
            "status": {"phase": "Ready"},
        }
    )


async def test_a_bead_is_kept_as_last_seen(history: History) -> None:
    later = NOON + timedelta(hours=1)
    await history.record_beads(seen=[(bead(), False)], now=NOON)
    await history.record_beads(seen=[(bead(title="Do it well", priority="P0"), False)], now=later)
    await history.record_beads(seen=[(bead(), True)], now=later + timedelta(hours=1))
    await history.record_beads(seen=[(bead(), True)], now=later + timedelta(hours=2))

    def rows(db: Any) -> list[Any]:
        return [
            (r.title, r.priority, r.phase, r.spec["title"], r.first_seen, r.last_seen, r.deleted_at)
            for r in db.exec(select(BeadRow))
        ]

    end = later + timedelta(hours=2)
    gone = later + timedelta(hours=1)
    assert await history.read(rows) == [("Do it", "P2", "Ready", "Do it", NOON, end, gone)]


async def test_beads_that_went_unseen_are_marked_once_and_only_in_their_namespace(history: History) -> None:
    later = NOON + timedelta(hours=1)
    for uid, namespace in (("stays", "n"), ("went", "n"), ("elsewhere", "m")):
        made = bead(uid)
        metadata = made.metadata.model_copy(update={"namespace": namespace})
        await history.record_beads(seen=[(made.model_copy(update={"metadata": metadata}), False)], now=NOON)
    assert await history.forget_beads(namespace="n", alive={"stays"}, now=NOON) == 1
    assert await history.forget_beads(namespace="n", alive={"stays"}, now=later) == 0
    assert await history.forget_beads(namespace="", alive={"stays"}, now=later) == 1

    def rows(db: Any) -> dict[str, Any]:
        return {row.uid: row.deleted_at for row in db.exec(select(BeadRow))}

    assert await history.read(rows) == {"stays": None, "went": NOON, "elsewhere": later}


async def test_the_same_event_again_is_counted(history: History) -> None:
    async def event(message: str, now: datetime = NOON, uid: str = "u") -> None:
        said = {"namespace": "n", "kind": "Bead", "name": "b", "type": "Normal", "reason": "R"}
        await history.record_events(events=[NewEvent(**said, uid=uid, message=message, at=now)])

    await event("a")
    await event("a", NOON + timedelta(minutes=1))
    await event("a", uid="other")
    await event("b")
    await event("a")

    def rows(db: Any) -> list[Any]:
        return [
            (r.uid, r.message, r.count, r.at) for r in db.exec(select(EventRow).order_by(col(EventRow.id)))
        ]

    assert await history.read(rows) == [
        ("u", "a", 2, NOON + timedelta(minutes=1)),
        ("other", "a", 1, NOON),
        ("u", "b", 1, NOON),
        ("u", "a", 1, NOON),
    ]


async def test_a_lost_attempt_does_not_count_and_ends_once(history: History, work: Make) -> None:
    one = work()
    await one.start()
    await one.start()  # recorded again after a crash

    async def end(kind: str, counted: bool) -> None:
        await history.end_attempt(
            bead_uid=one.uid, fence=1, kind=kind, reason="Infrastructure", counted=counted, now=NOON
        )

    await end("lost", False)
    await end("failed", True)
    await one.start()  # an echo does not open it again
    [summary] = await history.attempts_of(bead_uid=one.uid)
    assert (summary.attempt.kind, summary.attempt.counted, summary.attempt.ended_at) == ("lost", False, NOON)
    assert await history.outcome_counts(namespace=one.namespace) == {"lost": 1}
    assert await history.outcome_counts(namespace="elsewhere") == {}


async def test_ending_an_unknown_attempt_is_harmless(history: History) -> None:
    await history.end_attempt(bead_uid="?", fence=9, kind="lost", counted=False, now=NOON)
    assert await history.open_attempts() == []
    assert await history.find_claim(claim_id="?") is None


async def test_attempts_with_their_sums_in_order(history: History, work: Make) -> None:
    first, second = work(), work(uid="uid-2", bead="other")
    await first.start()
    await second.start()
    rows = [
        ModelUsage(position="a", input_tokens=10, cache_read_tokens=4, output_tokens=1, computed_usd=1.5),
        ModelUsage(position="b", input_tokens=20, output_tokens=2, requests=3),
    ]
    await first.report(first.request(1, usage=Usage(requests=rows)), next=Next.ITERATE)
    await first.report(first.request(2, usage=Usage(requests=rows[:1])), next=Next.STOP)
    again = work(fence=2, attempt=2)
    await again.start()
    summaries = await history.attempts_in(namespace="team")
    assert [(s.attempt.bead, s.attempt.fence, s.iterations) for s in summaries] == [
        ("fix-it", 1, 2),
        ("other", 1, 0),
        ("fix-it", 2, 0),
    ]
    one = summaries[0]
    assert (one.input_tokens, one.cached_input_tokens, one.output_tokens) == (30, 4, 3)
    assert (one.usd, one.unpriced_requests) == (1.5, 3)
    assert [s.attempt.attempt for s in await history.attempts_of(bead_uid="uid-1")] == [1, 2]


async def test_what_earlier_iterations_teach(history: History, work: Make) -> None:
    one = work()
    await one.start()
    failed = Outcome(kind=OutcomeKind.INCOMPLETE)
    checks = [
        VerifyResult(command="ruff check", exit_code=0, seconds=1, output="fine"),
        VerifyResult(command="pytest -q", exit_code=1, seconds=1, output="x" * 5000 + " 2 failed\n"),
    ]
    learned = Reflexion(cause="Wrong folder.", lesson="Use src.")
    await one.report(one.request(1, outcome=failed, final_text=" I tried. "), next=Next.ITERATE)
    await one.report(one.request(2, outcome=failed, verify=checks, final_text="t"), next=Next.ITERATE)
    await one.report(one.request(3, outcome=failed, verify=checks, reflexion=learned), next=Next.STOP)
    two = work(fence=2, attempt=2)
    await two.start()
    await two.report(
        two.request(1, outcome=failed, reflexion=Reflexion(), commit="c0ffee"), next=Next.ITERATE
    )
    past = await history.iterations_of(bead_uid=one.uid)
    assert [(p.attempt, p.iteration, p.commit) for p in past] == [
        (1, 1, None),
        (1, 2, None),
        (1, 3, None),
        (2, 1, "c0ffee"),
    ]
    assert past[0].lesson == "I tried."
    assert past[1].lesson.startswith("`pytest -q` exited 1: xxx")
    assert past[1].lesson.endswith(" 2 failed")
    assert len(past[1].lesson) < 700
    assert past[2].lesson == "Wrong folder. Use src."
    assert past[3].lesson == ""
    assert past[3].outcome.kind is OutcomeKind.INCOMPLETE
    assert [(p.attempt, p.iteration) for p in await history.iterations_of(bead_uid=one.uid, limit=2)] == [
        (1, 3),
        (2, 1),
    ]


async def test_what_failed_last_is_found_with_its_output(history: History, work: Make) -> None:
    one = work()
    await one.start()
    assert await history.failed_checks(bead_uid=one.uid) == []
    failed = Outcome(kind=OutcomeKind.INCOMPLETE)
    checks = [
        VerifyResult(command="true", exit_code=0, seconds=1, output="fine"),
        VerifyResult(command="false", exit_code=1, seconds=1, output="no"),
    ]
    await one.report(one.request(1, outcome=failed, verify=checks), next=Next.ITERATE)
    found = await history.failed_checks(bead_uid=one.uid)
    assert [(log.command, log.exit_code, log.output) for log in found] == [("false", 1, "no")]
    assert await history.failed_checks(bead_uid=one.uid, after_fence=1) == []
    await one.report(one.request(2, outcome=failed, verify=checks[:1]), next=Next.ITERATE)
    assert await history.failed_checks(bead_uid=one.uid) == []


async def test_the_last_conversation_is_found(history: History, work: Make) -> None:
    one = work()
    await one.start()
    assert await history.agent_session_of(bead_uid=one.uid) is None
    for number, conversation in enumerate(["s1", "s2", ""], 1):
        await one.report(one.request(number, agent_session=conversation), next=Next.ITERATE)
    assert await history.agent_session_of(bead_uid=one.uid) == "s2"


async def test_sessions_are_remembered_and_forgotten(history: History) -> None:
    async def names() -> list[bool]:
        found = [await history.session(namespace="n", worker="w", name=name) for name in ("w-0", "w-1")]
        return [session is not None for session in found]

    for restarts in (1, 2):
        await history.save_session(
            namespace="n",
            worker="w",
            name="w-0",
            state="Crashed",
            restarts=restarts,
            next_start_at=NOON,
            last_error="claude: not found",
        )
    assert await history.session(namespace="n", worker="w", name="w-0") == StoredSession(
        state="Crashed", restarts=2, next_start_at=NOON, started_at=None, last_error="claude: not found"
    )
    await history.save_session(namespace="n", worker="w", name="w-1", state="Idle", restarts=0)
    await history.forget_sessions(namespace="n", worker="w", name="w-0")
    assert await names() == [False, True]
    await history.forget_sessions(namespace="n", worker="other")
    assert await names() == [False, True]
    await history.forget_sessions(namespace="n", worker="w")
    assert await names() == [False, False]


async def test_times_without_a_zone_are_refused(history: History) -> None:
    with pytest.raises(Exception, match="time zone"):
        await history.record_beads(seen=[(bead(), False)], now=NOON.replace(tzinfo=None))


async def test_other_zones_come_back_as_utc(history: History, work: Make) -> None:
    one = work()
    zone = datetime.fromisoformat("2026-11-24T21:00:00+09:00")
    await one.start(zone)
    stored = await history.find_claim(claim_id=one.claim_id)
    assert stored is not None
    assert stored.started_at == NOON
    assert stored.started_at.tzinfo is UTC
