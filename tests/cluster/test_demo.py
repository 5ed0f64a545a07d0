"""The demo, as a person starts it: it keeps its promises and leaves nothing behind, also when interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

HACK = Path(__file__).resolve().parents[2] / "hack"

pytestmark = [pytest.mark.cluster, pytest.mark.tmux]


class Demo:
    """`hack/demo` on the tests' cluster, without the installation that precedes it."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.folder = folder
        # A short path: tmux sockets live below it.
        env = {**os.environ, "PYTHONPATH": str(HACK), "TMPDIR": str(folder), "TMUX_TMPDIR": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demolib", "--yes", "--kubeconfig", str(kubeconfig)],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        self.lines: list[str] = []

    def until(self, words: str) -> None:
        """Read on until a line has the words."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if words in line:
                return
        raise AssertionError(f"the demo ended before {words!r}:\n{''.join(self.lines)}")

    def end(self) -> tuple[int, str]:
        """Its exit code and all that it said."""
        rest, _ = self.process.communicate(timeout=240)
        return self.process.returncode, "".join(self.lines) + rest

    def left(self) -> list[str]:
        """Processes and files that are still there."""
        mark = str(self.folder)
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and (
                    any(mark in word for word in process.cmdline())
                    or process.environ().get("TMUX_TMPDIR") == mark
                ):
                    found.append(f"{process.pid} {process.cmdline()}")
            except psutil.Error:
                continue
        files = [str(path) for path in self.folder.rglob("*") if not path.is_dir()]
        return found + files


@pytest.fixture
def demo(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(cluster.kubeconfig, tmp_path_factory.mktemp("demo"))
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(120)


def test_the_demo_keeps_its_promises_and_cleans_up(demo: Demo) -> None:
    code, said = demo.end()
    assert code == 0, said
    assert "Checks: 30 of 30 hold." in said
    assert "ordinal: P3, as P0 because calendar-line waits for it" in said
    assert demo.left() == []


def test_an_interrupted_demo_leaves_nothing(demo: Demo) -> None:
    demo.until("roman: Running")
    os.kill(demo.process.pid, signal.SIGINT)
    code, said = demo.end()
    assert code == 130, said
    assert demo.left() == []
