"""What a change means, in words: the lines of `ringmaster watch`."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ringmaster_cli.agents.terminal import plain
from ringmaster_cli.cells import fit
from ringmaster_cli.cells import line as one_line
from ringmaster_cli.people.known import Step, Thing
from ringmaster_cli.people.spans import dollars
from ringmaster_operator.resources.bead_api import BeadInfo
from ringmaster_operator.resources.worker import Session, Worker

NAME_CELLS = 28


def line(kind: str, name: str, text: str, namespace: str = "") -> str:
    """One line: when, where, what."""
    place = f"{namespace}/{name}" if namespace else name
    shown = fit(place, NAME_CELLS) if len(place) <= NAME_CELLS else plain(place)
    return f"{time.strftime('%H:%M:%S')} {kind:<6} {shown} {one_line(text)}"


def phase_of(thing: Thing | None) -> str:
    """The phase of a bead; empty where there is none."""
    return str(thing.phase) if isinstance(thing, BeadInfo) else ""


def words(step: Step) -> Iterator[str]:
    """What is worth a line, if anything."""
    before, after = step.before, step.after
    if after is None:
        yield "is deleted"
    elif isinstance(after, BeadInfo):
        yield from _bead(before if isinstance(before, BeadInfo) else None, after)
    elif isinstance(after, Worker):
        yield from _worker(before if isinstance(before, Worker) else None, after)


def _bead(before: BeadInfo | None, after: BeadInfo) -> Iterator[str]:
    if before is None:
        yield f"is made, {after.phase}, {after.effective_priority}: {after.title}"
        return
    if after.phase != before.phase:
        yield f"{before.phase} -> {after.phase}{_why(after)}"
    elif after.iteration != before.iteration and after.session:
        yield f"iteration {after.iteration} on {after.session}"
    elif after.session != before.session and after.session:
        yield f"goes on on {after.session}"
    elif after.attempts != before.attempts and after.outcome is not None:
        yield f"attempt {after.attempts}: {after.outcome}"
    if after.effective_priority != before.effective_priority:
        yield f"priority {before.effective_priority} -> {after.effective_priority}"
    if after.desired != before.desired:
        yield f"is wished to {after.desired}"
    if after.title != before.title:
        yield f"title: {after.title}"


def _why(bead: BeadInfo) -> str:
    """What belongs to a phase."""
    if bead.phase == "Running":
        return f" on {bead.session}, attempt {bead.attempts}, iteration {bead.iteration}"
    if bead.phase == "Blocked":
        return f" by {', '.join(bead.blocked_by[:5])}" if bead.blocked_by else ""
    if bead.phase in ("Succeeded", "Failed"):
        cost = f", {dollars(bead.usd)}" if bead.usd else ""
        return f" ({bead.outcome}{cost})" if bead.outcome is not None else ""
    return f": {bead.title}" if bead.phase == "NeedsDecision" else ""


def _worker(before: Worker | None, after: Worker) -> Iterator[str]:
    if before is None:
        yield f"is made, {after.spec.agent.profile}, {after.spec.runtime}"
    elif (old := before.status.desired_replicas) != after.status.desired_replicas:
        yield f"{old} -> {after.status.desired_replicas} sessions wanted"
    known = {item.name: item for item in before.status.sessions} if before is not None else {}
    for item in after.status.sessions:
        yield from _session(known.pop(item.name, None), item)
    for gone in known:
        yield f"{gone} is gone"
    if before is not None and before.spec.suspend != after.spec.suspend:
        yield "is suspended" if after.spec.suspend else "goes on"


def _session(before: Session | None, after: Session) -> Iterator[str]:
    if before is None or before.state != after.state or before.bead != after.bead:
        on = f" on {after.bead}" if after.bead else ""
        wrong = f": {after.message}" if after.message else ""
        yield f"{after.name} {after.state}{on}{wrong}"
