"""Signing in over HTTP: how long a wrong password takes beside a right one, and a name that is nobody's.

Each call says that it comes from another address, as a trusted proxy does: no wait for guessing is in it.
"""

from __future__ import annotations

import random
import time

import httpx2

from benchlib.bench import Bench, milliseconds
from benchlib.figures import Figure, percentile
from support.operators import OperatorProcess

SEED = 1
PASSWORD = "correct horse battery"
USER = "ada"


async def measure(bench: Bench) -> list[Figure]:
    """The three kinds in a random order; a right password after each wrong one, so that nothing is locked."""
    rng, times = random.Random(SEED), dict[str, list[float]](right=[], wrong=[], nobody=[])
    namespace = bench.namespace("sign-in")
    with bench.running(namespace, RINGMASTER_TRUSTED_PROXIES="127.0.0.1/32") as running:
        proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
        url = f"{running.operator.url}/api/v1"
        async with httpx2.AsyncClient(base_url=url, timeout=60, headers=proxied) as client:
            await _first_admin(client, running.operator)
            for number in range(bench.size(200)):
                for kind in rng.sample(["wrong", "nobody"], 2):
                    times[kind].append(await _sign_in(client, kind, number, rng))
                times["right"].append(await _sign_in(client, "right", number, rng))
    figures = [
        Figure("sign-in", f"{kind}: {share:.0%}", [percentile(taken, share)], "ms")
        for kind, taken in times.items()
        for share in (0.5, 0.99)
    ]
    middle = percentile(times["wrong"], 0.5)
    apart = [abs(percentile(times[kind], 0.5) / middle - 1) for kind in ("right", "nobody")]
    names = "a name that is nobody's beside a wrong password, medians apart (share)"
    return [
        *figures,
        Figure("sign-in", "a right password beside a wrong one, medians apart (share)", [apart[0]]),
        Figure("sign-in", names, [apart[1]], at_most=0.1),
    ]


async def _first_admin(client: httpx2.AsyncClient, operator: OperatorProcess) -> None:
    code = (operator.folder / "state" / "first-admin-code").read_text().strip()
    made = await client.post("/auth/first-admin", json={"code": code, "name": USER, "password": PASSWORD})
    if made.status_code != 201:
        raise RuntimeError(f"no first administrator: {made.text}")
    client.cookies.clear()


async def _sign_in(client: httpx2.AsyncClient, kind: str, number: int, rng: random.Random) -> float:
    """Milliseconds."""
    name = f"nobody{number}" if kind == "nobody" else USER
    body = {"name": name, "password": PASSWORD if kind == "right" else "wrong horse battery"}
    address = f"192.0.{rng.randrange(256)}.{rng.randrange(256)}"
    began = time.perf_counter()
    answer = await client.post("/auth/sign-in", json=body, headers={"X-Forwarded-For": address})
    took = milliseconds(began)
    if answer.status_code != (200 if kind == "right" else 401):
        raise RuntimeError(f"a sign-in with the password {kind}: {answer.status_code} {answer.text}")
    client.cookies.clear()
    return took
