"""Two hundred backups of a history that is written to meanwhile: torn ones, and flipped bits that go unseen.

A report is several rows in one transaction, so a torn copy has some of them and not the others. Reports come
at a pace: a history that grows as fast as it can makes each backup longer than the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from benchlib.bench import Bench
from benchlib.figures import Figure
from benchlib.reports import attempt, commit, request
from ringmaster_operator.backups import catalog
from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.run import Wish, run
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.backups.target import FolderTarget
from ringmaster_operator.backups.verify import check, verify
from ringmaster_operator.history import History
from ringmaster_operator.resources.backup import BackupMode

SEED = 1
COPIES = 200
PAUSE = 0.004
"""Seconds between two reports."""
PARTS = ("select count(*) from report", "select count(*) from iteration", "select count(*) from usage")


async def measure(bench: Bench) -> list[Figure]:
    """Backups while reports are committed all the time; then flips in the last one."""
    database, target = bench.folder / "ringmaster.db", FolderTarget(bench.folder / "backups")
    history = await History.open(f"sqlite:///{database}")
    stop, reports = asyncio.Event(), [0]
    writer = asyncio.create_task(_write(history, stop, reports))
    copies, torn, sizes = bench.size(COPIES), 0, list[float]()
    try:
        for _ in range(copies):
            before = reports[0]
            made = await asyncio.to_thread(_backup, database, target)
            sizes.append(float(reports[0] - before))
            torn += await asyncio.to_thread(_torn, target, made)
    finally:
        stop.set()
        await writer
        await history.close()
    found = await asyncio.to_thread(_flips, bench.folder / "backups", made, random.Random(SEED), copies)
    return [
        Figure("copies", "backups beside a writer", [float(copies)]),
        Figure("copies", "reports committed during each", sizes),
        Figure("copies", "torn", [float(torn)], at_most=0),
        Figure("copies", f"single flipped bits found, of {copies}", [float(found)], at_least=copies),
    ]


async def _write(history: History, stop: asyncio.Event, reports: list[int]) -> None:
    while not stop.is_set():
        number = reports[0]
        await attempt(history, 0, number)
        await commit(history, 0, number, request(0, number))
        reports[0] += 1
        await asyncio.sleep(PAUSE)


def _now() -> datetime:
    return datetime.now(UTC)


def _backup(database: Path, target: FolderTarget) -> Manifest:
    made: Manifest = run(SqliteSource(database), target, Wish(mode=BackupMode.MANUAL, now=_now))
    return made


def _torn(target: FolderTarget, made: Manifest) -> bool:
    """Whether it holds a part of a report without the others. The former backup goes."""
    with tempfile.TemporaryDirectory() as scratch:
        path = check(target, made, identity=None, scratch=Path(scratch))
        db = driver.connect(str(path))
        try:
            counts = {db.execute(part).fetchone()[0] for part in PARTS}
            sound = db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        finally:
            db.close()
    for other in catalog.load(target).backups:
        if other.name != made.name:
            for name in (other.database.name, f"{other.name}.manifest.json"):
                (target.folder / name).unlink(missing_ok=True)
    return len(counts) > 1 or not sound


def _flips(folder: Path, made: Manifest, rng: random.Random, count: int) -> int:
    """How many of so many flips, each of one bit in the backup's file, are found."""
    path, found = folder / made.database.name, 0
    whole = path.read_bytes()
    for _ in range(count):
        content = bytearray(whole)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        with contextlib.suppress(BackupError):
            verify(FolderTarget(folder), made, identity=None, now=_now())
            continue
        found += 1
    path.write_bytes(whole)
    return found
