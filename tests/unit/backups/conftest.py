"""A history with some rows, as the operator leaves it, and a folder for its backups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.backups import catalog
from ringmaster_operator.backups.run import Wish, run
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.backups.target import FolderTarget
from ringmaster_operator.backups.verify import verify
from ringmaster_operator.history import History
from ringmaster_operator.resources.backup import BackupMode
from support.postgres import postgres_server
from support.s3 import bucket, s3_server

__all__ = ["bucket", "postgres_server", "s3_server"]

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


async def start_attempts(history: History, first: int, count: int) -> None:
    """Rows in a history that is open."""
    for number in range(first, first + count):
        await history.start_attempt(
            bead_uid=f"uid-{number}",
            namespace="team",
            bead=f"bead-{number}",
            fence=1,
            claim_id=f"claim-{number}",
            worker="fleet",
            session="fleet-0",
            profile="generic",
            model=None,
            attempt=1,
            iteration=1,
            now=NOON,
        )


async def _attempts(url: str, first: int, count: int) -> None:
    history = await History.open(url)
    try:
        await start_attempts(history, first, count)
    finally:
        await history.close()


def add_attempts(url: str, *, first: int = 0, count: int = 30) -> None:
    """Rows, by the operator's own writer."""
    asyncio.run(_attempts(url, first, count))


@dataclass
class Ticking:
    """A clock that a test sets; each look takes a second."""

    moment: datetime = NOON

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@dataclass
class Place:
    """A database, the folder of its backups, and a clock."""

    database: Path
    folder: Path
    clock: Ticking = field(default_factory=Ticking)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.database}"

    @property
    def source(self) -> SqliteSource:
        return SqliteSource(self.database)

    @property
    def target(self) -> FolderTarget:
        return FolderTarget(self.folder)

    def wish(self, mode: str = "manual", **fields: Any) -> Wish:
        return Wish(mode=BackupMode(mode), now=self.clock.now, **fields)

    def backup(self, mode: str = "manual", **fields: Any) -> Any:
        return run(self.source, self.target, self.wish(mode, **fields))

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir() if path.name != ".ringmaster-backup.lock"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "state" / "ringmaster.db", tmp_path / "backups")
    add_attempts(made.url)
    return made


@pytest.fixture
def fake_resources() -> Callable[[Path], dict[str, int]]:
    """What resources_source.save leaves, without a cluster."""

    def write(into: Path) -> dict[str, int]:
        into.write_text("---\napiVersion: ringmaster.dev/v1alpha1\nkind: Bead\nmetadata:\n  name: one\n")
        return {"ConfigMap": 0, "Worker": 0, "BackupSchedule": 0, "Bead": 1}

    return write


def sound(place: Place, first: str, where: str) -> None:
    """The first backup is there and whole, and whatever is called verified is."""
    known = catalog.load(place.target)
    assert known.unreadable == {}, where
    assert first in [manifest.name for manifest in known.backups], where
    for manifest in known.backups:
        assert manifest.verified, where
        verify(place.target, manifest, identity=None, now=place.clock.now())
