"""steer, hold, resume, cancel, retry, reopen: what a person does to a bead while it lives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import UsageError
from ringmaster_cli.people.beads import Beads, Body, Name
from ringmaster_cli.people.options import Context, Namespace

if TYPE_CHECKING:
    from ringmaster_operator.resources.bead import Bead


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
    from ringmaster_operator.resources import acts

    beads, note = Beads(namespace=namespace, context=context), acts.note_id()

    def add(bead: Bead) -> Body:
        return acts.steer(bead, note=note, text=text)

    claim = beads.change(name, add).status.claim
    where = (
        f"{claim.session} works on it and is told at its next turn" if claim else "told when it is worked on"
    )
    output.note(f"{name}: {where} (note {note})")
    if wait:
        beads.until(name, wait, lambda bead: note in bead.get("status", {}).get("steeringDelivered", []))
        output.note(f"{name}: the agent was told")


def hold(name: Name, namespace: Namespace = None, context: Context = None) -> None:
    """Do not start a bead; one that runs stops after its iteration."""
    before = _desire(name, "Hold", namespace, context)
    words = "stops after its iteration" if _runs(before) else "is not started"
    output.note(f"{name}: held; it {words} until: ringmaster resume {name}")


def resume(name: Name, namespace: Namespace = None, context: Context = None) -> None:
    """Let a held bead go on where it was."""
    _desire(name, "Run", namespace, context)
    output.note(f"{name}: goes on")


def cancel(name: Name, namespace: Namespace = None, context: Context = None) -> None:
    """End a bead: a running agent is stopped and its work kept on its branch."""
    before = _desire(name, "Cancel", namespace, context)
    words = "its agent is stopped, what it did is committed" if _runs(before) else "not started"
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

    from ringmaster_operator.resources import acts

    def again(bead: Bead) -> Body:
        return acts.retry(bead, trigger=acts.trigger(datetime.now(UTC)), from_scratch=from_scratch)

    branch = Beads(namespace=namespace, context=context).change(name, again).status.branch
    if from_scratch:
        words = f"from scratch, on a new branch{f'; {branch} stays as it is' if branch else ''}"
    else:
        words = f"it goes on from branch {branch}" if branch else "it starts anew"
    output.note(f"{name}: runs again; {words}")


def reopen(name: Name, namespace: Namespace = None, context: Context = None) -> None:
    """Work on a succeeded bead again, or ask an answered decision again."""

    from ringmaster_operator.resources import acts

    def open_again(bead: Bead) -> Body:
        return acts.reopen(bead, trigger=acts.trigger(datetime.now(UTC)))

    before = Beads(namespace=namespace, context=context).change(name, open_again)
    words = "waits for an answer again" if before.spec.decision else "is worked on again"
    output.note(f"{name}: {words}; beads that have begun on its result are left as they are")


def _desire(name: str, wish: str, namespace: str | None, context: str | None) -> Bead:
    from ringmaster_operator.resources import acts
    from ringmaster_operator.resources.bead import Desired

    return Beads(namespace=namespace, context=context).change(
        name, lambda bead: acts.desire(bead, Desired(wish))
    )


def _runs(bead: Bead) -> bool:
    return bead.status.phase == "Running"
