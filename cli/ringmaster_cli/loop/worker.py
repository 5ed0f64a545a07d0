"""The loop of `worker run`: pull, work, deliver, again."""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING

from ringmaster_cli.exits import CliError, Exit, LostClaim, Stopped, Unreachable
from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.deliver import deliver, release
from ringmaster_cli.loop.pull import Nothing, pull
from ringmaster_cli.state import Held

if TYPE_CHECKING:
    from ringmaster_cli.loop.work import Round
    from ringmaster_cli.workspace import Workspace

POLL_SECONDS = 60.0
"""How long the operator may hold a call when there is nothing to do."""
SHORTEST_POLL_SECONDS = 10.0
"""An answer of nothing that came sooner than this is not asked for again at once."""
LAST_CALL_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
SWEEP_SECONDS = 3600.0


class Loop:
    """One session at work until it is told to stop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pause = FIRST_PAUSE_SECONDS
        self._swept = 0.0
        self._told = ""

    def run(self, *, once: bool) -> Exit:
        """Work. With once, end after one bead (or when there is none). Raises CliError."""
        while True:
            try:
                self._context.stop.check()
                asked = time.monotonic()
                found = pull(self._context, wait=0.0 if once else POLL_SECONDS)
                if isinstance(found, Nothing):
                    if (end := self._nothing(found, once=once)) is not None:
                        return end
                    if time.monotonic() - asked < SHORTEST_POLL_SECONDS:
                        self._wait("")  # answered before its time: the operator is about to restart
                    continue
                self._told, self._pause = "", FIRST_PAUSE_SECONDS
                self._bead(found)
                if once:
                    return Exit.OK
            except Stopped as stopped:
                return self._stopped(stopped)
            except LostClaim as lost:
                if once:
                    raise
                self._context.say(f"going on without that bead: {lost}")
            except Unreachable as trouble:
                if once:
                    raise
                self._wait(str(trouble))
            except BaseException as fault:
                self._abandon(f"the worker failed: {fault}")
                raise
            self._sweep()

    def _nothing(self, found: Nothing, *, once: bool) -> Exit | None:
        if found.stop:
            self._context.say(f"told to stop: {found.reason}")
            return Exit.OK
        if once:
            self._context.say(f"nothing to do: {found.reason}")
            return Exit.NOTHING
        if found.reason != self._told:
            self._told = found.reason
            self._context.say(f"waiting for work: {found.reason or 'no bead is ready'}")
        return None

    def _bead(self, held: Held) -> None:
        """All iterations of one claim."""
        from ringmaster_cli.loop.work import Iteration

        space: Workspace | None = None
        current: Held | None = held
        while current is not None:
            done = Iteration(self._context, current).run(space)
            space = done.workspace
            try:
                current = after(self._context, done)
            except BaseException:
                self._close(space)
                raise
            if current is not None and self._context.stop.reason is not None:
                give_back(self._context, current, self._context.stop.reason, space)
                current = None
        self._close(space)

    def _close(self, space: Workspace | None) -> None:
        from ringmaster_cli.workspace import WorkspaceError

        if space is None:
            return
        try:
            said = space.close()
            self._context.state.worktree_gone()
        except WorkspaceError as fault:
            said = f"worktree {space.path} not removed: {fault.message}"
        if said:
            self._context.say(said)

    def _stopped(self, stopped: Stopped) -> Exit:
        self._context.say(f"stopping: {stopped}")
        self._abandon(str(stopped))
        return Exit.OK

    def _abandon(self, reason: str) -> None:
        """Before this process ends: what is finished is delivered, what is held is given back."""
        self._context.stop.ask(reason)
        with contextlib.suppress(CliError):
            deliver(self._context, patience=LAST_CALL_SECONDS)
            if (held := self._context.state.held()) is not None:
                release(self._context, held, reason)

    def _wait(self, trouble: str) -> None:
        """Nothing of ours is lost by waiting, ever longer: it is all on disk."""
        wait = self._pause * (0.5 + random.random() / 2)  # noqa: S311
        if trouble:
            self._context.say(f"{trouble}; trying again in {wait:.0f} s")
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        with contextlib.suppress(Stopped):  # the loop's next check acts on it
            self._context.stop.sleep(wait)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept < SWEEP_SECONDS and self._swept:
            return
        self._swept = time.monotonic()
        from ringmaster_cli.loop.keep import sweep_home

        sweep_home(self._context)


def give_back(context: Context, held: Held, reason: str, space: Workspace | None) -> None:
    """Release the bead, with the work that no remote has. Raises Unreachable."""
    from ringmaster_cli.loop.publish import handed_on

    saved = handed_on(context, space)
    release(context, held, reason, saved=saved.body() if saved is not None else None)


def after(context: Context, done: Round) -> Held | None:
    """Deliver the round's report; the claim for the next iteration, or None when the claim is over."""
    for report in deliver(context):
        words = {
            "iterate": f"iteration {report.iteration} follows",
            "done": "done",
            "stop": "stopped here",
        }.get(report.next, report.next)
        context.say(f"bead {report.bead}: {words}{': ' if report.reason else ''}{report.reason}")
    held = context.state.held()
    if held is not None and done.give_back:
        give_back(context, held, done.give_back, done.workspace)
        return None
    return held
