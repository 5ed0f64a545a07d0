"""`ringmaster ask`: put a question to a person, from an agent's run or from a script that holds a bead."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit, Refused, UsageError

if TYPE_CHECKING:
    from ringmaster_operator.resources.protocol import Question

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"([0-9]{1,8})(s|m|h|d)?")
QUEUED = (
    "the question is put to a person: leave your work as it is and end your run now, "
    "you will go on with the answer"
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("ask")(ask)


def ask(
    question: Annotated[str, typer.Argument(help="What only a person can decide.")],
    option: Annotated[
        list[str] | None, typer.Option(help="A possible answer, with what follows from it: NAME=CONSEQUENCE.")
    ] = None,
    recommend: Annotated[str | None, typer.Option(help="What you would choose, and why.")] = None,
    deadline: Annotated[
        str | None,
        typer.Option(help="How long until --default is the answer: 90s, 30m, 4h, 2d."),
    ] = None,
    default: Annotated[str | None, typer.Option(help="The answer when the deadline has passed.")] = None,
    wait: Annotated[str, typer.Option(help="How long to wait for the answer here.")] = "0s",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ask a person. Prints the answer if it comes in time; else end the run: it goes on with it later."""
    if (deadline is None) != (default is None):
        raise UsageError("--deadline and --default go together")
    body = _question(question, option or [], recommend, deadline, default)
    patience = seconds(wait, "--wait") if wait != "0s" else 0
    folder = os.environ.get("RINGMASTER_ASK", "")
    if folder:
        _inside(Path(folder), body, patience, as_json=as_json)
    else:
        _by_script(body, as_json=as_json)


def _inside(folder: Path, question: Question, patience: int, *, as_json: bool) -> None:
    from ringmaster_cli.loop import asks

    try:
        if not asks.ask(folder, question):
            raise Refused("this run has asked a question already: end it, and go on with the answer")
        answer = asks.wait(folder, patience) if patience else None
    except OSError as fault:
        raise CliError(f"the question cannot be left for the worker: {fault.strerror or fault}") from fault
    if answer is not None:
        output.result({"answer": answer}, answer, as_json=as_json)
        return
    output.result({"answer": None}, QUEUED, as_json=as_json)
    if patience:
        raise typer.Exit(Exit.NOTHING)


def _by_script(question: Question, *, as_json: bool) -> None:
    from ringmaster_cli.loop.context import Context

    context = Context.open()
    held = context.state.held()
    if held is None:
        raise CliError("no bead is held: run pull-bead first", exit=Exit.NOTHING)
    request = {"fence": held.fence, "iteration": held.iteration, "question": question.body()}
    asked: dict[str, Any] = context.api.ask(held.claim_id, request)
    words = f"{asked['decision']}: report-result --outcome needs_decision lets the bead wait for it"
    output.result(asked, words, as_json=as_json)


def _question(
    text: str, options: list[str], recommend: str | None, deadline: str | None, default: str | None
) -> Question:
    from pydantic import ValidationError

    from ringmaster_operator.resources.protocol import Question

    pairs = [option.partition("=") for option in options]
    names = [name.strip() for name, _, _ in pairs]
    if default is not None and names and default not in names:
        raise UsageError(f"--default must be one of the options: {', '.join(names)}")
    try:
        return Question.model_validate(
            {
                "question": text,
                "options": [{"name": name.strip(), "consequence": rest.strip()} for name, _, rest in pairs],
                "recommendation": recommend,
                "deadline_seconds": seconds(deadline, "--deadline") if deadline is not None else None,
                "default": default,
            }
        )
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"the question cannot be asked so: {where}: {first['msg']}") from fault


def seconds(text: str, option: str) -> int:
    """A duration such as 90s, 30m, 4h or 2d. Raises UsageError."""
    match = DURATION.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise UsageError(f"{option}: {text!r} is not a duration such as 90s, 30m, 4h or 2d")
    return int(match[1]) * UNITS[match[2] or "s"]
