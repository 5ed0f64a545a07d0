"""status: a namespace, or all, on one screen: what needs a person, what runs, what is spent and saved."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import Exit, Refused
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url

if TYPE_CHECKING:
    from ringmaster_cli.people.identity import Identity
    from ringmaster_operator.resources.overview_api import BackupState, Need, Overview, Run, Spending

Everywhere = Annotated[bool, typer.Option("-A", "--all-namespaces", help="All namespaces that you may see.")]
MOST_ROWS = 12
UNCUT = 4096
"""The width of what goes to no terminal."""
BARS = "▁▂▃▄▅▆▇█"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("status")(status)


def status(
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """What needs a person, runs, is done and spent. Exit code 9 when something needs a person."""
    from ringmaster_cli.people.client import Client
    from ringmaster_cli.people.places import identities

    who = identities(url, account=account, namespace=namespace, context=context, everywhere=everywhere)
    found: list[tuple[Identity, Overview]] = []
    for one in who:
        try:
            found.append((one, Client(one).overview()))
        except Refused:
            if not everywhere:
                raise
    if as_json:
        bodies = [{"namespace": one.namespace, **overview.body()} for one, overview in found]
        output.result({"items": bodies} if everywhere else bodies[0], "", as_json=True)
    else:
        width = shutil.get_terminal_size((UNCUT, 24)).columns if sys.stdout.isatty() else UNCUT
        texts = [
            "\n".join(told(view, width, namespace=one.namespace if everywhere else "", url=one.url))
            for one, view in found
        ]
        print("\n\n".join(texts) if texts else "you may see no namespace with beads in it", flush=True)
    if any(overview.needs for _, overview in found):
        raise typer.Exit(int(Exit.FAULTS))


def told(view: Overview, width: int, *, namespace: str = "", url: str = "") -> Iterator[str]:
    """The screen, a line each, none wider than so many cells."""
    from ringmaster_cli.cells import clip

    lines = [
        *([f"NAMESPACE {namespace}", ""] if namespace else []),
        *_needs(view, width),
        *_running(view, width),
        _beads(view),
        *_spend(view.spend),
        _done(view),
        _backup(view.backup, view.at),
        f"OPERATOR  {view.version} at {url}" + (", elected leader" if view.elected else ""),
    ]
    return (clip(line, width) for line in lines)


def _needs(view: Overview, width: int) -> Iterator[str]:
    from ringmaster_cli.cells import fit

    total = sum(view.needed.values())
    if not total:
        yield from ("NEEDS YOU nothing", "")
        return
    yield f"NEEDS YOU ({total})"
    for need in view.needs[:MOST_ROWS]:
        yield (
            f"  {fit(need.kind, 10)} {fit(need.name, _name_cells(width))} {need.priority or '  '}"
            f" {_since(need, view.at)} {_words(need)}"
        )
    if total > MOST_ROWS:
        yield f"  and {total - MOST_ROWS} more: {', '.join(f'{n} {kind}' for kind, n in view.needed.items())}"
    yield ""


def _name_cells(width: int) -> int:
    return max(12, min(width // 4, 32))


def _since(need: Need, now: datetime) -> str:
    from ringmaster_cli.people.spans import ago

    return f"{ago(need.since, now):>4}"


def _words(need: Need) -> str:
    """What is asked, what waits for it, what may be answered."""
    from ringmaster_cli.cells import line

    holds = f"[{need.blocks} wait] " if need.blocks else ""
    choice = f" ({line(' | '.join(need.options))})" if need.options else ""
    return f"{holds}{line(need.why or need.title)}{choice}"


def _running(view: Overview, width: int) -> Iterator[str]:
    up = [session for session in view.sessions if session.activity != "down"]
    if not view.running and not view.sessions:
        yield from ("WORKING   no session runs", "")
        return
    yield f"WORKING ({len(view.running)} of {len(up)} sessions)"
    for run in view.running[:MOST_ROWS]:
        yield f"  {_run(run, view.at, width)}"
    if len(view.running) > MOST_ROWS:
        yield f"  and {len(view.running) - MOST_ROWS} more"
    yield ""


def _run(run: Run, now: datetime, width: int) -> str:
    from ringmaster_cli.cells import fit
    from ringmaster_cli.people.spans import ago, dollars, short

    rate = f" {short(run.tokens_per_minute)}/min" if run.tokens_per_minute is not None else ""
    progress = f"{ago(run.progress_at, now)} ago" if run.progress_at is not None else "not heard of yet"
    return (
        f"{fit(run.activity, 8)} {fit(run.name, _name_cells(width))} {run.priority} {fit(run.session, 10)}"
        f" iteration {run.iteration}/{run.max_iterations} {dollars(run.usd)}{rate}, {progress}"
        f"{f': {run.note}' if run.note else ''}"
    )


def _beads(view: Overview) -> str:
    counts = dict(view.phases)
    ready = f"{view.ready} may be claimed"
    parts = [f"{count} {phase}" for phase, count in sorted(counts.items(), key=lambda item: -item[1])]
    return f"BEADS     {ready}; {', '.join(parts)}" if parts else "BEADS     none"


def _spend(spend: Spending) -> Iterator[str]:
    from ringmaster_cli.people.spans import dollars, short

    month = spend.month
    ahead = f", {dollars(month.expected)} expected" if month.expected is not None else ""
    if month.low is not None and month.high is not None:
        ahead += f" ({dollars(month.low)} to {dollars(month.high)})"
    running = f" + {dollars(spend.running.usd)} running" if spend.running.usd else ""
    yield (
        f"SPENT     today {dollars(spend.today.usd)}{running}, {short(spend.today.tokens)} tokens;"
        f" {month.month} {dollars(month.spent)}{ahead}"
    )
    for budget in spend.budgets:
        limits = []
        if budget.usd is not None:
            limits.append(f"{dollars(budget.spent.usd)} of {dollars(budget.usd)}")
        if budget.tokens is not None:
            limits.append(f"{short(budget.spent.tokens)} of {short(budget.tokens)} tokens")
        span = {"Day": "today", "Month": "this month"}.get(budget.per, budget.per)
        reached = ": REACHED" if budget.reached else ""
        yield f"          {budget.name}: {', '.join(limits)} {span}{reached}"


def _done(view: Overview) -> str:
    days = [day.succeeded for day in view.done]
    if not days:
        return "DONE      -"
    failed = f", {view.done[-1].failed} failed" if view.done[-1].failed else ""
    return f"DONE      today {days[-1]}{failed}; {sum(days)} in {len(days)} days {bars(days)}"


def bars(figures: list[int]) -> str:
    """Figures as a row of bars."""
    most = max(figures, default=0)
    return "".join(BARS[round(value / most * (len(BARS) - 1))] if most else BARS[0] for value in figures)


def _backup(backup: BackupState, now: datetime) -> str:
    from ringmaster_cli.people.spans import ago, span

    if not backup.schedules:
        return "BACKUP    no BackupSchedule: nothing is saved"
    if backup.last is None:
        words = "none yet"
    else:
        words = f"{ago(backup.last, now)} ago{', verified' if backup.verified else ', not verified'}"
    failing = "; the last run FAILED" if backup.failing else ""
    following = f"; next in {span((backup.next - now).total_seconds())}" if backup.next is not None else ""
    return f"BACKUP    {words}{failing}{following}"
