"""A bead applied to its pod created, for Workers whose pods do one bead each (`mode: Once`).

The API server's own audit log says when it answered: no clock of a client, no polling. There is no node, so
pods stay pending and nothing but the operator works.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from typing import Any

from benchlib.bench import Bench, moment
from benchlib.figures import Figure, percentile
from ringmaster_operator.kube import BEADS, PODS, Kube
from support.manifests import bead, worker
from support.operators import free_port

SINGLY = 20
MOST = 200
"""Sessions of one Worker at most: for more pods there are more Workers, each with its share of the beads."""
IMAGE = "registry.invalid/agent:1"


async def measure(bench: Bench) -> list[Figure]:
    """Each round in namespaces of its own: beads one by one, then a burst, then bare pods."""
    middles, lates, rates, patches, bare, shares = [], [], [], [], [], []
    count = bench.size(500)
    async with bench.kube() as kube:
        for _ in bench.turns():
            port = free_port()
            namespace = bench.namespace("pods")
            settings = {"RINGMASTER_PODS": "true", "RINGMASTER_PUBLIC_URL": f"http://127.0.0.1:{port}"}
            with bench.running(namespace, port=port, **settings):
                for number in range(_workers(count)):
                    await _worker(bench, namespace, number)
                taken = await _one_by_one(bench, kube, namespace, _workers(count))
                rates.append(await _burst(bench, namespace, count))
            middles.append(statistics.median(taken))
            lates.append(percentile(taken, 0.9))
            latency, rate = await _bare(bench, kube, namespace, min(count, 100))
            patches.append(latency)
            bare.append(rate)
            shares.append(rates[-1] / rate)
            bench.cluster.kubectl("delete", "namespace", namespace, "--wait=false")
    ratios = [ours / theirs for ours, theirs in zip(middles, patches, strict=True)]
    return [
        Figure("pods", "bead applied → pod created, p50", middles, "ms", at_most=20),
        Figure("pods", "bead applied → pod created, p90", lates, "ms"),
        Figure("pods", "p50 as a multiple of one bare pod", ratios),
        Figure("pods", f"burst of {count} beads: pods", rates, "/s", at_least=75),
        Figure("pods", "bare pods by 16 clients", bare, "/s"),
        Figure("pods", "burst as a share of bare pods", shares),
    ]


def _workers(count: int) -> int:
    return -(-(count + SINGLY) // MOST)


async def _worker(bench: Bench, namespace: str, number: int) -> None:
    name, labels = f"once-{number}", {"pool": f"{number}"}
    body = worker(name, runtime="Pod", mode="Once", replicas=MOST, labels=labels, pod={"image": IMAGE})
    await bench.kubectl("apply", "-n", namespace, "-f-", stdin=json.dumps(body))
    available = (f"worker/{name}", "--for=condition=Available", "--timeout=60s")
    await bench.kubectl("wait", "-n", namespace, *available)


def _bead(name: str, number: int, workers: int) -> dict[str, Any]:
    """For one of the Workers: each of them makes a pod for any bead that it could take."""
    return bead(name, routing={"workerSelector": {"pool": f"{number % workers}"}})


async def _one_by_one(bench: Bench, kube: Kube, namespace: str, workers: int) -> list[float]:
    """Milliseconds of each."""
    since = bench.cluster.audit_size()
    for number in range(SINGLY):
        await kube.create(BEADS, namespace, _bead(f"single-{number:02d}", number, workers))
        await _pods(bench, namespace, since, number + 1)
    beads, pods = _made(bench, namespace, since, "beads"), _made(bench, namespace, since, "pods")
    return [(pod - made) * 1e3 for made, pod in zip(beads, pods, strict=True)]


async def _burst(bench: Bench, namespace: str, count: int) -> float:
    """Pods a second from the first bead to the last pod."""
    since = bench.cluster.audit_size()
    workers = _workers(count)
    await bench.fill(namespace, [_bead(f"burst-{number:04d}", number, workers) for number in range(count)])
    pods = await _pods(bench, namespace, since, count)
    return count / (pods[-1] - _made(bench, namespace, since, "beads")[0])


async def _pods(bench: Bench, namespace: str, since: int, count: int) -> list[float]:
    """When each was made, once there are so many."""
    while len(found := _made(bench, namespace, since, "pods")) < count:
        await asyncio.sleep(0.2)
    return found


def _made(bench: Bench, namespace: str, since: int, kind: str) -> list[float]:
    """Moments at which the API server had made objects of a kind, in order."""
    return sorted(
        moment(entry)
        for entry in bench.cluster.audit(since=since)
        if entry.get("responseStatus", {}).get("code") == 201
        and entry["objectRef"].get("resource") == kind
        and entry["objectRef"].get("namespace") == namespace
        and "subresource" not in entry["objectRef"]
    )


async def _bare(bench: Bench, kube: Kube, namespace: str, count: int) -> tuple[float, float]:
    """The same pods with nothing of ours in between: milliseconds of one, and how many a second."""
    place = bench.namespace("pods-raw")
    account = ("serviceaccount/default", "--for=create", "--timeout=60s")
    await bench.kubectl("wait", "-n", place, *account)
    model = await anext(kube.list(PODS, namespace))
    spec = {**model["spec"], "serviceAccountName": "default", "serviceAccount": "default"}
    queue = [{"metadata": {"name": f"bare-{number}"}, "spec": spec} for number in range(count + SINGLY)]
    taken = []
    for _ in range(SINGLY):
        began = time.perf_counter()
        await kube.create(PODS, place, queue.pop())
        taken.append((time.perf_counter() - began) * 1e3)
    began = time.perf_counter()
    await asyncio.gather(*(_client(kube, place, queue) for _ in range(16)))
    return statistics.median(taken), count / (time.perf_counter() - began)


async def _client(kube: Kube, namespace: str, queue: list[dict[str, Any]]) -> None:
    while queue:
        await kube.create(PODS, namespace, queue.pop())
