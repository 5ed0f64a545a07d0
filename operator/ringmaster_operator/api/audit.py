"""The audit log for people: everybody's own changes, and those of the namespaces that they may see."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query

from ringmaster_operator.api import problems
from ringmaster_operator.api.paging import USUAL, Cursor, Limit, decoded, rest
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.history import AuditEntry, History
from ringmaster_operator.kube import BEADS, USERS
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import MAX_INT, Name, Time, line
from ringmaster_operator.resources.user_api import AuditInfo, AuditList

Authorization = Annotated[str | None, Header()]
Word = Annotated[Annotated[str, line(300, 1)] | None, Query()]
Id = Annotated[int, Path(ge=1, le=MAX_INT)]


def info(entry: AuditEntry) -> AuditInfo:
    """A line as the API tells it."""
    change = entry.change
    return AuditInfo(
        id=entry.id,
        at=entry.at,
        person=entry.actor.person,
        credential=entry.actor.credential,
        address=entry.actor.address,
        action=change.action,
        kind=change.kind,
        namespace=change.namespace,
        name=change.name,
        before=change.before,
        after=change.after,
        undo_of=change.undo_of,
        undone_by=entry.undone_by,
    )


async def visible(people: People, person: Person, entry: AuditEntry) -> bool:
    """Whether a person may see a line: their own, of a namespace they may see, or if they manage users."""
    if entry.actor.person == person.name:
        return True
    if entry.change.namespace:
        return await people.may(person, verb="get", kind=BEADS, namespace=entry.change.namespace)
    return await people.may(person, verb="list", kind=USERS, namespace="")


def routes(history: History, people: People) -> APIRouter:
    """Everything below /api/v1/audit that reads."""
    router = APIRouter(prefix="/api/v1/audit", tags=["people"], responses=problems.RESPONSES)

    @router.get("", operation_id="listAudit", response_model_exclude_none=True)
    async def listed(
        namespace: Annotated[Name | None, Query()] = None,
        person: Word = None,
        kind: Word = None,
        name: Word = None,
        action: Word = None,
        since: Time | None = None,
        until: Time | None = None,
        limit: Limit = USUAL,
        cursor: Cursor = None,
        authorization: Authorization = None,
    ) -> AuditList:
        """Who changed what, the newest first.

        Of one namespace, for who may get its Beads; else of all, for who manages users, and for everybody
        else their own changes.
        """
        who = await people.person(authorization)
        if namespace is not None:
            await people.allowed(authorization, verb="get", kind=BEADS, namespace=namespace)
        elif not await people.may(who, verb="list", kind=USERS, namespace=""):
            if person not in (None, who.name):
                raise Refused(ProblemCode.FORBIDDEN, "give a namespace, or ask for your own changes")
            person = who.name
        scope = repr(("audit", namespace, person, kind, name, action, since, until))
        before = decoded(cursor, scope, int)
        found = await history.audit_entries(
            namespace=namespace,
            person=person,
            kind=kind,
            name=name,
            action=action,
            since=since,
            until=until,
            before=None if before is None else int(before[0]),
            limit=limit + 1,
        )
        shown, following = rest(found, key=lambda entry: (entry.id,), limit=limit, scope=scope)
        return AuditList(items=[info(entry) for entry in shown], next=following)

    @router.get("/{id}", operation_id="getAuditEntry", response_model_exclude_none=True)
    async def one(id: Id, authorization: Authorization = None) -> AuditInfo:
        """One line; one that you may not see is not there."""
        who = await people.person(authorization)
        entry = await history.audit_entry(id=id)
        if entry is None or not await visible(people, who, entry):
            raise Refused(ProblemCode.NOT_FOUND, f"there is no entry {id} that you may see")
        return info(entry)

    return router
