"""What the model is worth: each rule of the protocol that is taken out breaks a law soon."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ringmaster_operator.claims.outbox import Outbox
from ringmaster_operator.claims.reports import Reports
from ringmaster_operator.kube import Kube
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest
from support.model.explore import Failed, Found, neighbours, run, wander
from support.model.parts import Plan
from support.model.sessions import FAILED, INCOMPLETE

PLAN = Plan(
    beads={"a": {}, "b": {"dependsOn": ["a"]}},
    sessions=3,
    outcomes={("a", 1, 1): INCOMPLETE, ("b", 1, 1): FAILED},
)
MOST = 200
MOMENT = 0.001
"""Seconds that a commit may take before it is not waited for."""
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
        await asyncio.wait({work}, timeout=MOMENT)
        return work.result() if work.done() else ReportAnswer(next=Next.DONE, iteration=request.iteration)

    patch.setattr(Reports, "_commit", commit)


def no_outbox_after_a_start(patch: Patch) -> None:
    async def nothing(self: Reports) -> None:
        return None

    patch.setattr(Reports, "recover", nothing)


MUTANTS: list[Callable[[Patch], None]] = [without_versions, no_outbox_after_a_start]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
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


def test_an_acknowledgement_before_the_commit_breaks_a_law(monkeypatch: Patch) -> None:
    """A commit that takes a moment is enough: what was promised by then is not what is kept."""
    acknowledged_before_the_commit(monkeypatch)
    _one_breaks(f"time {MOMENT:g}")


def test_reports_that_overtake_each_other_break_a_law(monkeypatch: Patch) -> None:
    """The second iteration's is applied while the first one's waits: a write that is refused is enough."""
    monkeypatch.setattr(Outbox, "behind", lambda *_: False)
    _one_breaks("refused PATCH")


def _one_breaks(what: str) -> None:
    """Of all runs that turn off once, and in this way, one breaks a law."""
    tried = [after for after in neighbours(PLAN, 1, Found()) if after[0][1].startswith(what)]
    assert tried
    for deviations in tried:
        try:
            run(PLAN, deviations, Found())
        except Failed as failed:
            print("; ".join(str(failed).splitlines()[:2]))
            return
    raise AssertionError(f"{len(tried)} times {what}, and nobody noticed")
