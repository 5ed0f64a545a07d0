"""Taking a change back from its line in the audit log.

Only one's own change (who manages users there: anyone's), only with the right that the change itself needs,
and only while what it made is still so: what others did since is never undone with it. Undoing is a change
with a line of its own, and can be undone as well.
"""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Header, Path

from ringmaster_operator.api import problems
from ringmaster_operator.api.audit import info, visible
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.history import AuditEntry, Change, History
from ringmaster_operator.kube import USERS, Kind
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.redaction import MARK
from ringmaster_operator.resources.scalars import MAX_INT
from ringmaster_operator.resources.user_api import AuditInfo

Body = dict[str, Any]
MAX_TOLD = 200


class Undoer(Protocol):
    """What is undone in one kind of object."""

    kind: Kind
    """The kind that the right is asked for."""
    verb: str

    async def present(self, change: Change) -> Body | None:
        """What the object is now, in the form of change.after. Raises Refused where that is too late."""

    async def restore(self, entry: AuditEntry, person: Person) -> int | None:
        """Make it what it was before, if it is still what it was after. Raises Refused (CONFLICT).

        The id of the line that it wrote in the audit log itself; None where it left that to the caller.
        """


class Undo:
    """Finds who undoes what. `undoers` are by the kind of the audit log."""

    def __init__(self, *, history: History, people: People, undoers: dict[str, Undoer]) -> None:
        self._history = history
        self._people = people
        self._undoers = undoers

    async def __call__(self, id: int, person: Person, note: "Note") -> AuditEntry:
        """Undo that line; the line of the undoing."""
        entry = await self._history.audit_entry(id=id)
        if entry is None or not await visible(self._people, person, entry):
            raise Refused(ProblemCode.NOT_FOUND, f"there is no entry {id} that you may see")
        change = entry.change
        await self._check_person(entry, person)
        if entry.undone_by is not None:
            raise conflict(f"change {id} was undone already, by change {entry.undone_by}")
        undoer = self._undoers.get(change.kind)
        if undoer is None or change.before == change.after:
            raise conflict(f"{change.action} is nothing that can be undone")
        if MARK in json.dumps((change.before, change.after)):
            raise conflict(
                f"change {id} held a credential, which the audit log does not keep: undo it by hand"
            )
        await self._check_right(undoer, change, person)
        present = await undoer.present(change)
        if present != change.after:
            raise conflict(await self._since(entry, present))
        made = await undoer.restore(entry, person)
        if made is None:
            made = await note(
                person,
                change.action,
                kind=change.kind,
                name=change.name,
                namespace=change.namespace,
                before=change.after,
                after=change.before,
                undo_of=id,
            )
        kept = await self._history.audit_entry(id=made)
        if kept is None:
            raise Refused(ProblemCode.UNAVAILABLE, f"the change was undone; its line {made} cannot be read")
        return kept

    async def _check_person(self, entry: AuditEntry, person: Person) -> None:
        if entry.actor.person == person.name:
            return
        if not await self._people.may(person, verb="update", kind=USERS, namespace=entry.change.namespace):
            detail = f"change {entry.id} is {entry.actor.person}'s: only they, and who manages users, undo it"
            raise Refused(ProblemCode.FORBIDDEN, detail)

    async def _check_right(self, undoer: Undoer, change: Change, person: Person) -> None:
        kind, verb, place = undoer.kind, undoer.verb, change.namespace
        if not await self._people.may(person, verb=verb, kind=kind, namespace=place):
            where = f"in namespace {place}" if place else "in all namespaces"
            raise Refused(ProblemCode.FORBIDDEN, f"{person.name} may not {verb} {kind.plural} {where}")

    async def _since(self, entry: AuditEntry, present: Body | None) -> str:
        """What is different from what the change made, and who made it so, as far as it is known."""
        change = entry.change
        made = f"what change {entry.id} made of it"
        told = f"{change.kind} {change.name} is not {made} any more: {_short(present)}"
        place = change.namespace or None
        later = await self._history.audit_entries(
            namespace=place, kind=change.kind, name=change.name, limit=1
        )
        if later and later[0].id > entry.id:
            by = later[0]
            return f"{told}, last changed by {by.actor.person} (change {by.id})"
        return f"{told}, changed otherwise"


Note = Callable[..., Awaitable[int]]


def routes(undo: Undo, people: People, note: Note) -> APIRouter:
    """The one route that writes below /api/v1/audit."""
    router = APIRouter(prefix="/api/v1/audit", tags=["people"], responses=problems.RESPONSES)

    @router.post("/{id}/undo", operation_id="undoChange", response_model_exclude_none=True)
    async def undone(
        id: Annotated[int, Path(ge=1, le=MAX_INT)],
        authorization: Annotated[str | None, Header()] = None,
    ) -> AuditInfo:
        """Take back a change of one's own, where what it made is still so. Answers the new line."""
        return info(await undo(id, await people.person(authorization), note))

    return router


def conflict(detail: str) -> Refused:
    """It cannot be undone as things are."""
    return Refused(ProblemCode.CONFLICT, detail)


def _short(value: Body | None) -> str:
    text = "there is none" if value is None else str(value)
    return text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]}..."
