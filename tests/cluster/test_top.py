"""`ringmaster top` as a person uses it: a real tmux, the real operator and API server, a scripted agent.

Recordings and pictures stay in build/terminal.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from support.fleet import Fleet
from support.manifests import bead
from support.people import accounts, admin
from support.terminals import CASTS, Terminal, terminal

pytestmark = [pytest.mark.cluster, pytest.mark.tmux]

COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?3[1-7][;m]")
WIDE = "日本語のタイトル 🎉 wide"
OPTIONS = [{"name": "red", "consequence": "warm"}, {"name": "blue", "consequence": "cool"}]


@pytest.fixture(scope="module")
def fleet(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet whose one session works on a bead with a wide title until it is ended."""
    made = Fleet(cluster, tmp_path_factory.mktemp("top"))
    try:
        made.operator.start()
        made.apply(
            made.worker(),
            made.bead("slow", {"sleep": 600}, title=WIDE, priority="P0"),
            bead("colour", type="decision", decision={"question": "Which colour?", "options": OPTIONS}),
            bead("paint", dependsOn=["colour"], desired="Hold"),
            bead("idea", title="An idea", desired="Hold"),
        )
        made.until(lambda: made.status("slow").get("claim"), "slow is worked on")
        yield made
    finally:
        made.clean()


def environment(fleet: Fleet, token: str) -> dict[str, str]:
    return {
        "RINGMASTER_URL": fleet.operator.url,
        "RINGMASTER_TOKEN": token,
        "PATH": os.environ["PATH"],
        "HOME": str(fleet.folder),
        "LC_ALL": "C.UTF-8",
        "TMUX_TMPDIR": os.environ.get("TMUX_TMPDIR", ""),
    }


@pytest.fixture(scope="module")
def env(fleet: Fleet, cluster: Any) -> dict[str, str]:
    """Of a person who may do everything there."""
    found = environment(fleet, admin(cluster, fleet.namespace))
    return {name: value for name, value in found.items() if value}


def opened(shown: Terminal, fleet: Fleet, env: dict[str, str], **size: int) -> None:
    command = [sys.executable, "-m", "ringmaster_cli", "top", "-n", fleet.namespace]
    shown.start(command, env, **size)
    shown.until("live", "colour", "slow", "QUEUE 4")


def line(text: str, words: str) -> str:
    """The first line with these words; none while the screen is being drawn."""
    return next((row for row in text.splitlines() if words in row), "")


def test_a_session_of_looking_deciding_attaching_and_holding(fleet: Fleet, env: dict[str, str]) -> None:
    with terminal("top") as shown:
        opened(shown, fleet, env)
        shown.keys("d")
        shown.until("Which colour?", "1  red: warm", "answer")
        shown.keys("2", "Enter")
        shown.until("colour: decided, blue")
        fleet.until(lambda: fleet.outcome("colour").get("summary") == "blue", "the answer holds")
        shown.until("NEEDS YOU 0", "nothing needs you")

        shown.keys("Tab", "a")
        shown.until("Bash sleep 600")  # the session itself
        shown.keys("C-b", "d")
        shown.until("back from w-0", "FLEET 1")

        shown.keys("Enter")
        shown.until("works on it for", "What is to be done", "grep -q yes slow.txt")
        shown.keys("Escape")
        shown.keys("s")
        shown.write("mind the roof")
        shown.keys("Enter")
        shown.until("its agent is told")
        assert [note["text"] for note in fleet.get("bead", "slow")["spec"]["steering"]] == ["mind the roof"]

        shown.keys("/")
        shown.write("idea")
        shown.keys("Enter")
        shown.until("QUEUE 1")
        shown.keys("h")
        shown.until("idea goes on")
        shown.keys("p", "1")
        shown.until("idea has priority P1")
        spec = fleet.get("bead", "idea")["spec"]
        assert (spec["desired"], spec["priority"]) == ("Run", "P1")
        shown.keys("h")
        shown.until("idea is held")
        shown.keys("Escape", "q")
        shown.until("ENDED 0")
        assert shown.modes() == "0 1"
    events = [json.loads(row) for row in (CASTS / "top.cast").read_text().splitlines()]
    assert events[0] == {"version": 2, "width": 80, "height": 24}
    assert any("NEEDS YOU" in event[2] for event in events[1:])


def test_sizes_wide_characters_no_colour_and_pasted_text(fleet: Fleet, env: dict[str, str]) -> None:
    with terminal("top-sizes") as shown:
        command = [sys.executable, "-m", "ringmaster_cli", "top", "-n", fleet.namespace]
        shown.start(command, {**env, "NO_COLOR": "1"})
        shown.until("live", "slow", "FLEET 1")
        assert not COLOUR.search(shown.screen(styled=True))
        shown.paste("3hq\rp0")
        shown.resize(200, 60)
        shown.when(lambda text: WIDE in line(text, "P0 slow"), "wide")
        shown.when(lambda text: line(text, "NEEDS YOU").find("QUEUE") == 103, "side by side")
        shown.resize(80, 24)
        shown.when(lambda text: "P0 slow" in text and "QUEUE" in text.splitlines()[5], "narrow")
        shown.when(
            lambda text: 0 < line(text, "P0 slow").find("Running") == line(text, " idea ").find("Held"),
            "aligned",
        )
        shown.resize(30, 8)
        shown.until("too small")
        shown.resize(80, 24)
        shown.until("FLEET 1")
        assert fleet.get("bead", "slow")["spec"]["priority"] == "P0"  # nothing pasted has acted


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(
    fleet: Fleet, env: dict[str, str], number: signal.Signals
) -> None:
    with terminal(f"top-{number.name.lower()}") as shown:
        command = [sys.executable, "-m", "ringmaster_cli", "top", "-n", fleet.namespace]
        shown.start(command, env)
        shown.until("live", "FLEET 1")
        assert shown.modes() == "1 0"
        os.kill(shown.pid(), number)
        shown.until("ENDED 7", number.name)
        assert shown.modes() == "0 1"
        shown.write("typed words are seen")
        shown.until("typed words are seen")  # it echoes again


def test_who_may_not_is_told_and_nothing_is_changed(fleet: Fleet, cluster: Any) -> None:
    tokens = accounts(cluster, fleet.namespace)
    with terminal("top-forbidden") as shown:
        env = {name: value for name, value in environment(fleet, tokens["reader"]).items() if value}
        command = [sys.executable, "-m", "ringmaster_cli", "top", "-n", fleet.namespace]
        shown.start(command, env)
        shown.until("live", "FLEET 1", "idea")
        assert COLOUR.search(shown.screen(styled=True))
        shown.keys("/")
        shown.write("idea")
        shown.keys("Enter")
        shown.until("QUEUE 1")
        shown.keys("h")
        shown.until("may not patch beads")
        shown.keys("q")
        shown.until("ENDED 0")
    assert fleet.get("bead", "idea")["spec"]["desired"] == "Hold"


def test_it_stays_over_a_restart_of_the_operator_and_costs_next_to_nothing(
    fleet: Fleet, env: dict[str, str]
) -> None:
    with terminal("top-restart") as shown:
        command = [sys.executable, "-m", "ringmaster_cli", "top", "-n", fleet.namespace]
        shown.start(command, env)
        shown.until("live", "FLEET 1")
        process = psutil.Process(shown.pid())
        began, end = -1.0, time.monotonic() + 30
        while cpu(process) - began > 0.1 and time.monotonic() < end:  # until its lists are read
            began = cpu(process)
            time.sleep(2)
        began = cpu(process)
        time.sleep(5)
        idle = (cpu(process) - began) / 5
        assert idle < 0.04, f"{idle:.1%} of a processor while nothing happens"

        fleet.operator.kill()
        shown.until("OFFLINE")
        fleet.apply(bead("meanwhile", desired="Hold"))
        fleet.operator.start()
        shown.until("live", "meanwhile")
        began_at = time.monotonic()
        fleet.apply(bead("afterwards", desired="Hold"))
        shown.until("afterwards")
        print(
            f"idle {idle:.2%} of a processor; a new bead was seen {time.monotonic() - began_at:.2f} s after"
        )
        shown.keys("q")
        shown.until("ENDED 0")


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
