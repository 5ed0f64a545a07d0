"""Both databases for the history's tests: a file, and a PostgreSQL of their own on a Unix socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.history import History
from ringmaster_operator.resources.bead import Outcome
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest
from support.postgres import Postgres, postgres_server

__all__ = ["postgres_server"]

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/ringmaster.db"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.fresh()


@pytest.fixture
async def history(database_url: str) -> AsyncIterator[History]:
    opened = await History.open(database_url)
    yield opened
    await opened.close()


@dataclass(frozen=True, kw_only=True)
class Work:
    """One bead's claim, with short ways to do to it what the operator does."""

    history: History
    uid: str = "uid-1"
    namespace: str = "team"
    bead: str = "fix-it"
    worker: str = "builders"
    fence: int = 1
    attempt: int = 1

    @property
    def claim_id(self) -> str:
        return f"claim-{self.uid}-{self.fence}"

    async def start(self, now: datetime = NOON) -> None:
        await self.history.start_attempt(
            bead_uid=self.uid,
            namespace=self.namespace,
            bead=self.bead,
            fence=self.fence,
            claim_id=self.claim_id,
            worker=self.worker,
            session=f"{self.worker}-0",
            profile="claude-code",
            model="opus",
            attempt=self.attempt,
            iteration=1,
            now=now,
        )

    def request(self, number: int = 1, **fields: Any) -> ReportRequest:
        body: dict[str, Any] = {
            "report_id": f"report-{self.uid}-{self.fence}-{number}",
            "fence": self.fence,
            "iteration": number,
            "outcome": Outcome.model_validate({"kind": "success", "summary": "done"}),
            "started_at": NOON,
            "finished_at": NOON,
        }
        return ReportRequest(**(body | fields))

    async def report(
        self,
        request: ReportRequest,
        *,
        next: Next = Next.DONE,
        now: datetime = NOON,
        reason: str = "",
        counted: bool = True,
        **more: Any,
    ) -> ReportAnswer:
        committed = await self.history.commit_report(
            bead_uid=self.uid,
            namespace=self.namespace,
            bead=self.bead,
            claim_id=self.claim_id,
            request=request,
            answer=ReportAnswer(
                next=next, reason=reason, iteration=request.iteration + (next is Next.ITERATE)
            ),
            counted=counted,
            now=now,
            **more,
        )
        return committed.answer


@pytest.fixture
def work(history: History) -> Callable[..., Work]:
    """work(uid=..., fence=...): a claim in this test's database."""

    def make(**fields: Any) -> Work:
        return Work(history=history, **fields)

    return make
