"""The baseline: what the API server itself does in a status patch, with nothing of ours in between."""

from __future__ import annotations

import asyncio
import time

from ringmaster_operator.kube import BEADS, Kube


async def patch_seconds(kube: Kube, namespace: str, names: list[str], clients: int) -> list[float]:
    """Patch a claim into each bead's status, `clients` at a time; the seconds of each patch."""
    queue = list(names)
    taken: list[float] = []

    async def client() -> None:
        while queue:
            name = queue.pop()
            body = await kube.get(BEADS, namespace, name)
            status = {"fence": 1, "claim": _claim(name)}
            began = time.perf_counter()
            version = body["metadata"]["resourceVersion"]
            await kube.patch_status(BEADS, namespace, name, status, version=version)
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken


async def patch_rate(kube: Kube, namespace: str, names: list[str], clients: int) -> float:
    """Status patches a second, without a read before each."""
    queue = list(names)

    async def client() -> None:
        while queue:
            name = queue.pop()
            await kube.patch_status(BEADS, namespace, name, {"fence": 1, "claim": _claim(name)})

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return len(names) / (time.perf_counter() - began)


def _claim(name: str) -> dict[str, object]:
    return {
        "id": f"raw-{name}",
        "worker": "raw",
        "session": "raw-0",
        "fence": 1,
        "since": "2026-01-01T00:00:00Z",
    }
