"""`ringmaster watch` and `status` as people run them, over a restart of the operator."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.people import accounts
from support.programs import Program
from support.sessions import Session, at_work, make_worker

pytestmark = pytest.mark.cluster


@pytest.fixture
def operator(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    process = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def env(cluster: Any, namespace: str, operator: OperatorProcess) -> dict[str, str]:
    token = accounts(cluster, namespace)["editor"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGMASTER_")}
    return {**clean, "RINGMASTER_URL": operator.url, "RINGMASTER_TOKEN": token}


def ran(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ringmaster_cli", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


async def test_watch_misses_nothing_and_says_nothing_twice_over_a_restart(
    cluster: Any, namespace: str, operator: OperatorProcess, env: dict[str, str]
) -> None:
    def create(*items: dict[str, Any]) -> None:
        cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(items))

    token = make_worker(cluster, namespace)
    create(bead("first", priority="P0"), bead("other"))
    session = Session(operator.url, token)
    people = Program(env, "watch", "-n", namespace, "--kind", "beads")
    one = Program(env, "watch", "first", "-n", namespace, "--done")
    data = Program(env, "watch", "-n", namespace, "--json", "--phase", "running")
    one.until("first")
    for number in range(60):  # until all three have begun, which they show by a change alone
        create(bead(f"sign-{number}"))
        sign = await session.pull(wait=30, bead=f"sign-{number}")
        assert sign is not None
        await session.report(sign)
        if all(any("sign-" in line for line in list(shown.lines)) for shown in (people, data)):
            break
        await asyncio.sleep(0.5)
    claimed = await session.pull(wait=30, bead="first")
    assert claimed is not None
    one.until("Ready -> Running on fleet-0")

    operator.kill()
    people.until("offline: ")
    create(bead("meanwhile"))
    operator.start()
    async with at_work(session, claimed):
        await asyncio.to_thread(people.until, "online again")
        await asyncio.to_thread(people.until, "meanwhile")
    assert (await session.report(claimed))[0] == 200
    one.until("Running -> Succeeded")
    until(lambda: any("Running -> Succeeded" in line for line in firsts(people)))
    until(lambda: any("Succeeded" in line for line in firsts(data)))
    assert one.process.wait(60) == 0  # it ends by itself, and all is well
    one.end()
    await session.close()
    people.end()
    data.end()

    told = [line[16:] for line in people.lines if re.match(r"[0-9:]{8} bead", line)]
    assert len(told) == len(set(told)), people.lines
    assert sum("-> Running" in line for line in firsts(people)) == 1
    steps = [json.loads(line) for line in firsts(data) if line.startswith("{")]
    assert [(step["name"], step["object"]["phase"]) for step in steps] == [
        ("first", "Running"),
        ("first", "Succeeded"),
    ]


def firsts(program: Program) -> list[str]:
    """What it says of the bead that matters; others came before it, as signs."""
    return [line for line in list(program.lines) if re.search(r"\bfirst\b", line)]


def test_status_says_what_needs_a_person_and_its_exit_code_says_so_too(
    cluster: Any, namespace: str, operator: OperatorProcess, env: dict[str, str]
) -> None:
    quiet = ran(env, "status", "-n", namespace)
    assert (quiet.returncode, quiet.stdout.splitlines()[0]) == (0, "NEEDS YOU nothing")
    asked = {"question": "Which\ncolour?", "options": [{"name": "red"}, {"name": "blue"}]}
    colour = bead("colour", type="decision", priority="P1", decision=asked)
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([colour]))
    until(lambda: ran(env, "status", "-n", namespace).returncode == 9)
    told = ran(env, "status", "-n", namespace).stdout
    assert re.search(r"decision +colour +P1 +\d+s Which colour\? \(red \| blue\)", told), told
    assert "BACKUP    no BackupSchedule" in told
    data = json.loads(ran(env, "status", "-n", namespace, "--json").stdout)
    assert (data["namespace"], data["needs"][0]["options"]) == (namespace, ["red", "blue"])
    everywhere = json.loads(ran(env, "status", "-A", "--json").stdout)
    assert [item["namespace"] for item in everywhere["items"]] == [namespace]

    assert ran({**env, "RINGMASTER_TOKEN": "none"}, "status", "-n", namespace).returncode == 4
    operator.stop()
    away = ran(env, "status", "-n", namespace)
    assert (away.returncode, away.stdout, len(away.stderr.splitlines())) == (6, "", 1)
    assert ran(env, "watch", "-n", namespace).returncode == 6


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.3)
