"""The same promises in a bucket, on a real S3 server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import pytest

from ringmaster_operator.backups import catalog, s3
from ringmaster_operator.backups.errors import Busy, Damaged, NotThere, TargetFault
from ringmaster_operator.backups.places import target as place_of
from ringmaster_operator.backups.prune import prune
from ringmaster_operator.backups.rehearsal import rehearse
from ringmaster_operator.backups.run import run
from ringmaster_operator.backups.target import LOCK
from ringmaster_operator.backups.verify import verify
from support.s3 import Bucket

from .conftest import Place

pytestmark = pytest.mark.s3


def test_kept_proven_rehearsed_pruned(place: Place, bucket: Bucket) -> None:
    target = place_of(f"s3://{bucket.name}/ring/master")
    made = [run(place.source, target, place.wish("hourly")) for _ in range(5)]
    assert made[0].verified is not None
    assert (bucket.folder / "ring" / "master" / made[0].database.name).is_file()
    assert "30 open attempts" in rehearse(target, made[0], database="", identity=None)
    with target.locked():
        later = place.clock.moment + timedelta(days=9)
        prune(target, now=later, hourly=timedelta(days=7), daily=timedelta(days=30))
    assert [item.name for item in catalog.load(target).backups] == [item.name for item in made[:1:-1]]
    assert LOCK not in {path.name for path in (bucket.folder / "ring" / "master").iterdir()}


def test_larger_than_one_part(place: Place, bucket: Bucket, tmp_path: Path) -> None:
    target = place_of(f"s3://{bucket.name}")
    big, back = tmp_path / "big", tmp_path / "back"
    big.write_bytes(os.urandom(11 << 20))
    target.put(big, "ringmaster-manual-20260101T000000Z.db.gz")
    target.fetch("ringmaster-manual-20260101T000000Z.db.gz", back)
    assert back.read_bytes() == big.read_bytes()


def test_a_flipped_bit_in_the_bucket(place: Place, bucket: Bucket) -> None:
    target = place_of(f"s3://{bucket.name}/x")
    made = run(place.source, target, place.wish())
    path = bucket.folder / "x" / made.database.name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(Damaged, match="SHA-256 differs"):
        verify(target, made, identity=None, now=place.clock.now())
    with pytest.raises(NotThere, match="ringmaster backup verify"):
        catalog.load(target).find("latest")


def test_one_at_a_time(place: Place, bucket: Bucket) -> None:
    one, two = place_of(f"s3://{bucket.name}/x"), place_of(f"s3://{bucket.name}/x")
    with one.locked():
        with pytest.raises(Busy, match=f"process {os.getpid()} on "), two.locked():
            pass
        with pytest.raises(Busy):
            run(place.source, two, place.wish())
    run(place.source, two, place.wish())


def test_a_dead_ones_lock_ends(place: Place, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    target = s3.S3Target(bucket.name, "x")
    obstore.put(target._store, LOCK, b"{}")
    with pytest.raises(Busy):
        run(place.source, target, place.wish())
    long_ago = (datetime.now(UTC) - s3.LEASE - timedelta(minutes=1)).timestamp()
    os.utime(bucket.folder / "x" / LOCK, (long_ago, long_ago))
    assert run(place.source, target, place.wish()).verified is not None


def test_a_lock_is_renewed(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "RENEW_SECONDS", 0.05)
    target = s3.S3Target(bucket.name, "x")
    with target.locked():
        first = obstore.head(target._store, LOCK)["last_modified"]
        deadline = time.monotonic() + 20
        while obstore.head(target._store, LOCK)["last_modified"] == first:
            assert time.monotonic() < deadline
            time.sleep(0.1)


LIVES = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from ringmaster_operator.backups import points, s3
from ringmaster_operator.backups.run import Wish, run
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.clock import Clock
from ringmaster_operator.resources.backup import BackupMode

s3.LEASE = timedelta(0)

def live(left):
    def crash(name):
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
    points.crash = crash
    wish = Wish(mode=BackupMode.MANUAL, now=Clock().now)
    run(SqliteSource(Path(sys.argv[1])), s3.S3Target(sys.argv[2], "x"), wish)

for line in sys.stdin:  # one life a line; obstore's threads would not survive a fork, so only lives have any
    pid = os.fork()
    if pid == 0:
        live(int(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_a_kill_leaves_no_half_backup(place: Place, bucket: Bucket) -> None:
    target = place_of(f"s3://{bucket.name}/x")
    first = run(place.source, target, place.wish()).name
    command = [sys.executable, "-c", LIVES, str(place.database), bucket.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as lives:
        assert lives.stdin is not None
        assert lives.stdout is not None
        for moment in range(1, 50):
            print(moment, file=lives.stdin, flush=True)
            code = int(lives.stdout.readline())
            known = catalog.load(target)
            assert known.unreadable == {}
            assert first in [item.name for item in known.backups]
            assert all(verify(target, item, identity=None, now=place.clock.now()) for item in known.backups)
            if code == 0:
                break
            assert code == -signal.SIGKILL
        lives.stdin.close()
    assert moment > 8
    assert len(known.orphans) == 0


def test_no_bucket_and_no_server(place: Place, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TargetFault, match="s3://nothing-here"):
        run(place.source, place_of("s3://nothing-here/x"), place.wish())
    monkeypatch.setattr(s3, "RETRIES", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TargetFault, match="cannot be") as fault:
        run(place.source, place_of(f"s3://{bucket.name}/x"), place.wish())
    assert "not-a-secret" not in str(fault.value)
