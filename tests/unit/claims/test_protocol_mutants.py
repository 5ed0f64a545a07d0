"""What the model is worth: each rule of the protocol that is taken out breaks a law soon.

RINGMASTER_LONG=1 takes out all of them, one after the other.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ringmaster_operator.board import attempts
from ringmaster_operator.claims import reports
from ringmaster_operator.claims.desk import Desk
from ringmaster_operator.claims.leases import Leases
from ringmaster_operator.claims.outbox import Outbox
from ringmaster_operator.claims.reports import Reports
from ringmaster_operator.claims.returns import Returns
from ringmaster_operator.claims.service import ClaimService
from ringmaster_operator.kube import Kube
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest
from support.model.explore import Failed, Found, wander
from support.model.parts import Plan
from support.model.sessions import FAILED, INCOMPLETE

PLAN = Plan(
    beads={"a": {}, "b": {"dependsOn": ["a"]}},
    sessions=3,
    outcomes={("a", 1, 1): INCOMPLETE, ("b", 1, 1): FAILED},
)
MOST = 400
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def _no_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def without_versions(patch: Patch) -> None:
    """A status is written whatever it has become meanwhile."""
    real = Kube._merge

    async def merge(self: Kube, path: str, change: dict[str, Any], version: str | None) -> dict[str, Any]:
        return await real(self, path, change, None)

    patch.setattr(Kube, "_merge", merge)


def acknowledged_before_the_commit(patch: Patch) -> None:
    real = Reports._commit

    async def commit(self: Reports, lease: Any, bead: Any, request: ReportRequest) -> ReportAnswer:
        work = asyncio.ensure_future(real(self, lease, bead, request))
        await asyncio.wait({work}, timeout=0.001)
        return work.result() if work.done() else ReportAnswer(next=Next.DONE, iteration=request.iteration)

    patch.setattr(Reports, "_commit", commit)


def applied_wherever_the_bead_stands(patch: Patch) -> None:
    patch.setattr(reports, "_concerns", lambda bead, report: bead.status.claim is not None)


def no_outbox_after_a_start(patch: Patch) -> None:
    async def nothing(self: Reports) -> None:
        return None

    patch.setattr(Reports, "recover", nothing)


def taken_back_from_whoever_holds_it(patch: Patch) -> None:
    """A lease that ran out gives the bead back also where another claim stands."""
    real = Returns._write_back

    async def back(self: Returns, lease: Any, message: str, lost: bool) -> None:
        bead = self._store.bead(lease.key)
        if bead is not None and bead.status.claim is not None:
            lease.claim_id = bead.status.claim.id
        await real(self, lease, message, lost)

    patch.setattr(Returns, "_write_back", back)


def older_copies_win(patch: Patch) -> None:
    patch.setattr("ringmaster_operator.store._newer", lambda meta, known: True)


def a_conflict_is_a_win(patch: Patch) -> None:
    async def ours(self: Desk, bead: Any, claim_id: str, tries: int = 1) -> Any:
        claim = attempts.claimed(bead, claim_id=claim_id, worker="w", session="s0", now=self._clock.now())
        return bead.model_copy(update={"status": claim})

    patch.setattr(Desk, "_read_back", ours)


def leases_never_run_out(patch: Patch) -> None:
    patch.setattr(Leases, "due", lambda self, now: [])


def ended_claims_come_back(patch: Patch) -> None:
    """An echo of an old status makes a lease again, and a report of it is taken."""
    real = Leases.hold

    def hold(self: Leases, bead: Any, now: float) -> Any:
        self._ended.clear()
        return real(self, bead, now)

    patch.setattr(Leases, "hold", hold)


def no_lease_after_a_start(patch: Patch) -> None:
    async def nothing(self: ClaimService) -> None:
        await self._reports.recover()

    patch.setattr(ClaimService, "recover", nothing)
    patch.setattr(ClaimService, "_listen", lambda *_: None)


def a_report_that_is_known_is_taken_again(patch: Patch) -> None:
    async def unknown(self: Reports, report_id: str) -> None:
        return None

    patch.setattr(Reports, "_known", unknown)


def applied_before_it_is_applied(patch: Patch) -> None:
    """It leaves the outbox first."""
    real = Reports._apply

    async def apply(self: Reports, report: Any) -> None:
        await self._history.mark_applied(report_ids=[report.request.report_id])
        await real(self, report)

    patch.setattr(Reports, "_apply", apply)


def reports_overtake_each_other(patch: Patch) -> None:
    """The second iteration's is applied while the first one's still waits."""
    patch.setattr(Outbox, "behind", lambda *_: False)


MUTANTS: list[Callable[[Patch], None]] = [
    without_versions,
    acknowledged_before_the_commit,
    no_outbox_after_a_start,
    applied_wherever_the_bead_stands,
    taken_back_from_whoever_holds_it,
    older_copies_win,
    a_conflict_is_a_win,
    leases_never_run_out,
    ended_claims_come_back,
    no_lease_after_a_start,
    a_report_that_is_known_is_taken_again,
    applied_before_it_is_applied,
    reports_overtake_each_other,
]
SOME = MUTANTS if os.environ.get("RINGMASTER_LONG") else MUTANTS[:2]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mutant", SOME, ids=lambda mutant: mutant.__name__)
def test_a_broken_protocol_breaks_a_law(mutant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutant(monkeypatch)
    found = Found()
    for seed in range(MOST):
        try:
            wander(PLAN, seed, found, odds=random.Random(seed).choice([0.02, 0.1, 0.3]))
        except Failed as failed:
            print(f"{mutant.__name__}: caught by seed {seed}: {str(failed).splitlines()[0]}")
            return
    raise AssertionError(f"{mutant.__name__}: {found}, and nobody noticed")
