"""What was told, as people ask for it: over the API, and with `ringmaster events` over a restart."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.people import Person, accounts
from support.programs import Program
from support.quiet import settled
from support.sessions import Session, make_worker

pytestmark = pytest.mark.cluster


@pytest.fixture
def operator(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    process = OperatorProcess(cluster.kubeconfig, namespace, tmp_path)
    process.start()
    yield process
    process.stop()


def ran(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ringmaster_cli", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


async def test_events_are_followed_found_and_kept(
    cluster: Any, namespace: str, operator: OperatorProcess
) -> None:
    tokens = accounts(cluster, namespace)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGMASTER_")}
    env = {**clean, "RINGMASTER_URL": operator.url, "RINGMASTER_TOKEN": tokens["reader"]}
    session = Session(operator.url, make_worker(cluster, namespace))
    follower = Program(env, "events", "-f", "-n", namespace, "--for", "bead/first")
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("first"), bead("second")]))
    claimed = await session.pull(wait=20, bead="first")
    assert claimed is not None
    follower.until("Claimed")
    operator.kill()
    follower.until("offline: ")
    operator.start()
    follower.until("online again")
    data = Program(env, "events", "-w", "-n", namespace, "-o", "json", "--types", "warning")
    await session.report(claimed)
    follower.until("Succeeded")
    bad = bead("second", dependsOn=["nowhere"])
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed([bad]))
    data.until("second")
    follower.end()
    data.end()
    await session.close()
    told = [line for line in follower.lines if "bead/" in line]
    assert len(told) == len(set(told))
    assert all("bead/first" in line for line in told)
    graves = [json.loads(line) for line in data.lines if line.startswith("{")]
    assert {(item["kind"], item["name"], item["type"]) for item in graves} == {("Bead", "second", "Warning")}

    cluster.kubectl("delete", "-n", namespace, "bead/first")
    shown = ran(env, "events", "-n", namespace, "--for", "first", "-o", "wide")
    assert shown.stdout.splitlines()[0].split()[:2] == ["TIME", "COUNT"]
    assert "Succeeded" in shown.stdout.splitlines()[-1]
    settled(cluster, namespace, seconds=2)  # what was told is kept, too
    listing = json.loads(ran(env, "events", "-n", namespace, "--json").stdout)["items"]
    assert [item["at"] for item in listing] == sorted(item["at"] for item in listing)
    with httpx2.Client(timeout=60) as client:
        page_by_page(Person(operator.url, tokens["reader"], namespace, client), len(listing))
        nobody = Person(operator.url, tokens["nobody"], namespace, client)
        assert nobody("GET", "/events").status_code == 403


def page_by_page(reader: Person, number: int) -> None:
    """Everything, in pages of two; and a cursor is good for its own list alone."""
    found: list[Any] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = reader.ok("GET", "/events", **query)
        found += page["items"]
        if "next" not in page:
            break
        query["cursor"] = page["next"]
    assert len({item["id"] for item in found}) == len(found) == number
    assert reader("GET", "/events", **query, type="Warning").status_code == 422
    assert reader("GET", "/events", since="yesterday").status_code == 422
    warned = reader.ok("GET", "/events", type="Warning", text="SECOND", kind="Bead")["items"]
    assert warned
    assert {item["type"] for item in warned} == {"Warning"}


async def test_bad_wishes_get_one_line(operator: OperatorProcess, namespace: str) -> None:
    env = {**os.environ, "RINGMASTER_URL": operator.url, "RINGMASTER_TOKEN": "none"}
    for words in (["--for", "pod/x"], ["--types", "grave"], ["--since", "soon"], ["-f", "--until", "1h"]):
        done = await asyncio.to_thread(ran, env, "events", "-n", namespace, *words)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done
    assert (await asyncio.to_thread(ran, env, "events", "-n", namespace)).returncode == 4
