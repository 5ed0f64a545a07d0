"""An event loop that runs only when told to: one turn at a time, on a clock of its own, in one thread.

Within a turn it keeps asyncio's own order, first come first served: what really differs from run to run is
when answers, commits and timers arrive between the turns, and that is for the caller to choose.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, NamedTuple, TypeVarTuple, cast

Ts = TypeVarTuple("Ts")


class Job(NamedTuple):
    """Work that asyncio would give to a thread."""

    future: asyncio.Future[Any]
    run: Callable[[], Any]


class SteppedLoop(asyncio.AbstractEventLoop):
    """`turn()` runs what is ready; `time` stands still until somebody sets it."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.ready: deque[asyncio.Handle] = deque()
        self.timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self.jobs: list[Job] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.complaints: list[dict[str, Any]] = []
        self.dead = False
        self._serial = 0

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self.dead

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self.dead:
            self.ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if not self.dead:
            self._serial += 1
            heapq.heappush(self.timers, (when, self._serial, handle))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Asked of every loop by its timers; `next_timer` drops cancelled ones."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        if not self.dead:
            self.jobs.append(Job(future, lambda: func(*args)))
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.complaints.append(context)

    def next_timer(self) -> float | None:
        """When the earliest timer is due."""
        while self.timers and self.timers[0][2].cancelled():
            heapq.heappop(self.timers)
        return self.timers[0][0] if self.timers else None

    def due(self) -> bool:
        """Whether a turn would run anything."""
        when = self.next_timer()
        return bool(self.ready) or (when is not None and when <= self.now)

    def turn(self) -> None:
        """Run what is ready, and nothing of what that makes ready."""
        while (when := self.next_timer()) is not None and when <= self.now:
            self.ready.append(heapq.heappop(self.timers)[2])
        self.within(self._turn)

    def _turn(self) -> None:
        for _ in range(len(self.ready)):
            if self.dead:
                return
            handle = self.ready.popleft()
            if not handle.cancelled():
                handle._run()

    def within(self, run: Callable[[], None]) -> None:
        """Call something as from a callback of this loop."""
        asyncio._set_running_loop(self)
        try:
            run()
        finally:
            asyncio._set_running_loop(None)

    def work(self, job: Job) -> None:
        """What the thread would do, done now."""
        self.jobs.remove(job)
        if job.future.cancelled():
            return
        try:
            result = job.run()
        except Exception as error:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)

    def end(self) -> None:
        """As SIGKILL: nothing of what was begun here ever goes on."""
        self.dead = True
        self.ready.clear()
        self.timers.clear()
        self.jobs.clear()
        for task in self.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with contextlib.suppress(RuntimeError):  # one that still wanted to wait for something
                    task.get_coro().close()
        self.tasks.clear()


def stepped(now: float = 0.0) -> SteppedLoop:
    """A loop; what it lacks of asyncio's (sockets, processes, signals) raises NotImplementedError."""
    return SteppedLoop(now)  # type: ignore[abstract]


def position(task: asyncio.Task[Any]) -> tuple[tuple[str, int], ...]:
    """Where a task stands, by function and instruction, outermost first."""
    found = []
    at: Any = task.get_coro()
    while at is not None:
        frame = getattr(at, "cr_frame", None)
        if frame is None:
            break
        found.append((cast(str, frame.f_code.co_qualname), frame.f_lasti))
        at = at.cr_await
    return tuple(found)
