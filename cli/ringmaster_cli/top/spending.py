"""The title line, and what is spent and done. Pure."""

from __future__ import annotations

from datetime import datetime

from ringmaster_cli.cells import clip, width
from ringmaster_cli.people.spans import ago, dollars, short
from ringmaster_cli.people.status import bars
from ringmaster_cli.top.canvas import Canvas
from ringmaster_cli.top.model import World
from ringmaster_operator.resources.bead import Phase
from ringmaster_operator.resources.overview_api import Overview

ROWS = 7
"""Of the pane, where there is room for one."""


def title(canvas: Canvas, world: World, needed: int) -> None:
    """Where this is, whether it is live, and the figures that matter."""
    where = world.namespaces[0] if len(world.namespaces) == 1 else f"{len(world.namespaces)} namespaces"
    canvas.fill(0, 0, canvas.columns, "title")
    column = canvas.put(0, 1, f"ringmaster {where}", "bold title")
    if world.away:
        why = next(iter(world.away.values()))
        canvas.put(
            0, column + 2, clip(f"OFFLINE: {why}; trying again", canvas.columns - column - 2), "bad title"
        )
        return
    state = "loading" if world.loading else "live"
    column = canvas.put(0, column + 2, state, "title" if world.loading else "good title")
    sessions = sum(len(worker.status.sessions) for worker in world.workers.values())
    figures = f"{needed} need you   {world.phases[Phase.RUNNING]}/{sessions} work   {money(world)} "
    if column + 2 + width(figures) <= canvas.columns:
        canvas.put(0, canvas.columns - width(figures), figures, "title")


def money(world: World) -> str:
    """Today's dollars, with those of running iterations."""
    total = sum(view.spend.today.usd + view.spend.running.usd for view in world.views.values())
    return f"{dollars(total)} today"


def draw(canvas: Canvas, world: World, box: tuple[int, int, int, int], now: datetime) -> None:
    """In one line where there is no more room."""
    row, column, rows, columns = box
    views = list(world.views.values())
    if rows == 1:
        words = "  ".join(_words(view, now) for view in views[:1]) if len(views) == 1 else money(world)
        canvas.put(row, column, clip(f" {words}", columns), "dim")
        return
    canvas.fill(row, column, columns, "bold head")
    canvas.put(row, column, " SPENT AND DONE", "bold head")
    lines = [text for view in views[:1] for text in _lines(view, now)] if len(views) == 1 else _each(world)
    for at, text in enumerate(lines[: rows - 1]):
        canvas.put(row + 1 + at, column + 2, clip(text, columns - 2))


def _words(view: Overview, now: datetime) -> str:
    spend = view.spend
    parts = [f"spent {dollars(spend.today.usd)} today, {dollars(spend.month.spent)} in {spend.month.month}"]
    parts += [f"{text}" for text in _budgets(view)[:1]]
    parts.append(f"done {view.done[-1].succeeded} today" if view.done else "")
    parts.append(_backup(view, now))
    return "; ".join(part for part in parts if part)


def _lines(view: Overview, now: datetime) -> list[str]:
    spend, month = view.spend, view.spend.month
    ahead = f", {dollars(month.expected)} expected at its end" if month.expected is not None else ""
    lines = [
        f"today {dollars(spend.today.usd)} + {dollars(spend.running.usd)} running,"
        f" {short(spend.today.tokens + spend.running.tokens)} tokens",
        f"{month.month} {dollars(month.spent)}{ahead}",
        *_budgets(view)[:2],
    ]
    if view.done:
        days = [day.succeeded for day in view.done]
        lines.append(f"done {bars(days)} {days[-1]} today, {sum(days)} in {len(days)} days")
    return [*lines, _backup(view, now)]


def _budgets(view: Overview) -> list[str]:
    found = sorted(view.spend.budgets, key=lambda budget: not budget.reached)
    texts = []
    for budget in found:
        amount = (
            f"{dollars(budget.spent.usd)} of {dollars(budget.usd)}"
            if budget.usd is not None
            else f"{short(budget.spent.tokens)} of {short(budget.tokens or 0)} tokens"
        )
        span = {"Day": "today", "Month": "this month"}.get(budget.per, "")
        texts.append(f"{budget.name}: {amount} {span}{' REACHED' if budget.reached else ''}")
    return texts


def _backup(view: Overview, now: datetime) -> str:
    backup = view.backup
    if not backup.schedules:
        return "no backups"
    if backup.failing:
        return "the last backup FAILED"
    return f"backup {ago(backup.last, now)} ago" if backup.last is not None else "no backup yet"


def _each(world: World) -> list[str]:
    """A line for each of several namespaces."""
    return [
        f"{namespace}: {dollars(view.spend.today.usd)} today, {dollars(view.spend.month.spent)} in"
        f" {view.spend.month.month}, {view.done[-1].succeeded if view.done else 0} done today"
        for namespace, view in sorted(world.views.items())
    ]
