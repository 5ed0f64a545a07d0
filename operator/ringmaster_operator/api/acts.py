"""What people do to a bead while it lives: hold, resume, cancel, retry, reopen, steer, decide."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Response

from ringmaster_operator.api import etags, problems
from ringmaster_operator.api.beads import CHANGED, PREFIX, Authorization
from ringmaster_operator.api.etags import IfMatch
from ringmaster_operator.api.objects import By, Objects
from ringmaster_operator.api.people import People
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import BEADS
from ringmaster_operator.resources import acts
from ringmaster_operator.resources.bead import Bead, Desired
from ringmaster_operator.resources.bead_api import DecideRequest, RetryRequest, SteerRequest
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import Name

Body = dict[str, Any]
WISHES = {"hold": Desired.HOLD, "resume": Desired.RUN, "cancel": Desired.CANCEL}
WORDS = {
    "hold": "Do not start a bead; one that runs stops after its iteration.",
    "resume": "Let a held bead go on where it was.",
    "cancel": "End a bead: a running agent is stopped and its work kept on its branch.",
}


class Acting:
    """Makes the changes, each for a person who may patch Beads."""

    def __init__(self, objects: Objects, people: People, clock: Clock) -> None:
        self._objects = objects
        self._people = people
        self._clock = clock

    async def __call__(
        self,
        what: str,
        where: tuple[str, str],
        authorization: str | None,
        match: str | None,
        spec: Callable[[Bead, str], Body],
    ) -> Response:
        """Merge what spec(bead, name of the caller) gives into the bead's spec."""
        namespace, name = where
        person = await self._people.allowed(authorization, verb="patch", kind=BEADS, namespace=namespace)

        def change(bead: Bead, _: Body) -> Body:
            try:
                return {"spec": spec(bead, person.name)}
            except acts.NotPossible as error:
                raise Refused(ProblemCode.CONFLICT, str(error)) from error

        by = By(person, f"bead.{what}")
        return etags.answer(await self._objects.change_bead(by, namespace, name, change, match))

    def trigger(self) -> str:
        """A text that no trigger had before."""
        return acts.trigger(self._clock.now())


def routes(objects: Objects, people: People, clock: Clock) -> APIRouter:
    """Each needs the right to patch Beads. If-Match is honoured where it is given."""
    router = APIRouter(prefix=PREFIX + "/{name}", tags=["beads"], responses=problems.RESPONSES)
    act = Acting(objects, people, clock)
    for path, desired in WISHES.items():
        _wish(router, act, path, desired)
    _again(router, act)
    _words(router, act)
    return router


def _wish(router: APIRouter, act: Acting, path: str, desired: Desired) -> None:
    @router.post(
        f"/{path}",
        operation_id=f"{path}Bead",
        response_model=Bead,
        responses=CHANGED,
        description=WORDS[path],
        name=path,
    )
    async def wish(
        namespace: Name, name: Name, match: IfMatch = None, authorization: Authorization = None
    ) -> Response:
        return await act(
            path, (namespace, name), authorization, match, lambda bead, _: acts.desire(bead, desired)
        )


def _again(router: APIRouter, act: Acting) -> None:
    @router.post("/retry", operation_id="retryBead", response_model=Bead, responses=CHANGED)
    async def retry(
        namespace: Name,
        name: Name,
        request: RetryRequest,
        match: IfMatch = None,
        authorization: Authorization = None,
    ) -> Response:
        """Run a failed or cancelled bead again, with all its attempts."""

        def spec(bead: Bead, _: str) -> Body:
            return acts.retry(bead, trigger=act.trigger(), from_scratch=request.from_scratch)

        return await act("retry", (namespace, name), authorization, match, spec)

    @router.post("/reopen", operation_id="reopenBead", response_model=Bead, responses=CHANGED)
    async def reopen(
        namespace: Name, name: Name, match: IfMatch = None, authorization: Authorization = None
    ) -> Response:
        """Work on a succeeded bead again, or ask an answered decision again."""

        def spec(bead: Bead, _: str) -> Body:
            return acts.reopen(bead, trigger=act.trigger())

        return await act("reopen", (namespace, name), authorization, match, spec)


def _words(router: APIRouter, act: Acting) -> None:
    @router.post("/steer", operation_id="steerBead", response_model=Bead, responses=CHANGED)
    async def steer(
        namespace: Name,
        name: Name,
        request: SteerRequest,
        match: IfMatch = None,
        authorization: Authorization = None,
    ) -> Response:
        """Say something to the agent that works on a bead: it is told at its next turn or iteration."""
        note = acts.note_id()

        def spec(bead: Bead, _: str) -> Body:
            return acts.steer(bead, note=note, text=request.text)

        return await act("steer", (namespace, name), authorization, match, spec)

    @router.post("/decide", operation_id="decideBead", response_model=Bead, responses=CHANGED)
    async def decide(
        namespace: Name,
        name: Name,
        request: DecideRequest,
        match: IfMatch = None,
        authorization: Authorization = None,
    ) -> Response:
        """Answer a decision. The answer is the caller's."""

        def spec(bead: Bead, person: str) -> Body:
            return acts.answer(bead, text=request.answer, by=person)

        return await act("decide", (namespace, name), authorization, match, spec)
