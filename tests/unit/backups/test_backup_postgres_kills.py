"""kill -9 in the midst of a PostgreSQL restore: the former history or the restored one, never half of one."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ringmaster_operator.backups import catalog, points, sources
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.postgres_source import PostgresSource
from ringmaster_operator.backups.restore import Restore
from ringmaster_operator.backups.run import run
from ringmaster_operator.backups.services import Nobody
from ringmaster_operator.backups.target import FolderTarget
from support.postgres import Postgres

from .conftest import Place, Ticking, add_attempts

pytestmark = pytest.mark.postgres

MOMENTS = ("stopped", "safety backup made", "script written", "tables replaced", "restored database read")
ANYWHERE = 12 if os.environ.get("RINGMASTER_LONG") else 3
"""Kills at random times, of the command and of PostgreSQL's programs that it has started."""
SECONDS = 60.0


class Scene:
    """A history of 39 attempts on a server, and a backup of when it had 30."""

    def __init__(self, server: Postgres, folder: Path) -> None:
        self.url, self.target, self.clock = server.fresh(), FolderTarget(folder), Ticking()
        add_attempts(self.url)
        found = sources.source(self.url)
        assert isinstance(found, PostgresSource)
        self.source = found
        self.made: Manifest = run(found, self.target, Place(folder, folder).wish())
        add_attempts(self.url, first=100, count=9)

    def restore(self) -> None:
        with self.target.locked():
            Restore(
                manifest=self.made,
                target=self.target,
                source=self.source,
                service=Nobody(),
                identity=None,
                now=self.clock.now,
                say=lambda _: None,
            ).run()

    def again(self) -> None:
        """As a person would after the kill; what is left is whole before and after it."""
        self.settled()
        self.restore()
        assert self.source.facts().tables["attempt"] == 30
        for item in catalog.load(self.target).backups:
            assert item.verified, item.name
        add_attempts(self.url, first=100, count=9)
        self.clock.moment = self.clock.moment.replace(minute=(self.clock.moment.minute + 1) % 60)

    def settled(self) -> None:
        """The server has noticed that its clients are gone; what is there is one of the two histories."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self.source.alone()
                break
            except Exception:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        held = self.source.facts()
        assert held.tables["attempt"] in (30, 39)
        assert held.revision == self.made.schema_revision
        assert set(held.tables) == set(self.made.tables)


def child(work: Callable[[], object]) -> int:
    """The work in a process group of its own."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setpgid(0, 0)
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


def test_kill_at_the_moments_of_a_restore(postgres_server: Postgres, tmp_path: Path) -> None:
    scene = Scene(postgres_server, tmp_path / "b")
    for moment in MOMENTS:

        def crash(name: str, moment: str = moment) -> None:
            if name == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        def work(crash: Callable[[str], None] = crash) -> None:
            points.crash = crash
            scene.restore()

        _, status = os.waitpid(child(work), 0)
        assert os.WIFSIGNALED(status), f"it never came to: {moment}"
        left = scene.source.facts().tables["attempt"]
        assert left == (39 if moment in MOMENTS[:3] else 30), moment
        scene.again()


def test_kill_anywhere(postgres_server: Postgres, tmp_path: Path) -> None:
    seed = int(os.environ.get("RINGMASTER_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"RINGMASTER_SEED={seed}")
    rng, scene = random.Random(seed), Scene(postgres_server, tmp_path / "b")
    began = time.monotonic()
    scene.restore()
    took = time.monotonic() - began
    add_attempts(scene.url, first=100, count=9)
    for _ in range(ANYWHERE):
        pid = child(scene.restore)
        time.sleep(rng.uniform(0, took))
        os.kill(pid, signal.SIGSTOP)  # so that it is there to be killed as a group
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        scene.again()
