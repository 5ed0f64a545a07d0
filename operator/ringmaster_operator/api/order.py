"""The order of a namespace's beads, for people: what is claimed next, and why a bead stands where it does."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from collections.abc import Callable

from fastapi import APIRouter

from ringmaster_operator.api import paging, problems
from ringmaster_operator.api.beads import Authorization
from ringmaster_operator.api.objects import Objects
from ringmaster_operator.api.people import People
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.preference import Preference
from ringmaster_operator.board.ranking import PRIORITIES
from ringmaster_operator.kube import BEADS, WORKERS
from ringmaster_operator.resources.bead import Phase
from ringmaster_operator.resources.order_api import BeadOrder, Explanation, Place, SimilarWork, Suitor
from ringmaster_operator.resources.scalars import Name
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.store import Store


class Ordering:
    """What the board says."""

    def __init__(self, *, store: Store, board: Board, refresh: Callable[[], None]) -> None:
        """refresh brings the board up to date and passes on what that changes."""
        self._store = store
        self._board = board
        self._refresh = refresh

    def page(self, namespace: str, *, limit: int, cursor: str | None) -> BeadOrder:
        """What may be claimed, best first, from the place on that the cursor names."""
        names = self._ranked(namespace)
        scope = f"order {namespace}"
        after = paging.decoded(cursor, scope, int)
        begin = int(after[0]) if after is not None else 0
        found = list(enumerate(names[max(begin, 0) :][: limit + 1], start=max(begin, 0) + 1))
        items, following = paging.rest(found, key=lambda item: (item[0],), limit=limit, scope=scope)
        return BeadOrder(items=[self._place(namespace, *item) for item in items], next=following)

    def explain(self, namespace: str, name: str) -> Explanation:
        """Why the bead stands where it does; it is there."""
        names = self._ranked(namespace)
        key = (namespace, name)
        bead, view, room = self._board.get(key), self._board.view(key), self._board.room(namespace)
        assert bead is not None  # noqa: S101  the caller looked it up, and nothing has yielded since
        workers = sorted(self._store.workers(), key=lambda item: item.metadata.name)
        preference = self._board.preference(namespace, room.advanced)
        suitors = [
            _suitor(worker, name, self._board.why_not(worker, name), preference)
            for worker in workers
            if worker.metadata.namespace == namespace
        ]
        parent = [bead.spec.parent] if bead.spec.parent else []
        return Explanation(
            name=name,
            phase=bead.status.phase or Phase.PENDING,
            readiness=str(view.readiness),
            message=view.message,
            rank=names.index(name) + 1 if name in names else None,
            of=len(names),
            priority=bead.spec.priority,
            effective_priority=view.effective_priority,
            counts_as=PRIORITIES[view.age.rank],
            inherited_from=view.inherited_from,
            inherited_path=list(view.inherited_path),
            score=view.score,
            waiting_since=bead.status.waiting_since,
            waits_for=list(view.blocked_by),
            waited_for_by=sorted({*room.graph.dependents(name), *parent}),
            chosen_because=bead.status.claim.reason if bead.status.claim is not None else "",
            workers=suitors,
        )

    def _ranked(self, namespace: str) -> list[str]:
        self._refresh()
        return self._board.ranked(namespace)

    def _place(self, namespace: str, rank: int, name: str) -> Place:
        bead, view = self._board.room(namespace).beads[name], self._board.view((namespace, name))
        return Place(
            rank=rank,
            name=name,
            title=bead.spec.title,
            priority=bead.spec.priority,
            effective_priority=view.effective_priority,
            counts_as=PRIORITIES[view.age.rank],
            inherited_from=view.inherited_from,
            score=view.score,
            waiting_since=bead.status.waiting_since,
        )


def _suitor(worker: Worker, name: str, why_not: str, preference: Preference | None) -> Suitor:
    suitor = Suitor(worker=worker.metadata.name, may=not why_not, why_not=why_not)
    if preference is None:
        return suitor
    known = preference.outlook(name, worker)
    similar = SimilarWork(
        profile=known.arm[0],
        model=known.arm[1],
        tried=known.tried,
        succeeded=known.succeeded,
        chance=round(known.chance, 3),
        why=known.why,
    )
    better = preference.passes(name, worker) if suitor.may else []
    left = {"leaves_to": better[0][0].metadata.name, "because": better[0][1]} if better else {}
    return suitor.model_copy(update={"similar": similar, **left})


def routes(ordering: Ordering, objects: Objects, people: People) -> APIRouter:
    """The order needs the right to list Beads, an explanation to get Beads and Workers."""
    router = APIRouter(prefix="/api/v1/namespaces/{namespace}", tags=["beads"], responses=problems.RESPONSES)

    @router.get("/order", operation_id="getOrder", response_model_exclude_none=True)
    async def order(
        namespace: Name,
        limit: paging.Limit = paging.USUAL,
        cursor: paging.Cursor = None,
        authorization: Authorization = None,
    ) -> BeadOrder:
        """What may be claimed now, best first. It moves: a later page begins at a rank, not at a bead."""
        await people.allowed(authorization, verb="list", kind=BEADS, namespace=namespace)
        return ordering.page(namespace, limit=limit, cursor=cursor)

    @router.get("/beads/{name}/explanation", operation_id="explainBead", response_model_exclude_none=True)
    async def explain(namespace: Name, name: Name, authorization: Authorization = None) -> Explanation:
        """Why a bead stands where it does: readiness, priority, score, and who could take it."""
        await people.allowed(authorization, verb="get", kind=BEADS, namespace=namespace)
        await people.allowed(authorization, verb="get", kind=WORKERS, namespace=namespace)
        objects.bead(namespace, name)
        return ordering.explain(namespace, name)

    return router
