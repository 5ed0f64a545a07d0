"""Nothing that an agent started outlives it, and nothing else is touched."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from support.agents import Room, shell


@pytest.mark.parametrize(
    "child",
    [
        "sleep 300",
        "setsid sleep 300 &",
        "(setsid sh -c 'sleep 300 & sleep 300' </dev/null >/dev/null 2>&1 &)",
        "trap '' TERM INT; sleep 300; sleep 300",
        "nohup sleep 300 >/dev/null 2>&1 &",
    ],
)
def test_nothing_is_left_running(room: Room, child: str) -> None:
    """Whatever an agent started ends with it: what leaves its group, lets go of it, or ignores requests."""
    program = (
        f"cd {room.work}; {child.replace('sleep 300', 'env WHERE=' + str(room.path) + ' sleep 300')}\nwait"
    )
    before = time.monotonic()
    result = room.run(profile="generic", command=shell(program), timeout=1)
    assert result.ended in ("timeout", "exit")
    assert leftovers(room.path) == []
    assert time.monotonic() - before < 20


def test_an_agent_that_ends_takes_its_daemons_along(room: Room) -> None:
    result = room.play({"spawn": f"exec env WHERE={room.path} sleep 300"}, {"done": "ok"})
    assert (result.ended, result.exit_code) == ("exit", 0)
    assert leftovers(room.path) == []


def test_other_processes_are_left_alone(room: Room) -> None:
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as stranger:
        room.run(profile="generic", command=shell("sleep 300"), timeout=0.5)
        assert stranger.poll() is None
        stranger.kill()


def leftovers(path: Path) -> list[int]:
    """Processes of this test: they carry its folder in their environment or arguments."""
    needle = f"WHERE={path}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if needle in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
