"""Reports a second into the history, beside two bare loops of the driver that commit in groups.

All commit durably, with as many reports on their way at a time. One loop keeps one row of each and nothing
else, which is what the database can do at best; the other writes the very rows that the reports left
(report_rows.py), which is what keeping a report costs without our code.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]

from benchlib.bench import Bench
from benchlib.figures import Figure
from benchlib.report_rows import rows_again
from ringmaster_operator import garbage
from ringmaster_operator.history import History
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest
from support.postgres import serving

SENDERS = 64
"""Reports on their way at a time, and inserts of a group."""
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TABLE = "CREATE TABLE bare (id INTEGER, report TEXT UNIQUE, body TEXT)"


async def measure(bench: Bench) -> list[Figure]:
    """Each database in turns with its bare loop."""
    url, empty = f"sqlite:///{bench.folder}/reports.db", f"sqlite:///{bench.folder}/again.db"
    found = await _database(bench, "SQLite", url, empty, partial(_bare_sqlite, bench.folder))
    with serving("fsync=on") as server:
        bare = partial(_bare_postgres, server.connect)
        found += await _database(bench, "PostgreSQL", server.fresh(), server.fresh(), bare)
    return found


async def _database(
    bench: Bench, name: str, url: str, empty: str, bare: Callable[[list[str]], float]
) -> list[Figure]:
    """Both are URLs of empty databases: the reports', and that of the loop which writes their rows again."""
    rates, bases, again, count = [], [], [], bench.size(500)
    history = await History.open(url)
    await (await History.open(empty)).close()
    garbage.settled()  # as the operator does; the loops beside it have it too
    try:
        for turn in bench.turns():
            requests = [request(turn, number) for number in range(count)]
            bodies = [json.dumps(request.body()) for request in requests]
            bases.append(await asyncio.to_thread(bare, bodies))
            rates.append(await _reports(history, turn, requests))
            again.append(await asyncio.to_thread(rows_again, url, empty, turn, SENDERS))
    finally:
        await history.close()
    shares = [ours / theirs for ours, theirs in zip(rates, bases, strict=True)]
    alike = [ours / theirs for ours, theirs in zip(rates, again, strict=True)]
    return [
        Figure("reports", f"reports into {name}", rates, "/s"),
        Figure("reports", f"bare inserts into {name}, {SENDERS} a commit", bases, "/s"),
        Figure(
            "reports",
            f"the same rows by the driver alone into {name}, {SENDERS} reports a commit",
            again,
            "/s",
        ),
        Figure("reports", f"share of the bare inserts, {name}", shares),
        Figure("reports", f"share of the same rows by the driver alone, {name}", alike, at_least=0.5),
    ]


def request(turn: int, number: int) -> ReportRequest:
    """What a session reports of an iteration."""
    row = {"position": "m1", "model": "m", "inputTokens": 9000, "outputTokens": 700, "computedUsd": 0.01}
    return ReportRequest.model_validate(
        {
            "reportId": str(uuid.uuid4()),
            "fence": 1,
            "iteration": 1,
            "outcome": {"kind": "success", "summary": f"bead {turn}-{number}: " + "tests pass. " * 20},
            "startedAt": NOON.isoformat(),
            "finishedAt": NOON.isoformat(),
            "usage": {"requests": [row]},
        }
    )


async def _reports(history: History, turn: int, requests: Sequence[ReportRequest]) -> float:
    """Reports a second; their attempts are there already, as they are in an operator."""
    queue = list(enumerate(requests))
    await asyncio.gather(*(attempt(history, turn, number) for number, _ in queue))

    async def sender() -> None:
        while queue:
            number, request = queue.pop()
            await commit(history, turn, number, request)

    began = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(SENDERS)))
    return len(requests) / (time.perf_counter() - began)


async def attempt(history: History, turn: int, number: int) -> None:
    """Record a claim."""
    names: dict[str, Any] = {"worker": "fleet", "session": "fleet-0", "profile": "claude-code", "model": "m"}
    names |= _names(turn, number)
    await history.start_attempt(**names, fence=1, attempt=1, iteration=1, now=NOON)


async def commit(history: History, turn: int, number: int, request: ReportRequest) -> None:
    """Keep a report that ends it."""
    answer = ReportAnswer(next=Next.DONE, reason="", iteration=1)
    await history.commit_report(**_names(turn, number), request=request, answer=answer, now=NOON)


def _names(turn: int, number: int) -> dict[str, Any]:
    name = f"{turn}-{number}"
    return {
        "bead_uid": f"uid-{name}",
        "namespace": "team",
        "bead": f"bead-{name}",
        "claim_id": f"claim-{name}",
    }


def _bare_sqlite(folder: Path, bodies: list[str]) -> float:
    """Inserts a second, in the journal mode and with the durability of the history."""
    place = folder / f"bare-{uuid.uuid4().hex}.db"
    db = driver.connect(str(place), isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(TABLE)
        began = time.perf_counter()
        for first in range(0, len(bodies), SENDERS):
            db.execute("BEGIN IMMEDIATE")
            for number, body in enumerate(bodies[first : first + SENDERS], first):
                db.execute("INSERT INTO bare VALUES (?, ?, ?)", (number, str(uuid.uuid4()), body))
            db.execute("COMMIT")
        return len(bodies) / (time.perf_counter() - began)
    finally:
        db.close()


def _bare_postgres(connect: Callable[[], psycopg.Connection[Any]], bodies: list[str]) -> float:
    with connect() as db:
        db.execute("DROP TABLE IF EXISTS bare")
        db.execute(TABLE.encode())
        began = time.perf_counter()
        for first in range(0, len(bodies), SENDERS):
            with db.transaction():
                for number, body in enumerate(bodies[first : first + SENDERS], first):
                    db.execute("INSERT INTO bare VALUES (%s, %s, %s)", (number, str(uuid.uuid4()), body))
        return len(bodies) / (time.perf_counter() - began)
