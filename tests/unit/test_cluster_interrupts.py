"""hack/cluster hears a signal also where Python throws away what its handler raises."""

from __future__ import annotations

import subprocess
import sys

from support.agents import REPOSITORY

LOST = """
import os, signal
from kubecluster import interrupts

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})

try:
    with interrupts.raised():
        Dying()
        print("lost", flush=True)
        interrupts.check()
        print("missed")
except KeyboardInterrupt:
    print("heard")
"""


def heard(name: str) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", LOST.format(name=name)],
        env={"PYTHONPATH": str(REPOSITORY / "hack")},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.split()


def test_a_signal_that_a_destructor_swallows_is_heard() -> None:
    assert [heard(name) for name in ("SIGINT", "SIGTERM")] == [["lost", "heard"], ["lost", "heard"]]
