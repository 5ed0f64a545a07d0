"""Lessons at work: which ones a claim carries, and what a report teaches.

A lesson is text by other agents. It can inform a prompt and nothing else: what the operator decides never
depends on what a lesson says.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Iterator

from ringmaster_operator.board.board import Board
from ringmaster_operator.board.capabilities import ABOUT_THE_AGENT, SUCCESS
from ringmaster_operator.claims.leases import Lease
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, HistoryUnavailable, Learned, StoredLesson, Teaching
from ringmaster_operator.recall import Match, Situation, choose, held_out
from ringmaster_operator.resources.bead import Bead, OutcomeKind, Repository
from ringmaster_operator.resources.lesson import LessonNote, LessonOrigin
from ringmaster_operator.resources.project import LessonRules
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest
from ringmaster_operator.resources.reflexion import ReflexionSource
from ringmaster_operator.resources.worker import Worker

log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://\S+", re.IGNORECASE)
_RISKY = re.compile(
    r"\b(?:curl|wget|ncat|netcat|nc|scp|sftp|ssh|rsync|telnet|ftp)\s|\|\s*(?:ba|z|da)?sh\b|\bbase64\s+-",
    re.IGNORECASE,
)
_RUNS = re.compile(r"[\w./-]+")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+|[\w.-]+\.[a-z]{1,5}")
LONGEST_PATH = 256

Fitting = list[tuple[StoredLesson, Match]]
"""Lessons with how well they fit, the best first."""


class Memory:
    """Chooses lessons for claims and takes them from reports."""

    def __init__(self, *, board: Board, history: History, clock: Clock) -> None:
        self._board = board
        self._history = history
        self._clock = clock

    def rules(self, namespace: str) -> LessonRules:
        """Of the namespace's project. Lessons that no prompt shows are not chosen either."""
        project = self._board.project(namespace)
        if project is None:
            return LessonRules()
        source = project.prompt.sources.get("lessons")
        shown = source is None or source.enabled
        return project.lessons if shown else project.lessons.model_copy(update={"enabled": False})

    async def notes(
        self,
        bead: Bead,
        worker: Worker | None,
        repository: Repository | None,
        fitting: Awaitable[Fitting] | None = None,
    ) -> list[LessonNote]:
        """The lessons for the bead's present attempt: once chosen they stay, whatever is learned meanwhile.

        fitting: what was looked for beforehand, where the attempt is a new one. A history that cannot be
        read or written costs the lessons, not the claim.
        """
        rules, claim = self.rules(bead.metadata.namespace), bead.status.claim
        if not rules.enabled or claim is None:
            return []
        try:
            if fitting is None:
                uses = await self._history.lesson_uses(bead_uid=bead.metadata.uid, fence=claim.fence)
                if uses:
                    return [note(use.lesson, use.why) for use in uses if use.given]
                fitting = self.fitting(bead, worker, repository)
            return await self._chosen(bead, claim.fence, await fitting, rules)
        except HistoryUnavailable as error:
            log.warning("no lessons for %s/%s: %s", *bead.key, error)
            return []

    async def fitting(self, bead: Bead, worker: Worker | None, repository: Repository | None) -> Fitting:
        """Lessons that fit the bead, the best first; nothing is chosen by that."""
        if not self.rules(bead.metadata.namespace).enabled:
            return []
        try:
            return await self._history.matching_lessons(
                namespace=bead.metadata.namespace,
                text=said_of(bead),
                here=situation_of(bead, worker, repository),
                now=self._clock.now(),
            )
        except HistoryUnavailable as error:
            log.warning("no lessons for %s/%s: %s", *bead.key, error)
            return []

    async def _chosen(self, bead: Bead, fence: int, found: Fitting, rules: LessonRules) -> list[LessonNote]:
        stored = {lesson.known.id: lesson for lesson, _ in found if may_be_given(lesson)}
        matches: list[Match] = choose(
            (match for lesson, match in found if lesson.known.id in stored),
            floor=rules.floor,
            most=rules.most,
            budget=rules.tokens,
        )
        if not matches:
            return []
        given = not held_out(bead.metadata.uid, bead.status.attempts, rules.hold_out)
        await self._history.note_uses(
            namespace=bead.metadata.namespace,
            bead_uid=bead.metadata.uid,
            bead=bead.metadata.name,
            fence=fence,
            attempt=bead.status.attempts,
            given=given,
            matches=matches,
            now=self._clock.now(),
        )
        return [note(stored[match.lesson.id], match.why) for match in matches] if given else []

    def learned(
        self,
        lease: Lease,
        bead: Bead | None,
        request: ReportRequest,
        *,
        answer: ReportAnswer,
        counted: bool,
        repository: Repository | None,
    ) -> Learned:
        """What a report says of lessons. They hold where the bead is, whatever its agent says of that."""
        told, evidence = request.reflexion, request.reflexion.evidence if request.reflexion else None
        by_agent = told is not None and told.source is not ReflexionSource.DERIVED
        reason = request.outcome.reason
        capabilities = tuple(bead.spec.capabilities) if bead is not None else ()
        teaching = Teaching(
            namespace=lease.key[0],
            text=told.lesson[:1000] if told is not None and by_agent and bead is not None else "",
            cause=told.cause[:1000] if told is not None else "",
            where=Situation(
                repository=address(repository),
                paths=tuple(told.applies.paths) if told is not None else (),
                capabilities=capabilities,
                failure_classes=(reason.value,) if reason is not None else (),
            ),
            origin=LessonOrigin.AGENT,
            author=lease.key[1],
            confidence=told.confidence if told is not None else 0.5,
            bead_uid=lease.uid,
            bead=lease.key[1],
            attempt=bead.status.attempts if bead is not None else None,
            iteration=request.iteration,
            report_id=request.report_id,
            commit=request.commit,
            log=evidence.log if evidence is not None else "",
        )
        wrong = tuple(told.contradicts) if told is not None and by_agent else ()
        return Learned(
            teaching=teaching, contradicts=wrong, success=_verdict(request, answer, counted=counted)
        )


def _verdict(request: ReportRequest, answer: ReportAnswer, *, counted: bool) -> bool | None:
    outcome = request.outcome
    if outcome.kind in SUCCESS:
        return True
    ended = answer.next is not Next.ITERATE and counted
    failed = outcome.kind in (OutcomeKind.FAILED, OutcomeKind.LIKELY_FAILED, OutcomeKind.INCOMPLETE)
    return False if ended and failed and outcome.reason in ABOUT_THE_AGENT else None


def address(repository: Repository | None) -> str:
    """A repository's address in one form: without scheme, credentials and .git."""
    if repository is None:
        return ""
    plain = re.sub(r"^[a-z+]+://", "", repository.url.strip(), flags=re.IGNORECASE)
    plain = re.sub(r"^[^/@]*@", "", plain)
    return plain.rstrip("/").removesuffix(".git")[:256]


def situation_of(bead: Bead, worker: Worker | None, repository: Repository | None) -> Situation:
    """Where the bead's work takes place."""
    outcome, text = bead.status.outcome, said_of(bead)
    return Situation(
        repository=address(repository),
        paths=tuple(dict.fromkeys(paths_in(text)))[:50],
        capabilities=tuple(bead.spec.capabilities),
        failure_classes=(outcome.reason.value,) if outcome is not None and outcome.reason else (),
        profile=worker.spec.agent.profile if worker is not None else "",
    )


def paths_in(text: str) -> Iterator[str]:
    """What looks like a path, in time that grows with the text alone: it may be 64 KiB of anything."""
    for run in _RUNS.finditer(text):
        word = run[0].strip("/").rstrip(".")
        if len(word) <= LONGEST_PATH and _PATH.fullmatch(word):
            yield word


def said_of(bead: Bead) -> str:
    """What lessons are searched by: what the bead says, and how it failed before."""
    spec, outcome = bead.spec, bead.status.outcome
    parts = [spec.title, outcome.summary if outcome is not None else "", *spec.acceptance.criteria]
    return "\n".join([*parts, *spec.acceptance.verify, spec.description])


def may_be_given(lesson: StoredLesson) -> bool:
    """Whether agents may be told it: commands that reach out or run what they fetch wait for a person."""
    return lesson.known.trusted or not _RISKY.search(f"{lesson.known.text}\n{lesson.known.cause}")


def note(lesson: StoredLesson, why: str) -> LessonNote:
    """The lesson as the claim carries it. Addresses in what no person vouches for are left out."""
    known = lesson.known

    def text(words: str) -> str:
        return words if known.trusted else _ADDRESS.sub("[address left out]", words)

    return LessonNote(
        id=known.id, lesson=text(known.text), cause=text(known.cause), origin=origin_of(lesson), why=why
    )


def origin_of(lesson: StoredLesson) -> str:
    """Where a lesson comes from, in words."""
    known, uses = lesson.known, lesson.known.successes + lesson.known.failures
    first = {
        LessonOrigin.AGENT: f"learned in bead {lesson.author}",
        LessonOrigin.PERSON: f"written by {lesson.author}",
        LessonOrigin.IMPORT: f"imported from {lesson.author or 'elsewhere'}",
    }[lesson.origin]
    words = [first]
    if known.seen > 1:
        words.append(f"said {known.seen} times")
    if lesson.endorsed_by:
        words.append(f"endorsed by {', '.join(lesson.endorsed_by[:2])}")
    if uses:
        words.append(f"{known.successes} of {uses} attempts that were told it succeeded")
    return "; ".join(words)[:256]
