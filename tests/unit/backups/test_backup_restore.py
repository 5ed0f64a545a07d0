"""A restore puts back exactly what the backup shows, or leaves exactly what was there."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from ringmaster_operator.backups import catalog, sources, swap
from ringmaster_operator.backups.errors import BackupError, Busy, Damaged
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.restore import Restore
from ringmaster_operator.backups.run import run
from ringmaster_operator.backups.services import Nobody, Service
from ringmaster_operator.backups.target import FolderTarget
from ringmaster_operator.history import migrate
from ringmaster_operator.history.sqlite import companions, lock_path
from support.postgres import Postgres

from .conftest import Place, Ticking, add_attempts


@dataclass
class Told:
    """An operator that notes what it is told, and may refuse to come up."""

    name: str = "the operator"
    stops: str = "stop it"
    starts: str = "start it"
    fails: int = 0
    """Starts that fail."""
    calls: list[str] = field(default_factory=list)

    def check(self) -> None:
        self.calls.append("check")

    def stop(self) -> None:
        self.calls.append("stop")

    def start(self) -> None:
        self.calls.append("start")
        if self.fails:
            self.fails -= 1
            raise BackupError("it does not become ready")


def restore(place: Place, manifest: Manifest, service: Service | None = None) -> str:
    with place.target.locked():
        return Restore(
            manifest=manifest,
            target=place.target,
            source=place.source,
            service=service or Nobody(),
            identity=None,
            now=place.clock.now,
            say=lambda _: None,
        ).run()


def beads(path: Path) -> int:
    db = driver.connect(str(path))
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(db.execute("SELECT count(*) FROM attempt").fetchone()[0])
    finally:
        db.close()


def left_beside(place: Place) -> set[str]:
    ours = {path.name for path in (place.database, lock_path(place.database), *companions(place.database))}
    return {path.name for path in place.database.parent.iterdir()} - ours


def test_rows_of_afterwards_are_gone(place: Place) -> None:
    made = place.backup()
    add_attempts(place.url, first=100, count=500)
    service = Told()
    said = restore(place, made, service)
    assert service.calls == ["check", "stop", "start"]
    assert beads(place.database) == 30
    safety = next(item for item in catalog.load(place.target).backups if item.note)
    assert safety.name in said
    assert safety.tables["attempt"] == 530
    assert left_beside(place) == set()
    assert catalog.load(place.target).find("latest").name == made.name, "run again, it restores the same"
    restore(place, safety)
    assert beads(place.database) == 530


def test_a_wal_of_the_former_database_does_not_undo_it(place: Place) -> None:
    """A dead writer left commits in the WAL: they are in the safety backup, and not in what is restored."""
    made = place.backup()
    pid = os.fork()
    if pid == 0:
        db = driver.connect(str(place.database), isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("CREATE TABLE later (n INTEGER)")
        db.execute("INSERT INTO later VALUES (1)")
        os._exit(0)
    os.waitpid(pid, 0)
    assert companions(place.database)[0].stat().st_size > 0
    restore(place, made)
    db = driver.connect(str(place.database))
    assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'later'").fetchone() == (0,)
    db.close()
    safety = next(item for item in catalog.load(place.target).backups if item.note)
    assert safety.tables["later"] == 1


def test_old_rows_that_are_still_there_are_no_success(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A swap that silently does nothing, as with a mount or a copy in the wrong place, is found out."""
    made = place.backup()
    add_attempts(place.url, first=100, count=5)
    monkeypatch.setattr("ringmaster_operator.backups.swap.swap", lambda path, fresh: fresh.unlink())
    with pytest.raises(BackupError, match="not the file that was put there"):
        restore(place, made)
    assert beads(place.database) == 35


def test_an_operator_that_has_the_database(place: Place) -> None:
    made = place.backup()
    before = place.database.read_bytes()
    with lock_path(place.database).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Busy, match="--deployment NAMESPACE/NAME"):
            restore(place, made)
    assert place.database.read_bytes() == before


def test_a_damaged_backup_changes_nothing(place: Place) -> None:
    made = place.backup()
    path = place.folder / made.database.name
    path.write_bytes(path.read_bytes()[:-9])
    before, service = place.database.read_bytes(), Told()
    with pytest.raises(Damaged, match="ringmaster backup list"):
        restore(place, made, service)
    assert service.calls == ["check"], "the operator was never stopped"
    assert place.database.read_bytes() == before
    assert left_beside(place) == set()


def test_an_operator_that_does_not_come_up_gets_its_database_back(place: Place) -> None:
    made = place.backup()
    add_attempts(place.url, first=100, count=7)
    service = Told(fails=1)
    with pytest.raises(BackupError, match="in place again, and the operator runs with it"):
        restore(place, made, service)
    assert service.calls == ["check", "stop", "start", "stop", "start"]
    assert beads(place.database) == 37
    assert left_beside(place) == set()


def test_over_a_damaged_database(place: Place) -> None:
    made = place.backup()
    place.database.write_bytes(b"SQLite format 3\0" + os.urandom(4096))
    said = restore(place, made)
    assert "what was there before is backup" not in said
    assert beads(place.database) == 30
    assert left_beside(place) == {"ringmaster.db.before-restore"}, "the damaged file is kept"


def test_where_there_is_no_database(place: Place) -> None:
    made = place.backup()
    for path in (place.database, *companions(place.database)):
        path.unlink(missing_ok=True)
    restore(place, made)
    assert beads(place.database) == 30


VERSION = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {body}
"""


def other_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A Ringmaster with one migration more."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(migrate.__file__).with_name("migrations"), folder)
    (folder / "versions" / "9001_more.py").write_text(VERSION.format(head=migrate.head(), body=body))
    monkeypatch.setattr(migrate, "FOLDER", folder)


def test_an_older_schema_is_upgraded(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = place.backup()
    other_version(tmp_path, monkeypatch, 'op.create_table("more", sa.Column("n", sa.Integer))')
    restore(place, made)
    db = driver.connect(str(place.database))
    assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("9001",)
    db.close()
    assert beads(place.database) == 30


def test_a_migration_that_loses_rows_is_refused(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = place.backup()
    before = place.database.read_bytes()
    other_version(tmp_path, monkeypatch, 'op.execute("DELETE FROM attempt WHERE id > 29")')
    with pytest.raises(BackupError, match=r"lost rows of attempt \(30 before, 29 after\)"):
        restore(place, made)
    assert place.database.read_bytes() == before


def test_a_newer_schema_is_refused(place: Place, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as newer:
        other_version(tmp_path, newer, 'op.create_table("more", sa.Column("n", sa.Integer))')
        add_attempts(place.url, first=100, count=1)
        made = place.backup()
    assert made.schema_revision == "9001"
    with pytest.raises(BackupError, match="newer Ringmaster"):
        restore(place, made)


@pytest.mark.postgres
def test_postgres(postgres_server: Postgres, tmp_path: Path) -> None:
    url, target, clock = postgres_server.fresh(), FolderTarget(tmp_path / "b"), Ticking()
    add_attempts(url)
    place = Place(tmp_path / "none", tmp_path / "b")
    source = sources.source(url)
    made = run(source, target, place.wish())
    add_attempts(url, first=100, count=9)
    service = Told()

    def again(manifest: Manifest, told: Service) -> str:
        with target.locked():
            return Restore(
                manifest=manifest,
                target=target,
                source=source,
                service=told,
                identity=None,
                now=clock.now,
                say=lambda _: None,
            ).run()

    assert "what was there before is backup" in again(made, service)
    assert service.calls == ["check", "stop", "start"]
    assert source.facts().tables["attempt"] == 30  # type: ignore[union-attr]
    safety = next(item for item in catalog.load(target).backups if item.note)
    assert safety.tables["attempt"] == 39
    with pytest.raises(BackupError, match="in place again"):
        again(safety, Told(fails=1))
    assert source.facts().tables["attempt"] == 30  # type: ignore[union-attr]


def test_a_swap_keeps_what_the_wal_holds_and_leaves_none(place: Place, tmp_path: Path) -> None:
    """Commits that only the WAL has belong to the former database, wherever it goes."""
    pid = os.fork()
    if pid == 0:
        db = driver.connect(str(place.database), isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("CREATE TABLE later (n INTEGER)")
        os._exit(0)
    os.waitpid(pid, 0)
    fresh = place.database.with_name("fresh.db")
    db = driver.connect(str(fresh))
    db.execute("CREATE TABLE fresh (n INTEGER)")
    db.close()

    def tables() -> set[str]:
        db = driver.connect(str(place.database))
        found = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        db.close()
        return found & {"fresh", "later", "attempt"}

    with swap.held(place.database):
        swap.swap(place.database, fresh)
        assert not any(path.exists() for path in companions(place.database))
        assert tables() == {"fresh"}
        assert swap.undo(place.database)
    assert tables() == {"later", "attempt"}
