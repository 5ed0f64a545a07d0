"""Both databases for the history's tests: a file, and a PostgreSQL of their own on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ringmaster_operator.history import History
from ringmaster_operator.resources.bead import Outcome
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    if found is None:
        pytest.fail(f"{name} not found: install PostgreSQL (apt-get install postgresql)")
    return found


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    folder: Path

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True)

    def fresh(self) -> str:
        """URL of a new, empty schema; whole databases would take longer than the tests."""
        name = f"t{uuid.uuid4().hex}"
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}&options=-csearch_path%3D{name}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """PostgreSQL refuses to run as root: then it runs as the user that Debian's package made."""
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    owner = pwd.getpwnam(user)
    folder = Path(tempfile.mkdtemp(prefix="ringmaster-pg-"))
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    run_as: dict[str, Any] = {} if os.getuid() else {"user": user, "group": owner.pw_gid, "extra_groups": []}
    data = folder / "data"
    arguments = [
        "-D",
        str(data),
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C",
    ]
    try:
        subprocess.run(
            [_program("initdb"), *arguments], check=True, capture_output=True, cwd=folder, **run_as
        )
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    _program("postgres"),
                    "-D",
                    data,
                    "-k",
                    folder,
                    "-c",
                    "listen_addresses=",
                    "-c",
                    "fsync=off",
                ],
                stdout=log,
                stderr=log,
                cwd=folder,
                **run_as,
            )
        try:
            _wait(Postgres(folder), server)
            yield Postgres(folder)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def _wait(postgres: Postgres, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            postgres.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"PostgreSQL did not start: {(postgres.folder / 'log').read_text()}")


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
    ) -> ReportAnswer:
        return await self.history.commit_report(
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
        )


@pytest.fixture
def work(history: History) -> Callable[..., Work]:
    """work(uid=..., fence=...): a claim in this test's database."""

    def make(**fields: Any) -> Work:
        return Work(history=history, **fields)

    return make
