"""A namespace at a glance, in one call: what `ringmaster status`, `top` and the web show first."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from fastapi import APIRouter
from fastapi.responses import Response

from ringmaster_operator.api import problems
from ringmaster_operator.api.beads import Authorization
from ringmaster_operator.api.people import People
from ringmaster_operator.api.turns import Turns
from ringmaster_operator.claims.overview import Overviews
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import BEADS, WORKERS
from ringmaster_operator.resources.overview_api import Overview
from ringmaster_operator.resources.scalars import Name


def routes(overviews: Overviews, people: People, clock: Clock) -> APIRouter:
    """It needs the right to list Beads and Workers."""
    turns = Turns(clock)
    router = APIRouter(
        prefix="/api/v1/namespaces/{namespace}", tags=["overview"], responses=problems.RESPONSES
    )

    @router.get("/overview", operation_id="getOverview", response_model=Overview)
    async def overview(namespace: Name, authorization: Authorization = None) -> Response:
        """What needs a person, what runs, what is done and spent, how it is saved."""
        for kind in (BEADS, WORKERS):
            await people.allowed(authorization, verb="list", kind=kind, namespace=namespace)
        made = await overviews.of(namespace)
        await turns.mine()  # all who look at a namespace waited for the same answer
        return Response(made.text, media_type="application/json")

    return router
