"""kill -9 at every moment of a backup, a prune and a restore; full disks; targets that go away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from ringmaster_operator.backups import catalog, points
from ringmaster_operator.backups.errors import TargetFault
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.prune import prune
from ringmaster_operator.backups.restore import Restore
from ringmaster_operator.backups.services import Nobody
from ringmaster_operator.backups.verify import verify
from ringmaster_operator.history.sqlite import companions
from ringmaster_operator.resources.backup import Compression

from .conftest import Place, add_attempts

APART = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private", "bash", "-c")
"""Runs a script with mounts of its own, as whatever user."""
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
            return names
        names.append(name)
        look(f"killed at {number} ({name})")
    raise AssertionError("it never came to its end")


def sound(place: Place, first: str, where: str) -> None:
    """The first backup is there and whole, and whatever is called verified is."""
    known = catalog.load(place.target)
    assert known.unreadable == {}, where
    assert first in [manifest.name for manifest in known.backups], where
    for manifest in known.backups:
        assert manifest.verified, where
        verify(place.target, manifest, identity=None, now=place.clock.now())


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


FULL = """
set -e
mkdir -p {mount}
mount -t tmpfs -o size={size} none {mount}
{python} - <<'END'
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from ringmaster_operator.backups import catalog
from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.backups.run import run, Wish
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.backups.target import FolderTarget
from ringmaster_operator.clock import Clock
from ringmaster_operator.resources.backup import BackupMode, Compression
target, source = FolderTarget(Path("{mount}/b")), SqliteSource(Path("{database}"))
FolderTarget.room = lambda self, private: 1 << 40  # the disk fills up after the look
made = fell = 0
try:
    while True:
        run(source, target, Wish(mode=BackupMode.MANUAL, now=Clock().now, compression=Compression.NONE))
        made += 1
except BackupError as fault:
    print("SAID", fault)
known = catalog.load(target)
print("LEFT", made, len(known.backups), len(known.unreadable), len(known.orphans))
END
"""


def test_a_disk_that_becomes_full(place: Place, tmp_path: Path) -> None:
    add_attempts(place.url, first=100, count=400)
    script = FULL.format(
        mount=tmp_path / "small",
        size=6 * place.database.stat().st_size,
        python=sys.executable,
        paths=[path for path in sys.path if path],
        database=place.database,
    )
    done = subprocess.run(
        [*APART, script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, left = done.stdout.splitlines()
    assert "No space left" in said or "full" in said, said
    _, made, listed, unreadable, orphans = left.split()
    assert int(made) >= 1
    assert (listed, unreadable, orphans) == (made, "0", "0"), "the failed one left nothing"


FULL_RESTORE = """
set -e
mkdir -p {mount}
mount -t tmpfs -o size={size} none {mount}
cp {database} {mount}/ringmaster.db
{python} - <<'END'
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from pysqlite3 import dbapi2 as driver
from ringmaster_operator.backups import catalog, restore
from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.backups.services import Nobody
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.backups.target import FolderTarget
from ringmaster_operator.clock import Clock
place, target = Path("{mount}/ringmaster.db"), FolderTarget(Path("{folder}"))
restore._need_room = lambda path, manifest: None  # the disk fills up after the look
made = catalog.load(target).find("{name}")
work = restore.Restore(
    manifest=made, target=target, source=SqliteSource(place), service=Nobody(), identity=None,
    now=Clock().now, say=lambda text: None,
)
try:
    with target.locked():
        work.run()
except BackupError as fault:
    print("SAID", fault)
db = driver.connect(str(place))
asked = ("PRAGMA integrity_check", "SELECT count(*) FROM attempt")
print("LEFT", *(db.execute(words).fetchone()[0] for words in asked))
print("BESIDE", *sorted(path.name for path in place.parent.iterdir() if path.is_dir()))
END
"""


def test_a_disk_that_becomes_full_in_a_restore(place: Place, tmp_path: Path) -> None:
    """The restored copy does not fit: what is there stays, and nothing half-made lies beside it."""
    add_attempts(place.url, first=100, count=400)
    made = place.backup()
    add_attempts(place.url, first=1000, count=7)
    script = FULL_RESTORE.format(
        mount=tmp_path / "small",
        size=place.database.stat().st_size * 3 // 2,
        database=place.database,
        folder=place.folder,
        name=made.name,
        python=sys.executable,
        paths=[path for path in sys.path if path],
    )
    done = subprocess.run([*APART, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, left, *beside = done.stdout.splitlines()
    assert "No space left" in said or "full" in said, said
    assert left == "LEFT ok 437"
    assert beside == ["BESIDE"]
    sound(place, made.name, "afterwards")


def test_a_target_that_vanishes(place: Place) -> None:
    """The folder goes away in the middle, as a disk that is pulled out; the run says so, nothing is lost."""
    first = place.backup().name
    away = place.folder.with_name("away")

    def pull(name: str) -> None:
        if name == "database packed":
            place.folder.rename(away)

    points.crash = pull
    try:
        with pytest.raises(TargetFault, match="mount its disk"):
            place.backup()
    finally:
        points.crash = None
    away.rename(place.folder)
    sound(place, first, "after the target came back")
    place.backup()


def test_a_read_only_target(place: Place) -> None:
    first = place.backup().name
    code = (
        "import sys\nfrom pathlib import Path\nfrom ringmaster_operator.backups.target import FolderTarget\n"
        "from ringmaster_operator.backups.errors import TargetFault\n"
        "try:\n    FolderTarget(Path(sys.argv[1])).locked().__enter__()\n"
        "except TargetFault as fault:\n    print(fault)\n"
    )
    mount = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [*APART, mount, "-", place.folder, sys.executable, code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "cannot be written: Read-only file system" in done.stdout, done.stderr
    sound(place, first, "afterwards")
