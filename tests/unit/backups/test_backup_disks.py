"""Disks that become full and targets that go away while a backup or a restore runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ringmaster_operator.backups import points
from ringmaster_operator.backups.errors import TargetFault

from .conftest import Place, add_attempts, sound

APART = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private", "bash", "-c")
"""Runs a script with mounts of its own, as whatever user."""

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
