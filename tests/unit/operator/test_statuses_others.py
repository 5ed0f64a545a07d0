"""A status is written although others write on the bead, and never over what it was not judged from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ringmaster_operator.board.board import Board
from ringmaster_operator.kube import BEADS, Conflict
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Store
from support.boards import NS, taken
from support.model.apiserver import Answer, ApiServer, Body
from support.model.parts import SimulatedKube

MERGE = "application/merge-patch+json"
PATH = BEADS.path(NS, "a")


class Silent:
    """Nobody is told."""

    def tell(self, *_: object) -> None:
        return None


class Desk:
    """A bead that was judged, on an API server on which others write as a request comes."""

    def __init__(self) -> None:
        self.server = ApiServer(lambda: datetime.now(UTC))
        self.asked: list[str] = []
        self.before: dict[int, Callable[[], object]] = {}
        """What somebody else does right before the operator's first, second, third request."""
        self.create()
        self.store, board = Store(), Board()
        spec = {"runtime": "Tmux", "beadSelector": {"team": "red"}}
        board.put_worker(Worker.read({"metadata": {"name": "w", "namespace": NS}, "spec": spec}))
        kube = SimulatedKube(self._fly)
        events: Any = Silent()
        self.statuses = Statuses(
            kube=kube, store=self.store, events=events, released=lambda _: [], weighed=board.weighed
        )
        self.judged = self.store.taken(self.bead())

    def create(self) -> None:
        body = {"metadata": {"name": "a", "labels": {"mine": "yes"}}, "spec": {"title": "a"}}
        self.server.handle("POST", BEADS.path(NS), body=body)

    async def _fly(self, method: str, path: str, rest: dict[str, Any]) -> Answer:
        self.before.get(len(self.asked), lambda: None)()
        code, answer = self.server.handle(method, path, **rest)
        self.asked.append(f"{method} {code}")
        return code, answer

    def bead(self) -> Body:
        return self.server.handle("GET", PATH)[1]

    def writes(self, change: Body, *, status: bool = False) -> Callable[[], object]:
        """Somebody else's merge patch."""
        path = f"{PATH}/status" if status else PATH
        return lambda: self.server.handle("PATCH", path, body=change, content_type=MERGE)

    async def claim(self) -> Bead:
        return await self.statuses.write(self.judged, taken(self.judged).status)


def labels(**values: str | None) -> Body:
    return {"metadata": {"labels": values}}


NOTHING_THAT_COUNTS = [
    labels(storm="1"),
    {"metadata": {"annotations": {"seen": "yes"}}},
    {"metadata": {"finalizers": ["example.com/mine"]}},
]
SOMETHING = {
    "spec": ({"spec": {"priority": "P0"}}, False),
    "a selector's label": (labels(team="red"), False),
    "who asked": ({"metadata": {"annotations": {"ringmaster.dev/requested-by": "ann"}}}, False),
    "status": ({"status": {"attempts": 7}}, True),
}


@pytest.mark.parametrize("change", NOTHING_THAT_COUNTS, ids=lambda change: next(iter(change["metadata"])))
async def test_what_nobody_judges_by_stops_nobody(change: Body) -> None:
    desk = Desk()
    desk.before = {0: desk.writes(change), 2: desk.writes(labels(storm="2"))}
    written = await desk.claim()
    assert desk.asked == ["PATCH 409", "GET 200", "PATCH 200"]
    assert written.status == Bead.read(desk.bead()).status == taken(desk.judged).status
    assert desk.bead()["metadata"]["labels"]["storm"] == "2"


@pytest.mark.parametrize("moment", [0, 2])
@pytest.mark.parametrize("what", SOMETHING)
async def test_what_counts_is_never_written_over(what: str, moment: int) -> None:
    """Whether it changes before the first try or right before the last one."""
    desk = Desk()
    change, status = SOMETHING[what]
    touch, other = desk.writes(labels(storm="1", team=None)), desk.writes(change, status=status)
    desk.before = {0: touch, moment: lambda: (touch(), other())}
    with pytest.raises(Conflict):
        await desk.claim()
    assert Bead.read(desk.bead()).status.claim is None
    assert desk.asked == ["PATCH 409", "GET 200", "PATCH 422"][: 2 if moment == 0 else 3]


async def test_a_bead_made_anew_is_another_one() -> None:
    desk = Desk()

    def anew() -> None:
        desk.server.handle("DELETE", PATH)
        desk.create()

    desk.before = {0: desk.writes(labels(storm="1")), 2: anew}
    with pytest.raises(Conflict):
        await desk.claim()
    assert "status" not in desk.bead()


async def test_texts_that_are_written_in_several_ways_wait_for_a_version() -> None:
    """The API server compares a status as it is written: the caller comes again with a newer version."""
    desk = Desk()
    desk.writes({"status": {"outcome": {"kind": "failed", "summary": "a < é"}}}, status=True)()
    desk.judged = desk.store.taken(desk.bead())
    desk.before = {0: desk.writes(labels(storm="1"))}
    with pytest.raises(Conflict):
        await desk.claim()
    assert desk.asked == ["PATCH 409", "GET 200"]
