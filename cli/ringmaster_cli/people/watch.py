"""watch: what happens to beads and Workers, a line each, as it happens."""

from __future__ import annotations

import os
import queue
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit, Unreachable, UsageError
from ringmaster_cli.people.options import Account, Context, Namespace, Url
from ringmaster_cli.people.status import Everywhere

if TYPE_CHECKING:
    from ringmaster_cli.people.feed import Feed, News
    from ringmaster_cli.people.identity import Identity
    from ringmaster_cli.people.known import Step

Body = dict[str, Any]
KINDS = {"bead": "beads", "beads": "beads", "worker": "workers", "workers": "workers"}
PHASES = "Pending Blocked Ready Running NeedsDecision Held Succeeded Failed Cancelled".split()  # noqa: SIM905
DELETED = "Deleted"
ENDED = ("Succeeded", "Failed", "Cancelled", DELETED)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("watch")(watch)


@dataclass
class Wanted:
    """What is to be shown, and how."""

    beads: set[str]
    phases: set[str]
    kinds: tuple[str, ...]
    everywhere: bool
    as_json: bool
    until_done: bool
    ended: dict[str, str] = field(default_factory=dict)
    """The named beads that have ended, and how."""


def watch(
    beads: Annotated[list[str] | None, typer.Argument(metavar="[BEAD]...", help="These beads alone.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="beads or workers.")] = None,
    phase: Annotated[
        list[str] | None, typer.Option("--phase", help="Changes into or out of this phase alone.")
    ] = None,
    done: Annotated[
        bool, typer.Option("--done", help="End when the named beads have ended: 9 unless all succeeded.")
    ] = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Follow what happens, live. It comes back by itself when the operator was away, and misses nothing."""
    from ringmaster_cli.people.feed import Feed
    from ringmaster_cli.people.places import identities
    from ringmaster_cli.people.stream import relay

    wanted = _wanted(beads or [], kind or [], phase or [], done, everywhere, as_json or output.is_data())
    who = identities(url, account=account, namespace=namespace, context=context, everywhere=everywhere)
    lines: queue.SimpleQueue[tuple[Feed, News | CliError]] = queue.SimpleQueue()
    for one in who:
        feed = Feed(one, wanted.kinds)
        relay(feed, feed.news(), lines)
    try:
        _show(lines, wanted, len(who))
    except KeyboardInterrupt:
        return  # how this command is ended
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more


def _wanted(
    beads: list[str], kinds: list[str], phases: list[str], done: bool, everywhere: bool, as_json: bool
) -> Wanted:
    known = {name.lower(): name for name in PHASES}
    for name in kinds:
        if name.lower() not in KINDS:
            raise UsageError(f"--kind {name}: beads or workers")
    for name in phases:
        if name.lower() not in known:
            raise UsageError(f"--phase {name}: one of {', '.join(PHASES)}")
    if done and not beads:
        raise UsageError("--done needs the names of beads")
    found = {KINDS[name.lower()] for name in kinds} or ({"beads"} if beads or phases else set(KINDS.values()))
    if (beads or phases) and "beads" not in found:
        raise UsageError("beads and phases are of kind beads")
    return Wanted(
        beads=set(beads),
        phases={known[name.lower()] for name in phases},
        kinds=tuple(sorted(found)),
        everywhere=everywhere,
        as_json=as_json,
        until_done=done,
    )


def _show(lines: queue.SimpleQueue[tuple[Feed, News | CliError]], wanted: Wanted, left: int) -> None:
    """Print until so many feeds have ended, or until the named beads have."""
    begun: set[str] = set()
    while left:
        feed, news = lines.get()
        if isinstance(news, CliError):
            if not wanted.everywhere:
                raise news
            output.note(f"{feed.who.namespace}: {news}")
            left -= 1
            continue
        if news.what == "offline" and feed.who.namespace not in begun:
            raise Unreachable(f"the operator at {feed.who.url} cannot be reached: {news.why}")
        if news.what == "offline":
            output.note(f"offline: {news.why}; trying again")
        elif news.what == "online":
            output.note("online again")
        elif news.what == "begin":
            begun.add(feed.who.namespace)
            _begin(feed, wanted)
        for step in news.steps if news.what == "steps" else ():
            _step(feed.who, step, wanted)
        if wanted.until_done and wanted.beads <= wanted.ended.keys():
            code = Exit.OK if set(wanted.ended.values()) == {"Succeeded"} else Exit.FAULTS
            raise typer.Exit(int(code))


def _begin(feed: Feed, wanted: Wanted) -> None:
    """Named beads are shown as they are; of all others there would be too much."""
    from ringmaster_cli.people.happenings import line

    for name in sorted(wanted.beads):
        bead = feed.known.beads.get(name)
        if bead is not None:
            _ended(name, str(bead.phase), wanted)
            if not wanted.as_json:
                where = _where(feed.who, wanted)
                print(line("bead", name, f"is {bead.phase}: {bead.title}", where), flush=True)
        elif not wanted.everywhere:
            output.note(f"there is no bead {name} in namespace {feed.who.namespace} yet")


def _step(who: Identity, step: Step, wanted: Wanted) -> None:
    from ringmaster_cli.people import happenings

    if wanted.beads and (step.kind != "bead" or step.name not in wanted.beads):
        return
    before, after = happenings.phase_of(step.before), happenings.phase_of(step.after)
    if step.kind == "bead" and wanted.beads:
        _ended(step.name, after or DELETED, wanted)
    if wanted.phases and (before == after or not {before, after} & wanted.phases):
        return
    if wanted.as_json:
        _json(who, step)
        return
    for text in happenings.words(step):
        print(happenings.line(step.kind, step.name, text, _where(who, wanted)), flush=True)


def _ended(name: str, phase: str, wanted: Wanted) -> None:
    if phase in ENDED:
        wanted.ended[name] = phase
    else:
        wanted.ended.pop(name, None)


def _where(who: Identity, wanted: Wanted) -> str:
    return who.namespace if wanted.everywhere else ""


def _json(who: Identity, step: Step) -> None:
    from ringmaster_cli.agents.terminal import data

    what = "DELETED" if step.after is None else "ADDED" if step.before is None else "MODIFIED"
    body: Body = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "namespace": who.namespace,
        "type": what,
        "kind": step.kind,
        "name": step.name,
    }
    if step.after is not None:
        body["object"] = step.after.body()
    print(data(body), flush=True)
