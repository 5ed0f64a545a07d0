"""How the changes of each kind of object are undone."""

from __future__ import annotations

from typing import Any

from ringmaster_operator.api.capabilities import Capabilities
from ringmaster_operator.api.people import Person
from ringmaster_operator.api.undo import Body, Undoer, conflict
from ringmaster_operator.auth.undoing import Undoing
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import LESSON_IMPORT, AuditEntry, Change, History
from ringmaster_operator.kube import BEADS, USERS, WORKERS, Conflict, Kind, Kube, NotFound
from ringmaster_operator.resources.bead import FINISHED, Bead
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.store import Store

STARTS = frozenset({"retry", "reopen"})
"""Fields of a bead's spec that start work: what was before would start it once more."""
WISHES = frozenset({"desired", "decision"})
"""Fields that nothing obeys any more once the bead has ended."""
OVERRIDE = "capability.override"
TRIES = 5


class ObjectUndoer:
    """Beads and Workers: puts the changed fields back, into the very version that was looked at."""

    verb = "patch"

    def __init__(self, kind: Kind, *, kube: Kube, store: Store) -> None:
        self.kind = kind
        self._kube = kube
        self._store = store

    async def present(self, change: Change) -> Body | None:
        if change.before is None or change.after is None:
            raise conflict(f"{change.action} is nothing that can be undone")
        body = await self._read(change)
        if self.kind is BEADS:
            _check_bead(Bead.read(body), change)
        found: Body = picked(body, change.after)
        return found

    async def restore(self, entry: AuditEntry, person: Person) -> int | None:
        change = entry.change
        place = (self.kind, change.namespace, change.name)
        for _ in range(TRIES):  # a status that was written in between is no change of what is undone
            body = await self._read(change)
            if picked(body, change.after) != change.after:
                break
            version = body["metadata"]["resourceVersion"]
            try:
                self._store.observe(await self._kube.patch(*place, change.before or {}, version=version))
            except Conflict:
                continue
            return None
        raise conflict(f"{change.kind} {change.name} has just been changed: look again")

    async def _read(self, change: Change) -> Body:
        try:
            return await self._kube.get(self.kind, change.namespace, change.name)
        except NotFound as error:
            raise conflict(f"{change.kind} {change.name} is not there any more") from error


class WorkerUndoer:
    """Workers: a confidence of one's own is one entry of a list, which others change too."""

    kind = WORKERS
    verb = "update"

    def __init__(self, *, kube: Kube, store: Store, history: History, capabilities: Capabilities) -> None:
        self._objects = ObjectUndoer(WORKERS, kube=kube, store=store)
        self._kube = kube
        self._history = history
        self._capabilities = capabilities

    async def present(self, change: Change) -> Body | None:
        if change.action != OVERRIDE:
            return await self._objects.present(change)
        after = change.after or {}
        try:
            body = await self._kube.get(WORKERS, change.namespace, change.name)
        except NotFound as error:
            raise conflict(f"Worker {change.name} is not there any more") from error
        for item in Worker.read(body).spec.capabilities:
            if item.name == after.get("capability"):
                return {"capability": item.name, "override": item.override}
        raise conflict(f"Worker {change.name} does not declare {after.get('capability')} any more")

    async def restore(self, entry: AuditEntry, person: Person) -> int | None:
        change = entry.change
        if change.action != OVERRIDE:
            return await self._objects.restore(entry, person)
        before, after = change.before or {}, change.after or {}
        await self._capabilities.override(
            change.namespace,
            str(after["capability"]),
            change.name,
            value=before.get("override"),
            person=person,
            undo_of=entry.id,
        )
        made = await self._history.audit_entry(id=entry.id)
        return None if made is None else made.undone_by


class AccountUndoer:
    """Roles and users, which the history itself keeps: looked at, changed and told in one transaction."""

    kind = USERS
    verb = "update"

    def __init__(self, undoing: Undoing) -> None:
        self._undoing = undoing

    async def present(self, change: Change) -> Body | None:
        return await self._undoing.present(change)

    async def restore(self, entry: AuditEntry, person: Person) -> int | None:
        return await self._undoing.undo(entry, person.actor)


class LessonUndoer:
    """Lessons: looked at, changed and told in one transaction."""

    kind = BEADS
    verb = "update"

    def __init__(self, *, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock

    async def present(self, change: Change) -> Body | None:
        if change.action == LESSON_IMPORT and not ((change.after or change.before) or {}).get("lessons"):
            raise conflict(
                f"change to lessons of {change.namespace} added none: there is nothing to take back"
            )
        return await self._history.lesson_present(change=change)

    async def restore(self, entry: AuditEntry, person: Person) -> int | None:
        made = await self._history.undo_lesson(entry=entry, actor=person.actor, now=self._clock.now())
        if made is None:
            raise conflict(f"Lesson {entry.change.name} has just been changed: look again")
        return made


def picked(body: Any, form: Any) -> Any:
    """The part of a body that a merge patch speaks of, in its form: None where there is nothing."""
    if not isinstance(form, dict):
        return body
    if not form:
        return body if body else {}
    inner = body if isinstance(body, dict) else {}
    return {key: picked(inner.get(key), value) for key, value in form.items()}


def _check_bead(bead: Bead, change: Change) -> None:
    """Refuse what would not take anything back."""
    name, spec = bead.metadata.name, (change.after or {}).get("spec") or {}
    if STARTS & spec.keys():
        raise conflict(f"{change.action} started work, which cannot be taken back: ringmaster cancel {name}")
    if WISHES & spec.keys() and bead.status.phase in FINISHED:
        ended = str(bead.status.phase).lower()
        raise conflict(f"bead {name} has ended ({ended}) by now: what was asked of it has been acted upon")
    notes = {item["id"] for item in spec.get("steering") or []}
    before = {item["id"] for item in ((change.before or {}).get("spec") or {}).get("steering") or []}
    if (notes - before) & set(bead.status.steering_delivered):
        raise conflict(f"the agent of bead {name} was told already: steer it again to say otherwise")


def undoers(
    *, kube: Kube, store: Store, history: History, capabilities: Capabilities, undoing: Undoing, clock: Clock
) -> dict[str, Undoer]:
    """By the kind that the audit log names."""
    return {
        "Bead": ObjectUndoer(BEADS, kube=kube, store=store),
        "Worker": WorkerUndoer(kube=kube, store=store, history=history, capabilities=capabilities),
        "Lesson": LessonUndoer(history=history, clock=clock),
        "Role": AccountUndoer(undoing),
        "User": AccountUndoer(undoing),
    }
