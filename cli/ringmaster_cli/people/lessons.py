"""lessons: what beads taught, and what people do about it. Asks the operator."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from ringmaster_cli import output
from ringmaster_cli.agents.terminal import one_line, plain
from ringmaster_cli.people.lesson_report import shown as report_shown
from ringmaster_cli.people.lesson_views import FOUND, HEAD, WIDTH, page, row, table
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url

if TYPE_CHECKING:
    from ringmaster_cli.people.lesson_api import Book

Body = dict[str, Any]
CHUNK = 100
"""Lessons of one import call: its body stays far below the operator's limit."""
Number = Annotated[int, typer.Argument(min=1, help="Number of the lesson.")]
Repository = Annotated[str | None, typer.Option("--repository", help="Address of the repository.")]
Paths = Annotated[list[str] | None, typer.Option("--path", help="File or folder; may be repeated.")]
Capabilities = Annotated[list[str] | None, typer.Option("--capability", help="May be repeated.")]
Failure = Annotated[
    str | None, typer.Option("--failure-class", help="How runs fail that have not learned it.")
]

app = typer.Typer(
    help="Lessons: what beads taught others, and what came of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class State(StrEnum):
    ACTIVE = "active"
    RETIRED = "retired"
    ALL = "all"


@app.command("list")
def listed(
    state: Annotated[State, typer.Option("--state", help="Which of them.")] = State.ACTIVE,
    repository: Repository = None,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Lessons of a namespace, the oldest first."""
    book = _book(url, account, namespace, context)
    found = book.all(state=state.value, repository=repository)
    if as_json:
        output.result({"items": found}, "", as_json=True)
    elif found:
        table(HEAD, [row(item) for item in found])
    else:
        output.note(
            f"there are no {'' if state is State.ALL else state.value + ' '}lessons in {book.namespace}"
        )


@app.command("search")
def search(
    words: Annotated[str, typer.Argument(help="What the work is about, as a bead would say it.")],
    repository: Repository = None,
    path: Paths = None,
    capability: Capabilities = None,
    failure_class: Failure = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="Lessons at most.")] = 10,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Lessons that fit a piece of work, the best first, with how well they fit and why."""
    query = [("q", words), ("limit", str(limit))]
    query += [("path", item) for item in path or []] + [("capability", item) for item in capability or []]
    query += [("repository", repository)] if repository else []
    query += [("failureClass", failure_class)] if failure_class else []
    found = _book(url, account, namespace, context).call("GET", f"/search?{urlencode(query)}")
    if as_json:
        output.result(found, "", as_json=True)
        return
    if not found["items"]:
        output.note("no lesson has any of these words")
        return
    rows = [
        (
            str(item["id"]),
            f"{item['score']:.2f}",
            one_line(item["lesson"], WIDTH),
            one_line(item["why"], WIDTH),
        )
        for item in found["items"]
    ]
    table(FOUND, rows)


@app.command("show")
def show(
    lesson: Number,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """One lesson, where it holds, and what speaks for and against it."""
    found = _book(url, account, namespace, context).call("GET", f"/{lesson}")
    if as_json:
        output.result(found, "", as_json=True)
        return
    print(plain("\n".join(page(found))))


@app.command("add")
def add(
    lesson: Annotated[str, typer.Argument(help="What to do or to avoid, and when.")],
    cause: Annotated[str, typer.Option("--cause", help="Why.")] = "",
    repository: Repository = None,
    path: Paths = None,
    capability: Capabilities = None,
    failure_class: Failure = None,
    profile: Annotated[str | None, typer.Option("--profile", help="Agent profile that it is for.")] = None,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Add a lesson of your own. It holds everywhere unless you say where."""
    applies = {
        "repository": repository,
        "paths": path or [],
        "capabilities": capability or [],
        "failureClass": failure_class,
        "profile": profile,
    }
    body = {
        "lesson": lesson,
        "cause": cause,
        "applies": {key: value for key, value in applies.items() if value},
    }
    _done(_book(url, account, namespace, context).call("POST", "", body), "is in force", as_json=as_json)


@app.command("endorse")
def endorse(
    lesson: Number,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Vouch for a lesson: it counts more, failures do not retire it, and a retired one is active again."""
    found = _book(url, account, namespace, context).call("POST", f"/{lesson}/endorse", {})
    _done(found, "is endorsed", as_json=as_json)


@app.command("retire")
def retire(
    lesson: Number,
    reason: Annotated[str, typer.Option("--reason", help="Why, for others.")] = "",
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Tell no agent any more. `endorse` brings it back."""
    found = _book(url, account, namespace, context).call("POST", f"/{lesson}/retire", {"reason": reason})
    _done(found, "is retired", as_json=as_json)


@app.command("export")
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output when unset.")] = None,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Active lessons as JSON, for another team's `ringmaster lessons import`."""
    from ringmaster_cli.people import lesson_api

    book = _book(url, account, namespace, context)
    items: list[Body] = []
    after = 0
    while True:
        part = book.call("GET", f"/export?after={after}")
        items += part["items"]
        if not (after := part.get("next") or 0):
            break
    bundle = {"version": 1, "namespace": book.namespace, "items": items}
    if file is None:
        print(lesson_api.text(bundle), end="")
        return
    lesson_api.write(file, bundle)
    output.note(f"{len(items)} lessons of {book.namespace} are in {file}")


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="What `lessons export` wrote.")],
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Take in another team's lessons. Those that are known already only gain weight."""
    from ringmaster_cli.people import lesson_api

    bundle = lesson_api.read(file)
    book = _book(url, account, namespace, context)
    sums = {"added": 0, "strengthened": 0}
    items = bundle["items"]
    for start in range(0, len(items), CHUNK):
        body = {"version": 1, "namespace": bundle["namespace"], "items": items[start : start + CHUNK]}
        told = book.call("POST", "/import", body)
        sums = {name: sums[name] + told[name] for name in sums}
    known = sums["strengthened"]
    output.result(sums, f"{sums['added']} lessons added, {known} were known", as_json=as_json)


@app.command("report")
def report(
    since: Annotated[
        str | None, typer.Option("--since", help="Attempts from this time on, as 2026-01-31T08:00:00Z.")
    ] = None,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """What lessons do: success, iterations and dollars with and without them, with 95 % intervals."""
    query = f"?{urlencode({'since': since})}" if since else ""
    found = _book(url, account, namespace, context).call("GET", f"/report{query}")
    output.result(found, plain(report_shown(found)), as_json=as_json)


def _done(item: Body, what: str, *, as_json: bool) -> None:
    output.result(item, f"lesson {item['id']} {what}: {one_line(item['lesson'], WIDTH)}", as_json=as_json)


def _book(url: str | None, account: str | None, namespace: str | None, context: str | None) -> Book:
    from ringmaster_cli.people.lesson_api import Book

    return Book(url, account, namespace, context)
