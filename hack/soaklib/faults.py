"""How each kind of fault is done. A fault returns when what it broke is whole again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
from pysqlite3 import dbapi2 as sqlite3  # type: ignore[import-untyped]  # the operator's own build

from ringmaster_operator.runtimes.tmux.server import socket_directory
from soaklib.plan import Fault
from soaklib.world import World, light
from support.manifests import bead

Done = float | None
"""What a fault measured itself, in seconds; None where nothing."""
SECOND_LOOKS = 40.0
"""Seconds that a stalled watch may take longer than the plan says before it is cut."""


async def quiet(world: World, fault: Fault) -> Done:
    await asyncio.sleep(fault.seconds)
    return None


async def api_restart(world: World, fault: Fault) -> Done:
    await asyncio.to_thread(world.cluster.kill, "apiserver")
    await asyncio.sleep(fault.seconds)
    await asyncio.to_thread(world.cluster.restore)
    return None


async def etcd_restart(world: World, fault: Fault) -> Done:
    await asyncio.to_thread(world.cluster.kill, "etcd")
    await asyncio.sleep(fault.seconds)
    await asyncio.to_thread(world.cluster.restore)
    return None


async def compaction(world: World, fault: Fault) -> Done:
    """Whoever watched comes back to an API server that remembers nothing, and an etcd that has forgotten."""
    world.proxy.reaches.clear()
    try:
        world.proxy.drop_watches()
        await asyncio.sleep(fault.seconds)
        await world.direct.compact()
        await asyncio.to_thread(world.cluster.restart, "apiserver")
    finally:
        world.proxy.reaches.set()
    return None


async def watch_drop(world: World, fault: Fault) -> Done:
    """So many times a second."""
    end = time.monotonic() + fault.seconds
    while time.monotonic() < end:
        world.proxy.drop_watches()
        await asyncio.sleep(1 / fault.strength)
    return None


async def watch_stall(world: World, fault: Fault) -> Done:
    """Measures how long a bead waits that is created while no watch says anything."""
    stalled = world.proxy.stall_watches()
    began = time.monotonic()
    name = f"stalled-{int(began * 1000) % 10**9}"
    await world.direct.create(world.namespace, light(bead(name, priority="P0")))
    created = time.monotonic()
    claimed = await world.observer.until(name, seconds=fault.seconds + SECOND_LOOKS, claimed=True)
    await world.proxy.let_go(stalled, began + fault.seconds + SECOND_LOOKS - time.monotonic())
    for connection in stalled:
        connection.hang_up()
    if claimed is None:
        world.broken.append(
            f"blind: {name} was not claimed within {fault.seconds + SECOND_LOOKS:g} s of a stall"
        )
        return None
    return claimed - created


async def blackhole(world: World, fault: Fault) -> Done:
    world.proxy.reaches.clear()
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        world.proxy.reaches.set()
    return None


async def slow(world: World, fault: Fault) -> Done:
    world.proxy.late_seconds = fault.strength
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        world.proxy.late_seconds = 0.0
    return None


async def throttle(world: World, fault: Fault) -> Done:
    world.proxy.refused = fault.strength
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        world.proxy.refused = 0.0
    return None


async def conflicts(world: World, fault: Fault) -> Done:
    """Labels of unfinished beads: each write makes the version stale that somebody is about to write on."""
    end = time.monotonic() + fault.seconds
    number = 0
    while time.monotonic() < end:
        for seen in world.observer.unfinished()[-10:]:
            number += 1
            change = {"metadata": {"labels": {"adversary": str(number)}}}
            await world.direct.patch(world.namespace, seen.name, change)
            await asyncio.sleep(1 / fault.strength)
        await asyncio.sleep(0.05)
    return None


async def clock_jump(world: World, fault: Fault) -> Done:
    world.clock.write_text(str(fault.strength))
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        world.clock.unlink()
    return None


async def operator_kill(world: World, fault: Fault) -> Done:
    async with world.absent:
        await asyncio.to_thread(world.fleet.operator.kill)
        await asyncio.sleep(fault.seconds)
        await world.revive()
    return None


async def operator_freeze(world: World, fault: Fault) -> Done:
    process = world.fleet.operator.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        process.send_signal(signal.SIGCONT)
    return None


async def worker_kill(world: World, fault: Fault) -> Done:
    running = await asyncio.to_thread(world.fleet.workers)
    if running:
        victim = world.rng.choice(sorted(running))
        await asyncio.to_thread(world.fleet.kill_tree, victim)
        world.observer.lost_with({victim}, "worker-kill")
    await asyncio.sleep(fault.seconds)
    return None


async def worker_freeze(world: World, fault: Fault) -> Done:
    trees = await asyncio.to_thread(world.fleet.processes)
    frozen = trees[world.rng.choice(sorted(trees))] if trees else []
    _signal(frozen, signal.SIGSTOP)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        _signal(frozen, signal.SIGCONT)
    return None


async def tmux_kill(world: World, fault: Fault) -> Done:
    sessions = set(await asyncio.to_thread(world.fleet.workers))
    for socket in socket_directory().glob(f"ringmaster-local-*-{world.namespace}"):
        command = ["tmux", "-L", socket.name, "display-message", "-p", "#{pid}"]
        shown = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        if shown.stdout.strip():
            os.kill(int(shown.stdout), signal.SIGKILL)
            world.observer.lost_with(sessions, "tmux-kill")
    await asyncio.sleep(fault.seconds)
    return None


async def session_vanish(world: World, fault: Fault) -> Done:
    world.rng.choice(world.lights).vanish = True
    await asyncio.sleep(fault.seconds)
    return None


async def session_freeze(world: World, fault: Fault) -> Done:
    world.rng.choice(world.lights).freeze = True
    await asyncio.sleep(fault.seconds)
    return None


async def database_lock(world: World, fault: Fault) -> Done:
    def hold() -> None:
        with contextlib.closing(sqlite3.connect(world.database, isolation_level=None, timeout=30)) as held:
            held.execute("BEGIN IMMEDIATE")
            time.sleep(fault.seconds)
            held.execute("ROLLBACK")

    await asyncio.to_thread(hold)
    return None


async def disk_full(world: World, fault: Fault) -> Done:
    """The WAL is emptied first: what lies in it already would need no room."""
    assert world.disk is not None
    ballast = world.disk / "ballast"
    try:
        await asyncio.to_thread(_empty_wal, world.database)
        await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(fault.seconds)
    finally:
        ballast.unlink(missing_ok=True)
    return None


async def network_cut(world: World, fault: Fault) -> Done:
    assert world.apart is not None
    world.apart.link("down")
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        world.apart.link("up")
    return None


def _signal(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _empty_wal(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096) == 4096:
            pass


FAULTS: dict[str, Callable[[World, Fault], Awaitable[Done]]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        quiet,
        api_restart,
        etcd_restart,
        compaction,
        watch_drop,
        watch_stall,
        blackhole,
        slow,
        throttle,
        conflicts,
        clock_jump,
        operator_kill,
        operator_freeze,
        worker_kill,
        worker_freeze,
        tmux_kill,
        session_vanish,
        session_freeze,
        database_lock,
        disk_full,
        network_cut,
    )
}
