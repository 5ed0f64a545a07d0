"""Lessons for people: /api/v1/namespaces/{namespace}/lessons."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query

from ringmaster_operator.api import problems
from ringmaster_operator.api.auditing import Audit
from ringmaster_operator.api.paging import USUAL, Cursor, Limit, decoded, rest
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.claims.lesson_book import LessonBook
from ringmaster_operator.kube import BEADS
from ringmaster_operator.resources.bead import Reason
from ringmaster_operator.resources.lesson import (
    MAX_LESSONS,
    Lesson,
    LessonBundle,
    LessonDraft,
    LessonImported,
    LessonList,
    LessonReport,
    LessonState,
    RetireRequest,
)
from ringmaster_operator.resources.reflexion import Applies
from ringmaster_operator.resources.scalars import MAX_INT, Label, Name, Time

Authorization = Annotated[str | None, Header()]
LessonNumber = Annotated[int, Path(ge=1, le=MAX_INT)]
Text = Annotated[str, Query(min_length=1, max_length=2000)]
Place = Annotated[
    str | None, Query(max_length=256, pattern=r"^[^\x00-\x20\x7f-\xa0-][^\x00-\x20\x7f-\xa0]*$")
]
Words = Annotated[list[Label], Query(max_length=20)]
Paths = Annotated[list[Annotated[str, Query(max_length=256)]], Query(max_length=20)]


def routes(book: LessonBook, people: People, audit: Audit) -> APIRouter:
    """GET needs the right to get beads in the namespace, POST to update them."""
    prefix = "/api/v1/namespaces/{namespace}/lessons"
    router = APIRouter(prefix=prefix, tags=["people"], responses=problems.RESPONSES)
    _reads(router, book, people)
    _changes(router, book, people, audit)
    return router


def _reads(router: APIRouter, book: LessonBook, people: People) -> None:
    async def allowed(namespace: str, authorization: str | None) -> None:
        await people.allowed(authorization, verb="get", kind=BEADS, namespace=namespace)

    @router.get("", operation_id="listLessons", response_model_exclude_none=True)
    async def listed(
        namespace: Name,
        state: Literal["active", "retired", "all"] = "active",
        repository: Place = None,
        limit: Limit = USUAL,
        cursor: Cursor = None,
        authorization: Authorization = None,
    ) -> LessonList:
        """Lessons, the oldest first."""
        await allowed(namespace, authorization)
        scope = f"lessons {namespace} {state} {repository}"
        place = decoded(cursor, scope, int)
        found = await book.page(
            namespace,
            state=None if state == "all" else LessonState(state),
            repository=repository,
            after=int(place[0]) if place else 0,
            limit=limit + 1,
        )
        items, following = rest(found, key=lambda item: (item.id,), limit=limit, scope=scope)
        return LessonList(items=items, next=following)

    @router.get("/search", operation_id="searchLessons", response_model_exclude_none=True)
    async def search(
        namespace: Name,
        q: Text,
        repository: Place = None,
        path: Paths = [],  # noqa: B006 - FastAPI copies it
        capability: Words = [],  # noqa: B006
        failure_class: Annotated[Reason | None, Query(alias="failureClass")] = None,
        profile: Label | None = None,
        limit: Limit = USUAL,
        authorization: Authorization = None,
    ) -> LessonList:
        """Lessons that fit a piece of work, the best first, each with its score and why."""
        await allowed(namespace, authorization)
        here = Applies(
            repository=repository,
            paths=path,
            capabilities=capability,
            failure_class=failure_class,
            profile=profile,
        )
        return await book.search(namespace, text=q, here=here, limit=limit)

    @router.get("/export", operation_id="exportLessons", response_model_exclude_none=True)
    async def export(
        namespace: Name,
        after: Annotated[int, Query(ge=0, le=MAX_INT)] = 0,
        authorization: Authorization = None,
    ) -> LessonBundle:
        """Active lessons without evidence, for another namespace; at most 1000, after the lesson `after`."""
        await allowed(namespace, authorization)
        return await book.export(namespace, after=after, limit=MAX_LESSONS)

    @router.get("/report", operation_id="reportLessons", response_model_exclude_none=True)
    async def report(
        namespace: Name, since: Time | None = None, authorization: Authorization = None
    ) -> LessonReport:
        """What lessons do: attempts with them against attempts without, with 95 % intervals."""
        await allowed(namespace, authorization)
        return await book.report(namespace, since)

    @router.get("/{lesson}", operation_id="getLesson", response_model_exclude_none=True)
    async def one(namespace: Name, lesson: LessonNumber, authorization: Authorization = None) -> Lesson:
        """One lesson, and what speaks for and against it."""
        await allowed(namespace, authorization)
        return await book.one(namespace, lesson)


def _changes(router: APIRouter, book: LessonBook, people: People, audit: Audit) -> None:
    async def asked(namespace: str, authorization: str | None) -> Person:
        return await people.allowed(authorization, verb="update", kind=BEADS, namespace=namespace)

    async def told(
        person: Person, what: str, namespace: str, found: Lesson, before: dict[str, Any] | None
    ) -> Lesson:
        """The lesson, once the audit log has the change."""
        await audit.note(
            person,
            f"lesson.{what}",
            kind="Lesson",
            namespace=namespace,
            name=str(found.id),
            before=before,
            after=_state(found) | ({} if before is not None else {"lesson": found.lesson}),
        )
        return found

    @router.post("", operation_id="addLesson", response_model_exclude_none=True)
    async def add(namespace: Name, draft: LessonDraft, authorization: Authorization = None) -> Lesson:
        """A lesson by a person. Where it is known already, the person endorses that one."""
        person = await asked(namespace, authorization)
        return await told(person, "add", namespace, *await book.add(namespace, draft, person.name))

    @router.post("/import", operation_id="importLessons", response_model_exclude_none=True)
    async def take_in(
        namespace: Name, bundle: LessonBundle, authorization: Authorization = None
    ) -> LessonImported:
        """Lessons of another namespace; importing them again changes nothing."""
        person = await asked(namespace, authorization)
        done, added = await book.take_in(namespace, bundle, person.name)
        after = {"from": bundle.namespace, **done.body(), "lessons": added}
        await audit.note(
            person, "lesson.import", kind="Lesson", namespace=namespace, name="import", after=after
        )
        return done

    @router.post("/{lesson}/endorse", operation_id="endorseLesson", response_model_exclude_none=True)
    async def endorse(namespace: Name, lesson: LessonNumber, authorization: Authorization = None) -> Lesson:
        """Vouch for it: it counts more, is not retired by failures, and a retired one is active again."""
        person = await asked(namespace, authorization)
        before = _state(await book.one(namespace, lesson))
        found = await book.endorse(namespace, lesson, person.name)
        return await told(person, "endorse", namespace, found, before)

    @router.post("/{lesson}/retire", operation_id="retireLesson", response_model_exclude_none=True)
    async def retire(
        namespace: Name, lesson: LessonNumber, request: RetireRequest, authorization: Authorization = None
    ) -> Lesson:
        """Tell nobody any more."""
        person = await asked(namespace, authorization)
        before = _state(await book.one(namespace, lesson))
        found = await book.retire(namespace, lesson, person.name, request.reason)
        return await told(person, "retire", namespace, found, before)


def _state(lesson: Lesson) -> dict[str, Any]:
    """What changes of it, for the audit log."""
    return {
        "state": lesson.state.value,
        "endorsedBy": list(lesson.endorsed_by),
        "retiredReason": lesson.retired_reason,
    }
