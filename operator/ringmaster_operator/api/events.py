"""What was told about the objects of a namespace: the history's Events, which outlive the cluster's."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from ringmaster_operator.api import paging, problems
from ringmaster_operator.api.beads import Authorization
from ringmaster_operator.api.changes import object_event
from ringmaster_operator.api.people import People
from ringmaster_operator.history import History, StoredEvent
from ringmaster_operator.kube import BEADS, WORKERS
from ringmaster_operator.resources.event_api import EventType, ObjectEventList
from ringmaster_operator.resources.scalars import Name, Time, line

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Word = Annotated[str, line(128, 1)]


def key(event: StoredEvent) -> paging.Place:
    """Where an event stands: microseconds since 1970, and its id."""
    return ((event.at - EPOCH) // timedelta(microseconds=1), event.id)


def place(cursor: str | None, scope: str) -> tuple[datetime, int] | None:
    """The place of a cursor. Raises Refused (INVALID)."""
    found = paging.decoded(cursor, scope, int, int)
    if found is None:
        return None
    return EPOCH + timedelta(microseconds=int(found[0])), int(found[1])


def routes(history: History, people: People) -> APIRouter:
    """It needs the right to list Beads and Workers."""
    router = APIRouter(prefix="/api/v1/namespaces/{namespace}", tags=["events"], responses=problems.RESPONSES)

    @router.get("/events", operation_id="listEvents", response_model_exclude_none=True)
    async def listed(
        namespace: Name,
        kind: Annotated[Word | None, Query(description="Of this kind of object: Bead, Worker ...")] = None,
        name: Annotated[Name | None, Query(description="Of the object of this name.")] = None,
        type: Annotated[list[EventType], Query(max_length=2)] = [],  # noqa: B006
        reason: Annotated[list[Word], Query(max_length=16, description="Any of them.")] = [],  # noqa: B006
        text: Annotated[Annotated[str, line(256)], Query(description="In name, reason or message.")] = "",
        since: Time | None = None,
        until: Time | None = None,
        limit: paging.Limit = paging.USUAL,
        cursor: paging.Cursor = None,
        authorization: Authorization = None,
    ) -> ObjectEventList:
        """What was told about the objects of the namespace, also those that are deleted.

        What was last so comes first. The same again about an object is one event with its number, so that
        it comes to the front again.
        """
        for needed in (BEADS, WORKERS):
            await people.allowed(authorization, verb="list", kind=needed, namespace=namespace)
        chosen = (kind, name, sorted(set(type)), sorted(set(reason)), text, since, until)
        scope = f"events of {namespace} {chosen}"
        found = await history.events_in(
            namespace=namespace,
            kind=kind,
            name=name,
            types=sorted(set(type)),
            reasons=sorted(set(reason)),
            text=text,
            since=since,
            until=until,
            before=place(cursor, scope),
            limit=limit + 1,
        )
        shown, following = paging.rest(found, key=key, limit=limit, scope=scope)
        return ObjectEventList(items=[object_event(item) for item in shown], next=following)

    return router
