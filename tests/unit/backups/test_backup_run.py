"""A backup is one moment of the database, packed, proven, and whole or not there at all."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest
from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups import catalog, work
from ringmaster_operator.backups.errors import BackupError, Busy, Damaged, NoResources, NoSpace, TargetFault
from ringmaster_operator.backups.rehearsal import rehearse
from ringmaster_operator.backups.run import run
from ringmaster_operator.backups.target import FolderTarget
from ringmaster_operator.backups.verify import verify
from ringmaster_operator.resources.backup import Compression
from ringmaster_operator.resources.backup_report import BackupReport

from .conftest import Place, add_attempts

WRITER = """
import sys, time
from pysqlite3 import dbapi2 as driver
db = driver.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
number = 0
while True:
    number += 1
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO pair_a VALUES (?, ?)", (number, "x" * 300))
    db.execute("INSERT INTO pair_b VALUES (?, ?)", (number, "x" * 300))
    db.execute("COMMIT")
    if number == 200:
        print("going", flush=True)
"""


@pytest.mark.parametrize("compression", list(Compression))
def test_packed_and_verified(place: Place, compression: Compression) -> None:
    made = place.backup(compression=compression)
    assert made.verified is not None
    assert made.tables["attempt"] == 30
    listed = catalog.load(place.target)
    assert [manifest.name for manifest in listed.backups] == [made.name]
    assert (listed.orphans, listed.unreadable) == ([], {})
    assert place.files() == {made.database.name, f"{made.name}.manifest.json"}
    assert "30 open attempts" in rehearse(place.target, made, database="", identity=None)


def test_readable_without_ringmaster(place: Place, tmp_path: Path) -> None:
    made = place.backup()
    plain = tmp_path / "plain.db"
    plain.write_bytes(gzip.decompress((place.folder / made.database.name).read_bytes()))
    assert sqlite3.connect(plain).execute("SELECT count(*) FROM attempt").fetchone() == (30,)


def test_one_moment_while_a_writer_commits(place: Place, tmp_path: Path) -> None:
    """Two tables that every transaction keeps equal are equal in each copy; the writer goes on."""
    db = driver.connect(str(place.database))
    db.executescript("CREATE TABLE pair_a (n INTEGER, t TEXT); CREATE TABLE pair_b (n INTEGER, t TEXT);")
    db.close()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place.database)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "going\n"
        counts = []
        for _ in range(5):
            made = place.backup(compression=Compression.ZSTD)
            assert made.tables["pair_a"] == made.tables["pair_b"]
            counts.append(made.tables["pair_a"])
        assert writer.poll() is None
        assert counts == sorted(set(counts)), "the writer stood still"
    finally:
        writer.kill()
        writer.communicate()


def test_beside_an_open_history(place: Place) -> None:
    """The operator's lock on the file is against writers, not against backups."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import asyncio, sys\nfrom ringmaster_operator.history import History\n"
            "async def work():\n    h = await History.open(sys.argv[1])\n    print('open', flush=True)\n"
            "    await asyncio.to_thread(sys.stdin.read)\n    await h.close()\nasyncio.run(work())",
            place.url,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        assert place.backup().tables["attempt"] == 30
    finally:
        holder.communicate("")
    assert holder.returncode == 0


def test_encrypted_to_a_public_key(
    place: Place, tmp_path: Path, fake_resources: Callable[[Path], dict[str, int]]
) -> None:
    key = pyrage.x25519.Identity.generate()
    identity = tmp_path / "key.txt"
    identity.write_text(f"# created by age-keygen\n{key}\n")
    made = place.backup(recipients=[str(key.to_public())], resources=fake_resources)
    assert made.verified is not None
    assert all(part.name.endswith(".gz.age") for part in made.parts)
    for part in made.parts:
        assert (place.folder / part.name).read_bytes().startswith(b"age-encryption.org/v1")
    assert verify(place.target, made, identity=identity, now=place.clock.now()).verified
    assert "opened" in rehearse(place.target, made, database="", identity=identity)
    with pytest.raises(BackupError, match="--identity"):
        rehearse(place.target, made, database="", identity=None)
    identity.write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(BackupError, match="none of the keys"):
        verify(place.target, made, identity=identity, now=place.clock.now())
    assert catalog.load(place.target).find(made.name).verified, "a wrong key proves nothing against a backup"


def test_a_bad_public_key_costs_nothing(place: Place) -> None:
    with pytest.raises(UsageError, match="age public key"):
        place.backup(recipients=["age1nonsense"])
    assert not place.folder.exists()


def test_overlap_is_refused(place: Place) -> None:
    with place.target.locked(), pytest.raises(Busy, match="wait until it has ended"):
        place.backup()
    place.backup()


def test_room_is_looked_at_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.folder.mkdir()
    monkeypatch.setattr(FolderTarget, "room", lambda self, private: 1 << 20)
    with pytest.raises(NoSpace, match="nothing was begun"):
        place.backup()
    assert place.files() == set()


def test_names_never_collide(place: Place) -> None:
    first = run(place.source, place.target, place.wish(verify=False))
    place.clock.moment = first.started.replace(second=first.started.second - 1)
    second = run(place.source, place.target, place.wish())
    assert second.name == f"{first.name}-2"
    assert {item.name for item in catalog.load(place.target).backups} == {first.name, second.name}


def test_a_missing_target_is_named(place: Place, tmp_path: Path) -> None:
    with pytest.raises(TargetFault, match="mount its disk"):
        run(place.source, FolderTarget(tmp_path / "not" / "there"), place.wish())
    assert not (tmp_path / "not").exists()


def test_no_database(place: Place, tmp_path: Path) -> None:
    place.database.unlink()
    with pytest.raises(BackupError, match="--database"):
        place.backup()
    assert place.files() == set()


def test_a_damaged_database_is_not_backed_up(place: Place) -> None:
    add_attempts(place.url, first=100, count=2000)
    content = bytearray(place.database.read_bytes())
    content[40_000:60_000] = os.urandom(20_000)
    place.database.write_bytes(content)
    with pytest.raises(BackupError, match="ringmaster restore latest"):
        place.backup()
    assert place.files() == set()


def test_resources_that_cannot_be_read_cost_no_history(place: Place) -> None:
    def absent(into: Path) -> dict[str, int]:
        into.write_text("half")
        raise NoResources("the cluster is away")

    made = place.backup(resources=absent)
    assert (made.lacks, made.resources) == ("the cluster is away", {})
    assert made.verified is not None


def test_what_is_told_of_a_backup_without_resources(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history is there and proven: a success that says what it lacks, as the exit code does."""
    monkeypatch.setattr(work, "NICE", os.nice(0))
    asked = work.Asked(
        mode="hourly",
        target=str(place.folder),
        database=place.url,
        compression="zstd",
        encrypt_to=(),
        keep_hourly="7d",
        keep_daily="30d",
        verify=True,
        prune=True,
        resources=True,
        namespace="",
        kubeconfig=str(tmp_path / "absent"),
    )
    result = tmp_path / "result.json"
    with pytest.raises(NoResources, match="without the resources"):
        work.make(asked, result=result, form="table")
    told = BackupReport.read(json.loads(result.read_text()))
    assert told.succeeded
    assert "without the resources" in told.message
    assert told.record is not None
    assert told.record.verified
    assert told.record.lacks
    assert told.kept is not None
    assert told.kept.hourly == 1


def test_a_rehearsal_without_the_key_compares_hashes_and_says_so(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "NICE", os.nice(0))
    key, result = pyrage.x25519.Identity.generate(), tmp_path / "result.json"
    made = place.backup("hourly", recipients=[str(key.to_public())])

    def told(identity: Path | None) -> BackupReport:
        work.rehearse(
            str(place.folder), "latest", database="", identity=identity, or_hashes=True, result=result
        )
        return BackupReport.read(json.loads(result.read_text()))

    report = told(None)
    assert (report.succeeded, report.opened) == (True, False)
    assert "nobody opened it" in report.message
    identity = tmp_path / "key.txt"
    identity.write_text(str(key))
    report = told(identity)
    assert (report.succeeded, report.opened) == (True, True)
    assert "30 open attempts" in report.message
    path = place.folder / made.database.name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged):
        told(None)
    assert not BackupReport.read(json.loads(result.read_text())).succeeded


def test_threads_do_not_matter_to_the_lock(place: Place) -> None:
    """Two runs of one process exclude each other too."""
    faults: list[Exception] = []

    def other() -> None:
        try:
            place.backup()
        except Busy as fault:
            faults.append(fault)

    with place.target.locked():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(faults) == 1
