"""A person at a shell: decisions, decide, attach, top, recorded and played again; top and watch everywhere.

The recording stays in build/terminal: `asciinema play build/terminal/shell.cast`. `hack/docs recording` keeps
one in docs/recordings.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from support.clusters import REPOSITORY, fresh_namespace
from support.fleet import Fleet
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.people import admin
from support.terminals import CASTS, Terminal, replayed, terminal

pytestmark = [pytest.mark.cluster, pytest.mark.tmux]

OPTIONS = [{"name": "red", "consequence": "warm"}, {"name": "blue", "consequence": "cool"}]
WIDE = "日本語のタイトル 🎉 wide"
KEEP = bool(os.environ.get("RINGMASTER_RECORDING"))
RECORDING = REPOSITORY / "docs" / "recordings" / "terminal.cast"
PROGRAMS = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def environment(url: str, token: str, home: Path, **more: str) -> dict[str, str]:
    found = {
        "RINGMASTER_URL": url,
        "RINGMASTER_TOKEN": token,
        "PATH": PROGRAMS,
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "TMUX_TMPDIR": os.environ.get("TMUX_TMPDIR", ""),
        **more,
    }
    return {name: value for name, value in found.items() if value}


@pytest.fixture
def fleet(cluster: Any, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet whose one session works on a bead until it is ended, and a question."""
    made = Fleet(cluster, Path(mkdtemp(prefix="shop-")), "shop") if KEEP else Fleet(cluster, tmp_path)
    try:
        made.operator.start()
        made.apply(
            made.worker(),
            made.bead("slow", {"say": "I count the sheep"}, {"sleep": 600}, title=WIDE, priority="P0"),
            bead("colour", type="decision", decision={"question": "Which colour?", "options": OPTIONS}),
            bead("paint", dependsOn=["colour"], desired="Hold"),
        )
        made.until(lambda: made.status("slow").get("claim"), "slow is worked on")
        yield made
    finally:
        made.clean()


def run(shown: Terminal, command: str, *words: str) -> str:
    """Type a command as a person does, and wait for what it shows."""
    shown.write(command)
    time.sleep(0.2)  # the recording is for people
    shown.keys("Enter")
    return shown.until(*words)


def test_a_shell_session_decides_attaches_and_looks_around_and_can_be_played_again(
    fleet: Fleet, cluster: Any
) -> None:
    env = environment(
        fleet.operator.url,
        admin(cluster, fleet.namespace),
        fleet.folder,
        KUBECONFIG=str(cluster.kubeconfig),
        RINGMASTER_NAMESPACE=fleet.namespace,
        TERM="screen-256color",
    )
    with terminal("shell") as shown:
        (fleet.folder / "rc").write_text(f"PS1='ada$ '; PATH='{PROGRAMS}'\n")
        shown.start(["bash", "--rcfile", str(fleet.folder / "rc"), "-i"], env, columns=100, lines=30)
        shown.until("ada$")
        run(
            shown,
            f"ringmaster decisions -n {fleet.namespace}",
            "Which colour?",
            "1. red: warm",
            "2. blue: cool",
        )
        run(shown, f"ringmaster decide colour blue -n {fleet.namespace}", "colour: decided")
        fleet.until(lambda: fleet.outcome("colour").get("summary") == "blue", "the answer holds")
        run(shown, f"ringmaster worker attach w -n {fleet.namespace}", "I count the sheep")
        shown.keys("C-b", "d")
        shown.until("[detached")
        run(shown, f"ringmaster top -n {fleet.namespace}", "live", "NEEDS YOU 0", "FLEET 1", "slow", WIDE[:6])
        shown.keys("2", "Enter")
        shown.until("What is to be done", "works on it for")
        shown.keys("Escape", "q")
        shown.when(lambda text: "FLEET" not in text and "decided" in text, "the shell as it was")
        shown.write("exit")
        shown.keys("Enter")
        last = shown.until("ENDED 0")
    cast = CASTS / "shell.cast"
    events = [json.loads(row) for row in cast.read_text().splitlines()]
    assert events[0] == {"version": 2, "width": 100, "height": 30}
    times = [event[0] for event in events[1:]]
    assert times == sorted(times)
    assert env["RINGMASTER_TOKEN"] not in cast.read_text()
    assert replayed(cast) == last.rstrip()
    if KEEP:
        RECORDING.write_text(told(events), encoding="utf-8")


def told(events: list[Any]) -> str:
    """A recording for the docs: it says what it is, and players leave out what nobody waits for."""
    events[0] |= {"idle_time_limit": 2, "title": "Ringmaster in a terminal: decide, attach, top"}
    return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)


@pytest.fixture
def places(cluster: Any, tmp_path: Path) -> Iterator[tuple[OperatorProcess, list[str], dict[str, str]]]:
    """An operator for all namespaces, two of them, and somebody who may see just these."""
    names = [fresh_namespace(cluster) for _ in range(2)]
    operator = OperatorProcess(cluster.kubeconfig, "", tmp_path)
    token = admin(cluster, names[0])
    admin(cluster, names[1])
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "admin"}
    subject = {"kind": "ServiceAccount", "name": "admin", "namespace": names[0]}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "neighbour"},
        "subjects": [subject],
        "roleRef": role,
    }
    cluster.kubectl("apply", "-n", names[1], "-f-", stdin=listed([binding]))
    for name in names:
        cluster.kubectl(
            "create", "-n", name, "-f-", stdin=listed([bead("begun", title=WIDE, desired="Hold")])
        )
    operator.start()
    try:
        yield operator, names, environment(operator.url, token, tmp_path)
    finally:
        operator.stop()


def _until_it_watches(cluster: Any, namespace: str, watched: Terminal) -> None:
    """What begins to watch shows it by a change alone."""
    for number in range(60):
        sign = bead(f"sign-{number}", desired="Hold")
        cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([sign]))
        time.sleep(1)
        if "sign-" in watched.screen():
            return
    raise AssertionError(watched.screen())


def test_top_and_watch_follow_all_namespaces_live(
    cluster: Any, places: tuple[OperatorProcess, list[str], dict[str, str]]
) -> None:
    _, names, env = places
    command = [sys.executable, "-m", "ringmaster_cli"]
    with terminal("top-everywhere") as shown, terminal("watch-everywhere") as watched:
        watched.start([*command, "watch", "-A"], env, columns=160)
        shown.start([*command, "top", "-A"], env, columns=120, lines=30)
        shown.until("live", *(f"{name}/begun" for name in names))
        _until_it_watches(cluster, names[0], watched)
        asked = {"question": "Which colour?", "options": OPTIONS}
        decision = bead("colour", type="decision", decision=asked)
        cluster.kubectl("create", "-n", names[1], "-f-", stdin=listed([decision]))
        shown.until("NEEDS YOU 1", f"{names[1]}/colour")
        shown.keys("1", "d")
        shown.until("1  red: warm", "answer")
        shown.keys("2", "Enter")
        shown.until("colour: decided, blue")
        watched.until(f"{names[1]}", "NeedsDecision -> Succeeded")
        text = watched.screen()
        told = [line for line in text.splitlines() if "colour" in line]
        assert told, text
        assert all(names[1] in line for line in told), text
        shown.keys("q")
        shown.until("ENDED 0")


YELLOW_OR_GREEN = re.compile(r"\x1b\[(?:[0-9;]*;)?3[236][;m]")


def test_a_light_terminal_gets_dark_colours(fleet: Fleet, cluster: Any) -> None:
    env = environment(fleet.operator.url, admin(cluster, fleet.namespace), fleet.folder, COLORFGBG="0;15")
    with terminal("top-light") as shown:
        command = [sys.executable, "-m", "ringmaster_cli", "top", "-n", fleet.namespace]
        shown.start(command, env)
        shown.until("live", "slow", "FLEET 1")
        styled = shown.screen(styled=True)
        assert "38;5;" in styled
        assert not YELLOW_OR_GREEN.search(styled)
        shown.keys("q")
        shown.until("ENDED 0")
