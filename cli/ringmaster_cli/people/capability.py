"""capability list, get, set, reset, history: what Workers can do, how sure that is, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.agents.terminal import plain
from ringmaster_cli.exits import CliError, Exit, UsageError
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url

if TYPE_CHECKING:
    from ringmaster_cli.people.cluster import Cluster

Body = dict[str, Any]
Capability = Annotated[str, typer.Argument(help="Name of the capability.")]
WorkerName = Annotated[str, typer.Argument(metavar="WORKER", help="Name of the Worker.")]
HEAD = ("CAPABILITY", "WORKER", "CONFIDENCE", "DECLARED", "LEARNED", "OVERRIDE", "SUCCESSES", "FAILURES")
LEARNED = "learned"

app = typer.Typer(
    help="What Workers can do, and how sure that is.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_capabilities(namespace: Namespace = None, context: Context = None, as_json: Json = False) -> None:
    """Every capability that a Worker declares or the project's settings name."""
    cluster = _cluster(namespace, context)
    found = _known(cluster)
    if not found and not as_json:
        output.note(f"no Worker in namespace {cluster.namespace} declares a capability")
        return
    _show(found, as_json=as_json)


@app.command("get")
def get(
    name: Capability, namespace: Namespace = None, context: Context = None, as_json: Json = False
) -> None:
    """One capability, and who has it."""
    cluster = _cluster(namespace, context)
    found = [item for item in _known(cluster) if item["name"] == name]
    if not found:
        raise CliError(f"nobody in namespace {cluster.namespace} knows {name}", exit=Exit.NOTHING)
    if found[0]["description"] and not as_json:
        print(plain(f"{name}: {found[0]['description']}"))
    _show(found, as_json=as_json)


@app.command("set")
def override(
    worker: WorkerName,
    name: Capability,
    confidence: Annotated[str, typer.Argument(help="0 to 1; `learned` lets what was learned count again.")],
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Let a confidence of your own count. What was learned is kept, and goes on being learned."""
    value = None if confidence == LEARNED else _share(confidence)
    _change(_cluster(namespace, context), worker, name, override=value)
    counts = "what was learned counts" if value is None else f"{value:g} counts, whatever outcomes say"
    output.note(f"{name} of Worker {worker}: {counts}")


@app.command("reset")
def reset(worker: WorkerName, name: Capability, namespace: Namespace = None, context: Context = None) -> None:
    """Forget what was learned: the declared confidence counts until there are new outcomes."""
    trigger = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    _change(_cluster(namespace, context), worker, name, reset=trigger)
    output.note(f"{name} of Worker {worker}: what was learned is forgotten; its history stays")


@app.command("history")
def history(
    name: Capability,
    worker: Annotated[str | None, typer.Option("--worker", help="Of this Worker alone.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="Changes at most.")] = 50,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """How the confidences came about, the newest first; asks the operator."""
    from ringmaster_cli.people.client import Client
    from ringmaster_cli.people.identity import identify

    who = identify(url, account=account, namespace=namespace, context=context)
    found = Client(who).confidence_history(name, worker=worker, limit=limit).body()
    if as_json:
        output.result(found, "", as_json=True)
        return
    head = ("TIME", "WORKER", "AGENT", "CHANGE", "CONFIDENCE")
    rows = [
        (
            str(item["at"]),
            str(item["worker"]),
            " ".join(filter(None, (item["profile"], item.get("model")))),
            _cause(item),
            f"{item['confidence']:.2f}",
        )
        for item in found["items"]
    ]
    _table(head, rows)


def _cause(item: Body) -> str:
    by = f" by {item['person']}" if item.get("person") else ""
    if item["cause"] == "outcome":
        return f"{'success' if item['success'] else 'failure'} in {item.get('bead')} ({item['weight']:.2g})"
    if item["cause"] == "override":
        value = item.get("override")
        return f"override {'taken away' if value is None else f'{value:g}'}{by}"
    return f"reset{by}"


def _known(cluster: Cluster) -> list[Body]:
    """By name: description, and what each Worker declares and has learned."""
    found: dict[str, Body] = {
        name: {"name": name, "description": text, "workers": []} for name, text in _described(cluster).items()
    }
    for item in cluster.workers():
        status = {entry["name"]: entry for entry in item.get("status", {}).get("capabilities", [])}
        for entry in item.get("spec", {}).get("capabilities", []):
            learned = status.get(entry["name"], {})
            declared = entry.get("confidence", 0.8)
            known = {
                "worker": item["metadata"]["name"],
                "declared": declared,
                "learned": learned.get("confidence", declared),
                "override": entry.get("override"),
                "successes": learned.get("successes", 0),
                "failures": learned.get("failures", 0),
            }
            known["confidence"] = known["learned"] if known["override"] is None else known["override"]
            fresh = {"name": entry["name"], "description": "", "workers": []}
            found.setdefault(entry["name"], fresh)["workers"].append(known)
    for item in found.values():
        item["workers"].sort(key=lambda known: (-known["confidence"], known["worker"]))
    return [found[name] for name in sorted(found)]


def _described(cluster: Cluster) -> dict[str, str]:
    """From the project's settings; nothing where they cannot be read: they are only said along with it."""
    import tomllib

    try:
        settings = tomllib.loads(cluster.setting("ringmaster-project", "project.toml"))
    except tomllib.TOMLDecodeError:
        return {}
    described = settings.get("capabilities", {})
    return {str(key): str(value) for key, value in described.items()} if isinstance(described, dict) else {}


def _show(found: Sequence[Body], *, as_json: bool) -> None:
    if as_json:
        output.result({"items": found}, "", as_json=True)
        return
    rows = []
    for item in found:
        for known in item["workers"]:
            value = known["override"]
            rows.append(
                (
                    item["name"],
                    known["worker"],
                    f"{known['confidence']:.2f}",
                    f"{known['declared']:.2f}",
                    f"{known['learned']:.2f}",
                    "" if value is None else f"{value:.2f}",
                    str(known["successes"]),
                    str(known["failures"]),
                )
            )
        if not item["workers"]:
            rows.append((item["name"], "(nobody)", "", "", "", "", "", ""))
    _table(HEAD, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(plain("  ".join(cells).rstrip()))


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{text!r}: a confidence is a number from 0 to 1, or `{LEARNED}`")
    return value


def _change(cluster: Cluster, worker: str, name: str, **fields: object) -> None:
    """Set fields of one of the Worker's capabilities; None takes one away."""
    body = cluster.worker(worker)
    entries: list[Body] = body["spec"].get("capabilities", [])
    entry = next((item for item in entries if item["name"] == name), None)
    if entry is None:
        raise UsageError(f"Worker {worker} does not declare {name}: add it to its spec.capabilities")
    for field, value in fields.items():
        entry.pop(field, None)
        if value is not None:
            entry[field] = value
    cluster.patch(worker, {"capabilities": entries}, version=body["metadata"]["resourceVersion"])


def _cluster(namespace: str | None, context: str | None) -> Cluster:
    from ringmaster_cli.people.cluster import Cluster

    return Cluster(namespace=namespace, context=context)
