"""Projects for people: the namespaces in which the caller may see beads."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from collections import Counter

from fastapi import APIRouter

from ringmaster_operator.api import paging, problems
from ringmaster_operator.api.beads import Authorization
from ringmaster_operator.api.people import People
from ringmaster_operator.board.board import Board
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.kube import BEADS
from ringmaster_operator.resources.bead import FINISHED, Phase
from ringmaster_operator.resources.order_api import ProjectInfo, ProjectList
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.store import Store

SCOPE = "projects"
NOWHERE = "default"
"""Asked about when there is no project, so that a caller nobody knows is told so all the same."""


class Projects:
    """What is known of namespaces."""

    def __init__(self, *, store: Store, board: Board) -> None:
        self._store = store
        self._board = board

    def all(self) -> list[ProjectInfo]:
        """Every namespace with a bead, a Worker or settings, by name."""
        beads, open_, running, workers = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        for bead in self._store.beads():
            namespace, phase = bead.metadata.namespace, bead.status.phase
            beads[namespace] += 1
            open_[namespace] += phase not in FINISHED
            running[namespace] += phase is Phase.RUNNING
        for worker in self._store.workers():
            workers[worker.metadata.namespace] += 1
        described = self._board.described()
        return [
            ProjectInfo(
                namespace=name,
                beads=beads[name],
                open_beads=open_[name],
                running_beads=running[name],
                workers=workers[name],
                described=name in described,
            )
            for name in sorted({*beads, *workers, *described})
        ]


async def may_see(people: People, authorization: str | None, namespace: str) -> bool:
    """Whether the caller may list Beads there; raises Refused when it is not known who calls."""
    try:
        await people.allowed(authorization, verb="list", kind=BEADS, namespace=namespace)
    except Refused as refused:
        if refused.code is not ProblemCode.FORBIDDEN:
            raise
        return False
    return True


def routes(projects: Projects, people: People) -> APIRouter:
    """It shows the namespaces in which the caller may list Beads."""
    router = APIRouter(prefix="/api/v1/namespaces", tags=["projects"], responses=problems.RESPONSES)

    @router.get("", operation_id="listProjects", response_model_exclude_none=True)
    async def list_(
        limit: paging.Limit = paging.USUAL,
        cursor: paging.Cursor = None,
        authorization: Authorization = None,
    ) -> ProjectList:
        """The projects that the caller may see."""
        after = paging.decoded(cursor, SCOPE, str)
        await may_see(people, authorization, NOWHERE)
        shown: list[ProjectInfo] = []
        for project in projects.all():
            if (after is None or (project.namespace,) > after) and len(shown) <= limit:
                shown += [project] if await may_see(people, authorization, project.namespace) else []
        items, following = paging.rest(shown, key=lambda item: (item.namespace,), limit=limit, scope=SCOPE)
        return ProjectList(items=items, next=following)

    return router
