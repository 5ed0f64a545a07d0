"""The first step: deliver what is left over, go on with what is held, else ask for a bead.

Dicts only, and no model of the protocol: `pull-bead` starts in a fraction of a second.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ringmaster_cli.client import Body
from ringmaster_cli.exits import ClaimEnded, Fenced, LostClaim
from ringmaster_cli.loop.context import Context, now
from ringmaster_cli.loop.deliver import deliver, release
from ringmaster_cli.state import Held, Spooled

MAX_RESUMES = 1
"""A bead whose iteration ended our process more often than this goes back to the operator."""
STALE_IDS = 4
"""Claim ids in a row that may turn out to have ended."""


@dataclass(frozen=True)
class Nothing:
    """There is no bead for us now; stop: and this session is to end."""

    reason: str
    stop: bool = False


def pull(context: Context, *, wait: float, bead: str | None = None) -> Held | Nothing:
    """A bead to work on. Raises CliError.

    A bead that is held already comes first: a script may therefore always begin here, and whatever ended it
    in the middle of its work is healed.
    """
    deliver(context)
    held = context.state.held()
    if held is not None and (kept := _go_on(context, held)) is not None:
        return kept
    _clear(context)
    return _ask(context, wait=wait, bead=bead)


def _clear(context: Context) -> None:
    """What a bead that is over has left, because its process was killed: the next bead's would hide it."""
    if context.state.worked_in():
        from ringmaster_cli.loop.keep import drop_worktree

        drop_worktree(context)


def _ask(context: Context, *, wait: float, bead: str | None) -> Held | Nothing:
    state, settings = context.state, context.settings
    if bead is not None:
        state.forget_wish()
    request: Body = {"worker": settings.worker, "session": settings.session, "waitSeconds": wait}
    if bead is not None:
        request["bead"] = bead
    answer = _claimed(context, request)
    if claimed := answer.get("claimed"):
        held = Held(claimed=claimed)
        state.hold(held)
        state.forget_wish()
        context.say(describe(held))
        return held
    state.forget_wish()
    none = answer.get("none") or {}
    return Nothing(str(none.get("reason", "")), stop=none.get("verdict") == "stop")


def _claimed(context: Context, request: Body) -> Body:
    """An id that has ended was granted to a process before us, or nobody knew whether it was granted."""
    for _ in range(STALE_IDS):
        try:
            return _claim(context, {**request, "claimId": context.state.wish()})
        except (ClaimEnded, Fenced):
            context.state.forget_wish()
    return _claim(context, {**request, "claimId": context.state.wish()})


def _claim(context: Context, request: Body) -> Body:
    with context.stop.interruptible():
        return context.api.claim(request)


def describe(held: Held) -> str:
    """What was pulled, and why."""
    bead = held.claimed["bead"]
    effective, own = bead.get("effectivePriority"), bead.get("priority")
    why = f"{effective}" if effective == own else f"{effective}, inherited from {bead.get('inheritedFrom')}"
    rounds = f"attempt {held.attempt} of {bead.get('maxAttempts')}, iteration {held.iteration}"
    return f"bead {held.bead} ({why}; {rounds}): {bead.get('title', '')}"


def _go_on(context: Context, held: Held) -> Held | None:
    """Take up the held claim again, or end it as the operator wishes."""
    if held.running:
        from ringmaster_cli.loop.leftovers import end_leftovers

        end_leftovers(held.claim_id)
        held.running = False
        held.resumes += 1
        context.state.hold(held)
    try:
        answer = context.api.work(held.claim_id, held.fence)
    except LostClaim as lost:
        context.say(f"bead {held.bead} is not ours any more: {lost}")
        context.state.let_go()
        return None
    order, reason = answer.get("order"), str(answer.get("reason", ""))
    if order == "cancel":
        report_cancelled(context, held, reason)
        return None
    if order in ("release", "finish"):
        release(context, held, reason or "asked to stop before the next iteration")
        return None
    if held.resumes > MAX_RESUMES:
        release(context, held, f"iteration {held.iteration} ended the worker {held.resumes} times")
        return None
    held.claimed = answer.get("claimed") or held.claimed
    context.state.hold(held)
    context.say(f"going on with {describe(held)}")
    return held


def report_cancelled(context: Context, held: Held, reason: str) -> None:
    """The bead is not wanted any more, and no agent runs."""
    moment = now()
    report: Body = {
        "reportId": str(uuid.uuid4()),
        "fence": held.fence,
        "iteration": held.iteration,
        "outcome": {"kind": "cancelled", "reason": "Cancelled", "summary": reason or "cancelled"},
        "startedAt": moment,
        "finishedAt": moment,
    }
    context.state.spool(Spooled(claim_id=held.claim_id, bead=held.bead, report=report))
    deliver(context)
