"""States of a run, as numbers: what was seen before need not be gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.model.loop import position

if TYPE_CHECKING:
    from support.model.world import World


def fingerprint(world: World) -> int:
    """The same for states that go on alike: what is durable, where tasks stand, what is under way."""
    tasks = sorted(position(task) for task in world.loop.tasks if not task.done())
    flights = [(item.label.partition(" #")[0], item.answer is None) for item in world.flights]
    sessions = [
        (item.name, item.wish, item.call is None, item.wakes, item.dead, item.iteration)
        for item in world.sessions
    ]
    timers = sorted(when for when, _, handle in world.loop.timers if not handle.cancelled())
    seen = [(where, len(waiting)) for where, waiting in world.seen.items()]
    written = world.database.connection.total_changes - world.written
    parts = (tasks, len(world.loop.ready), flights, sessions, timers, seen, written, world.now())
    return hash(repr((*parts, _objects(world), _memory(world), world.laws.applied)))


def _objects(world: World) -> list[Any]:
    """What the API server has, and how far the operator's copy is behind."""
    store = world.operator.store if world.operator is not None else None
    found = []
    for where, body in world.api.objects.items():
        known = store.bead(where[1:]) if store is not None and where[0] == "beads" else None
        version = known.metadata.resource_version if known is not None else ""
        meta = body["metadata"]
        found.append((where, meta["uid"], body.get("status"), version == meta["resourceVersion"]))
    return found


def _memory(world: World) -> list[Any]:
    """The claims that the operator knows of."""
    leases = world.operator.leases if world.operator is not None else ()
    return [(item.claim_id, item.fence, item.iteration, item.deadline, item.closing) for item in leases]
