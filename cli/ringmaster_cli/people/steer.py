"""steer, hold, resume, cancel, retry, reopen: what a person does to a bead while it lives."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import Refused, UsageError
from ringmaster_cli.people.beads import Beads, Body, Context, Name, Namespace, phase, trigger

MOST_NOTES = 20
ENDED = ("Succeeded", "Failed", "Cancelled")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("steer")(steer)
    app.command("hold")(hold)
    app.command("resume")(resume)
    app.command("cancel")(cancel)
    app.command("retry")(retry)
    app.command("reopen")(reopen)


def steer(
    name: Name,
    text: Annotated[str, typer.Argument(help="What the agent is to know or to do.")],
    wait: Annotated[
        float, typer.Option("--wait", min=0, max=86400, help="Seconds to wait until an agent was told.")
    ] = 0,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Say something to the agent that works on a bead: it is told at its next turn or iteration."""
    if not text.strip():
        raise UsageError("there is nothing to say")
    beads, note = Beads(namespace=namespace, context=context), uuid.uuid4().hex[:8]

    def add(bead: Body) -> Body:
        _alive(bead, "steered")
        told = bead.get("status", {}).get("steeringDelivered", [])
        notes = [*bead["spec"].get("steering", []), {"id": note, "text": text}]
        while len(notes) > MOST_NOTES:
            old = next((item for item in notes if item["id"] in told), None)
            if old is None:
                raise Refused(f"{MOST_NOTES} notes wait for bead {name} already, and no agent was told them")
            notes.remove(old)
        return {"steering": notes}

    before = beads.change(name, add)
    session = before.get("status", {}).get("claim", {}).get("session")
    where = f"{session} works on it and is told at its next turn" if session else "told when it is worked on"
    output.note(f"{name}: {where} (note {note})")
    if wait:
        beads.until(name, wait, lambda bead: note in bead.get("status", {}).get("steeringDelivered", []))
        output.note(f"{name}: the agent was told")


def hold(name: Name, namespace: Namespace = None, context: Context = None) -> None:
    """Do not start a bead; one that runs stops after its iteration."""
    before = _desire(name, "Hold", namespace, context)
    words = "stops after its iteration" if phase(before) == "Running" else "is not started"
    output.note(f"{name}: held; it {words} until: ringmaster resume {name}")


def resume(name: Name, namespace: Namespace = None, context: Context = None) -> None:
    """Let a held bead go on where it was."""
    before = _desire(name, "Run", namespace, context)
    if phase(before) == "Cancelled":
        raise Refused(f"{name} is cancelled; to run it again: ringmaster retry {name}")
    output.note(f"{name}: goes on")


def cancel(name: Name, namespace: Namespace = None, context: Context = None) -> None:
    """End a bead: a running agent is stopped and its work kept on its branch."""
    before = _desire(name, "Cancel", namespace, context)
    words = "its agent is stopped, what it did is committed" if phase(before) == "Running" else "not started"
    output.note(f"{name}: cancelled, {words}")


def retry(
    name: Name,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Do not build on the work so far: a new branch.")
    ] = False,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Run a failed or cancelled bead again, with all its attempts."""

    def again(bead: Body) -> Body:
        if phase(bead) not in ("Failed", "Cancelled"):
            raise Refused(_instead(name, bead))
        return {
            "retry": trigger(),
            "desired": "Run",
            "retryFrom": "Scratch" if from_scratch else "Work",
        }

    before = Beads(namespace=namespace, context=context).change(name, again)
    branch = before.get("status", {}).get("branch")
    if from_scratch:
        words = f"from scratch, on a new branch{f'; {branch} stays as it is' if branch else ''}"
    else:
        words = f"it goes on from branch {branch}" if branch else "it starts anew"
    output.note(f"{name}: runs again; {words}")


def reopen(name: Name, namespace: Namespace = None, context: Context = None) -> None:
    """Work on a succeeded bead again, or ask an answered decision again."""

    def open_again(bead: Body) -> Body:
        if phase(bead) != "Succeeded":
            raise Refused(_instead(name, bead))
        spec: Body = {"reopen": trigger(), "desired": "Run"}
        if "decision" in bead["spec"]:
            spec["decision"] = {"answer": None, "answeredBy": None, "deadline": None, "default": None}
        return spec

    before = Beads(namespace=namespace, context=context).change(name, open_again)
    words = "waits for an answer again" if "decision" in before["spec"] else "is worked on again"
    output.note(f"{name}: {words}; beads that have begun on its result are left as they are")


def _desire(name: str, wish: str, namespace: str | None, context: str | None) -> Body:
    def change(bead: Body) -> Body:
        if phase(bead) in ENDED and not (wish == "Run" and phase(bead) == "Cancelled"):
            raise Refused(_instead(name, bead))
        return {"desired": wish}

    return Beads(namespace=namespace, context=context).change(name, change)


def _alive(bead: Body, what: str) -> None:
    if phase(bead) in ENDED:
        raise Refused(f"{bead['metadata']['name']} has {phase(bead).lower()} and cannot be {what}")
    if bead["spec"].get("type") in ("epic", "decision"):
        raise Refused(f"no agent works on a bead of type {bead['spec']['type']}")


def _instead(name: str, bead: Body) -> str:
    """What can be done with a bead in this phase."""
    match phase(bead):
        case "Succeeded":
            return f"{name} has succeeded; to work on it again: ringmaster reopen {name}"
        case "Failed" | "Cancelled":
            return f"{name} has {phase(bead).lower()}; to run it again: ringmaster retry {name}"
        case other:
            return f"{name} is {other} and has not ended: there is nothing to run again"
