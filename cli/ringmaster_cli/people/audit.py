"""audit and undo: who changed what through the operator's API, and taking one's own change back."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.people.days import moment
from ringmaster_cli.people.options import Account, Context, Json, Url

Body = dict[str, Any]
HEAD = ("ID", "TIME", "WHO", "FROM", "ACTION", "WHAT", "CHANGE")
LONGEST = 60


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("audit")(audit)
    app.command("undo")(undo)


def audit(
    person: Annotated[
        str | None, typer.Option("--by", help="Changes of this person, as they are recorded.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Changes of this kind of object.")] = None,
    name: Annotated[str | None, typer.Option("--object", help="Changes of the object of this name.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="This action only, such as role.grant.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="From then on: a time of day and date, or 30m, 12h, 7d, 2w ago."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before that, likewise.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Changes at most.")] = 50,
    url: Url = None,
    account: Account = None,
    namespace: Annotated[str | None, typer.Option("-n", "--namespace", help="Of this namespace.")] = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Who changed what through the API, the newest first: of a namespace, or of all that you may see."""
    from ringmaster_cli.people.caller import Caller, show

    first, end = moment(since), moment(until)
    found = Caller(url, account, namespace, context).each(
        "/audit",
        most=limit,
        namespace=namespace,
        person=person,
        kind=kind,
        name=name,
        action=action,
        since=first,
        until=end,
    )
    items = list(found)
    show(items, HEAD, [_row(item) for item in items], empty="no change that you may see", as_json=as_json)


def undo(
    entry: Annotated[int, typer.Argument(metavar="ID", min=1, help="As `ringmaster audit` shows it.")],
    url: Url = None,
    account: Account = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Take back a change of yours, where what it made is still so."""
    from ringmaster_cli.people.caller import Caller

    made = Caller(url, account, None, context).ask("POST", f"/audit/{entry}/undo")
    what = f"{made['kind']} {made['name']}"
    output.result(made, f"{what} is as it was before change {entry} (change {made['id']})", as_json=as_json)


def _row(item: Body) -> tuple[str, ...]:
    place = f"{item['namespace']}/" if item.get("namespace") else ""
    note = f" (undone by {item['undoneBy']})" if item.get("undoneBy") else ""
    note += f" (undoes {item['undoOf']})" if item.get("undoOf") else ""
    return (
        str(item["id"]),
        str(item["at"]),
        str(item["person"]),
        str(item.get("address") or ""),
        str(item["action"]),
        f"{item['kind']} {place}{item['name']}",
        f"{_short(item.get('before'))} -> {_short(item.get('after'))}{note}",
    )


def _short(value: Body | None) -> str:
    """What was, or is, in few words."""
    if value is None:
        return "nothing"
    while len(value) == 1 and isinstance(next(iter(value.values())), dict):  # spec: {...}
        value = dict(next(iter(value.values())))
    text = ", ".join(f"{key}={json.dumps(part, ensure_ascii=False)}" for key, part in value.items())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
