"""A session has its claim before anything else is made of it: the real desk, in a simulated world."""

from __future__ import annotations

from collections.abc import Callable

from ringmaster_operator.board.facts import Readiness
from support.boards import NS
from support.model.parts import Plan
from support.model.world import World

STEPS = 2_000
ATTEMPTS = "SELECT claim_id FROM attempt"


def go_on(world: World, done: Callable[[], bool]) -> None:
    """As it goes when nothing goes wrong, until then."""
    for _ in range(STEPS):
        if done():
            return
        world.step(world.choices()[0])
    raise AssertionError(f"not within {STEPS} steps")


def test_a_claim_is_answered_before_it_is_recorded_and_ranked() -> None:
    world = World(Plan(beads={"a": {}}, sessions=1))

    def answered() -> bool:
        return any(call.wish.verb == "claim" and call.task.done() for call in world.calls)

    def seen() -> Readiness:
        assert world.operator is not None
        return world.operator.board.view((NS, "a")).readiness

    go_on(world, lambda: any(each.method == "PATCH" and each.answer is not None for each in world.flights))
    world.loop.now += 0.03  # so long was the patch under way: nothing waits for that time to pass any more
    go_on(world, answered)
    (body,) = world.beads()
    claim = body["status"]["claim"]["id"]
    assert seen() is Readiness.READY
    assert not world.history.writer.waiting()
    assert not world.database.rows(ATTEMPTS)
    for _ in range(2):  # turns in which no answer to the answer can have come
        world.loop.turn()
    assert world.history.writer.waiting() == 1
    world.history.writer.commit()
    assert world.database.rows(ATTEMPTS) == [(claim,)]
    world.loop.now += 0.03
    go_on(world, lambda: seen() is not Readiness.READY)
    assert seen() is Readiness.RUNNING
    world.close()
