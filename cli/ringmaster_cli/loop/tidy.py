"""The last look at a session that will not come back: nothing finished is lost, nothing left behind."""

from __future__ import annotations

import shutil

from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.deliver import deliver, release
from ringmaster_cli.loop.keep import drop_worktree
from ringmaster_cli.loop.leftovers import end_leftovers
from ringmaster_cli.state import Held

PATIENCE_SECONDS = 10.0


def clear_up(context: Context) -> None:
    """End its programs, deliver its reports, give back its bead, remove its worktree and its state.

    Raises CliError when the operator does not take what is to be delivered: all of it stays then.
    """
    held = context.state.held()
    if held is not None:
        end_leftovers(held.claim_id)
    try:
        deliver(context, patience=PATIENCE_SECONDS)
        if (still := context.state.held()) is not None:
            release(context, still, "its session is gone")
    finally:
        if held is not None:
            _drop_worktree(context, held)
        drop_worktree(context)
    if not context.state.spooled() and not any((context.state.folder / "refused").glob("*")):
        shutil.rmtree(context.state.folder, ignore_errors=True)


def _drop_worktree(context: Context, held: Held) -> None:
    from ringmaster_cli.workspace import drop, folder_name

    bead = held.claimed["bead"]
    folder = folder_name(
        namespace=str(bead.get("namespace", "")),
        bead=held.bead,
        attempt=held.attempt,
        session=context.settings.session,
        uid=str(bead.get("uid", "")),
    )
    if why := drop(context.settings.home, folder):
        context.say(f"worktree {folder} stays: {why}")
