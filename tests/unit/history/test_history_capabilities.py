"""What outcomes teach is kept with their report: once, in order, over restarts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from ringmaster_operator.evidence import Evidence, Verdict
from ringmaster_operator.history import History
from ringmaster_operator.resources.project import ConfidenceRules

from .conftest import NOON, Work

Make = Callable[..., Work]
SUBJECT = ("team", "builders", "claude-code", "opus", "rust")


def verdict(success: bool = True, weight: float = 1.0, capability: str = "rust") -> Verdict:
    return Verdict(capability=capability, success=success, weight=weight, prior=0.8)


async def known(history: History, **chosen: str) -> dict[str, Evidence]:
    return {subject[-1]: found for subject, found in await history.evidence_of(**chosen)}


async def test_an_outcome_is_kept_once_with_its_report_and_survives(
    history: History, work: Make, database_url: str
) -> None:
    one = work()
    await one.start()
    request = one.request()
    for _ in range(2):
        await one.report(request, verdicts=[verdict(), verdict(capability="ui", weight=0.5)])
    await history.close()
    again = await History.open(database_url)
    found = await known(again)
    assert (found["rust"].successes, found["rust"].succeeded, found["rust"].recent) == (1.0, 1, "+")
    assert (found["ui"].successes, found["ui"].succeeded) == (0.5, 1)
    [change] = await again.capability_changes(namespace="team", capability="rust")
    assert (change.cause, change.success, change.bead, change.report_id) == (
        "outcome",
        True,
        "fix-it",
        request.report_id,
    )
    assert change.confidence == pytest.approx((0.8 * 8 + 1) / 9)
    await again.close()


async def test_evidence_fades_between_outcomes_by_the_projects_half_life(
    history: History, work: Make
) -> None:
    rules = ConfidenceRules(half_life_days=1)
    for fence, hours in ((1, 0), (2, 24)):
        one = work(fence=fence, uid=f"uid-{fence}")
        await one.start()
        await one.report(
            one.request(),
            verdicts=[verdict(success=False)],
            rules=rules,
            now=NOON + timedelta(hours=hours),
        )
    found = (await known(history))["rust"]
    assert (found.failures, found.failed, found.at) == (1.5, 2, NOON + timedelta(days=1))


async def test_a_reset_forgets_once_and_the_history_stays(history: History, work: Make) -> None:
    one = work()
    await one.start()
    await one.report(one.request(), verdicts=[verdict()])
    for _ in range(2):
        await history.reset_capability(subject=SUBJECT, trigger="1", declared=0.8, now=NOON, person="ann")
    two = work(uid="uid-2")
    await two.start()
    await two.report(two.request(), verdicts=[verdict(success=False)])
    await history.reset_capability(subject=SUBJECT, trigger="1", declared=0.8, now=NOON)
    found = (await known(history, namespace="team", worker="builders"))["rust"]
    assert (found.succeeded, found.failed, found.last_reset, found.version) == (0, 1, "1", 3)
    await history.note_override(subject=SUBJECT, override=0.1, confidence=0.7, now=NOON)
    changes = await history.capability_changes(namespace="team", capability="rust", worker="builders")
    assert [change.cause for change in changes] == ["override", "outcome", "reset", "outcome"]
    assert [change.person for change in changes] == ["", "", "ann", ""]
    older = await history.capability_changes(
        namespace="team", capability="rust", before=changes[1].id, limit=1
    )
    assert older == [changes[2]]
    assert await history.capability_changes(namespace="other", capability="rust") == []


async def test_who_is_not_known_learns_nothing(history: History, work: Make) -> None:
    one = work()  # its claim was never recorded
    await one.report(one.request(), verdicts=[verdict()])
    assert await history.evidence_of() == []
