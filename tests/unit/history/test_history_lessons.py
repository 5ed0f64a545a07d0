"""Lessons in the history: learned once, found again, judged by what follows, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ringmaster_operator.history import Actor, AuditEntry, Change, History, Learned, StoredLesson, Teaching
from ringmaster_operator.recall import Match, Situation
from ringmaster_operator.resources.bead import Outcome, OutcomeKind, Reason
from ringmaster_operator.resources.lesson import LessonOrigin, LessonState
from ringmaster_operator.resources.protocol import Next
from ringmaster_operator.resources.reflexion import Reflexion, ReflexionSource

from .conftest import NOON, Work

TEXT = "Run alembic upgrade before the scheduler tests, they need the lease table"
REPO = "host/team/repo"
FAILED = Outcome(kind=OutcomeKind.FAILED, reason=Reason.VERIFICATION_FAILED)


def teaching(text: str = TEXT, **more: Any) -> Teaching:
    values: dict[str, Any] = {
        "namespace": "team",
        "text": text,
        "where": Situation(repository=REPO, capabilities=("python",)),
        "origin": LessonOrigin.AGENT,
        "author": "fix-it",
        "bead_uid": "uid-1",
        "bead": "fix-it",
    }
    return Teaching(**(values | more))


async def only(history: History, state: LessonState | None = LessonState.ACTIVE) -> StoredLesson:
    [found] = await history.lessons_in(namespace="team", state=state)
    return found


async def found(history: History, text: str, **here: Any) -> list[Match]:
    where = Situation(**{"repository": REPO, **here})
    matches = await history.matching_lessons(namespace="team", text=text, here=where, now=NOON)
    return [match for _, match in matches]


async def test_a_report_teaches_once_however_often_it_comes(
    history: History, work: Callable[..., Work]
) -> None:
    one = work()
    await one.start()
    told = Reflexion(lesson=TEXT, cause="No table.", source=ReflexionSource.AGENT)
    request = one.request(1, outcome=FAILED, reflexion=told)
    learned = Learned(teaching=teaching(report_id=request.report_id, attempt=1, iteration=1))
    for _ in range(3):
        await one.report(request, next=Next.ITERATE, learned=learned)
    lesson = await only(history)
    assert (lesson.known.text, lesson.known.seen, lesson.author) == (TEXT, 1, "fix-it")
    [evidence] = await history.lesson_evidence(lesson=lesson.known.id)
    assert (evidence.kind, evidence.bead, evidence.attempt) == ("learned", "fix-it", 1)
    [past] = await history.iterations_of(bead_uid="uid-1")
    assert past.reflexion == told


async def test_what_was_derived_from_facts_is_not_told_again_as_the_agents_words(
    history: History, work: Callable[..., Work]
) -> None:
    one = work()
    await one.start()
    await one.report(one.request(1, outcome=FAILED, reflexion=Reflexion(lesson="`make` still exits 1")))
    [past] = await history.iterations_of(bead_uid="uid-1")
    assert past.reflexion is None
    assert past.lesson == "`make` still exits 1"


async def test_only_the_last_three_reflexions_are_in_full(
    history: History, work: Callable[..., Work]
) -> None:
    one = work()
    await one.start()
    for number in range(1, 6):
        told = Reflexion(lesson=f"Lesson number {number}", source=ReflexionSource.ASKED)
        await one.report(one.request(number, outcome=FAILED, reflexion=told), next=Next.ITERATE)
    past = await history.iterations_of(bead_uid="uid-1")
    assert [item.reflexion is not None for item in past] == [False, False, True, True, True]


async def test_the_same_lesson_again_strengthens_it(history: History) -> None:
    first = await history.teach(teaching=teaching(), now=NOON)
    again = "Before the scheduler tests run alembic upgrade: they need a lease table."
    more = teaching(again, bead_uid="uid-2", where=Situation(repository=REPO, paths=("tests/scheduler",)))
    assert first is not None
    assert await history.teach(teaching=more, now=NOON + timedelta(hours=1)) == (first[0], False)
    assert await history.teach(teaching=more, now=NOON + timedelta(hours=2)) == (first[0], False)
    lesson = await only(history)
    assert lesson.known.seen == 2, "a bead that says it twice is one bead"
    assert lesson.known.where.paths == ("tests/scheduler",)
    assert lesson.known.where.capabilities == ("python",)
    other = teaching(where=Situation(repository="host/other"), bead_uid="uid-3")
    added = await history.teach(teaching=other, now=NOON)
    assert added is not None
    assert added[1]


async def test_too_short_a_text_teaches_nothing(history: History) -> None:
    assert await history.teach(teaching=teaching("Do it."), now=NOON) is None
    assert await history.lessons_in(namespace="team") == []


async def test_the_opposite_doubts_a_lesson_and_then_retires_it(history: History) -> None:
    await history.teach(teaching=teaching(), now=NOON)
    against = "Don't run alembic upgrade before the scheduler tests, they need no lease table"
    await history.teach(teaching=teaching(against, bead_uid="uid-2"), now=NOON)
    lesson, _ = await history.lessons_in(namespace="team")
    assert (lesson.known.contradicted, lesson.state) == (1, LessonState.ACTIVE)
    more = "Never run alembic upgrade ahead of scheduler tests, they need no lease table"
    await history.teach(teaching=teaching(more, bead_uid="uid-3"), now=NOON)
    states = {item.known.text: item.state for item in await history.lessons_in(namespace="team", state=None)}
    assert states == {TEXT: LessonState.RETIRED, against: LessonState.ACTIVE}, "two beads against one"


async def use(history: History, lesson: int, number: int, *, given: bool = True) -> Work:
    one = Work(history=history, uid=f"user-{number}", bead=f"user-{number}")
    await one.start()
    [match] = [
        match for match in await found(history, "scheduler tests alembic") if match.lesson.id == lesson
    ]
    await history.note_uses(
        namespace="team",
        bead_uid=one.uid,
        bead=one.bead,
        fence=1,
        attempt=1,
        given=given,
        matches=[match],
        now=NOON,
    )
    return one


async def test_runs_that_were_given_a_lesson_may_contradict_it_and_others_may_not(history: History) -> None:
    taught = await history.teach(teaching=teaching(), now=NOON)
    assert taught is not None
    for number, given in ((1, True), (2, False), (3, True)):
        one = await use(history, taught[0], number, given=given)
        from_it = teaching("", bead_uid=one.uid, bead=one.bead)
        learned = Learned(teaching=from_it, contradicts=(taught[0], 999))
        await one.report(one.request(1, outcome=FAILED), next=Next.STOP, learned=learned)
        stranger = Work(history=history, uid=f"stranger-{number}")
        await stranger.start()
        learned = Learned(teaching=teaching("", bead_uid=stranger.uid), contradicts=(taught[0],))
        await stranger.report(stranger.request(1, outcome=FAILED), next=Next.STOP, learned=learned)
        expected = {1: (1, LessonState.ACTIVE), 2: (1, LessonState.ACTIVE), 3: (2, LessonState.RETIRED)}
        lesson = await only(history, None)
        assert (lesson.known.contradicted, lesson.state) == expected[number]
    assert await found(history, "scheduler tests alembic") == []


async def test_failures_after_a_lesson_weaken_and_retire_it_but_not_one_that_a_person_vouches_for(
    history: History,
) -> None:
    taught = await history.teach(teaching=teaching(), now=NOON)
    own = teaching(
        "Pin the scheduler clock in alembic tests to noon",
        origin=LessonOrigin.PERSON,
        person="ada",
        bead_uid=None,
        bead=None,
    )
    vouched = await history.teach(teaching=own, now=NOON)
    assert taught is not None
    assert vouched is not None
    for number in range(10):
        other = Work(history=history, uid=f"other-{number}")
        await other.start()
        await other.report(other.request(1))
    for lesson in (taught[0], vouched[0]):
        for number in range(7):
            scores = {match.lesson.id: match.score for match in await found(history, "scheduler alembic")}
            if lesson not in scores:
                break
            one = await use(history, lesson, lesson * 100 + number)
            learned = Learned(teaching=teaching("", bead_uid=one.uid), success=False)
            await one.report(one.request(1, outcome=FAILED), next=Next.STOP, learned=learned)
            after = {match.lesson.id: match.score for match in await found(history, "scheduler alembic")}
            assert after.get(lesson, 0.0) < scores[lesson]
    found_ = {item.known.id: item for item in await history.lessons_in(namespace="team", state=None)}
    assert found_[taught[0]].state is LessonState.RETIRED
    assert "failed" in found_[taught[0]].retired_reason
    assert found_[vouched[0]].state is LessonState.ACTIVE


async def test_held_back_lessons_are_neither_praised_nor_blamed(history: History) -> None:
    taught = await history.teach(teaching=teaching(), now=NOON)
    assert taught is not None
    one = await use(history, taught[0], 1, given=False)
    learned = Learned(teaching=teaching("", bead_uid=one.uid), success=True)
    await one.report(one.request(1), next=Next.DONE, learned=learned)
    assert (await only(history)).known.successes == 0
    [attempt] = await history.tried(namespace="team")
    assert (attempt.given, attempt.success, attempt.iterations) == (False, True, 1)


async def test_what_was_decided_for_an_attempt_stays(history: History) -> None:
    taught = await history.teach(teaching=teaching(), now=NOON)
    assert taught is not None
    one = await use(history, taught[0], 1)
    await use(history, taught[0], 1, given=False)
    [kept] = await history.lesson_uses(bead_uid=one.uid, fence=1)
    assert kept.given
    assert "scheduler" in kept.why


async def test_people_endorse_and_retire(history: History) -> None:
    taught = await history.teach(teaching=teaching(), now=NOON)
    assert taught is not None
    before = (await found(history, "scheduler alembic"))[0].score
    assert await history.endorse_lesson(namespace="team", lesson=taught[0], person="ada", now=NOON)
    assert await history.endorse_lesson(namespace="team", lesson=taught[0], person="ada", now=NOON)
    assert (await found(history, "scheduler alembic"))[0].score > before
    assert (await only(history)).endorsed_by == ("ada",)
    assert await history.retire_lesson(namespace="team", lesson=taught[0], person="ada", now=NOON)
    assert await found(history, "scheduler alembic") == []
    assert (await only(history, None)).retired_reason == "retired by ada"
    assert await history.teach(teaching=teaching(bead_uid="uid-9"), now=NOON) == (taught[0], False)
    assert await found(history, "scheduler alembic") == [], "what people retired, no agent brings back"
    assert await history.endorse_lesson(namespace="team", lesson=taught[0], person="bob", now=NOON)
    assert len(await found(history, "scheduler alembic")) == 1
    assert not await history.endorse_lesson(namespace="other", lesson=taught[0], person="eve", now=NOON)
    assert not await history.retire_lesson(namespace="other", lesson=taught[0], person="eve", now=NOON)


async def test_lessons_of_another_namespace_are_not_found(history: History) -> None:
    await history.teach(teaching=teaching(namespace="other"), now=NOON)
    assert await found(history, "scheduler tests alembic") == []
    assert await history.lessons_in(namespace="team") == []
    assert await history.lesson_counts(namespace="team") == {}
    assert await history.lesson_counts(namespace="other") == {"active": 1}


async def test_pages_of_a_list(history: History) -> None:
    words = ("kafka", "redis", "nginx", "etcd", "vault")
    for number, word in enumerate(words):
        await history.teach(teaching=teaching(f"Restart {word} twice weekly", bead_uid=str(number)), now=NOON)
    first = await history.lessons_in(namespace="team", limit=3)
    second = await history.lessons_in(namespace="team", after=first[-1].known.id, limit=3)
    assert [item.known.text.split()[1] for item in (*first, *second)] == list(words)


async def test_people_take_back_what_they_did(history: History) -> None:
    ada = Actor(person="user:ada")

    async def noted(action: str, name: str, before: Any, after: Any) -> AuditEntry:
        told = Change(action=action, kind="Lesson", namespace="team", name=name, before=before, after=after)
        entry = await history.audit_entry(id=await history.record_audit(actor=ada, change=told, now=NOON))
        assert entry is not None
        return entry

    own = teaching(origin=LessonOrigin.PERSON, author="ada", person="ada", bead_uid=None, bead=None)
    added = await history.add_lesson(teaching=own, now=NOON)
    assert added is not None
    assert added.before is None
    after = {"state": "active", "endorsedBy": [], "retiredReason": "", "lesson": TEXT}
    entry = await noted("lesson.add", str(added.id), None, after)
    assert await history.lesson_present(change=entry.change) == after
    undone = await history.undo_lesson(entry=entry, actor=ada, now=NOON)
    assert undone is not None
    assert await history.undo_lesson(entry=entry, actor=ada, now=NOON) is None, "it is not so any more"
    assert await found(history, "scheduler alembic") == []
    line = await history.audit_entry(id=undone)
    assert line is not None
    assert await history.undo_lesson(entry=line, actor=ada, now=NOON) is not None
    assert len(await found(history, "scheduler alembic")) == 1
    again = await history.add_lesson(teaching=teaching(bead_uid="uid-7"), now=NOON)
    assert again is not None
    assert again.before == {"state": "active", "endorsedBy": [], "retiredReason": ""}
