"""Starting: what is outside is opened, an election is won where there is one, and signals are heard."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack

from ringmaster_operator.api.app import waiting
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.kube import Kube
from ringmaster_operator.leader import Leader, candidate
from ringmaster_operator.process import Operator
from ringmaster_operator.server import Front
from ringmaster_operator.settings import Settings


async def run(settings: Settings, *, kubeconfig: str | None = None) -> None:
    """Open what is outside, serve until SIGTERM or SIGINT, close it again; with an election, once it is won.

    A Lease that is lost ends the process itself, with exit code LOST.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    clock = Clock()
    async with AsyncExitStack() as opened:
        front, leader = None, None
        if settings.leader_election:
            leader = await candidate(settings, clock, kubeconfig)
            opened.push_async_callback(leader.close)
            front = Front(settings.api_host, settings.api_port, waiting(leader.waiting))
            opened.push_async_callback(front.close)
            if not await _turn(leader, front, ended):
                return
            opened.push_async_callback(leader.release)
            holding = asyncio.create_task(leader.hold(), name="leader")
            opened.callback(holding.cancel)
        history = await History.open(settings.database_url, exclusive=leader is not None)
        opened.push_async_callback(history.close)
        kube = await Kube.connect(kubeconfig)
        opened.push_async_callback(kube.close)
        if leader is not None:
            kube.permit = leader.check
        operator = Operator(settings=settings, kube=kube, history=history, clock=clock)
        stopping = asyncio.create_task(_forward(ended, operator))
        opened.callback(stopping.cancel)
        await operator.serve(front)


async def _turn(leader: Leader, front: Front, ended: asyncio.Event) -> bool:
    """Whether this process leads now; False when it was stopped before, or can't be reached."""
    waits = {
        asyncio.create_task(leader.acquire()),
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
