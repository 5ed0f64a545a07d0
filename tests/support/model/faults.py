"""What may go wrong at a moment of a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from ringmaster_operator.kube import KubeUnavailable
from support.boards import NS
from support.model.parts import Choice, Flight
from support.model.sessions import Call, Session, Wish

if TYPE_CHECKING:
    from support.model.world import World

NAP_SECONDS = 21.0
"""Longer than two leases."""


def faults(world: World) -> list[Choice]:
    """All of them; each is a choice that the smooth run never takes."""
    found: list[Choice] = []
    if world.operator is not None:
        found.append(Choice("crash", world.crash))
        if world.history.writer.waiting():
            found.append(Choice("disk full", world.history.writer.fail))
    for flight in world.flights:
        if flight.future is not None:
            found += _of_flight(world, flight)
    for session in world.sessions:
        found += _of_session(world, session)
    for body in world.beads():
        name = body["metadata"]["name"]
        found.append(Choice(f"touch {name}", partial(_touch, world, name)))
        found.append(Choice(f"delete {name}", partial(_delete, world, name)))
    if any(world.seen.values()):
        found.append(Choice("410 Gone", partial(_relist, world)))
    return found


def _of_flight(world: World, flight: Flight) -> Iterator[Choice]:
    silent = partial(world.land, flight, KubeUnavailable(0, "timed out"))
    if flight.answer is not None:
        yield Choice(f"lost answer {flight.label}", silent)
        return
    yield Choice(f"refused {flight.label}", partial(_refuse, world, flight))
    if flight.method != "GET":
        yield Choice(f"timed out {flight.label}", silent)


def _refuse(world: World, flight: Flight) -> None:
    flight.answer = (503, {"message": "try later"})
    world.land(flight)


def _of_session(world: World, session: Session) -> Iterator[Choice]:
    name = session.name
    if session.call is not None:
        yield Choice(f"{name} cut off", partial(_cut_off, world, session.call))
    elif session.claimed is not None and session.free():
        yield Choice(f"{name} naps", partial(session.nap, NAP_SECONDS))
    if not session.dead and sum(not item.dead for item in world.sessions) > 1:
        yield Choice(f"{name} dies", partial(_die, world, session))
    if world.serving and session.sent:
        wish = session.sent[-1]
        yield Choice(f"{name} repeats {wish.verb}", partial(_repeat, world, session, wish))


def _cut_off(world: World, call: Call) -> None:
    call.wanted = False
    call.session.cut_off()
    if call.task.done():
        world.calls.remove(call)


def _die(world: World, session: Session) -> None:
    session.dead = True
    if session.call is not None:
        _cut_off(world, session.call)


def _repeat(world: World, session: Session, wish: Wish) -> None:
    """A copy of an earlier call arrives late."""
    world.carry(session, wish).wanted = False


def _path(name: str) -> str:
    return f"/apis/ringmaster.dev/v1alpha1/namespaces/{NS}/beads/{name}"


def _touch(world: World, name: str) -> None:
    """Someone else writes to it: what the operator judged is an old version."""
    patch = {"metadata": {"labels": {"touched": str(world.api.version)}}}
    world.api.handle("PATCH", _path(name), body=patch, content_type="application/merge-patch+json")


def _delete(world: World, name: str) -> None:
    """A person deletes it and makes it anew."""
    world.api.handle("DELETE", _path(name))
    world.person_creates(name, world.plan.beads[name])


def _relist(world: World) -> None:
    """The watch lost its place: what it had not told is only told as it is now."""
    world.seen = {where: deque([("", body)]) for where, body in world.api.objects.items()}
