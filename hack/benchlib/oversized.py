"""What is far too large or too deep: how long until it is refused, and what that costs in memory."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchlib.bench import Bench, Running, milliseconds
from benchlib.figures import Figure
from ringmaster_operator.kube import BEADS, CONFIG_MAPS, Kind, Kube, KubeError
from support.manifests import bead

DEEP = 1_000_000
MEGABYTE = 1 << 20
ANSWER_MS = 100
GROWTH_MB = 50
PROGRAM = "from ringmaster_cli.main import run; run()"
Send = Callable[[], Awaitable[str]]


async def measure(bench: Bench) -> list[Figure]:
    """Over the operator's API, to the API server, and as files of the program; each several times."""
    namespace = bench.namespace("oversized")
    figures: list[Figure] = []
    async with bench.kube() as kube:
        with bench.running(namespace) as running:
            assert running.operator.process is not None
            operator = psutil.Process(running.operator.process.pid)
            session = running.session()
            await session.pull()  # all that a first call loads is there
            await session.close()
            async with httpx2.AsyncClient(timeout=60) as client:
                calls, objects = _calls(running, client), _objects(kube, namespace)
                for name, send in {**calls, **objects}.items():
                    before = operator.memory_info().rss
                    taken, said = await _several(send, bench.rounds)
                    grown = (operator.memory_info().rss - before) / MEGABYTE
                    most = ANSWER_MS if name in calls else None  # the others' time is the API server's own
                    figures.append(Figure("oversized", f"{name}: {said}", taken, "ms", at_most=most))
                    figures.append(Figure("oversized", f"{name}: growth", [grown], "MiB", at_most=GROWTH_MB))
    return figures + await asyncio.to_thread(_files, bench)


async def _several(send: Send, rounds: int) -> tuple[list[float], str]:
    """Milliseconds of each, and what was said."""
    taken, said = [], ""
    for _ in range(rounds):
        began = time.perf_counter()
        said = await send()
        taken.append(milliseconds(began))
    return taken, said


def _calls(running: Running, client: httpx2.AsyncClient) -> dict[str, Send]:
    """To the operator, by a Worker with a good token."""
    client.headers["Authorization"] = f"Bearer {running.token}"
    url = f"{running.operator.url}/api/v1/claims"

    def post(content: bytes, **more: str) -> Send:
        async def send() -> str:
            headers = {"Content-Type": "application/json", **more}
            try:
                answer = await client.post(url, content=content, headers=headers)
            except httpx2.HTTPError as fault:
                return f"hung up ({type(fault).__name__})"
            if answer.status_code < 400 or answer.status_code >= 500:
                raise RuntimeError(
                    f"{len(content)} bytes were answered {answer.status_code}: {answer.text[:200]}"
                )
            return str(answer.status_code)

        return send

    ask = {"claimId": "c" * 36, "worker": "fleet", "session": "fleet-0"}
    return {
        "a call of 10 MB": post(json.dumps({**ask, "bead": "x" * 10 * MEGABYTE}).encode()),
        "a call of just under 1 MiB": post(json.dumps({**ask, "bead": "x" * (MEGABYTE - 200)}).encode()),
        "JSON 500,000 deep": post(b"[" * (DEEP // 2) + b"]" * (DEEP // 2)),
        "70,000 fields": post(json.dumps({**ask, **{f"f{number}": 1 for number in range(70_000)}}).encode()),
        "a header of 2 MB": post(json.dumps(ask).encode(), Accept="y" * 2 * MEGABYTE),
    }


def _objects(kube: Kube, namespace: str) -> dict[str, Send]:
    """To the API server, by somebody who may make beads; the operator watches."""

    def create(body: dict[str, Any], kind: Kind = BEADS) -> Send:
        async def send() -> str:
            try:
                await kube.create(kind, namespace, body)
            except KubeError as fault:
                return str(fault.status or "no answer in time")
            await kube.delete(kind, namespace, body["metadata"]["name"])
            return "taken, and deleted"

        return send

    labelled = bead("labelled")
    labelled["metadata"]["labels"] = {f"l{number}": "v" for number in range(100_000)}
    plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": labelled["metadata"]}
    return {
        "a bead of 1.5 MB": create(bead("large", description="x" * (3 * MEGABYTE // 2))),
        "a bead with 100,000 labels": create(labelled),
        "a ConfigMap with as many": create(plain, CONFIG_MAPS),
        "a bead with 100,000 dependencies": create(
            bead("needy", dependsOn=[f"b{number}" for number in range(100_000)])
        ),
    }


def _files(bench: Bench) -> list[Figure]:
    """As a person imports them: processor time beyond that of an import that is wrong in its first word."""
    aliases = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    cases = {
        "words.yaml": "- word",
        "bomb.yaml": "\n".join(["title: x", f"a0: &a0 [{', '.join('x' * 10)}]", *aliases]),
        "deep.yaml": "a: " + "[" * DEEP,
        "deep.json": "[" * DEEP + "]" * DEEP,
    }
    found: dict[str, tuple[list[float], float]] = {}
    for name, text in cases.items():
        path = bench.folder / name
        path.write_text(text)
        each = [_imported(path) for _ in range(bench.rounds)]
        found[name] = [seconds * 1e3 for seconds, _ in each], max(size for _, size in each)
    plain = min(found["words.yaml"][0]), found.pop("words.yaml")[1]
    figures = []
    for name, (taken, size) in found.items():
        more = [max(0.0, one - plain[0]) for one in taken]
        figures.append(Figure("oversized", f"import of {name}: refused", more, "ms", at_most=ANSWER_MS))
        figures.append(
            Figure("oversized", f"import of {name}: growth", [size - plain[1]], "MiB", at_most=GROWTH_MB)
        )
    return figures


def _imported(path: Path) -> tuple[float, float]:
    """Processor seconds and MiB of an import that is refused."""
    command = [sys.executable, "-c", PROGRAM, "import", path.name, "-n", "x"]
    with subprocess.Popen(
        command, cwd=path.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 2 or len(said.strip().splitlines()) != 1:
        raise RuntimeError(f"import {path.name} ended with {process.returncode}: {said[:300]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
