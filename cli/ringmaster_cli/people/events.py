"""events: what was told about the objects of a namespace, from the history, and as it happens."""

from __future__ import annotations

import os
import queue
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.agents.terminal import data
from ringmaster_cli.exits import CliError, Unreachable, UsageError
from ringmaster_cli.people.days import moment
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url
from ringmaster_cli.people.status import Everywhere

if TYPE_CHECKING:
    from ringmaster_cli.people.events_feed import EventFeed, Told
    from ringmaster_cli.people.identity import Identity
    from ringmaster_operator.resources.event_api import ObjectEvent

Filters = dict[str, str | list[str]]
KINDS = {
    **dict.fromkeys(("bead", "beads", "bd"), "Bead"),
    **dict.fromkeys(("worker", "workers", "wk"), "Worker"),
    **dict.fromkeys(("backupschedule", "backupschedules", "bks"), "BackupSchedule"),
    **dict.fromkeys(("configmap", "configmaps", "cm"), "ConfigMap"),
}
TYPES = {"normal": "Normal", "warning": "Warning"}
HEAD = ("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE")
WIDE = ("TIME", "COUNT")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("events")(events)


def events(
    about: Annotated[
        str | None,
        typer.Option("--for", metavar="KIND/NAME", help="About this object alone, such as bead/fix-login."),
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--types", help="Normal or Warning; both when unset.")
    ] = None,
    reason: Annotated[
        list[str] | None, typer.Option("--reason", help="Of this reason, such as Failed. May be repeated.")
    ] = None,
    text: Annotated[str, typer.Option("--text", help="With this in name, reason or message.")] = "",
    since: Annotated[
        str | None,
        typer.Option("--since", help="From then on: a time of day and date, or 30m, 12h, 7d, 2w ago."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before that, likewise.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The newest so many.")] = 50,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", "-w", "--watch", help="Go on with what happens, live.")
    ] = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """What was told about beads, Workers and schedules, also deleted ones; the newest last."""
    from ringmaster_cli.people.places import identities

    if follow and until is not None:
        raise UsageError("--follow has no end: leave --until out")
    filters = _filters(about, types or [], reason or [], text, moment(since), moment(until))
    who = identities(url, account=account, namespace=namespace, context=context, everywhere=everywhere)
    how = _How(everywhere, as_json or output.is_data())
    if follow:
        _follow(who, filters, limit, how)
    else:
        _list(who, filters, limit, how)


@dataclass(frozen=True)
class _How:
    everywhere: bool
    as_json: bool


def _filters(
    about: str | None,
    types: Iterable[str],
    reasons: list[str],
    text: str,
    since: str | None,
    until: str | None,
) -> Filters:
    """The query. Raises UsageError."""
    found: Filters = {}
    if about is not None:
        kind, slash, name = about.partition("/")
        if not (slash and name):
            kind, name = "bead", about
        if kind.lower() not in KINDS:
            raise UsageError(f"--for {about}: bead, worker, backupschedule or configmap, / and a name")
        found |= {"kind": KINDS[kind.lower()], "name": name}
    wanted = [word.strip() for words in types for word in words.split(",") if word.strip()]
    if unknown := [word for word in wanted if word.lower() not in TYPES]:
        raise UsageError(f"--types {unknown[0]}: Normal or Warning")
    if wanted:
        found["type"] = sorted({TYPES[word.lower()] for word in wanted})
    if reasons:
        found["reason"] = reasons
    given = {"text": text, "since": since, "until": until}
    return found | {name: value for name, value in given.items() if value}


def _list(who: list[Identity], filters: Filters, limit: int, how: _How) -> None:
    from ringmaster_cli.people.caller import table
    from ringmaster_cli.people.client import Client

    found = [(one.namespace, item) for one in who for item in islice(Client(one).happened(**filters), limit)]
    found.sort(key=lambda pair: (pair[1].at, pair[1].id))
    found = found[-limit:]
    if how.as_json:
        items = [{"namespace": namespace, **item.body()} for namespace, item in found]
        output.result({"items": items}, "", as_json=True)
        return
    if not found:
        output.note("nothing was told of that" if filters else "nothing was told yet")
        return
    now, wide = datetime.now(UTC), output.is_wide()
    head = (*(["NAMESPACE"] if how.everywhere else []), *(WIDE if wide else []), *HEAD)
    table(head, [_row(namespace, item, now, wide, how) for namespace, item in found])


def _row(namespace: str, item: ObjectEvent, now: datetime, wide: bool, how: _How) -> list[str]:
    from ringmaster_cli.cells import line
    from ringmaster_cli.people.spans import ago

    seen = ago(item.at, now) + (f" (x{item.count})" if item.count > 1 else "")
    exact = [f"{item.at.astimezone():%Y-%m-%d %H:%M:%S}", str(item.count)] if wide else []
    told = [seen, item.type, item.reason, f"{item.kind.lower()}/{item.name}", line(item.message)]
    return [*([namespace] if how.everywhere else []), *exact, *told]


def _follow(who: list[Identity], filters: Filters, limit: int, how: _How) -> None:
    from ringmaster_cli.people.events_feed import EventFeed
    from ringmaster_cli.people.stream import relay

    lines: queue.SimpleQueue[tuple[EventFeed, Told | CliError]] = queue.SimpleQueue()
    for one in who:
        feed = EventFeed(one, filters, limit)
        relay(feed, feed.told(), lines)
    try:
        _print(lines, len(who), how)
    except KeyboardInterrupt:
        return  # how this command is ended
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more


def _print(lines: queue.SimpleQueue[tuple[EventFeed, Told | CliError]], left: int, how: _How) -> None:
    """Until so many feeds have ended."""
    while left:
        feed, told = lines.get()
        if isinstance(told, CliError):
            if not how.everywhere:
                raise told
            output.note(f"{feed.who.namespace}: {told}")
            left -= 1
        elif told.away and not feed.begun:
            raise Unreachable(f"the operator at {feed.who.url} cannot be reached: {told.away}")
        elif told.away:
            output.note(f"offline: {told.away}; trying again")
        elif told.event is None:
            output.note("online again")
        else:
            print(_line(feed.who.namespace, told.event, how), flush=True)


def _line(namespace: str, item: ObjectEvent, how: _How) -> str:
    """An event as one line: JSON, or when, how grave, about what, what."""
    from ringmaster_cli.cells import fit, line

    if how.as_json:
        body: dict[str, Any] = {"namespace": namespace, **item.body()}
        return data(body)
    where = f"{namespace}/" if how.everywhere else ""
    times = f" (x{item.count})" if item.count > 1 else ""
    about = line(f"{where}{item.kind.lower()}/{item.name}")
    shown = fit(about, 28) if len(about) < 28 else about
    head = f"{item.at.astimezone():%H:%M:%S} {item.type:<7} {line(item.reason):<16}"
    return f"{head} {shown} {line(item.message)}{times}"
