"""A finished iteration whose process ended before its branch was pushed: pushed now, before it is reported.

Otherwise a crash between commit and push would be reported as a success that nobody can fetch.
"""

from __future__ import annotations

from dataclasses import replace

from ringmaster_cli.client import Body
from ringmaster_cli.exits import LostClaim
from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.report import SUCCESSES
from ringmaster_cli.loop.tools import environment
from ringmaster_cli.state import Held, Spooled
from ringmaster_cli.workspace import Workspace, WorkspaceError
from ringmaster_operator.resources.bead import OutcomeKind, Reason
from ringmaster_operator.resources.protocol import Claimed, SavedWork


def publish(context: Context, item: Spooled, *, patience: float | None = None) -> Spooled:
    """The report as it is to be sent. Raises Unreachable; nothing is pushed where the claim is lost."""
    held = context.state.held()
    if held is None or held.claim_id != item.claim_id:
        return item
    try:
        answer = context.api.work(held.claim_id, held.fence, patience=patience)
    except LostClaim:
        return item
    report = dict(item.report)
    if answer.get("order") == "cancel":
        words = str(answer.get("reason") or "cancelled")
        report["outcome"] = _outcome(OutcomeKind.CANCELLED, Reason.CANCELLED, words)
    else:
        context.say(f"bead {item.bead}: publishing the work that was finished before the worker ended")
        try:
            report["pushed"] = _push(context, held)
        except WorkspaceError as fault:
            context.say(f"not pushed: {fault.message}")
            if report["outcome"]["kind"] in SUCCESSES:
                words = f"the work is done, but not published: {fault.message}"
                report["outcome"] = _outcome(OutcomeKind.FAILED, fault.reason, words)
    done = replace(item, report=report, unpublished=False)
    if said := context.state.spool(done):
        context.say(said)
    return done


def handed_on(context: Context, space: Workspace | None) -> SavedWork | None:
    """The commits that no remote has: what a session elsewhere needs to go on with the work."""
    if space is None:
        return None
    try:
        return space.unpublished()
    except WorkspaceError as fault:
        context.say(f"the work stays on this worker: {fault.message}")
        return None


def committed(
    context: Context, space: Workspace | None, held: Held, what: str
) -> tuple[str | None, WorkspaceError | None]:
    """Commit what the iteration left; the branch's tip, and why there is none where that is a fault."""
    if space is None:
        return None, None
    bead = Claimed.read(held.claimed).bead
    words = f"attempt {held.attempt}, iteration {held.iteration}: {what}"
    try:
        return space.commit(f"{bead.title}\n\nBead {bead.name}, {words}\n"), None
    except WorkspaceError as trouble:
        context.say(f"not committed: {trouble.message}")
        return None, trouble


def pushed(context: Context, space: Workspace | None) -> tuple[bool, WorkspaceError | None]:
    """Publish the branch; whether it is, and why not where that is a fault."""
    if space is None:
        return False, None
    try:
        done = space.push()
    except WorkspaceError as trouble:
        context.say(f"not pushed: {trouble.message}")
        return False, trouble
    if not done:
        context.say(f"not pushed: {space.push_message}")
    return done, None


def _push(context: Context, held: Held) -> bool:
    claimed = Claimed.read(held.claimed)
    space = Workspace.prepare(
        home=context.settings.home,
        work=claimed.bead,
        attempt=held.attempt,
        session=context.settings.session,
        env=environment(held, claimed),
        resumed_branch=claimed.resumed_branch,
        on_line=context.say,
    )
    try:
        if not (pushed := space.push()):
            context.say(f"not pushed: {space.push_message}")
        return pushed
    finally:
        space.close()


def _outcome(kind: OutcomeKind, reason: Reason, summary: str) -> Body:
    return {"kind": kind.value, "confidence": 1.0, "reason": reason.value, "summary": summary[:4096]}
