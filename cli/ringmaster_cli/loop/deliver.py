"""The last step: what is spooled reaches the operator, and its answer says what becomes of the claim."""

from __future__ import annotations

from dataclasses import dataclass

from ringmaster_cli.client import Body
from ringmaster_cli.exits import Invalid, LostClaim
from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.kept import drop, send
from ringmaster_cli.state import Held, Spooled


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What the operator made of a report."""

    bead: str
    next: str
    """iterate, done or stop; lost or refused when it was not taken."""
    reason: str
    iteration: int = 0


def deliver(context: Context, *, patience: float | None = None) -> list[Delivered]:
    """Send every spooled report until it is acknowledged, oldest first, and then the records of reports.

    Raises Unreachable when the operator does not answer for that long, and Refused when it does not let us
    in; the reports stay spooled then.
    """
    done = [_send(context, item, patience) for item in context.state.spooled()]
    send(context, waiting=[item.report_id for item in context.state.spooled()])
    return done


def _send(context: Context, item: Spooled, patience: float | None) -> Delivered:
    if item.unpublished:
        from ringmaster_cli.loop.publish import publish

        item = publish(context, item, patience=patience)
    try:
        answer = context.api.report(item.claim_id, item.report, patience=patience)
    except LostClaim as lost:
        context.say(f"the report on bead {item.bead} came too late: {lost}")
        context.state.delivered(item.report_id)
        drop(context, item.report_id)
        _end(context, item)
        return Delivered(bead=item.bead, next="lost", reason=str(lost))
    except Invalid as fault:
        kept = context.state.refused(item.report_id)
        drop(context, item.report_id)
        context.say(f"the operator refuses the report on bead {item.bead}: {fault}; it is kept in {kept}")
        _end(context, item)
        return Delivered(bead=item.bead, next="refused", reason=str(fault))
    context.state.delivered(item.report_id)
    done = Delivered(
        bead=item.bead,
        next=str(answer.get("next", "stop")),
        reason=str(answer.get("reason", "")),
        iteration=int(answer.get("iteration", 0)),
    )
    _end(context, item, goes_on=done)
    return done


def _end(context: Context, item: Spooled, *, goes_on: Delivered | None = None) -> None:
    held = context.state.held()
    if held is None or held.claim_id != item.claim_id:
        return
    if goes_on is None or goes_on.next != "iterate":
        context.state.let_go()
        return
    claimed = {**held.claimed, "iteration": goes_on.iteration}
    context.state.hold(Held(claimed=claimed))


def release(context: Context, held: Held, reason: str, *, saved: Body | None = None) -> None:
    """Give the bead back. Raises Unreachable; the claim is kept then, for the next try.

    saved: the work that no remote has, for whoever goes on with it.
    """
    try:
        context.api.release(held.claim_id, held.fence, reason, saved=saved)
    except LostClaim as lost:
        context.say(f"bead {held.bead} was not ours any more: {lost}")
    else:
        context.say(f"bead {held.bead} given back: {reason}")
    context.state.let_go()
