"""decisions and decide: the questions that wait for a person, and their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ringmaster_cli import output
from ringmaster_cli.agents.terminal import plain
from ringmaster_cli.exits import CliError, Exit, UsageError
from ringmaster_cli.people.beads import Beads, Body, Name, phase
from ringmaster_cli.people.options import Context, Json, Namespace

if TYPE_CHECKING:
    from ringmaster_operator.resources.bead import Bead


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("decisions")(decisions)
    app.command("decide")(decide)


def decisions(
    everything: Annotated[bool, typer.Option("--all", help="Answered ones as well.")] = False,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Questions that wait for a person, the most urgent first."""
    beads = Beads(namespace=namespace, context=context)
    shown = [
        item
        for item in beads.decisions()
        if everything or phase(item) not in ("Succeeded", "Failed", "Cancelled")
    ]
    shown.sort(key=lambda item: (_priority(item), item["metadata"].get("creationTimestamp", "")))
    if as_json:
        output.result({"items": shown}, "", as_json=True)
        return
    if not shown:
        output.note(f"nothing waits for a person in namespace {beads.namespace}")
        return
    print("\n\n".join(plain(_told(item)) for item in shown))


def decide(
    name: Name,
    answer: Annotated[str, typer.Argument(help="The answer: one of the options, where there are some.")],
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Answer a decision. Given the name of a bead that asked, its open question is answered."""
    from ringmaster_operator.resources import acts

    beads = Beads(namespace=namespace, context=context)
    if not answer.strip():
        raise UsageError("the answer is empty")
    name = _open(beads, name)

    def set_answer(bead: Bead) -> Body:
        return acts.answer(bead, text=answer, by=_me())

    parent = beads.change(name, set_answer).spec.parent
    output.note(f"{name}: decided" + (f"; {parent} goes on" if parent else ""))


def _open(beads: Beads, name: str) -> str:
    bead = beads.get(name)
    if bead["spec"].get("type") == "decision":
        return name
    found = [
        item["metadata"]["name"]
        for item in beads.decisions()
        if item["spec"].get("parent") == name and phase(item) not in ("Succeeded", "Failed", "Cancelled")
    ]
    if not found:
        raise CliError(f"{name} asks nothing now", exit=Exit.NOTHING)
    if len(found) > 1:
        raise UsageError(f"{name} waits for several answers, name one: {', '.join(found)}")
    return str(found[0])


def _me() -> str:
    import getpass

    try:
        return getpass.getuser()[:128]
    except (KeyError, OSError):
        return "a person"


def _priority(item: Body) -> str:
    return str(item.get("status", {}).get("effectivePriority") or item["spec"].get("priority", "P2"))


def _told(item: Body) -> str:
    """One decision as a paragraph."""
    asked, made = item["spec"]["decision"], item.get("status", {}).get("decision")
    parent = item["spec"].get("parent")
    lines = [f"{item['metadata']['name']} ({_priority(item)}{f', asked by {parent}' if parent else ''})"]
    lines += [f"  {line}" for line in str(asked["question"]).splitlines()]
    for number, option in enumerate(asked.get("options", []), 1):
        consequence = option.get("consequence", "")
        lines.append(f"  {number}. {option['name']}{f': {consequence}' if consequence else ''}")
    if asked.get("recommendation"):
        lines.append(f"  Recommended: {asked['recommendation']}")
    if made:
        lines.append(f"  Decided: {made['answer']} ({made['by']}, {made['at']})")
    elif phase(item) != "NeedsDecision":
        lines.append(f"  Not asked yet: it is {phase(item)}")
    elif asked.get("deadline"):
        lines.append(f"  From {asked['deadline']} on: {asked['default']}")
    return "\n".join(lines)
