"""notify list, add, change, mute, test, remove: who is told what, by which channel, and when."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url

Body = dict[str, Any]
HEAD = ("ID", "CHANNEL", "WHAT", "WHERE", "WHEN", "WAITING", "LAST SENT", "TROUBLE")
ASKED = ("channel", "address", "kinds", "namespaces", "digest", "dailyAt", "quiet", "timeZone", "mutedUntil")

app = typer.Typer(
    help="Notifications: who is told what, by which channel, and when.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="As `notify list` shows it.")]
Shared = Annotated[
    bool, typer.Option("--shared", help="Those of the namespace, for all, instead of your own.")
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        help="Tell this: decision, escalation, failed, finished, budget, backup, worker, operator; may be"
        " repeated. Everything when unset.",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option("--in", help="Of this namespace; may be repeated. Everywhere when unset."),
]
Quiet = Annotated[
    str | None, typer.Option("--quiet", metavar="FROM-TO", help="Hours without messages: 22:00-07:00.")
]
Digest = Annotated[str | None, typer.Option("--digest", help="now, hourly or daily.")]
DailyAt = Annotated[str | None, typer.Option("--daily-at", metavar="HH:MM", help="When a daily one comes.")]
TimeZone = Annotated[
    str | None, typer.Option("--time-zone", help="Of these hours: Europe/Berlin. UTC when unset.")
]
Address = Annotated[str | None, typer.Option("--to", help="Your address there, where the channel takes one.")]


class _Place:
    """One's own notifications, or those of a namespace."""

    def __init__(
        self, url: str | None, account: str | None, namespace: str | None, context: str | None, shared: bool
    ) -> None:
        from ringmaster_cli.people.identity import anyone, identify

        found = identify if shared else anyone
        self._who = found(url, account=account, namespace=namespace, context=context)
        self._path = f"/namespaces/{self._who.namespace}/notifications" if shared else "/me/notifications"

    def ask(self, method: str, tail: str = "", body: Body | None = None) -> Body:
        from ringmaster_cli.people.api import request

        return request(self._who.url, method, f"{self._path}{tail}", token=self._who.token, body=body)

    def one(self, id: int) -> Body:
        """What was asked for, of one of them. Raises UsageError."""
        from ringmaster_cli.exits import UsageError

        items: list[Body] = self.ask("GET")["items"]
        found = next((item for item in items if item["id"] == id), None)
        if found is None:
            raise UsageError(f"there is no notification {id}: see `ringmaster notify list`")
        return {key: found[key] for key in ASKED if key in found}


@app.command("list")
def list_notifications(
    shared: Shared = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """What you are told, by which channels, and the channels there are."""
    from ringmaster_cli.people.caller import table

    found = _Place(url, account, namespace, context, shared).ask("GET")
    if as_json:
        output.result(found, "", as_json=True)
        return
    if found["items"]:
        table(HEAD, [_row(item) for item in found["items"]])
    else:
        output.note("nobody is told anything yet: ringmaster notify add CHANNEL")
    if found["channels"]:
        print("\nChannels:")
        table(("NAME", "ADDRESS", "ABOUT"), [_channel(item) for item in found["channels"]])
    elif found.get("trouble"):
        output.note(found["trouble"])
    else:
        output.note("no channel is open to this: whoever runs the operator sets them up")


@app.command("add")
def add(
    channel: Annotated[str, typer.Argument(help="One that `notify list` shows.")],
    to: Address = None,
    kinds: Kinds = None,
    only: Where = None,
    quiet: Quiet = None,
    digest: Digest = None,
    daily_at: DailyAt = None,
    time_zone: TimeZone = None,
    shared: Shared = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Be told from now on of what needs a person, or tell a room of the namespace."""
    wish = {"channel": channel, **_wish(to, kinds, only, quiet, digest, daily_at, time_zone)}
    made = _Place(url, account, namespace, context, shared).ask("POST", body=wish)
    output.result(made, str(made["id"]), as_json=as_json)
    if not as_json:
        output.note(f"try it: ringmaster notify test {made['id']}{' --shared' if shared else ''}")


@app.command("change")
def change(
    id: Id,
    to: Address = None,
    kinds: Kinds = None,
    only: Where = None,
    quiet: Quiet = None,
    digest: Digest = None,
    daily_at: DailyAt = None,
    time_zone: TimeZone = None,
    always: Annotated[bool, typer.Option("--no-quiet", help="Without quiet hours again.")] = False,
    shared: Shared = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Change what is given; all else stays. What waits moves to the new hours."""
    place = _Place(url, account, namespace, context, shared)
    wish = place.one(id) | _wish(to, kinds, only, quiet, digest, daily_at, time_zone)
    if always:
        wish.pop("quiet", None)
    made = place.ask("PUT", f"/{id}", wish)
    output.result(made, str(made["id"]), as_json=as_json)


@app.command("mute")
def mute(
    id: Id,
    span: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="For so long: 30m, 8h, 2d. 1d when unset.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Tell again at once.")] = False,
    shared: Shared = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Tell nothing for a while; what happens meanwhile comes as one message at its end."""
    from ringmaster_cli.people.days import ahead

    place = _Place(url, account, namespace, context, shared)
    wish = place.one(id)
    wish.pop("mutedUntil", None)
    if not off:
        wish["mutedUntil"] = ahead(span or "1d")
    made = place.ask("PUT", f"/{id}", wish)
    output.result(made, str(made.get("mutedUntil", "told again")), as_json=as_json)


@app.command("test")
def try_it(
    id: Id,
    shared: Shared = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Send a test message now, whatever the hour."""
    sent = _Place(url, account, namespace, context, shared).ask("POST", f"/{id}/test")
    output.result(sent, f"sent: {sent['id']}", as_json=as_json)


@app.command("remove")
def remove(
    id: Id,
    shared: Shared = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Tell it no more. What waits is dropped."""
    _Place(url, account, namespace, context, shared).ask("DELETE", f"/{id}")
    output.note(f"notification {id} is removed")


def _wish(
    to: str | None,
    kinds: list[str] | None,
    only: list[str] | None,
    quiet: str | None,
    digest: str | None,
    daily_at: str | None,
    time_zone: str | None,
) -> Body:
    from ringmaster_cli.exits import UsageError

    given = {
        "address": to,
        "kinds": kinds or None,
        "namespaces": only or None,
        "digest": digest,
        "dailyAt": daily_at,
        "timeZone": time_zone,
    }
    wish: Body = {name: value for name, value in given.items() if value is not None}
    if quiet is not None:
        start, dash, end = quiet.partition("-")
        if not dash:
            raise UsageError(f"--quiet {quiet}: write it like 22:00-07:00")
        wish["quiet"] = {"start": start.strip(), "end": end.strip()}
    return wish


def _row(item: Body) -> tuple[str, ...]:
    from ringmaster_cli.people.days import ahead

    when = item.get("digest", "now")
    if when == "daily":
        when += f" {item['dailyAt']}"
    if quiet := item.get("quiet"):
        when += f", quiet {quiet['start']}-{quiet['end']}"
    if when not in ("now", "hourly"):
        when += f" {item['timeZone']}"
    if (item.get("mutedUntil") or "") > ahead("0s"):
        when += f", muted until {item['mutedUntil']}"
    if item.get("declared"):
        when += " (project.toml)"
    trouble = item.get("lastError", "")
    if item.get("givenUp"):
        trouble = f"{item['givenUp']} given up; {trouble}".removesuffix("; ")
    return (
        str(item["id"]),
        " ".join(part for part in (item["channel"], item.get("address")) if part),
        ", ".join(item.get("kinds") or ["everything"]),
        ", ".join(item.get("namespaces") or ["all"]),
        when,
        str(item.get("waiting", 0)),
        item.get("lastSentAt") or "never",
        trouble or "-",
    )


def _channel(item: Body) -> tuple[str, ...]:
    return (str(item["name"]), "--to ADDRESS" if item["takesAddress"] else "-", item.get("about") or "-")
