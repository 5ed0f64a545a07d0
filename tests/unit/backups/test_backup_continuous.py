"""The continuous copy: any moment comes back, exactly what was committed before it and nothing after."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]
from typer.testing import CliRunner

from ringmaster_cli.exits import CliError, UsageError
from ringmaster_operator.backups import catalog, continuous, places, work
from ringmaster_operator.backups.app import commands
from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.backups.following import followed
from ringmaster_operator.backups.run import run
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.backups.verify import mark
from ringmaster_operator.history import History
from support.s3 import Bucket

from .conftest import NOON, Place, start_attempts

SECONDS = 120.0
RUNNER = CliRunner()


@dataclass
class Following:
    """A place whose history `ringmaster backup follow` copies, and what was there at which time."""

    place: Place
    target: str

    @property
    def copy(self) -> continuous.Copy:
        return continuous.copy("", self.target, SqliteSource(self.place.database))

    @property
    def words(self) -> list[str]:
        return ["--database", self.place.url, "--target", self.target]

    def call(self, *words: str, code: int = 0) -> str:
        """What a command says; it runs in this process, which is faster."""
        done = RUNNER.invoke(commands, [*words, *self.words])
        fault = done.exception
        if isinstance(fault, CliError):
            assert fault.exit == code, fault
            return f"{done.output}{fault}"
        assert done.exit_code == code, (done.output, fault)
        return done.output

    @contextmanager
    def followed(self, end: signal.Signals = signal.SIGTERM) -> Iterator[None]:
        """Litestream works meanwhile, as `ringmaster backup follow` becomes it."""
        pid = os.fork()
        if pid == 0:
            try:
                log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(log, 1)
                os.dup2(log, 2)
                work.follow("", "7d", target=self.target, database=self.place.url, recipients=(), plain=False)
            finally:
                os._exit(1)
        try:
            self.until(self.copied, "the copy has begun")
            yield
        finally:
            os.kill(pid, end)
            os.waitpid(pid, 0)

    @property
    def log(self) -> Path:
        return self.place.folder.with_name("follow.log")

    def copied(self) -> bool:
        """Whether the copy has all that is committed."""
        return self.copy.there() and self.rows_of_copy() == rows(self.place.database)

    def rows_of_copy(self) -> int:
        into = self.place.database.with_name("look.db")
        try:
            self.copy.fetch(datetime.now(UTC), into)
            return rows(into)
        finally:
            into.unlink(missing_ok=True)

    def until(self, check: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not check():
            assert time.monotonic() < deadline, (
                f"not within {SECONDS} s: {what}: {self.log.read_text()[-2000:]}"
            )
            time.sleep(0.2)

    def settled(self) -> datetime:
        """A moment up to which everything is copied, and after which nothing is yet."""
        self.until(self.copied, "all is copied")
        return datetime.now(UTC)

    def restore(self, at: datetime, *words: str) -> str:
        return self.call("restore", "--at", at.isoformat(), "--offline", "--force", *words)

    def destroy(self) -> None:
        """The disk is gone, with all that lay beside the database."""
        shutil.rmtree(self.place.database.parent)


def rows(path: Path) -> int:
    db = driver.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(db.execute("SELECT count(*) FROM attempt").fetchone()[0])
    finally:
        db.close()


@pytest.fixture
def following(place: Place) -> Following:
    place.folder.mkdir()
    return Following(place, str(place.folder))


def moments(following: Following, *, first: int = 100, count: int = 2) -> dict[datetime, int]:
    """An operator writes while it is followed; its rows at some moments."""
    found: dict[datetime, int] = {}

    async def work() -> None:
        history = await History.open(following.place.url)
        try:
            for step in range(count):
                await start_attempts(history, first + 10 * step, 10)
                found[following.settled()] = rows(following.place.database)
            await start_attempts(history, first + 500, 1)
        finally:
            await history.close()

    asyncio.run(work())
    return found


def test_every_moment_comes_back(following: Following) -> None:
    with following.followed():
        known = moments(following)
    assert list(known.values()) == [40, 50]
    for at, count in known.items():
        following.destroy()
        following.place.database.parent.mkdir()
        said = following.restore(at)
        assert "restore the continuous copy as of" in said
        assert rows(following.place.database) == count


@pytest.mark.s3
def test_a_bucket(place: Place, bucket: Bucket) -> None:
    following = Following(place, f"s3://{bucket.name}/ringmaster")
    with following.followed():
        known = moments(following, count=1)
    following.destroy()
    following.place.database.parent.mkdir()
    ((at, count),) = known.items()
    following.restore(at)
    assert rows(place.database) == count
    made = [item for item in catalog.load(places.target(following.target)).backups if item.note]
    assert [(item.note[:34], item.verified is not None) for item in made] == [
        ("made of the continuous copy as of ", True)
    ]


def test_it_goes_on_after_a_kill_and_a_restore(following: Following) -> None:
    """What was before, what the restore undid and what came then: all of it can be had."""
    with following.followed(signal.SIGKILL):
        before = moments(following)
    first = min(before)
    following.restore(first)
    assert rows(following.place.database) == 40
    with following.followed():
        after = moments(following, first=1000)
    assert list(after.values()) == [50, 60]
    for at, count in {**after, **before}.items():
        following.restore(at)
        assert rows(following.place.database) == count, at


def test_a_backup_where_the_copy_does_not_reach(following: Following) -> None:
    made = following.place.backup()
    with following.followed():
        moments(following, count=1)
    said = following.restore(NOON.replace(hour=13), "--dry-run")
    assert "continuous has nothing of 2026-03-04 13:00:00Z or before" in said
    assert f"restore {made.name}" in said
    assert "continuous copy as of" in following.restore(datetime.now(UTC), "--dry-run")
    assert "no backup in" in following.call("restore", "--at", "2020-01-01", "--offline", "--force", code=3)


def test_the_newer_one_of_copy_and_backup(following: Following) -> None:
    """A copy that nobody has made for a while is passed by for a backup that was made since."""
    with following.followed():
        at = following.settled()
    made = run(SqliteSource(following.place.database), following.place.target, wish := following.place.wish())
    assert made.time < at, "the test's clock is behind"
    assert "continuous copy as of" in following.restore(at, "--dry-run")
    with following.place.target.locked():
        mark(following.place.target, made.model_copy(update={"time": at, "verified": wish.now()}))
    said = following.restore(at, "--dry-run")
    assert f"restore {made.name}" in said
    assert "continuous copy" not in said


def test_a_damaged_copy_changes_nothing(following: Following) -> None:
    with following.followed():
        moments(following, count=1)
    before = rows(following.place.database)
    for path in (following.place.folder / "continuous").rglob("*.ltx"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    said = following.call("restore", "--at", "now", "--offline", "--force", code=1)
    assert "the continuous copy" in said
    assert rows(following.place.database) == before


def test_whether_it_is_made_can_be_seen(following: Following) -> None:
    url = following.place.url
    assert math.isnan(followed(url))
    with following.followed():
        assert followed(url) == 1
    assert followed(url) == 0
    assert math.isnan(followed("postgresql+psycopg://user@host/name"))


def test_refusals(following: Following) -> None:
    with following.followed():
        assert "is followed already" in following.call("backup", "follow", code=4)
    key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    assert "give --plain" in following.call("backup", "follow", "--encrypt-to", key, code=2)
    assert "36h, 7d or 4w" in following.call("backup", "follow", "--keep", "7", code=2)
    with pytest.raises(UsageError, match="is PostgreSQL, which ships its log itself"):
        work.follow("", "7d", target="/b", database="postgresql://u@h/d", recipients=(), plain=False)


def test_without_litestream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(BackupError, match=r"ringmaster\[continuous\]"):
        continuous.program()
