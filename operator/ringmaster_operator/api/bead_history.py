"""What became of a bead, for people: attempts, iterations, events. It outlives the bead."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from fastapi import APIRouter

from ringmaster_operator.api import paging, problems
from ringmaster_operator.api.beads import PREFIX, Authorization
from ringmaster_operator.api.objects import missing
from ringmaster_operator.api.people import People
from ringmaster_operator.history import AttemptSummary, History, StoredEvent, StoredIteration
from ringmaster_operator.kube import BEADS
from ringmaster_operator.resources.bead import Outcome
from ringmaster_operator.resources.bead_api import (
    AttemptInfo,
    AttemptList,
    EventInfo,
    EventList,
    IterationInfo,
    IterationList,
)
from ringmaster_operator.resources.bead_status import Cost
from ringmaster_operator.resources.protocol import Reflexion, VerifyResult
from ringmaster_operator.resources.scalars import Name
from ringmaster_operator.store import Store

TAIL = 8192
"""Characters of the agent's last words."""


def attempt(found: AttemptSummary) -> AttemptInfo:
    """An attempt as the API tells it."""
    kept = found.attempt
    return AttemptInfo(
        fence=kept.fence,
        attempt=kept.attempt,
        iterations=found.iterations,
        worker=kept.worker,
        session=kept.session,
        profile=kept.profile,
        model=kept.model or None,
        started_at=kept.started_at,
        ended_at=kept.ended_at,
        kind=kept.kind,
        reason=kept.reason,
        summary=kept.summary,
        counted=kept.counted,
        branch=found.branch,
        commit=found.commit,
        cost=Cost(
            usd=found.usd,
            input_tokens=found.input_tokens,
            cached_input_tokens=found.cached_input_tokens,
            output_tokens=found.output_tokens,
            unpriced_requests=found.unpriced_requests,
        ),
    )


def iteration(found: StoredIteration) -> IterationInfo:
    """An iteration as the API tells it."""
    return IterationInfo(
        id=found.id,
        fence=found.fence,
        attempt=found.attempt,
        iteration=found.iteration,
        worker=found.worker,
        outcome=Outcome.read(found.outcome),
        exit_code=found.exit_code,
        verify=[VerifyResult.read(item) for item in found.verify],
        reflexion=Reflexion.read(found.reflexion) if found.reflexion is not None else None,
        final_text=found.final_text[-TAIL:],
        branch=found.branch,
        commit=found.commit,
        started_at=found.started_at,
        finished_at=found.finished_at,
        at=found.at,
    )


def event(found: StoredEvent) -> EventInfo:
    """An event as the API tells it."""
    return EventInfo(
        id=found.id,
        type=found.type,
        reason=found.reason,
        message=found.message,
        at=found.at,
        count=found.count,
    )


def routes(store: Store, history: History, people: People) -> APIRouter:
    """All need the right to get Beads."""
    router = APIRouter(prefix=PREFIX + "/{name}", tags=["beads"], responses=problems.RESPONSES)

    async def uid(namespace: str, name: str, authorization: str | None) -> str:
        await people.allowed(authorization, verb="get", kind=BEADS, namespace=namespace)
        bead = store.bead((namespace, name))
        found = bead.metadata.uid if bead else await history.uid_of(namespace=namespace, bead=name)
        if found is None:
            raise missing(BEADS, namespace, name)
        return found

    def before(cursor: str | None, scope: str) -> int | None:
        place = paging.decoded(cursor, scope, int)
        return None if place is None else int(place[0])

    @router.get("/attempts", operation_id="listAttempts", response_model_exclude_none=True)
    async def attempts(
        namespace: Name,
        name: Name,
        limit: paging.Limit = paging.USUAL,
        cursor: paging.Cursor = None,
        authorization: Authorization = None,
    ) -> AttemptList:
        """Every claim of the bead, the newest first, also of a bead that is deleted."""
        bead = await uid(namespace, name, authorization)
        scope = f"attempts {bead}"
        found = await history.attempts_before(bead_uid=bead, before=before(cursor, scope), limit=limit + 1)
        items, following = paging.rest(
            found, key=lambda item: (item.attempt.fence,), limit=limit, scope=scope
        )
        return AttemptList(items=[attempt(item) for item in items], next=following)

    @router.get("/iterations", operation_id="listIterations", response_model_exclude_none=True)
    async def iterations(
        namespace: Name,
        name: Name,
        limit: paging.Limit = paging.USUAL,
        cursor: paging.Cursor = None,
        authorization: Authorization = None,
    ) -> IterationList:
        """Every run of an agent on the bead, the newest first: verdict, checks, reflexion, last words."""
        bead = await uid(namespace, name, authorization)
        scope = f"iterations {bead}"
        found = await history.iterations_before(bead_uid=bead, before=before(cursor, scope), limit=limit + 1)
        items, following = paging.rest(found, key=lambda item: (item.id,), limit=limit, scope=scope)
        return IterationList(items=[iteration(item) for item in items], next=following)

    @router.get("/events", operation_id="listBeadEvents", response_model_exclude_none=True)
    async def events(
        namespace: Name,
        name: Name,
        limit: paging.Limit = paging.USUAL,
        cursor: paging.Cursor = None,
        authorization: Authorization = None,
    ) -> EventList:
        """What was told about the bead, the newest first."""
        bead = await uid(namespace, name, authorization)
        scope = f"events {bead}"
        found = await history.events_before(uid=bead, before=before(cursor, scope), limit=limit + 1)
        items, following = paging.rest(found, key=lambda item: (item.id,), limit=limit, scope=scope)
        return EventList(items=[event(item) for item in items], next=following)

    return router
