"""How long a worker's files are kept; the rules of what may go are the workspace's."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from ringmaster_cli.loop.context import Context
from ringmaster_cli.workspace import WorkspaceError, drop, sweep

KEEP_DAYS = 14.0
KEEP_GIB = 20.0


def sweep_home(context: Context) -> None:
    """Remove what is older than RINGMASTER_KEEP_DAYS, or beyond RINGMASTER_KEEP_GIB in all."""
    try:
        days = float(os.environ.get("RINGMASTER_KEEP_DAYS") or KEEP_DAYS)
        size = float(os.environ.get("RINGMASTER_KEEP_GIB") or KEEP_GIB)
        swept = sweep(
            context.settings.home, max_age_days=days, max_bytes=int(size * 2**30), now=datetime.now(UTC)
        )
    except (ValueError, WorkspaceError) as fault:
        context.say(f"nothing cleaned up: {fault}")
        return
    for path in swept.removed:
        context.say(f"cleaned up: {path}")
    for kept in swept.kept:
        context.say(f"kept: {kept}")


def drop_worktree(context: Context) -> None:
    """Remove the worktree that a process of this session left when it was killed. No agent runs any more."""
    name = context.state.worked_in()
    if name and (why := drop(context.settings.home, name)):
        context.say(f"worktree {name} stays: {why}")
    context.state.worktree_gone()
