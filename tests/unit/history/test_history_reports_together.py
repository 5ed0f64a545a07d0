"""Reports that are kept by one commit leave what they leave one by one, whatever they are."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select, text

from ringmaster_operator.evidence import Evidence, Subject, Verdict
from ringmaster_operator.history import ClaimConflict, History, Learned, ReportConflict, Teaching
from ringmaster_operator.history.records import Committed
from ringmaster_operator.history.spending import Account
from ringmaster_operator.history.tables import ReportRow
from ringmaster_operator.recall import Situation
from ringmaster_operator.resources.lesson import LessonOrigin
from ringmaster_operator.resources.protocol import ModelUsage, Next, ReportAnswer, ReportRequest, Usage
from ringmaster_operator.resources.saved import SavedWork
from support.postgres import Postgres
from support.sessions import seeded

from .conftest import NOON, Work

TABLES = {
    "report": "SELECT * FROM report",
    "attempt": "SELECT * FROM attempt",
    "iteration": "SELECT a.claim_id AS of_claim, t.* FROM iteration t JOIN attempt a ON a.id = t.attempt_id",
    "usage": "SELECT a.claim_id AS of_claim, i.report_id AS of_report, t.* FROM usage t "
    "JOIN attempt a ON a.id = t.attempt_id JOIN iteration i ON i.id = t.iteration_id",
    "spending": "SELECT * FROM spending",
    "cost_work": "SELECT * FROM cost_work",
    "cost_tag": "SELECT w.claim_id AS of_claim, t.* FROM cost_tag t JOIN cost_work w ON w.id = t.work_id",
    "cost_use": "SELECT w.claim_id AS of_claim, t.* FROM cost_use t JOIN cost_work w ON w.id = t.work_id",
    "saved_work": "SELECT * FROM saved_work",
    "lesson": "SELECT * FROM lesson",
    "lesson_use": "SELECT l.text AS of_text, t.* FROM lesson_use t JOIN lesson l ON l.id = t.lesson_id",
    "capability": "SELECT * FROM capability",
    "capability_change": "SELECT * FROM capability_change",
}
"""Rows with what tells them apart in place of their keys."""
KEYS = {"id", "attempt_id", "iteration_id", "work_id", "lesson_id"}
REFUSED = [("namespace", None, IntegrityError), ("claim_id", "claim-uid-0-1", ClaimConflict)]
HERE = Situation(repository="git.example/shop")
LESSONS = [
    "Pin the scheduler's clock to noon before the alembic tests",
    "Run the generator after each change of a model",
    "The browser tests need a free port of their own",
]


async def content(history: History) -> dict[str, list[str]]:
    def read(db: Session) -> dict[str, list[str]]:
        return {
            table: sorted(
                str({name: value for name, value in row.items() if name not in KEYS})
                for row in db.connection().execute(text(query)).mappings()
            )
            for table, query in TABLES.items()
        }

    return await history.read(read)


def calls(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Reports of few claims: first ones and later ones, repeated ones, some under a foreign claim's id."""
    made: list[dict[str, Any]] = []
    for number in range(count):
        bead, fence = chance.randrange(6), chance.randrange(1, 3)
        call: dict[str, Any] = {
            "bead_uid": f"uid-{bead}",
            "namespace": "team",
            "bead": f"bead-{bead}",
            "claim_id": f"claim-{bead}-{fence}",
            "request": _request(chance, number, fence),
            "answer": ReportAnswer(next=chance.choice(list(Next)), reason=f"{number}", iteration=number),
            "counted": chance.random() < 0.5,
            "granted": chance.choice([None, (1.5, 1000)]),
            "account": Account(
                requested_by="kim", labels=frozenset({("area", "ui"), ("size", "s")}), parents=("epic",)
            ),
            "infrastructure_usd": chance.choice([0.0, 0.25]),
            "verdicts": [Verdict(capability="python", success=chance.random() < 0.5, weight=1.0, prior=0.5)],
            "learned": _learned(chance, bead, fence),
            "now": NOON + timedelta(minutes=number),
        }
        if made and chance.random() < 0.3:
            earlier = chance.choice(made)
            changed = {"request": earlier["request"].model_copy(update={"fence": fence})}
            call = earlier if chance.random() < 0.5 else call | changed
        made.append(call)
    return made


def _teaching(text_: str, **more: Any) -> Teaching:
    return Teaching(namespace="team", text=text_, where=HERE, origin=LessonOrigin.AGENT, **more)


def _learned(chance: random.Random, bead: int, fence: int) -> Learned | None:
    if chance.random() < 0.3:
        return None
    teaching = _teaching(chance.choice(["", *LESSONS]), bead_uid=f"uid-{bead}", attempt=fence)
    wrong = (chance.randrange(1, 4),) if chance.random() < 0.3 else ()
    return Learned(teaching=teaching, contradicts=wrong, success=chance.choice([True, None]))


def _request(chance: random.Random, number: int, fence: int) -> ReportRequest:
    rows = [
        ModelUsage(
            position=f"m{chance.randrange(4)}",
            model=chance.choice(["opus", "haiku"]),
            input_tokens=chance.randrange(1000),
            computed_usd=chance.choice([None, 0.5, 2.0]),
        )
        for _ in range(chance.randrange(4))
    ]
    saved = SavedWork(branch="b", commit="c" * 40, bundle="YnVuZGxl") if chance.random() < 0.3 else None
    return ReportRequest.model_validate(
        {
            "reportId": f"report-{number}",
            "fence": fence,
            "iteration": number + 1,
            "outcome": {"kind": "success", "summary": "päivää \N{SNOWMAN}"},
            "startedAt": NOON,
            "finishedAt": NOON + timedelta(seconds=number),
            "usage": Usage(requests=rows, reported_usd=chance.choice([None, 3.0])),
            "branch": chance.choice([None, "ringmaster/x"]),
            "pushed": chance.random() < 0.2,
            "saved": saved,
        }
    )


@contextmanager
def gate() -> Iterator[tuple[Callable[[Session], None], threading.Event]]:
    """A write that holds up the others, so that they are committed together; and the word to go on."""
    opened = threading.Event()

    def wait(_: Session) -> None:
        opened.wait(30)

    try:
        yield wait, opened
    finally:
        opened.set()


async def together(history: History, writes: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """What they come to, when they are one commit."""
    with gate() as (wait, opened):
        first = asyncio.ensure_future(history.write(wait))
        await asyncio.sleep(0.05)
        tasks = [asyncio.ensure_future(write()) for write in writes]
        await asyncio.sleep(0.05)
        opened.set()
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)


def plain(result: Any) -> Any:
    return str(result) if isinstance(result, Exception) else result


async def begin(history: History) -> None:
    """Lessons, and claims that were given them; one claim in four was never recorded."""
    for text_ in LESSONS:
        await history.teach(teaching=_teaching(text_), now=NOON)
    matches = await history.matching_lessons(namespace="team", text=" ".join(LESSONS), here=HERE, now=NOON)
    assert len(matches) == len(LESSONS)
    for bead in range(6):
        for fence in (1, 2) if bead % 2 else (1,):
            one = Work(history=history, uid=f"uid-{bead}", bead=f"bead-{bead}", fence=fence)
            await history.start_attempt(
                bead_uid=one.uid,
                namespace="team",
                bead=one.bead,
                fence=fence,
                claim_id=f"claim-{bead}-{fence}",
                worker="builders",
                session="builders-0",
                profile="claude-code",
                model="opus",
                attempt=fence,
                iteration=1,
                now=NOON,
            )
            await history.note_uses(
                namespace="team",
                bead_uid=one.uid,
                bead=one.bead,
                fence=fence,
                attempt=fence,
                given=bead != 3,
                matches=[match for _, match in matches],
                now=NOON,
            )


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[History, History]]:
    """Two empty histories of a kind."""
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("together", "alone")]
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        urls = [server.fresh(), server.fresh()]
    opened = [await History.open(url) for url in urls]
    yield opened[0], opened[1]
    for each in opened:
        await each.close()


async def test_together_is_as_one_by_one(two: tuple[History, History]) -> None:
    history, alone = two
    chance = seeded(int(os.environ.get("RINGMASTER_SEED", random.SystemRandom().randrange(2**32))))
    for each in two:
        await begin(each)
    made, learnt = calls(chance, 60), dict[Subject, Evidence]()
    for start in range(0, len(made), 20):
        some = made[start : start + 20]
        with savepoints(history) as used:
            found = await together(history, [partial(history.commit_report, **call) for call in some])
        assert not used
        expected = [await told(alone.commit_report(**call)) for call in some]
        assert list(map(plain, found)) == list(map(plain, expected))
        assert {type(result) for result in found} <= {Committed, ReportConflict}
        for result in found:
            learnt |= result.learnt if isinstance(result, Committed) else ()
    assert learnt == dict(await history.evidence_of())
    assert await content(history) == await content(alone)
    assert await order(history) == await order(alone)


async def test_many_reports_take_few_statements(history: History) -> None:
    statements = list[str]()
    event.listen(history._backend.writer, "before_cursor_execute", lambda *all: statements.append(all[2]))
    works = [Work(history=history, uid=f"uid-{number}", bead=f"b-{number}") for number in range(100)]
    await asyncio.gather(*(work.start() for work in works))
    statements.clear()
    used = Usage(requests=[ModelUsage(position="m1", model="m", input_tokens=1, computed_usd=0.5)])
    await together(history, [partial(work.report, work.request(usage=used)) for work in works])
    assert len(statements) <= 12, statements
    assert (await history.spent_today(namespace="team", now=NOON)).usd == 50.0


@pytest.mark.parametrize(("name", "wrong", "fault"), REFUSED)
async def test_one_that_is_refused_spoils_no_other(
    history: History, name: str, wrong: str | None, fault: type[Exception]
) -> None:
    works = [Work(history=history, uid=f"uid-{number}", bead=f"b-{number}") for number in range(5)]
    await asyncio.gather(*(work.start() for work in works))
    foreign = Work(history=history, uid="uid-9", bead="b-9", fence=2)
    given: dict[str, Any] = {"namespace": "team", "claim_id": foreign.claim_id, name: wrong}
    broken = partial(  # no attempt is of its fence
        history.commit_report,
        bead_uid=foreign.uid,
        bead=foreign.bead,
        request=foreign.request(),
        answer=ReportAnswer(next=Next.DONE, iteration=1),
        now=NOON,
        **given,
    )
    writes: list[Callable[[], Awaitable[Any]]] = [partial(work.report, work.request()) for work in works]
    results = await together(history, [*writes[1:3], broken, *writes[3:], writes[0]])
    failed = [(at, type(result)) for at, result in enumerate(results) if isinstance(result, Exception)]
    assert failed == [(2, fault)]
    assert await order(history) == [works[number].request().report_id for number in (1, 2, 3, 4, 0)]
    assert len(await history.unapplied_reports()) == 5


async def told(result: Awaitable[Committed]) -> Committed | ReportConflict:
    try:
        return await result
    except ReportConflict as error:
        return error


async def order(history: History) -> list[str]:
    return await history.read(lambda db: list(db.exec(select(ReportRow.report_id).order_by(text("id")))))


@contextmanager
def savepoints(history: History) -> Iterator[list[str]]:
    made = list[str]()

    def note(*_: object) -> None:
        made.append("made")

    event.listen(history._backend.writer, "savepoint", note)
    yield made
    event.remove(history._backend.writer, "savepoint", note)
