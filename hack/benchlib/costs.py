"""`hack/bench costs`: every grouping of `ringmaster cost` over a million usage rows, in SQLite.

The rows are like those that the operator writes, the sums are made from them by the statement that upgrades
an older database; the roll-ups are those of the API. No cluster, no operator.
"""

from __future__ import annotations

import asyncio
import importlib.util
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import insert, text
from sqlmodel import Session

from ringmaster_operator.history import GROUPINGS, History, Question, migrate
from ringmaster_operator.history.cost_tables import CostTagRow, CostWorkRow
from ringmaster_operator.history.tables import AttemptRow, IterationRow, ReportRow, UsageRow

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAYS = 365
ITERATIONS = 2
BATCH = 1000
MODELS = [("anthropic", f"model-{number}") for number in range(6)]
SKILLS = ["python", "go", "rust", "sql", "docs", "web"]
Rows = list[dict[str, Any]]


def main(
    rows: Annotated[int, typer.Option(help="Usage rows.", min=1000)] = 1_000_000,
    requests: Annotated[int, typer.Option(help="Rows of an iteration, 2 iterations a claim.", min=1)] = 25,
    turns: Annotated[int, typer.Option(help="Times that each roll-up is measured.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of the random work.")] = 1,
) -> None:
    """Fill a database and measure; prints a Markdown table."""
    with tempfile.TemporaryDirectory(prefix="ringmaster-bench-") as folder:
        asyncio.run(_measure(Path(folder), rows, requests, turns, random.Random(seed)))


async def _measure(folder: Path, rows: int, requests: int, turns: int, dice: random.Random) -> None:
    history = await History.open(f"sqlite:///{folder}/bench.db")
    count = max(1, rows // (ITERATIONS * requests))
    for first in range(1, count + 1, BATCH):
        numbers = range(first, min(first + BATCH, count + 1))
        await history.write(partial(store, made=list(claims(numbers, requests, dice))))
    began = time.perf_counter()
    uses = await history.write(add_up)
    took = time.perf_counter() - began
    print(
        f"{count * ITERATIONS * requests:,} usage rows of {count:,} claims, {uses:,} sums in {took:.1f} s\n"
    )
    print("| roll-up | groups | CPU ms (median, least to most) | ms |\n|---|---|---|---|")
    month = (NOON - timedelta(days=30)).date()
    asked = [Question(by=[name], namespace="team") for name in (*GROUPINGS, "label:team")]
    asked += [
        Question(by=["month", "model"], namespace="team"),
        Question(by=["capability", "outcome", "week"], namespace="team"),
        Question(by=["bead"], namespace="team", since=month),
        Question(by=["bead"], namespace="team", where={"tree": "epic-7"}),
    ]
    for question in asked:
        await _time(history, question, turns)
    await history.close()


async def _time(history: History, question: Question, turns: int) -> None:
    used, waited, found = [], [], 0
    for _ in range(turns):
        cpu, began = time.process_time(), time.perf_counter()
        found = len(await history.roll_up(question=question))
        used.append((time.process_time() - cpu) * 1000)
        waited.append((time.perf_counter() - began) * 1000)
    name = ", ".join(question.by) + "".join(f", {key}={value}" for key, value in question.where.items())
    name += f", since {question.since}" if question.since else ""
    print(f"| {name} | {found:,} | {_spread(used)} | {_spread(waited)} |", flush=True)


def _spread(taken: list[float]) -> str:
    return f"{statistics.median(taken):.0f} ({min(taken):.0f} to {max(taken):.0f})"


Claim = dict[str, Rows]


def claims(numbers: range, requests: int, dice: random.Random) -> Iterator[Claim]:
    """Claims of these numbers, each with its rows by table; two numbers in a row are of one bead."""
    for number in numbers:
        bead, epic = number // 2, f"epic-{number // 40 % 250}"
        at = NOON - timedelta(minutes=dice.randrange(DAYS * 1440))
        common = {"bead_uid": f"uid-{bead}", "namespace": "team", "worker": f"worker-{number % 20}"}
        attempt = common | {
            "id": number,
            "fence": number,
            "bead": f"bead-{bead}",
            "claim_id": f"claim-{number}",
            "session": "s",
            "profile": ("claude-code", "codex", "gemini")[number % 3],
            "attempt": 1,
            "iteration": ITERATIONS,
            "started_at": at,
            "ended_at": at,
            "kind": dice.choice(["success", "likely_success", "failed", "lost"]),
        }
        work = common | {
            "id": number,
            "claim_id": f"claim-{number}",
            "bead": f"bead-{bead}",
            "profile": attempt["profile"],
            "requested_by": f"user-{bead % 30}",
            "repository": f"https://git.example/{bead % 12}",
            "epic": epic,
        }
        skills = dice.sample(SKILLS, dice.randrange(3))
        tags = [_tag(number, "label", "team", f"team-{bead % 8}"), _tag(number, "parent", "", epic)]
        tags += [_tag(number, "capability", "", skill, 1 / len(skills)) for skill in skills]
        yield {"attempt": [attempt], "work": [work], "tags": tags} | _runs(attempt, requests, at, dice)


def _tag(work: int, kind: str, name: str, value: str, share: float = 1.0) -> dict[str, Any]:
    return {"work_id": work, "kind": kind, "name": name, "value": value, "share": share}


def _runs(attempt: dict[str, Any], requests: int, at: datetime, dice: random.Random) -> Claim:
    models = dice.sample(MODELS, 2)
    common = {name: attempt[name] for name in ("namespace", "worker")}
    found: Claim = {"reports": [], "iterations": [], "usage": []}
    for turn in range(ITERATIONS):
        row = attempt["id"] * ITERATIONS + turn
        report = {"report_id": f"report-{row}", "bead_uid": attempt["bead_uid"]}
        found["reports"].append(
            report
            | {name: attempt[name] for name in ("claim_id", "fence", "namespace", "bead")}
            | {"body": {}, "received_at": at, "applied": True}
        )
        found["iterations"].append(
            common
            | report
            | {"id": row, "attempt_id": attempt["id"], "iteration": turn + 1, "outcome": {}, "verify": []}
            | {"started_at": at, "finished_at": at + timedelta(minutes=9), "at": at}
            | {"provider": models[0][0], "model": models[0][1]}
        )
        found["usage"] += [
            common
            | {"attempt_id": attempt["id"], "iteration_id": row, "position": f"{turn}-{number}", "at": at}
            | _request(models[number % 5 == 0], dice)
            for number in range(requests)
        ]
    return found


def _request(model: tuple[str, str], dice: random.Random) -> dict[str, Any]:
    read = dice.randrange(90_000)
    return {
        "provider": model[0],
        "model": model[1],
        "input_tokens": read + dice.randrange(4000),
        "cache_read_tokens": read,
        "cache_write_tokens": 0,
        "output_tokens": dice.randrange(2000),
        "reasoning_tokens": 0,
        "requests": 1,
        "computed_usd": dice.random(),
        "price_version": "bench",
    }


TABLES: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    ("attempt", AttemptRow, {"counted": True, "summary": ""}),
    ("work", CostWorkRow, {}),
    ("tags", CostTagRow, {}),
    ("reports", ReportRow, {"refused": False, "refusal": ""}),
    ("iterations", IterationRow, {"final_text": "", "agent_session": "", "lump_usd": 0.0}),
    ("usage", UsageRow, {}),
)


def store(db: Session, made: list[Claim]) -> None:
    """Put the rows into their tables."""
    for name, table, more in TABLES:
        db.connection().execute(insert(table), [row | more for claim in made for row in claim[name]])


def add_up(db: Session) -> int:
    """Make the sums of all rows, as the upgrade of an older database does; how many."""
    path = Path(migrate.__file__).with_name("migrations") / "versions" / "0007_costs.py"
    spec = importlib.util.spec_from_file_location("costs_migration", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} cannot be loaded")
    migration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)
    db.connection().execute(text(migration.uses("sqlite")))
    return int(db.connection().execute(text("SELECT count(*) FROM cost_use")).scalar_one())


if __name__ == "__main__":
    typer.run(main)
