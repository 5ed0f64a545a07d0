"""diff, transcript, prompt: what an iteration left, in a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit, Refused
from ringmaster_cli.people.beads import Name
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url

if TYPE_CHECKING:
    from ringmaster_cli.people.client import Client
    from ringmaster_operator.resources.bead_api import IterationInfo
    from ringmaster_operator.resources.records import Record

Body = dict[str, Any]
Attempt = Annotated[
    int | None, typer.Option("--attempt", min=0, help="Of this attempt; the newest when unset.")
]
Iteration = Annotated[
    int | None, typer.Option("--iteration", min=1, help="This iteration of it; the newest when unset.")
]
LOOK_SECONDS = 3.0
"""Between looks for another iteration, with --follow."""
ENDED = ("Succeeded", "Failed", "Cancelled")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("diff")(diff)
    app.command("transcript")(transcript)
    app.command("prompt")(prompt)


def diff(
    name: Name,
    attempt: Attempt = None,
    iteration: Iteration = None,
    stat: Annotated[bool, typer.Option("--stat", help="Only the files, with their lines.")] = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """What a bead's branch has that its base has not, as an iteration left it."""
    from ringmaster_cli.people import records_show

    found = _record(_client(url, account, namespace, context), name, "diff", attempt, iteration)
    if as_json:
        output.result(found.body(), "", as_json=True)
    elif found.diff is not None:
        records_show.diff(found.diff, stat=stat)
        _missing(found)


def transcript(
    name: Name,
    attempt: Attempt = None,
    iteration: Iteration = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with each iteration that ends, until the bead does.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="All of what tools gave back.")] = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """What the agent said and did in an iteration. While one runs, `worker logs -f` shows it live."""
    client = _client(url, account, namespace, context)
    seen = 0
    try:
        found = _record(client, name, "transcript", attempt, iteration)
    except Refused:
        if not follow:
            raise
        client.bead(name)  # raises where there is none
    else:
        seen = found.iteration_id
        _tell(found, full=full, as_json=as_json)
    while follow:
        ended = str(client.bead(name).status.phase or "") in ENDED
        for item in _newer(client, name, seen):
            seen = item.id
            _tell_of(client, name, item, full=full, as_json=as_json)
        if ended:
            return
        time.sleep(LOOK_SECONDS)


def prompt(
    name: Name,
    attempt: Attempt = None,
    iteration: Iteration = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Where each part of it is from, and what was left out.")
    ] = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """The prompt of an iteration as the agent was sent it."""
    from ringmaster_cli.people import records_show

    found = _record(_client(url, account, namespace, context), name, "prompt", attempt, iteration)
    if as_json:
        output.result(found.body(), "", as_json=True)
    elif found.prompt is not None and explain:
        records_show.parts(found.prompt)
    elif found.prompt is not None:
        output.result({}, "".join(segment.text for segment in found.prompt.segments).rstrip(), as_json=False)
        _missing(found)


def _client(url: str | None, account: str | None, namespace: str | None, context: str | None) -> Client:
    from ringmaster_cli.people.client import Client
    from ringmaster_cli.people.identity import identify

    return Client(identify(url, account=account, namespace=namespace, context=context))


def _record(client: Client, name: str, kind: str, attempt: int | None, iteration: int | None) -> Record:
    """The record of that iteration; of none in particular, of the newest that has one. Raises CliError."""
    asked = attempt is not None or iteration is not None
    fitting = (
        item
        for item in client.iterations(name)
        if attempt in (None, item.attempt) and iteration in (None, item.iteration)
    )
    why = f"bead {name} has no such iteration" if asked else f"no iteration of bead {name} was reported yet"
    trouble: CliError = CliError(why, exit=Exit.NOTHING)
    for item in fitting:
        try:
            return client.record(name, item.id, kind)
        except Refused as refused:
            trouble = refused
            if asked:
                break
    raise trouble


def _newer(client: Client, name: str, seen: int) -> list[IterationInfo]:
    """Iterations after that one, the oldest first."""
    found = []
    for item in client.iterations(name):
        if item.id <= seen:
            break
        found.append(item)
    return found[::-1]


def _tell_of(client: Client, name: str, item: IterationInfo, *, full: bool, as_json: bool) -> None:
    """Its transcript, which comes a moment after its report."""
    for remaining in reversed(range(3)):
        try:
            _tell(client.record(name, item.id, "transcript"), full=full, as_json=as_json)
            return
        except Refused as refused:
            if remaining:
                time.sleep(LOOK_SECONDS)
            else:
                output.note(str(refused))


def _tell(found: Record, *, full: bool, as_json: bool) -> None:
    from ringmaster_cli.people import records_show

    if as_json:
        output.result(found.body(), "", as_json=True)
    elif found.transcript is not None:
        output.note(f"attempt {found.attempt}, iteration {found.iteration} ({found.transcript.profile})")
        records_show.transcript(found.transcript, full=full)


def _missing(found: Record) -> None:
    if found.truncated:
        output.note(f"something of this {found.kind.value} is left out: it was too large to be kept")
