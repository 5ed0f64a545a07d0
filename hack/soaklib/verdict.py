"""At the end: what the history, git and the machine say, beside what was seen all the time."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing

import psutil

from soaklib.leaks import Leaks, Sample
from soaklib.stream import Stream
from soaklib.world import REPLICAS, World

SETTLE_SECONDS = 180.0
IDLE_SECONDS = 45.0
SPARE_FDS = 12
MOST_CONNECTIONS = 120
"""A hundred are the most that the pool to the API server has; the others are of clients."""
SPARE_TASKS = 8
WAL_BYTES = 32 << 20
KEPT = ("sessions/*/*", "tokens/*/*", "home/worktrees/*")
SUCCESSES = """
select bead, count(*) from report
where not refused and json_extract(body, '$.outcome.kind') = 'success' group by bead
"""


async def settle(world: World, stream: Stream) -> float:
    """Wait until every bead is finished or rightly waits; how many seconds that took."""
    began = time.monotonic()
    while time.monotonic() < began + SETTLE_SECONDS:
        rightly = stream.rightly_waiting()
        late = [seen for seen in world.observer.unfinished() if seen.name not in rightly]
        missing = [name for name in stream.waits_for if world.observer.named(name) is None]
        if not late and not missing and _busy(world) == 0:
            return time.monotonic() - began
        await asyncio.sleep(0.5)
    for seen in late:
        world.broken.append(f"stuck: {seen.name} is {seen.phase or 'without a phase'}: {seen.message}")
    world.broken += [f"lost: {name} was created and never seen" for name in missing]
    if _busy(world):
        world.broken.append(f"stuck: {_busy(world)} sessions still hold a claim")
    return time.monotonic() - began


def _busy(world: World) -> int:
    return sum(session.working is not None for session in world.lights)


def reports(world: World) -> None:
    """No acknowledged report is missing in the history; none counts twice; none waits to be applied."""
    with closing(sqlite3.connect(f"file:{world.database}?mode=ro", uri=True, timeout=30)) as database:
        rows = database.execute(
            "select report_id, bead, fence, refused, applied, body from report"
        ).fetchall()
        successes = dict(database.execute(SUCCESSES).fetchall())
        opened = database.execute("select count(*) from attempt where ended_at is null").fetchone()[0]
        phases = dict(database.execute("select uid, phase from bead").fetchall())
    accepted = {row[0]: (row[1], row[2]) for row in rows if not row[3]}
    for report_id, (bead, fence, _) in world.ledger.acknowledged.items():
        if accepted.get(report_id) != (bead, fence):
            world.broken.append(f"lost: the acknowledged report {report_id} on {bead} (fence {fence})")
    waiting = sum(not row[3] and not row[4] for row in rows)
    if waiting:
        world.broken.append(f"{waiting} accepted reports are not applied")
    world.broken += [
        f"double work: {bead} succeeded {count} times" for bead, count in successes.items() if count > 1
    ]
    world.broken += [f"the history has {name} as {phase}" for name, phase in sorted(_stale(world, phases))]
    done = {seen.name for seen in world.observer.beads.values() if seen.phase == "Succeeded"}
    world.broken += [f"lost: {name} succeeded without a report" for name in sorted(done - set(successes))]
    world.broken += [
        f"went back: {name} has a report of success and did not succeed"
        for name in sorted(set(successes) - done)
    ]
    if opened:
        world.broken.append(f"{opened} attempts never end in the history")


def _stale(world: World, phases: dict[str, str]) -> set[tuple[str, str]]:
    """Beads that the history remembers in another phase than they were seen in last."""
    beads = world.observer.beads.items()
    return {(seen.name, str(phases.get(uid))) for uid, seen in beads if phases.get(uid) != seen.phase}


async def work(world: World, stream: Stream) -> None:
    """Each bead of a real agent has one commit, and no second agent was at it meanwhile."""
    if world.fleet.overlaps.exists():
        world.broken.append(f"double work: two agents at once: {world.fleet.overlaps.read_text().split()}")
    for name in stream.agents:
        seen = world.observer.named(name)
        if seen is None or seen.phase != "Succeeded":
            continue
        commits = await asyncio.to_thread(world.fleet.commits, name)
        if commits != 1:
            world.broken.append(f"double work: {commits} commits for {name}")


async def leaks(world: World, looks: Leaks, first: Sample) -> None:
    """The idle operator at the end beside the idle one at the begin; kept connections get time to go."""
    deadline = time.monotonic() + IDLE_SECONDS
    last = await looks.look()
    while time.monotonic() < deadline and last.fds > first.fds + SPARE_FDS:
        await asyncio.sleep(2.0)
        last = await looks.look()
    if last.fds > first.fds + SPARE_FDS:
        world.broken.append(f"leak: {last.fds} descriptors at the end, {first.fds} at the begin")
    if last.connections > MOST_CONNECTIONS:
        world.broken.append(f"leak: {last.connections} connections at the end")
    if last.tasks > first.tasks + SPARE_TASKS:
        world.broken.append(f"leak: {last.tasks} tasks at the end, {first.tasks} at the begin")
    if last.sessions != REPLICAS:
        world.broken.append(f"leak: {last.sessions} tmux sessions for {REPLICAS} replicas")
    if last.wal > WAL_BYTES:
        world.broken.append(f"leak: {last.wal} bytes of WAL")


async def nothing_left(world: World) -> None:
    """Without Workers no session, process, worktree or token stays; and the operator ends as it should."""
    fleet = world.fleet
    delete = ("delete", "workers", "--all", "-n", world.namespace, "--timeout=90s")
    try:
        await asyncio.to_thread(fleet.cluster.kubectl, *delete)
    except AssertionError as error:
        world.broken.append(f"stuck: the Workers: {error}")
    state = world.folder / "state"
    left = [str(path) for kept in KEPT for path in state.glob(kept)]
    left += sorted(await asyncio.to_thread(fleet.tmux))
    for session, processes in (await asyncio.to_thread(fleet.processes)).items():
        left += [f"process {process.pid} of {session}: {_words(process)}" for process in processes]
    world.broken += [f"leak: after the Workers were deleted: {each}" for each in left]
    code = await asyncio.to_thread(fleet.operator.stop)
    if code != 0:
        world.broken.append(f"the operator ended with {code} on SIGTERM: {fleet.operator.tail(3)}")


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:200]
    except psutil.Error:
        return "has ended since"
