"""Carrying out a session plan: the runtime's sessions, and the memory of their crashes in the history.

The memory is written before anything is done, so that a crash loop stays one over restarts of the operator.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events, Note
from ringmaster_operator.history import History
from ringmaster_operator.reconcilers.launching import Launch, Launcher
from ringmaster_operator.reconcilers.session_memory import Memory, after_crash
from ringmaster_operator.reconcilers.session_plan import LOOP_RESTARTS, RUNS, SessionPlan
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.runtimes.protocol import Runtime, SessionFault, SessionInfo
from ringmaster_operator.store import Key

log = logging.getLogger(__name__)

STOP_SECONDS = 20.0
"""How long a session may take to end its agent and give its bead back."""
LINE_LENGTH = 300
Ended = Callable[[str, str, str, str], Awaitable[None]]
"""Called with namespace, Worker, session and message: the session is no more, its bead may go to another."""


class WorkerSessions:
    """Sessions of Workers in one runtime."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        launcher: Launcher,
        history: History,
        events: Events,
        clock: Clock,
        ended: Ended,
    ) -> None:
        self._runtime = runtime
        self._launcher = launcher
        self._history = history
        self._events = events
        self._clock = clock
        self._ended = ended
        self._memories: dict[Key, dict[str, Memory | None]] = {}

    async def infos(self, key: Key) -> dict[str, SessionInfo]:
        """The Worker's sessions by name; those that ended say what they wrote last."""
        found = [info for info in await self._runtime.sessions() if (info.namespace, info.worker) == key]
        return {info.name: await self._explained(info) for info in found}

    async def memories(self, key: Key, names: Iterable[str]) -> dict[str, Memory]:
        """What is remembered of these sessions and of all that were asked for before."""
        known = self._memories.setdefault(key, {})
        for name in names:
            if name not in known:
                stored = await self._history.session(namespace=key[0], worker=key[1], name=name)
                known[name] = (
                    None
                    if stored is None
                    else Memory(
                        restarts=stored.restarts,
                        next_start_at=stored.next_start_at,
                        last_error=stored.last_error,
                    )
                )
        return {name: memory for name, memory in known.items() if memory is not None}

    async def apply(self, worker: Worker, plan: SessionPlan, launch: Launch | None) -> None:
        """Remember, stop, start. Raises HistoryUnavailable with nothing done."""
        for name, memory in plan.memories.items():
            await self._remember(worker.key, name, memory)
        for name, memory in plan.crashed.items():
            self._tell(worker, name, memory)
        await asyncio.gather(
            *(
                self._stop(worker.key, order.name, worker if order.abandon else None, why=order.why)
                for order in plan.stop
            )
        )
        if launch is not None:
            await asyncio.gather(*(self._start(worker, launch, name) for name in plan.start))

    async def end(self, key: Key, names: Iterable[str]) -> None:
        """Stop sessions whose Worker is not known here any more."""
        await asyncio.gather(*(self._stop(key, name, None) for name in names))
        for name in names:
            await self._ended(*key, name, f"session {name} was stopped")

    async def discard(self, key: Key, names: Iterable[str]) -> None:
        """Drop all that is kept of the Worker's sessions: it is gone."""
        known = self._memories.pop(key, {})
        for name in {*names, *known}:
            await self._runtime.discard((key[0], name))
        await self._history.forget_sessions(namespace=key[0], worker=key[1])

    async def _stop(self, key: Key, name: str, abandoned_by: Worker | None, *, why: str = "") -> None:
        await self._runtime.stop((key[0], name), grace_seconds=STOP_SECONDS)
        log.info("session %s/%s stopped", key[0], name)
        if abandoned_by is not None:
            if said := await self._launcher.tidy(abandoned_by, name):
                log.info("session %s/%s: %s", key[0], name, said)
            await self._ended(*key, name, why or f"session {name} was stopped")

    async def _start(self, worker: Worker, launch: Launch, name: str) -> None:
        try:
            info = await self._runtime.start(launch.session(name))
        except SessionFault as error:
            known = self._memories.get(worker.key, {}).get(name)
            memory = after_crash(
                known,
                str(error),
                fingerprint=launch.fingerprint,
                now=self._clock.now(),
                hopeless=True,
                reason=error.reason,
            )
            await self._remember(worker.key, name, memory)
            self._tell(worker, name, memory)
            return
        log.info("session %s/%s %s", worker.metadata.namespace, name, info.state)

    async def _remember(self, key: Key, name: str, memory: Memory | None) -> None:
        if memory is None:
            await self._history.forget_sessions(namespace=key[0], worker=key[1], name=name)
        else:
            await self._history.save_session(
                namespace=key[0],
                worker=key[1],
                name=name,
                state="crashed",
                restarts=memory.restarts,
                next_start_at=memory.next_start_at,
                last_error=memory.last_error,
            )
        self._memories.setdefault(key, {})[name] = memory

    def _tell(self, worker: Worker, name: str, memory: Memory) -> None:
        reason = "CrashLoop" if memory.restarts >= LOOP_RESTARTS else memory.reason or "SessionCrashed"
        pause = (memory.next_start_at - self._clock.now()).total_seconds() if memory.next_start_at else 0
        count = "" if memory.reason else f"crash {memory.restarts} in a row, "
        text = f"{name}: {memory.last_error}; {count}again in {max(0, pause):.0f} s"
        self._events.tell("Worker", worker.metadata, Note(reason, text, warning=True))
        log.warning("session %s/%s: %s", worker.metadata.namespace, name, text)

    async def _explained(self, info: SessionInfo) -> SessionInfo:
        if info.state in RUNS or info.reason:
            return info
        lines = (await self._runtime.logs(info.key, lines=5)).strip().splitlines()
        last = "".join(letter for letter in (lines[-1] if lines else "") if letter.isprintable())
        if not last or info.message in last:
            return info
        return replace(info, message=f"{info.message}: {last[:LINE_LENGTH]}")
