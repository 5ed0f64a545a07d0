"""Work on beads for `hack/bench lessons`: a coin for an agent, the product for all the rest."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from benchlib.lesson_world import NOON, REPOSITORY, Task, Trap
from ringmaster_cli.agents.reflexion import read_reflexion
from ringmaster_cli.prompt import build_prompt
from ringmaster_operator.board.board import Board
from ringmaster_operator.claims.leases import Lease
from ringmaster_operator.claims.memory import Memory
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import (
    Acceptance,
    Bead,
    BeadType,
    Outcome,
    OutcomeKind,
    Reason,
    Repository,
)
from ringmaster_operator.resources.lesson import LessonNote
from ringmaster_operator.resources.project import LessonRules, Project
from ringmaster_operator.resources.protocol import (
    BeadWork,
    Claimed,
    Next,
    PastIteration,
    Reflexion,
    ReportAnswer,
    ReportRequest,
)
from ringmaster_operator.resources.worker import AgentSpec

ITERATIONS = 3
KNOWING, UNKNOWING, LEARNS, DISTRACTED = 0.85, 0.1, 0.35, 0.8
"""Chances to manage an iteration knowing the trap or not, and to learn it; factor of wrong lessons."""
PLACE = Repository(url=f"https://{REPOSITORY}.git")


@dataclass(frozen=True)
class Run:
    """What became of a bead."""

    success: bool
    iterations: int
    right: bool
    """Whether its first prompt held the right lesson of another bead."""


class Fleet:
    """One worker that does bead after bead."""

    def __init__(self, folder: Path, world: list[Trap], seed: int, *, enabled: bool) -> None:
        self._folder, self._world, self._seed = folder, world, seed
        self._board, self._moment = Board(), NOON
        self._clock = Clock(now=lambda: self._moment)
        rules = LessonRules(enabled=enabled, hold_out=0.0)
        self._board.set_project("team", Project(lessons=rules))

    async def __aenter__(self) -> Fleet:
        self._history = await History.open(f"sqlite:///{self._folder}/history.db")
        self._memory = Memory(board=self._board, history=self._history, clock=self._clock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._history.close()

    async def work(self, task: Task) -> Run:
        """One attempt, of some iterations."""
        self._moment += timedelta(hours=1)  # with each bead
        bead, uid = a_bead(task), f"uid-{task.number}"
        claim_id = f"claim-{task.number:06d}"
        await self._history.start_attempt(
            bead_uid=uid, namespace="team", bead=bead.metadata.name, fence=1, claim_id=claim_id,
            worker="fleet", session="fleet-0", profile="generic", model="", attempt=1, iteration=1,
            now=self._clock.now(),
        )  # fmt: skip
        right = False
        for iteration in range(1, ITERATIONS + 1):
            notes = await self._memory.notes(bead, None, PLACE)
            history = await self._history.iterations_of(bead_uid=uid)
            prompt = build_prompt(claimed(bead, iteration, notes, history), workspace=self._folder).text
            right = right or (
                iteration == 1
                and any(
                    task.trap.advice in note.lesson.lower() and task.trap.subject in note.lesson.lower()
                    for note in notes
                )
            )
            success, said = self._agent(task, iteration, prompt)
            await self._report(bead, uid, claim_id, iteration, success, said)
            if success:
                return Run(True, iteration, right)
        return Run(False, ITERATIONS, right)

    def _agent(self, task: Task, iteration: int, prompt: str) -> tuple[bool, str]:
        """Whether the iteration succeeds, and its last words. The coins are those of bead and iteration."""
        chance = random.Random(f"{self._seed} {task.number} {iteration}")
        coin, learns = chance.random(), chance.random() < LEARNS
        known = [trap for trap in self._world if knows(prompt, trap)]
        odds = KNOWING if task.trap in known else UNKNOWING
        odds *= DISTRACTED if set(known) - {task.trap} else 1.0
        if coin < odds:
            return True, "RINGMASTER: done"
        lesson = task.trap.lesson(chance) if learns else "none"
        return (
            False,
            f"RINGMASTER: lesson: {lesson}\nPaths: {task.trap.path}\nRINGMASTER: incomplete: not yet",
        )

    async def _report(
        self, bead: Bead, uid: str, claim_id: str, iteration: int, success: bool, said: str
    ) -> None:
        ended = success or iteration == ITERATIONS
        outcome = Outcome(
            kind=OutcomeKind.SUCCESS if success else OutcomeKind.INCOMPLETE,
            reason=None if success else Reason.VERIFICATION_FAILED,
        )
        told: Reflexion | None = read_reflexion(said)
        now = self._clock.now()
        request = ReportRequest(
            report_id=f"report-{uid}-{iteration}", fence=1, iteration=iteration, outcome=outcome,
            reflexion=told, started_at=now, finished_at=now,
        )  # fmt: skip
        answer = ReportAnswer(
            next=Next.DONE if success else Next.STOP if ended else Next.ITERATE,
            iteration=iteration + (not ended),
        )
        lease = Lease(
            claim_id=claim_id, key=bead.key, uid=uid, worker="fleet", session="fleet-0", fence=1, deadline=0
        )
        learned = self._memory.learned(lease, bead, request, answer=answer, counted=True, repository=PLACE)
        await self._history.commit_report(
            bead_uid=uid, namespace="team", bead=bead.metadata.name, claim_id=claim_id, request=request,
            answer=answer, learned=learned, now=now,
        )  # fmt: skip


def knows(prompt: str, trap: Trap) -> bool:
    """Whether the prompt holds the trap's lesson: its advice in one sentence with its subject."""
    return any(trap.advice in line and trap.subject in line for line in prompt.lower().splitlines())


def a_bead(task: Task) -> Bead:
    return Bead.read(
        {
            "apiVersion": "ringmaster.dev/v1alpha1",
            "kind": "Bead",
            "metadata": {"name": f"bead-{task.number}", "namespace": "team", "uid": f"uid-{task.number}"},
            "spec": {"title": task.title, "description": task.description},
            "status": {
                "attempts": 1,
                "fence": 1,
                "claim": {
                    "id": f"claim-{task.number:06d}",
                    "worker": "fleet",
                    "session": "fleet-0",
                    "fence": 1,
                    "since": "2026-11-24T12:00:00Z",
                },
            },
        }
    )


def claimed(bead: Bead, iteration: int, notes: list[LessonNote], history: list[PastIteration]) -> Claimed:
    work = BeadWork(
        namespace="team", name=bead.metadata.name, uid=bead.metadata.uid, generation=1, title=bead.spec.title,
        description=bead.spec.description, type=BeadType.TASK, priority=Priority.P2,
        effective_priority=Priority.P2, acceptance=Acceptance(), max_iterations=ITERATIONS, max_attempts=1,
        timeout_seconds=60, lessons=notes, history=history,
    )  # fmt: skip
    return Claimed(
        claim_id="claim-000001",
        fence=1,
        lease_seconds=60,
        attempt=1,
        iteration=iteration,
        bead=work,
        agent=AgentSpec(),
    )
