"""What `hack/bench growth` measures in: a cluster with many objects, a history with many finished beads.

Beads are put straight into etcd, statuses and all, as the API server would have stored them: fifty thousand
POSTs and as many status patches would take longer than all that is measured. The API server serves them as
any others. The statuses are those that the product's own rules give, so an operator finds nothing to write.
"""

from __future__ import annotations

import base64
import json
import random
import ssl
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.lifecycle import derive
from ringmaster_operator.resources.bead import Bead, Phase
from support import manifests

STOCK = "stock"
"""The capability that all beads that are there from the beginning ask for."""
REACH = 2000
"""A bead waits for some of so many before it."""
BATCH = 100
Body = dict[str, Any]


@dataclass(frozen=True)
class Live:
    """The beads of a namespace, as models and as the API server stores them."""

    beads: list[Bead]
    bodies: list[Body]


def live(namespace: str, count: int, seed: int) -> Live:
    """Beads in every phase but Running, which sessions bring: 30 % finished, half with dependencies."""
    chance = random.Random(seed)
    now = datetime.now(UTC).replace(microsecond=0)
    bodies = [_body(namespace, number, chance, now) for number in range(count)]
    board = Board()
    for body in bodies:
        board.put(Bead.read(body))
    board.refresh(now)
    board.rescore()
    beads = []
    for body in bodies:
        bead = board.get((namespace, body["metadata"]["name"]))
        assert bead is not None
        bead = bead.model_copy(update={"status": derive(bead, board.view(bead.key), now)})
        body["status"] = bead.status.lean()
        beads.append(bead)
    return Live(beads, bodies)


def _body(namespace: str, number: int, chance: random.Random, now: datetime) -> Body:
    made = now - timedelta(seconds=chance.randrange(86_400 * 30))
    body = manifests.bead(name(number), **_spec(number, chance))
    body["metadata"] |= {
        "namespace": namespace,
        "uid": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "generation": 1,
        "creationTimestamp": _time(made),
    }
    ended = chance.choices(["", Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED], [70, 24, 3, 3])[0]
    if ended and body["spec"].get("type") != "decision":
        body["status"] = {"phase": ended, "finishedAt": _time(now), "observedGeneration": 1}
        if ended == Phase.CANCELLED:
            body["spec"]["desired"] = "Cancel"
    return body


def _spec(number: int, chance: random.Random) -> Body:
    spec: Body = {
        "title": f"Work {number}: {chance.random():.6f}",
        "description": "What is to be done, and why. " * chance.randrange(1, 20),
        "priority": chance.choices(["P1", "P2", "P3", "P4"], [2, 10, 6, 2])[0],
        "capabilities": [STOCK],
    }
    if number and chance.random() < 0.5:
        first = max(0, number - REACH)
        few = min(3, number - first)
        spec["dependsOn"] = [name(other) for other in sorted(chance.sample(range(first, number), few))]
    kind = chance.random()
    if kind < 0.05:
        spec["desired"] = "Hold"
    elif kind < 0.06:
        spec |= {"type": "decision", "decision": {"question": "Which?"}}
        del spec["capabilities"]
    return spec


def name(number: int) -> str:
    """Of the bead with this number."""
    return f"b{number:06d}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Etcd:
    """The database of a cluster that hack/cluster built, by its HTTP gateway."""

    def __init__(self, folder: Path) -> None:
        port = json.loads((folder / "cluster.json").read_text())["ports"]["etcd"]
        self._url = f"https://127.0.0.1:{port}/v3/kv/txn"
        trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        trust.load_cert_chain(folder / "server.crt", folder / "server.key")
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
        self._direct = urllib.request.build_opener(*handlers)

    def store_beads(self, bodies: Iterable[Body]) -> None:
        """Put them, some in each transaction. Raises urllib.error.URLError."""
        for some in _batches(bodies):
            wish = json.dumps({"success": [_put(body) for body in some]})
            request = urllib.request.Request(self._url, data=wish.encode())
            with self._direct.open(request, timeout=30) as answer:
                done = json.load(answer)
            if not done.get("succeeded"):
                raise RuntimeError(f"etcd did not take the beads: {done}")


def _put(body: Body) -> Body:
    meta = body["metadata"]
    key = f"/registry/ringmaster.dev/beads/{meta['namespace']}/{meta['name']}"
    return {"requestPut": {"key": _coded(key), "value": _coded(json.dumps(body))}}


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _batches(bodies: Iterable[Body]) -> Iterator[list[Body]]:
    rest = iter(bodies)
    while some := list(islice(rest, BATCH)):
        yield some
