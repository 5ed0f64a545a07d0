"""Starting: what is outside is opened, an election is won where there is one, and signals are heard.

The election has a thread of its own: a Lease must be renewed also while the operator is busy for seconds.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

from ringmaster_operator import garbage, metrics
from ringmaster_operator.api.app import waiting
from ringmaster_operator.backups.following import followed
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.kube import Kube
from ringmaster_operator.leader import Leader, candidate
from ringmaster_operator.process import Operator
from ringmaster_operator.server import Front
from ringmaster_operator.settings import Settings

T = TypeVar("T")


class Apart:
    """A thread with an event loop of its own, for what must not wait behind other work."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it there and wait for it; cancelling the wait cancels the work."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def close(self) -> None:
        """End the thread; nothing may run there any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()


async def run(settings: Settings, *, kubeconfig: str | None = None, clock: Clock | None = None) -> None:
    """Open what is outside, serve until SIGTERM or SIGINT, close it again; with an election, once it is won.

    A Lease that is lost ends the process itself, with exit code LOST.
    """
    garbage.starting()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    clock = clock or Clock()
    async with AsyncExitStack() as opened:
        front, leader = None, None
        if settings.leader_election:
            apart = Apart("leader")
            opened.push_async_callback(apart.close)
            leader = await apart.run(candidate(settings, clock, kubeconfig))
            opened.push_async_callback(_there, apart, leader.close)
            waits = leader.waiting
            front = Front(settings.api_host, settings.api_port, waiting(lambda: waits() or "starting"))
            opened.push_async_callback(front.close)
            if not await _turn(apart, leader, front, ended):
                return
            opened.push_async_callback(_there, apart, leader.release)
            holding = asyncio.create_task(apart.run(leader.hold()), name="leader")
            opened.push_async_callback(_cancelled, holding)
        history = await History.open(settings.database_url, exclusive=leader is not None)
        opened.push_async_callback(history.close)
        metrics.backup_followed.set_function(partial(followed, settings.database_url))
        kube = await Kube.connect(kubeconfig)
        opened.push_async_callback(kube.close)
        if leader is not None:
            kube.permit = leader.check
        operator = Operator(settings=settings, kube=kube, history=history, clock=clock)
        stopping = asyncio.create_task(_forward(ended, operator))
        opened.callback(stopping.cancel)
        await operator.serve(front)


async def _there(apart: Apart, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await apart.run(work())


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _turn(apart: Apart, leader: Leader, front: Front, ended: asyncio.Event) -> bool:
    """Whether this process leads now; False when it was stopped before, or can't be reached."""
    waits = {
        asyncio.create_task(apart.run(leader.acquire())),
        asyncio.create_task(ended.wait()),
        front.start(),
    }
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in pending - {front.start()}:
        task.cancel()
    for task in done:
        await task
    return not leader.waiting()


async def _forward(ended: asyncio.Event, operator: Operator) -> None:
    await ended.wait()
    operator.stop()
