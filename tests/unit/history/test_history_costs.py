"""Roll-ups: every grouping has the total of the usage rows; what is added up as it comes is what is there."""

from __future__ import annotations

import importlib.util
import os
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select

from ringmaster_operator.history import Account, History, Question, heard_source, migrate
from ringmaster_operator.history.cost_queries import GROUPINGS, RolledUp
from ringmaster_operator.history.cost_tables import CostUseRow
from ringmaster_operator.history.costs import NAMES
from ringmaster_operator.history.tables import IterationRow, SpendingRow, UsageRow
from ringmaster_operator.resources.bead import Outcome
from ringmaster_operator.resources.protocol import ModelUsage, Next, Usage

from .conftest import NOON, Work

Make = Callable[..., Work]
MODELS = [("anthropic", "opus"), ("anthropic", "haiku"), ("openai", "gpt"), ("", "of-mine")]
SKILLS = ["python", "go", "sql"]
BY = [*GROUPINGS, "label:team", "label:nobody-has-it"]


@dataclass
class Life:
    """A random life of a fleet, from a seed that is printed."""

    history: History
    dice: random.Random

    def account(self) -> Account:
        parents = tuple(self.dice.sample(["story", "part", "all"], self.dice.randrange(3)))
        return Account(
            requested_by=self.dice.choice(["", "alice", "bob"]),
            labels=frozenset(
                {("team", self.dice.choice("ab")), ("size", "s")} if self.dice.random() < 0.7 else ()
            ),
            repository=self.dice.choice(["", "https://git/a", "https://git/b"]),
            capabilities=tuple(self.dice.sample(SKILLS, self.dice.randrange(4))),
            parents=parents,
            epic=parents[-1] if parents else "",
        )

    def usage(self, attempt: int) -> Usage:
        rows = []
        for number in range(self.dice.randrange(5)):
            provider, model = self.dice.choice(MODELS)
            again = self.dice.random() < 0.5  # a position that other iterations tell of too
            read, written = self.dice.randrange(50), self.dice.randrange(50)
            rows.append(
                ModelUsage(
                    position=f"p{self.dice.randrange(8)}" if again else f"{attempt}-{number}",
                    provider=provider,
                    model=model,
                    input_tokens=read + written + self.dice.randrange(500),
                    cache_read_tokens=read,
                    cache_write_tokens=written,
                    output_tokens=self.dice.randrange(100),
                    reasoning_tokens=self.dice.randrange(10),
                    requests=self.dice.randrange(1, 4),
                    computed_usd=None if model == "of-mine" else self.dice.randrange(1000) / 64,
                    reported_usd=0.25 if self.dice.random() < 0.2 else None,
                )
            )
        total = self.dice.randrange(100) / 8 if self.dice.random() < 0.5 else None
        return Usage(requests=rows, reported_usd=total, price_version="table 1")

    async def claim(self, number: int) -> None:
        work = Work(
            history=self.history,
            uid=f"uid-{number % 7}",
            bead=f"bead-{number % 7}",
            namespace=self.dice.choice(["team", "other"]),
            worker=self.dice.choice(["builders", "testers"]),
            fence=number,
        )
        account, now = self.account(), NOON + timedelta(hours=self.dice.randrange(24 * 40))
        if self.dice.random() < 0.9:
            await work.start(now)
        for turn in range(1, self.dice.randrange(1, 4) + 1):
            now += timedelta(hours=self.dice.randrange(30))
            await self.iterate(work, turn, account, now)
        if self.dice.random() < 0.3:
            await self.lose(work, account, now)

    async def iterate(self, work: Work, turn: int, account: Account, now: datetime) -> None:
        kind = self.dice.choice(["success", "likely_success", "failed", "incomplete"])
        request = work.request(
            turn,
            usage=self.usage(turn),
            outcome=Outcome.model_validate({"kind": kind, "summary": "so"}),
            finished_at=NOON + timedelta(seconds=self.dice.randrange(-10, 4000)),
        )
        next = self.dice.choice([Next.ITERATE, Next.DONE, Next.STOP])
        for _ in range(self.dice.choice([1, 1, 2])):  # sent again, as after a lost answer
            await work.report(
                request, next=next, now=now, account=account, infrastructure_usd=self.dice.randrange(9) / 16
            )

    async def lose(self, work: Work, account: Account, now: datetime) -> None:
        common: dict[str, Any] = {
            "claim_id": work.claim_id,
            "bead_uid": work.uid,
            "namespace": work.namespace,
            "bead": work.bead,
            "worker": work.worker,
            "account": account,
            "now": now,
        }
        await self.history.book(source=heard_source(work.claim_id, 9), usd=0.5, tokens=77, **common)
        if self.dice.random() < 0.5:
            await self.history.refuse_report(
                request=work.request(9, usage=self.usage(9)), reason="too late", **common
            )


Sums = dict[tuple[int, date, str, str], dict[str, float]]


def kept(db: Session) -> Sums:
    """What was added up as it came, by claim, day and model."""
    return {
        (row.work_id, row.day, row.provider, row.model): {name: getattr(row, name) for name in NAMES}
        for row in db.exec(select(CostUseRow))
    }


def from_scratch(db: Session) -> Sums:
    """The same from the rows that tell of single requests, iterations and bookings, by other means."""
    claims = {row[0]: row[1] for row in db.connection().execute(text("SELECT claim_id, id FROM cost_work"))}
    attempts = {row[0]: row[1] for row in db.connection().execute(text("SELECT id, claim_id FROM attempt"))}
    found: Sums = defaultdict(lambda: dict.fromkeys(NAMES, 0.0))

    def post(claim: str, at: datetime, provider: str, model: str, **figures: float) -> None:
        place = found[claims[claim], at.date(), provider, model]
        for name, value in figures.items():
            place[name] += value

    for use in db.exec(select(UsageRow)):
        usd = use.reported_usd if use.computed_usd is None else use.computed_usd
        counts = {name: getattr(use, name) for name in NAMES if hasattr(use, name) and name != "usd"}
        post(
            attempts[use.attempt_id],
            use.at,
            use.provider,
            use.model,
            usd=usd or 0,
            tokens=use.input_tokens + use.output_tokens,
            unpriced_requests=use.requests if usd is None else 0,
            **counts,
        )
    told = set()
    for row in db.exec(select(IterationRow)):
        told.add(row.report_id)
        post(
            attempts[row.attempt_id],
            row.at,
            row.provider,
            row.model,
            usd=row.lump_usd,
            agent_usd=0 if row.compared_usd is None else row.reported_usd or 0,
            compared_usd=row.compared_usd or 0,
            seconds=max(0.0, (row.finished_at - row.started_at).total_seconds()),
            infrastructure_usd=row.infrastructure_usd,
        )
    for booked in db.exec(select(SpendingRow).where(col(SpendingRow.source).not_in(told))):
        if booked.source.startswith("price/"):  # found later: in the rows already
            continue
        post(booked.claim_id, booked.at, "", "", usd=booked.usd, tokens=booked.tokens)
    return found


def same(first: Sums, second: Sums) -> None:
    def real(sums: Sums) -> Sums:
        return {place: figures for place, figures in sums.items() if any(map(abs, figures.values()))}

    assert real(first).keys() == real(second).keys()
    for place, figures in real(first).items():
        assert figures == pytest.approx(second[place], abs=1e-9), place


async def live(history: History, seed: int, claims: int = 25) -> None:
    print(f"seed {seed}")
    life = Life(history, random.Random(seed))
    for number in range(1, claims + 1):
        await life.claim(number)


@pytest.mark.parametrize("seed", range(int(os.environ.get("RINGMASTER_EXAMPLES", "2"))))
async def test_every_grouping_has_the_total_of_all_usage(history: History, seed: int) -> None:
    await live(history, seed)
    scratch = await history.read(from_scratch)
    same(await history.read(kept), scratch)
    total = {name: sum(figures[name] for figures in scratch.values()) for name in NAMES}
    [whole] = await history.roll_up(question=Question())
    assert whole.figures == pytest.approx(total, abs=1e-6)
    assert total["usd"] > 0
    for by in [[name] for name in BY] + [["capability", "month"], ["label:team", "outcome", "week"]]:
        groups = await history.roll_up(question=Question(by=by))
        assert len({group.keys for group in groups}) == len(groups), by
        for name in NAMES:
            sums = sum(group.figures[name] for group in groups)
            assert sums == pytest.approx(total[name], abs=1e-6), (by, name)
    await check_times(history, scratch)


def chosen(dice: random.Random) -> dict[str, Any]:
    """What of a random life to ask for; often all."""
    where = {"bead": f"bead-{dice.randrange(7)}", "model": "opus", "user": "alice", "label:team": "a"}
    where |= {"capability": "go", "tree": "part", "outcome": "success", "epic": ""}
    picked = {name: where[name] for name in dice.sample(sorted(where), dice.choice([0, 0, 1, 2]))}
    days = [NOON.date() + timedelta(days=dice.randrange(45)) if dice.random() < 0.3 else None for _ in "ab"]
    return {"namespace": dice.choice(["", "team"]), "since": days[0], "until": days[1], "where": picked}


async def price(history: History, dice: random.Random) -> None:
    """Some of what had no price."""
    for gap in await history.price_gaps(namespace=""):
        rows = await history.unpriced_usage(gap=gap, after=0, limit=100)
        found = [(item.id, 0.25, "later") for item in rows if dice.random() < 0.5]
        await history.set_prices(found=found, now=NOON + timedelta(days=60))


WITHOUT_SUM = "SELECT count(*) FROM cost_work WHERE id NOT IN (SELECT work_id FROM cost_use)"
ELSEWHERE = """SELECT count(*) FROM cost_work w JOIN cost_use u ON u.work_id = w.id
WHERE u.namespace <> w.namespace"""


async def check_works(history: History) -> None:
    """Every claim that is described has a sum, in its own namespace: so claims may be counted there."""

    def without(db: Session) -> list[int]:
        return [db.connection().execute(text(query)).scalar_one() for query in (WITHOUT_SUM, ELSEWHERE)]

    assert await history.read(without) == [0, 0]


@pytest.mark.parametrize("seed", range(int(os.environ.get("RINGMASTER_EXAMPLES", "2"))))
async def test_the_total_with_the_groups_is_that_of_all(history: History, seed: int) -> None:
    await live(history, seed + 1000)
    dice = random.Random(seed)
    await price(history, dice)
    await check_works(history)
    for by in [[], *([name] for name in BY), ["day", "model"], ["user", "capability"], ["epic", "bead"]]:
        for _ in range(4):
            asked = chosen(dice)
            groups, total = await history.roll_up_with_total(question=Question(by=by, **asked))
            assert groups == await history.roll_up(question=Question(by=by, **asked)), (by, asked)
            whole = await history.roll_up(question=Question(**asked))
            nothing = RolledUp(keys=(), figures=dict.fromkeys(NAMES, 0.0), attempts=0)
            expected = whole[0] if whole else nothing
            assert total.attempts == expected.attempts, (by, asked)
            assert await history.count_attempts(question=Question(by=by, **asked)) == expected.attempts
            assert total.figures == pytest.approx(expected.figures, abs=1e-9), (by, asked)


async def check_times(history: History, scratch: Sums) -> None:
    """Weeks begin on Monday; groups by time come in its order."""
    starts: dict[str, Callable[[date], str]] = {
        "day": lambda day: day.isoformat(),
        "week": lambda day: (day - timedelta(days=day.weekday())).isoformat(),
        "month": lambda day: day.isoformat()[:7],
    }
    for by, start in starts.items():
        expected: dict[str, float] = defaultdict(float)
        for (_, day, _, _), figures in scratch.items():
            expected[start(day)] += figures["usd"]
        groups = await history.roll_up(question=Question(by=[by]))
        assert {group.keys[0]: group.figures["usd"] for group in groups} == pytest.approx(expected)
        assert [group.keys[0] for group in groups] == sorted(expected)


async def test_the_books_of_budgets_have_the_same_days(history: History, work: Make) -> None:
    one = work()
    await one.start()
    await one.report(one.request(usage=Usage(requests=[row(0.5)], reported_usd=0.75)))
    [booked] = await history.spent_since(since=NOON)
    [day] = await history.roll_up(question=Question(by=["day"]))
    assert (day.figures["usd"], day.figures["tokens"]) == (booked.usd, booked.tokens)


def row(usd: float | None, position: str = "p", **more: Any) -> ModelUsage:
    fields = {"model": "opus", "provider": "anthropic", "input_tokens": 100} | more
    return ModelUsage(position=position, computed_usd=usd, **fields)


async def rolled(history: History, *by: str, **more: Any) -> dict[tuple[str, ...], float]:
    groups = await history.roll_up(question=Question(by=by, **more))
    return {group.keys: group.figures["usd"] for group in groups}


async def test_capabilities_divide_what_a_claim_cost(history: History, work: Make) -> None:
    for number, skills in enumerate([("go", "sql"), ("go",), ()]):
        one = work(uid=f"uid-{number}", bead=f"bead-{number}")
        await one.start()
        account = Account(capabilities=skills)
        await one.report(one.request(usage=Usage(requests=[row(1.0)])), account=account)
    assert await rolled(history, "capability") == {("go",): 1.5, ("",): 1.0, ("sql",): 0.5}
    assert await rolled(history, "bead", where={"capability": "sql"}) == {("bead-0",): 0.5}


async def test_filters_choose_trees_days_and_namespaces(history: History, work: Make) -> None:
    for number, parents in enumerate([("story", "all"), ("all",), ()]):
        one = work(uid=f"uid-{number}", bead=("leaf", "story", "alone")[number], namespace="ab"[number // 2])
        await one.start()
        account = Account(parents=parents, epic=parents[-1] if parents else "")
        now = NOON + timedelta(days=number)
        await one.report(one.request(usage=Usage(requests=[row(1.0)])), account=account, now=now)
    assert await rolled(history, "bead", where={"tree": "story"}) == {("leaf",): 1.0, ("story",): 1.0}
    assert await rolled(history, "epic") == {("all",): 2.0, ("",): 1.0}
    assert await rolled(history, "bead", namespace="b") == {("alone",): 1.0}
    day = (NOON + timedelta(days=1)).date()
    assert await rolled(history, "bead", since=day, until=day) == {("story",): 1.0}
    assert await rolled(history, where={"bead": "nothing"}) == {}


async def test_outcomes_tell_success_from_failure(history: History, work: Make) -> None:
    kinds = ["success", "likely_success", "failed", "incomplete", "cancelled"]
    for number, kind in enumerate(kinds):
        one = work(uid=f"uid-{number}")
        await one.start()
        outcome = Outcome.model_validate({"kind": kind, "summary": ""})
        await one.report(one.request(usage=Usage(requests=[row(1.0)]), outcome=outcome))
    running = work(uid="uid-9")
    await running.start()
    await running.report(running.request(usage=Usage(requests=[row(1.0)])), next=Next.ITERATE)
    expected = {("success",): 2.0, ("failure",): 2.0, ("cancelled",): 1.0, ("running",): 1.0}
    assert await rolled(history, "outcome") == expected


async def test_the_agents_figure_is_kept_beside_ours_where_both_tell_all(
    history: History, work: Make
) -> None:
    told = [
        Usage(requests=[row(1.0)], reported_usd=1.25),
        Usage(requests=[row(1.0), row(None, "q")], reported_usd=5.0),  # ours is not all of it
        Usage(requests=[row(None, reported_usd=1.0)], reported_usd=1.0),  # no figure of ours
        Usage(requests=[row(1.0)]),
    ]
    for number, usage in enumerate(told):
        one = work(uid=f"uid-{number}")
        await one.start()
        await one.report(one.request(usage=usage))
    [whole] = await history.roll_up(question=Question())
    assert (whole.figures["compared_usd"], whole.figures["agent_usd"]) == (1.0, 1.25)


def migration() -> ModuleType:
    path = Path(migrate.__file__).with_name("migrations") / "versions" / "0007_costs.py"
    spec = importlib.util.spec_from_file_location("costs_migration", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_what_was_there_before_is_filled_in(history: History) -> None:
    await live(history, 11)
    before = await rolled(history, "day", "model"), await rolled(history, "label:team")

    def anew(db: Session) -> None:
        for table in ("cost_use", "cost_tag", "cost_work"):
            db.connection().execute(text(f"DELETE FROM {table}"))
        made = migration()
        db.connection().execute(text(made.WORKS))
        db.connection().execute(text(made.uses(db.connection().dialect.name)))
        made._tags(db.connection())

    await history.write(anew)
    await check_works(history)
    days, teams = await rolled(history, "day", "model"), await rolled(history, "label:team")
    assert days == pytest.approx(before[0])
    assert teams == pytest.approx(before[1])


async def test_a_price_that_is_found_later_corrects_every_sum(history: History, work: Make) -> None:
    mine = {"model": "of-mine", "provider": ""}
    told = [
        Usage(requests=[row(1.0), row(None, "q", **mine), row(None, "r", **mine)], price_version="table 1"),
        Usage(requests=[row(None, **mine)], reported_usd=0.75),  # the agent's total counts already
        Usage(requests=[row(None, reported_usd=0.5, **mine)]),  # the agent's price is a price
    ]
    for number, usage in enumerate(told):
        one = work(uid=f"uid-{number}")
        await one.start()
        await one.report(one.request(usage=usage), account=Account(requested_by="alice"))
    [gap] = await history.price_gaps(namespace="team")
    assert (gap.model, gap.requests, gap.input_tokens) == ("of-mine", 3, 300)
    rows = await history.unpriced_usage(gap=gap, after=0, limit=10)
    later = NOON + timedelta(days=3)
    found = [(item.id, 0.5, "project") for item in rows]
    corrections = await history.set_prices(found=found, now=later)
    assert [(item.usd, item.at, item.account.requested_by) for item in corrections] == [(1.0, NOON, "alice")]
    assert await history.price_gaps(namespace="") == []
    same(await history.read(kept), await history.read(from_scratch))
    [whole] = await history.roll_up(question=Question())
    assert whole.figures["usd"] == 1.0 + 1.0 + 0.75 + 0.5
    assert whole.figures["unpriced_requests"] == 0
    assert sum(item.usd for item in await history.spent_since(since=NOON)) == whole.figures["usd"]
    uses = await history.read(lambda db: db.exec(select(UsageRow).order_by(col(UsageRow.id))).all())
    lists = [(use.price_version, use.priced_at) for use in uses]
    assert lists == [("table 1", NOON), *[("project", later)] * 3, ("", None)]
    again = [(item.id, 99.0, "another") for item in rows]
    assert await history.set_prices(found=again, now=later) == []  # what has a price keeps it
    [whole] = await history.roll_up(question=Question())
    assert whole.figures["usd"] == 3.25


async def test_absurd_figures_lose_no_report_and_stay_numbers(history: History, work: Make) -> None:
    """Of an earlier version, say: the protocol takes no such report."""
    one = work()
    await one.start()
    most = 1.7e308
    for number in (1, 2, 3):
        again = row(None, output_tokens=number)  # the same position, larger
        absurd = [item.model_copy(update={"computed_usd": most}) for item in (again, row(None, f"q{number}"))]
        told = Usage(requests=[*absurd, row(None, f"r{number}")])
        usage = told.model_copy(update={"reported_usd": most})
        assert (await one.report(one.request(number, usage=usage), next=Next.ITERATE)).next is Next.ITERATE
    [whole] = await history.roll_up(question=Question(by=["model"]))
    assert 1e9 <= whole.figures["usd"] <= 1e11
