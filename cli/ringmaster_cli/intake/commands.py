"""`ringmaster import` and `ringmaster export`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import Refused, UsageError
from ringmaster_cli.intake.create import create
from ringmaster_cli.intake.kinds import Format, Written, format_of
from ringmaster_cli.people.options import Context, Json, Namespace

if TYPE_CHECKING:
    from ringmaster_cli.intake.draft import Drafts
    from ringmaster_cli.intake.store import Beads

Body = dict[str, Any]
PROGRESS_SECONDS = 2.0
SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("create")(create)
    app.command("import")(import_file)
    app.command("export")(export)


def import_file(
    file: Annotated[str, typer.Argument(help="File with the backlog; - is standard input.")],
    form: Annotated[
        Format | None, typer.Option("--format", help="How it is written; by the file's ending when unset.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Name for where it comes from, for references; the file's when unset.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Let the server check everything, and change nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Take the file's words for what people changed here since.")
    ] = False,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Make beads of a backlog: bd's JSONL, CSV, GitHub's issues, Markdown checklists or YAML.

    The same file again changes nothing; a changed one changes its beads. Finished beads are left alone.
    """
    from ringmaster_cli.intake.draft import drafts
    from ringmaster_cli.intake.formats import parse
    from ringmaster_cli.intake.record import identifier_of
    from ringmaster_cli.intake.store import Beads

    chosen = form or format_of(file)
    origin = source or ("beads" if chosen in (Format.BEADS, Format.CSV) else PurePath(file).stem)
    items = parse(_text(file), chosen, file=file, source=origin)
    if not items:
        raise UsageError(f"{file} has nothing that could become a bead")
    beads = Beads(namespace=namespace, context=context)
    present = {body["metadata"]["name"]: body for body in beads.beads()}
    made = drafts(items, source=origin, known={identifier_of(body): name for name, body in present.items()})
    faults = [*made.faults, *_strangers(made.bodies, present)]
    if faults:
        shown = faults[:SHOWN] + ([f"... and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else [])
        output.note("\n".join(shown))
        raise UsageError(f"{file}: {len(faults)} records cannot be imported, so nothing was")
    for line in made.notes[:SHOWN]:
        output.note(line)
    if len(made.notes) > SHOWN:
        output.note(f"... and {len(made.notes) - SHOWN} more left out")
    _write(beads, made, present, dry_run=dry_run, force=force, as_json=as_json)


def _text(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8")
    except OSError as fault:
        raise UsageError(f"{file} cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text") from None


def _strangers(bodies: list[Body], present: dict[str, Body]) -> list[str]:
    """Beads of the same name that did not come from there."""
    from ringmaster_cli.intake.names import REF
    from ringmaster_cli.intake.record import identifier_of

    found = []
    for body in bodies:
        meta = body["metadata"]
        other = present.get(meta["name"])
        theirs = other["metadata"].get("annotations", {}).get(REF) if other else None
        if other and theirs != meta["annotations"][REF]:
            whose = f"from {theirs}" if theirs else "of Ringmaster's own"
            found.append(f"{identifier_of(body)}: there is a bead {meta['name']} already, {whose}")
    return found


def _write(
    beads: Beads, made: Drafts, present: dict[str, Body], *, dry_run: bool, force: bool, as_json: bool
) -> None:
    from ringmaster_cli.intake.store import Conflict, Result
    from ringmaster_operator.resources.bead import FINISHED

    done: list[Body] = []
    conflicts = []
    told = time.monotonic()
    for number, body in enumerate(made.bodies):
        name = body["metadata"]["name"]
        before = present.get(name)
        try:
            if before is not None and before.get("status", {}).get("phase") in FINISHED:
                result = Result.FINISHED
            else:
                result = beads.put(body, before, dry_run=dry_run, force=force)
        except Conflict as fault:
            result = Result.CONFLICT
            conflicts.append(str(fault))
        done.append({"kind": "Bead", "name": name, "result": result.value})
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            output.note(f"{number + 1} of {len(made.bodies)} beads")
    counts = Counter(str(item["result"]) for item in done)
    words = ", ".join(f"{counts[kind]} {kind}" for kind in Result if counts[kind])
    output.result({"items": done}, f"{'would be: ' if dry_run else ''}{words}", as_json=as_json)
    if conflicts:
        output.note("\n".join(conflicts[:SHOWN]))
        raise Refused(f"{len(conflicts)} beads were changed here since and are left as they are")


def export(
    file: Annotated[str, typer.Argument(help="File to write; - is standard output.")] = "-",
    form: Annotated[
        Written | None, typer.Option("--format", help="By the file's ending when unset, else beads.")
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Write the beads of a namespace as bd's JSONL or as CSV: what was imported, and what came of it."""
    from ringmaster_cli.intake.formats import write_csv, write_jsonl
    from ringmaster_cli.intake.record import identifier_of, record_of
    from ringmaster_cli.intake.store import Beads

    chosen = form or (Written.CSV if file.lower().endswith(".csv") else Written.BEADS)
    bodies = Beads(namespace=namespace, context=context).beads()
    identifiers = {body["metadata"]["name"]: identifier_of(body) for body in bodies}
    records = [record_of(body, identifiers) for body in bodies]
    text = write_csv(records) if chosen is Written.CSV else write_jsonl(records)
    if file == "-":
        sys.stdout.write(text)
        return
    from ringmaster_cli.state import write

    write(Path(file), text.encode())
    kinds = Counter(record["status"] for record in records)
    output.note(f"{len(records)} beads: " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))
