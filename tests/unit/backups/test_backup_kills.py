"""kill -9 at every moment of a backup, a prune and a restore; full disks; targets that go away."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from ringmaster_operator.backups import catalog, points
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.prune import prune
from ringmaster_operator.backups.restore import Restore
from ringmaster_operator.backups.services import Nobody
from ringmaster_operator.history.sqlite import companions
from ringmaster_operator.resources.backup import Compression

from .conftest import Place, add_attempts, sound

MOMENTS = 200
"""More than any of these works has."""


def killed(work: Callable[[], object], moment: int) -> str | None:
    """Run in a child that dies by SIGKILL at its n-th moment: the moment's name; None when it lived."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        left = moment

        def crash(name: str) -> None:
            nonlocal left
            left -= 1
            if not left:
                os.write(write, name.encode())
                os.kill(os.getpid(), signal.SIGKILL)

        points.crash = crash
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(read, "rb") as pipe:
        name = pipe.read().decode()
    if name:
        assert os.WIFSIGNALED(status)
        return name
    assert os.waitstatus_to_exitcode(status) == 0, "it failed instead of dying"
    return None


def each_moment(
    work: Callable[[], object],
    look: Callable[[str], None],
    *,
    before: Callable[[], object] = lambda: None,
) -> list[str]:
    """Kill it at one moment after the other and look each time; the moments."""
    names: list[str] = []
    for number in range(1, MOMENTS):
        before()
        name = killed(work, number)
        if name is None:
            print(f"killed at each of {len(names)} moments")
            return names
        names.append(name)
        look(f"killed at {number} ({name})")
    raise AssertionError("it never came to its end")


def rows(path: Path) -> int:
    db = driver.connect(str(path))
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(db.execute("SELECT count(*) FROM attempt").fetchone()[0])
    finally:
        db.close()


def test_kill_at_every_moment_of_a_backup(
    place: Place, fake_resources: Callable[[Path], dict[str, int]]
) -> None:
    first = place.backup().name
    moments = each_moment(
        lambda: place.backup(resources=fake_resources), lambda where: sound(place, first, where)
    )
    assert len(moments) >= 15, moments
    place.backup()
    known = catalog.load(place.target)
    belongs = {f"{item.name}.manifest.json" for item in known.backups}
    belongs |= {part.name for item in known.backups for part in item.parts}
    assert place.files() == belongs, "a run clears what dead ones left"


def test_kill_at_every_moment_of_a_prune(place: Place) -> None:
    place.backup("daily")
    for _ in range(6):
        place.backup("hourly")
    newest = place.backup("hourly").name

    def work() -> None:
        with place.target.locked():
            later = place.clock.moment + timedelta(days=20)
            prune(place.target, now=later, hourly=timedelta(days=7), daily=timedelta(days=30))

    kept = place.folder.with_name("kept")
    shutil.copytree(place.folder, kept)

    def before() -> None:
        shutil.rmtree(place.folder)
        shutil.copytree(kept, place.folder)

    moments = each_moment(work, lambda where: sound(place, newest, where), before=before)
    assert len(moments) >= 15, moments
    left = catalog.load(place.target).backups
    assert sorted(item.mode.value for item in left) == ["daily", "hourly", "hourly", "hourly"]
    daily = next(item for item in left if item.mode.value == "daily")
    assert (daily.database.compression, daily.database.level) == (Compression.ZSTD, 15)


def test_kill_at_every_moment_of_a_restore(place: Place) -> None:
    """In place is the database of before or the restored one, whole; every backup is still good."""
    made: Manifest = place.backup()
    add_attempts(place.url, first=100, count=20)

    def work() -> None:
        with place.target.locked():
            Restore(
                manifest=made,
                target=place.target,
                source=place.source,
                service=Nobody(),
                identity=None,
                now=place.clock.now,
                say=lambda _: None,
            ).run()

    seen = set()

    def look(where: str) -> None:
        sound(place, made.name, where)
        found = rows(place.database)
        assert found in (30, 50), where
        seen.add(found)
        if found == 30:
            add_attempts(place.url, first=100, count=20)
        place.clock.moment += timedelta(seconds=100)

    moments = each_moment(work, look)
    assert len(moments) >= 20, moments
    assert seen == {30, 50}
    assert rows(place.database) == 30
    assert not any(
        path.name.startswith("ringmaster.db.restoring") for path in place.database.parent.iterdir()
    )
    assert not any(path.exists() and path.stat().st_size for path in companions(place.database)[:1])
