"""A report that was acknowledged is there after kill -9, whole; at whatever moment the process dies."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO

import pytest
from sqlmodel import Session, func, select

from ringmaster_operator.history import History
from ringmaster_operator.history.tables import IterationRow, ReportRow, UsageRow

KILLS = 12
OPERATOR = """
import asyncio, os, sys, uuid
from datetime import UTC, datetime
from ringmaster_operator.history import History
from ringmaster_operator.resources.bead import Outcome, OutcomeKind
from ringmaster_operator.resources.protocol import ModelUsage, Next, ReportAnswer, ReportRequest, Usage

NOW = datetime(2026, 11, 24, tzinfo=UTC)

def say(text):
    os.write(1, (text + "\\n").encode())

async def reports(history, bead):
    while True:
        request = ReportRequest(
            report_id=str(uuid.uuid4()), fence=1, iteration=1, outcome=Outcome(kind=OutcomeKind.SUCCESS),
            usage=Usage(requests=[ModelUsage(position=str(uuid.uuid4()), output_tokens=1)]),
            final_text="x" * 2000, started_at=NOW, finished_at=NOW,
        )
        answer = ReportAnswer(next=Next.ITERATE, iteration=2)
        await history.commit_report(
            bead_uid=bead, namespace="n", bead=bead, claim_id=bead, request=request, answer=answer, now=NOW
        )
        say("ack " + request.report_id)

async def operate(url):
    history = await History.open(url)
    await asyncio.gather(*(reports(history, f"bead-{n}") for n in range(8)))

for line in sys.stdin:  # one life a line; imports are paid once
    pid = os.fork()
    if pid == 0:
        asyncio.run(operate(sys.argv[1]))
    say(f"pid {pid}")
    os.waitpid(pid, 0)
    say("gone")
"""


@pytest.fixture
def operators(database_url: str) -> Iterator[subprocess.Popen[str]]:
    """Starts a short-lived operator for every line that it is sent."""
    command = [sys.executable, "-c", OPERATOR, database_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def one_life(command: IO[str], answers: IO[str], reports: int, seconds: float) -> list[str]:
    """Start one and kill it `seconds` after so many reports; all that it acknowledged until it was gone."""
    command.write("go\n")
    command.flush()
    acknowledged: list[str] = []
    pid = 0
    for line in answers:
        word, _, rest = line.strip().partition(" ")
        if word == "gone":
            return acknowledged
        if word == "pid":
            pid = int(rest)
        else:
            acknowledged.append(rest)
        if pid and len(acknowledged) >= reports:
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
            pid = 0
    raise AssertionError("the operators' parent died")


async def test_what_was_acknowledged_survives_kill_9(
    database_url: str, operators: subprocess.Popen[str]
) -> None:
    seed = int(os.environ.get("RINGMASTER_SEED", random.randrange(2**32)))
    print(f"RINGMASTER_SEED={seed}")
    chance = random.Random(seed)
    assert operators.stdin is not None
    assert operators.stdout is not None
    acknowledged: list[str] = []
    for _ in range(KILLS):
        reports, seconds = chance.randrange(16), chance.uniform(0.0, 0.02)
        acknowledged += one_life(operators.stdin, operators.stdout, reports, seconds)
    operators.stdin.close()
    history = await History.open(database_url)

    def kept(db: Session) -> tuple[set[str], set[str], int]:
        reports = set(db.exec(select(ReportRow.report_id)))
        iterations = set(db.exec(select(IterationRow.report_id)))
        return reports, iterations, db.exec(select(func.count()).select_from(UsageRow)).one()

    stored, iterations, usage = await history.read(kept)
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged, {len(stored)} kept")
    assert len(acknowledged) > KILLS
    assert set(acknowledged) <= stored
    assert stored == iterations  # none is there by half
    assert usage == len(stored)
    await history.close()
