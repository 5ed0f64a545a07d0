"""Lessons as people look after them: find, add, endorse, retire, exchange, and see what they do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from ringmaster_operator.board.board import Board
from ringmaster_operator.claims.memory import address, may_be_given
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, StoredLesson, Teaching, Tried
from ringmaster_operator.recall import Situation, mean, wilson, worth
from ringmaster_operator.resources.bead import Reason, Repository
from ringmaster_operator.resources.lesson import (
    MAX_LESSONS,
    Interval,
    Lesson,
    LessonArm,
    LessonBundle,
    LessonDraft,
    LessonImported,
    LessonList,
    LessonOrigin,
    LessonRecord,
    LessonReport,
    LessonState,
)
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.redaction import Redactor
from ringmaster_operator.resources.reflexion import Applies

_SHAPES = Redactor()


class LessonBook:
    """What the routes do."""

    def __init__(self, *, board: Board, history: History, clock: Clock) -> None:
        self._board = board
        self._history = history
        self._clock = clock

    async def page(
        self, namespace: str, *, state: LessonState | None, repository: str | None, after: int, limit: int
    ) -> list[Lesson]:
        """Lessons by id, from the one after `after` on."""
        base = await self._history.base_rate(namespace=namespace)
        found = await self._history.lessons_in(
            namespace=namespace, state=state, repository=_place(repository), after=after, limit=limit
        )
        return [self._shown(item, base) for item in found]

    async def search(self, namespace: str, *, text: str, here: Applies, limit: int) -> LessonList:
        """What an agent with such a piece of work would be told, and what falls short of that; best first."""
        base = await self._history.base_rate(namespace=namespace)
        found = await self._history.matching_lessons(
            namespace=namespace, text=text, here=_situation(here), now=self._clock.now()
        )
        return LessonList(
            items=[
                self._shown(item, base).model_copy(update={"score": round(match.score, 3), "why": match.why})
                for item, match in found[:limit]
            ]
        )

    async def one(self, namespace: str, lesson: int) -> Lesson:
        """With what speaks for and against it. Raises Refused (NOT_FOUND)."""
        found = await self._history.lesson(namespace=namespace, lesson=lesson)
        if found is None:
            raise Refused(ProblemCode.NOT_FOUND, f"there is no lesson {lesson} in {namespace}")
        base = await self._history.base_rate(namespace=namespace)
        evidence = await self._history.lesson_evidence(lesson=lesson)
        return self._shown(found, base).model_copy(update={"evidence": evidence})

    async def add(
        self, namespace: str, draft: LessonDraft, person: str
    ) -> tuple[Lesson, dict[str, Any] | None]:
        """A person's lesson, and None; or one that is known already and that the person endorses, and what
        changes of it as it was before. Raises Refused (INVALID).
        """
        teaching = Teaching(
            namespace=namespace,
            text=_SHAPES.text(draft.lesson),
            cause=_SHAPES.text(draft.cause),
            where=_situation(draft.applies),
            origin=LessonOrigin.PERSON,
            author=person,
            confidence=1.0,
            person=person,
        )
        told = await self._history.add_lesson(teaching=teaching, now=self._clock.now())
        if told is None:
            raise Refused(ProblemCode.INVALID, "a lesson needs at least three words that say something")
        return await self.one(namespace, told.id), told.before

    async def endorse(self, namespace: str, lesson: int, person: str) -> Lesson:
        """A person vouches for it; a retired one is active again."""
        await self._history.endorse_lesson(
            namespace=namespace, lesson=lesson, person=person, now=self._clock.now()
        )
        return await self.one(namespace, lesson)

    async def retire(self, namespace: str, lesson: int, person: str, reason: str) -> Lesson:
        """Nobody is told it any more."""
        await self._history.retire_lesson(
            namespace=namespace,
            lesson=lesson,
            person=person,
            reason=_SHAPES.text(reason),
            now=self._clock.now(),
        )
        return await self.one(namespace, lesson)

    async def export(self, namespace: str, *, after: int, limit: int) -> LessonBundle:
        """Active lessons without their evidence, from the one after `after` on."""
        found = await self._history.lessons_in(namespace=namespace, after=after, limit=limit + 1)
        following = found[limit - 1].known.id if len(found) > limit else None
        items = [_record(item) for item in found[:limit]]
        return LessonBundle(namespace=namespace, items=items, next=following)

    async def take_in(
        self, namespace: str, bundle: LessonBundle, person: str
    ) -> tuple[LessonImported, list[int]]:
        """Lessons of another namespace, and the ids of those that were added.

        They are not trusted as a person's own until they are endorsed.
        """
        source = bundle.namespace or "elsewhere"
        teachings = [
            Teaching(
                namespace=namespace,
                text=_SHAPES.text(item.lesson),
                cause=_SHAPES.text(item.cause),
                where=_situation(item.applies),
                origin=LessonOrigin.IMPORT,
                author=source,
                confidence=item.confidence,
                person=f"{person} from {source}"[:256],
            )
            for item in bundle.items[:MAX_LESSONS]
        ]
        added, known = await self._history.teach_all(teachings=teachings, now=self._clock.now())
        return LessonImported(added=len(added), strengthened=known), added

    async def report(self, namespace: str, since: datetime | None) -> LessonReport:
        """What lessons do, as far as attempts tell."""
        attempts = await self._history.tried(namespace=namespace, since=since)
        counts = await self._history.lesson_counts(namespace=namespace)
        given = [item for item in attempts if item.given is True]
        held = [item for item in attempts if item.given is False]
        return LessonReport(
            since=since,
            with_lessons=arm(given),
            held_out=arm(held),
            nothing_fitted=arm([item for item in attempts if item.given is None]),
            gain=gain(given, held),
            lessons=counts.get(LessonState.ACTIVE.value, 0),
            retired=counts.get(LessonState.RETIRED.value, 0),
        )

    def _shown(self, item: StoredLesson, base: float) -> Lesson:
        known = item.known
        classes = [Reason(name) for name in known.where.failure_classes if name in set(Reason)]
        return Lesson(
            id=known.id,
            state=item.state,
            lesson=known.text,
            cause=known.cause,
            applies=_applies(known.where),
            failure_classes=classes,
            origin=item.origin,
            author=item.author,
            endorsed_by=list(item.endorsed_by),
            given=item.state is LessonState.ACTIVE and may_be_given(item),
            confidence=known.confidence,
            seen=known.seen,
            contradicted=known.contradicted,
            successes=known.successes,
            failures=known.failures,
            weight=round(worth(known, base=base, now=self._clock.now()), 3),
            created_at=item.created_at,
            updated_at=known.at,
            retired_reason=item.retired_reason,
        )


def arm(attempts: Sequence[Tried]) -> LessonArm:
    """Attempts that were treated alike, in figures with 95 % intervals."""
    good = sum(item.success for item in attempts)
    if not attempts:
        return LessonArm(attempts=0, succeeded=0)
    low, high = wilson(good, len(attempts))
    return LessonArm(
        attempts=len(attempts),
        succeeded=good,
        success_rate=Interval(value=good / len(attempts), low=low, high=high),
        iterations=_mean([float(item.iterations) for item in attempts]),
        usd=_mean([item.usd for item in attempts]),
    )


def gain(given: Sequence[Tried], held: Sequence[Tried]) -> Interval | None:
    """The difference of two success rates by Newcombe's method, from the intervals of both."""
    if not given or not held:
        return None
    one, other = (sum(item.success for item in group) / len(group) for group in (given, held))
    (low, high), (under, over) = (
        wilson(sum(item.success for item in group), len(group)) for group in (given, held)
    )
    less = ((one - low) ** 2 + (over - other) ** 2) ** 0.5
    more = ((high - one) ** 2 + (other - under) ** 2) ** 0.5
    return Interval(value=one - other, low=max(-1.0, one - other - less), high=min(1.0, one - other + more))


def _mean(values: Sequence[float]) -> Interval:
    middle, low, high = mean(values)
    return Interval(value=middle, low=low, high=high)


def _place(repository: str | None) -> str | None:
    if repository is None or not repository.strip():
        return None if repository is None else ""
    try:
        return address(Repository(url=repository))
    except ValidationError as error:
        raise Refused(ProblemCode.INVALID, "repository: this is not the address of a repository") from error


def _situation(applies: Applies) -> Situation:
    return Situation(
        repository=_place(applies.repository) or "",
        paths=tuple(applies.paths),
        capabilities=tuple(applies.capabilities),
        failure_classes=(applies.failure_class.value,) if applies.failure_class is not None else (),
        profile=applies.profile or "",
    )


def _applies(where: Situation) -> Applies:
    classes = [name for name in where.failure_classes if name in set(Reason)]
    return Applies(
        repository=where.repository or None,
        paths=list(where.paths),
        capabilities=list(where.capabilities),
        failure_class=Reason(classes[0]) if classes else None,
        profile=where.profile or None,
    )


def _record(item: StoredLesson) -> LessonRecord:
    known = item.known
    return LessonRecord(
        lesson=known.text, cause=known.cause, applies=_applies(known.where), confidence=known.confidence
    )
