"""How attempts ended and at what, read again at start, from both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ringmaster_operator.history import Account, History
from ringmaster_operator.recall import Past
from ringmaster_operator.resources.bead import Bead, Outcome, OutcomeKind, Reason

from .conftest import NOON, Work

REASONS = ("VerificationFailed", "Stalled")


def seen(number: int, **spec: Any) -> Bead:
    meta = {"name": f"bead-{number}", "namespace": "team", "uid": f"uid-{number}", "resourceVersion": "1"}
    return Bead.read({"metadata": {**meta, "generation": 1}, "spec": {"title": "Mend the parser", **spec}})


def ending(kind: str, reason: Reason | None = None) -> Outcome:
    return Outcome(kind=OutcomeKind(kind), reason=reason)


async def read(history: History, limit: int = 100) -> list[Past]:
    found = await history.past_attempts(reasons=REASONS, limit=limit)
    return found.get("team", [])


async def test_what_ended_by_the_agents_doing_is_read_with_what_it_was_at(
    history: History, work: Callable[..., Work]
) -> None:
    ends = [
        (ending("success"), True),
        (ending("failed", Reason.VERIFICATION_FAILED), True),
        (ending("failed", Reason.PROVIDER), False),
        (ending("likely_failed", Reason.STALLED), False),
        (ending("cancelled"), True),
        (ending("likely_success"), True),
    ]
    for number, (outcome, counted) in enumerate(ends):
        one = work(uid=f"uid-{number}", bead=f"bead-{number}")
        bead = seen(number, capabilities=["python"], repository={"url": "https://git.example/own.git"})
        await history.record_beads(seen=[(bead, False)], now=NOON)
        await one.start()
        account = Account(labels=frozenset({("team", "core")}), repository="https://git.example/team/app.git")
        later = NOON + timedelta(minutes=number)
        await one.report(one.request(1, outcome=outcome), counted=counted, account=account, now=later)
    found = await read(history)
    assert [(past.bead_uid, past.success) for past in found] == [
        ("uid-0", True),
        ("uid-1", False),
        ("uid-5", True),
    ]
    first = found[0]
    assert (first.fence, first.arm, first.at) == (1, ("claude-code", "opus"), NOON)
    assert first.traits.repository == "git.example/team/app"
    assert first.traits.capabilities == frozenset({"python"})
    assert first.traits.labels == frozenset({"team=core"})
    assert "parser" in first.traits.words
    assert [past.bead_uid for past in await read(history, limit=2)] == ["uid-1", "uid-5"], "the newest ones"
    assert (await history.past_attempts(reasons=(), limit=9))["team"][1].bead_uid == "uid-5"


async def test_running_attempts_and_unknown_beads_say_nothing(
    history: History, work: Callable[..., Work]
) -> None:
    await work().start()
    other = work(uid="uid-8", bead="gone")
    await other.start()
    await other.report(other.request(1, outcome=ending("success")))
    assert await read(history) == []
