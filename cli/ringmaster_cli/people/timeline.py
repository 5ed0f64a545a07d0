"""timeline: what became of a bead, in order: attempts, iterations, what was told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.agents.terminal import one_line, plain
from ringmaster_cli.people.beads import Name
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url

if TYPE_CHECKING:
    from ringmaster_operator.resources.bead_api import AttemptInfo, EventInfo, IterationInfo

Body = dict[str, Any]
WORDS = 300
"""Characters of a summary or message."""
ORDER = ("claimed", "iteration", "ended", "event")
"""What comes first of the same moment."""
TOLD = ("Claimed", "Succeeded")
"""Events that say no more than the line of the attempt."""
GOOD = ("success", "likely_success")
BAD = ("failed", "likely_failed", "lost")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("timeline")(timeline)


def timeline(
    name: Name,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", min=1, max=10_000, help="Attempts, iterations, events: the newest so many each."
        ),
    ] = 100,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """What became of a bead, in order: attempts, iterations, tokens, money, escalations, decisions."""
    from ringmaster_cli.people.client import Client
    from ringmaster_cli.people.identity import identify

    client = Client(identify(url, account=account, namespace=namespace, context=context))
    newest_first = [
        *_of_attempts(islice(client.attempts(name), limit)),
        *(_of_iteration(item) for item in islice(client.iterations(name), limit)),
        *(_of_event(item) for item in islice(client.events(name), limit)),
    ]
    oldest_first = newest_first[::-1]  # what is of the same moment keeps this order
    items = sorted(oldest_first, key=lambda item: (item["at"], ORDER.index(item["what"])))
    if as_json:
        data = [{**item, "at": _rfc3339(item["at"])} for item in items]
        output.result({"bead": name, "namespace": client.namespace, "items": data}, "", as_json=True)
    elif items:
        _print(items)
    else:
        output.note(f"nothing has become of bead {name} yet")


def _of_attempts(found: Iterator[AttemptInfo]) -> Iterator[Body]:
    for item in found:
        data = item.body()
        yield {"at": item.started_at, "what": "claimed", **data}
        if item.ended_at is not None:
            yield {"at": item.ended_at, "what": "ended", **data}


def _of_iteration(item: IterationInfo) -> Body:
    data = item.body()
    data.pop("finalText", None)
    data.pop("at", None)
    return {"at": item.at, "what": "iteration", **data}


def _of_event(item: EventInfo) -> Body:
    data = item.body()
    data.pop("at", None)
    return {"at": item.at, "what": "event", **data}


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _print(items: list[Body]) -> None:
    from rich.text import Text

    from ringmaster_cli.people.records_show import console

    out, day = console(), ""
    for item in items:
        if item.get("reason") in TOLD and item["what"] == "event":
            continue
        at = item["at"].astimezone()
        if (today := at.strftime("%A, %Y-%m-%d")) != day:
            day = today
            out.print(day, style="bold")
        mark, words, style = {"claimed": _claimed, "iteration": _iteration, "ended": _ended, "event": _event}[
            item["what"]
        ](item)
        line = Text(f"  {at:%H:%M:%S}  ", style="dim")
        line.append(f"{mark} ", style=style or "none")
        line.append(plain(words), style="none" if style in ("green", "") else style)
        out.print(line)


Line = tuple[str, str, str]


def _claimed(item: Body) -> Line:
    model = f", {item['model']}" if item.get("model") else ""
    words = f"attempt {item['attempt']} by {item['worker']}/{item['session']} ({item['profile']}{model})"
    return "▶", words, "bold"


def _iteration(item: Body) -> Line:
    outcome = item["outcome"]
    checks = item.get("verify", [])
    failed = next((check for check in checks if check["exitCode"]), None)
    said = f"; {len(checks)} check{'s' * (len(checks) != 1)} passed" if checks and not failed else ""
    if failed and failed["command"] not in outcome.get("summary", ""):
        said = f"; `{one_line(failed['command'], 80)}` exits {failed['exitCode']}"
    took = _span(datetime.fromisoformat(item["startedAt"]), datetime.fromisoformat(item["finishedAt"]))
    words = f"iteration {item['iteration']} ({took}): {_outcome(outcome)}{said}"
    return "  •", words, _style(str(outcome["kind"]))


def _ended(item: Body) -> Line:
    cost = item["cost"]
    tokens = f"{cost.get('inputTokens', 0):,} tokens in, {cost.get('outputTokens', 0):,} out"
    took = _span(datetime.fromisoformat(item["startedAt"]), item["at"])
    spent = f"{output.money(cost.get('usd', 0.0))}, {tokens}"
    kind = {"kind": item.get("kind") or "ended", "reason": item.get("reason"), "summary": item.get("summary")}
    where = f"; branch {item['branch']}" if item.get("branch") else ""
    words = f"attempt {item['attempt']} ended after {took} ({spent}): {_outcome(kind)}{where}"
    return "■", words, _style(str(kind["kind"]))


def _event(item: Body) -> Line:
    times = f" ({item['count']} times)" if item.get("count", 1) > 1 else ""
    words = f"{item['reason']}: {one_line(item['message'], WORDS)}{times}"
    return "!" if item["type"] == "Warning" else "·", words, "yellow" if item["type"] == "Warning" else "dim"


def _outcome(outcome: Body) -> str:
    reason = f" ({outcome['reason']})" if outcome.get("reason") else ""
    summary = f": {one_line(outcome['summary'], WORDS)}" if outcome.get("summary") else ""
    return f"{str(outcome['kind']).replace('_', ' ')}{reason}{summary}"


def _style(kind: str) -> str:
    return "green" if kind in GOOD else "red" if kind in BAD else ""


def _span(begin: datetime, end: datetime) -> str:
    seconds = max((end - begin) // timedelta(seconds=1), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
