"""What a session is told of its bead: everything resolved, nothing left to look up."""

from __future__ import annotations

from collections.abc import Awaitable

import ringmaster_operator.board.limits as limits
from ringmaster_operator.board.answers import answer_of
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.ladder import NO_LADDER, Ladder, model_of, wants_plan
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.memory import Fitting, Memory
from ringmaster_operator.claims.origin import own_prices, parents_of
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.resources.bead import Bead, BeadType, Repository
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.prompt import CheckLog, PromptRules, Relative
from ringmaster_operator.resources.protocol import (
    BeadWork,
    Claimed,
    DependencyResult,
    ParentContext,
    PastIteration,
)
from ringmaster_operator.resources.saved import SavedWork
from ringmaster_operator.resources.worker import AgentSpec, Worker
from ringmaster_operator.store import Store

MAX_HISTORY = 20
MAX_ANCESTORS = 4
MAX_SIBLINGS = 50
ABOVE = 4_000
"""Characters of the description of what the parent belongs to."""


class Briefing:
    """Builds the Claimed answer of a claim from the store, the board and the history."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        history: History,
        funds: Funds,
        memory: Memory,
        clock: Clock,
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._board = board
        self._history = history
        self._lease_seconds = lease_seconds
        self._funds = funds
        self._memory = memory
        self._clock = clock

    def parents(self, bead: Bead) -> list[Bead]:
        """Parent, grandparent and so on; a cycle ends the walk."""
        return parents_of(self._store, bead)

    def repository_of(self, bead: Bead, worker: Worker | None) -> Repository | None:
        """Where the bead's work is done."""
        project = self._board.project(bead.metadata.namespace)
        return limits.repository_of(bead, self.parents(bead), worker, project)

    def limits_of(self, bead: Bead) -> limits.EffectiveLimits:
        project = self._board.project(bead.metadata.namespace)
        return limits.resolve(bead, self.parents(bead), project, self._ladder(bead))

    def _ladder(self, bead: Bead) -> Ladder:
        """Of the Worker that first escalated it, else of the one that works on it."""
        step, claim = bead.status.escalation, bead.status.claim
        name = step.worker if step is not None else claim.worker if claim is not None else None
        worker = self._store.worker((bead.metadata.namespace, name)) if name else None
        return Ladder(tuple(worker.spec.escalation), name) if worker is not None else NO_LADDER

    async def lessons(self, bead: Bead, worker: Worker) -> Fitting:
        """What `claimed` will choose from, for who has time to look before the claim stands."""
        if wants_plan(bead.status):
            return []
        return await self._memory.fitting(bead, worker, self.repository_of(bead, worker))

    async def claimed(
        self, bead: Bead, worker: Worker | None, lessons: Awaitable[Fitting] | None = None
    ) -> Claimed:
        """The claim of the bead as it is now; worker is None when it was deleted meanwhile.

        lessons: what was looked for beforehand, for a claim that has just been granted.
        """
        claim = bead.status.claim
        if claim is None:
            raise ValueError(f"{bead.metadata.name} is not claimed")
        project = self._board.project(bead.metadata.namespace)
        return Claimed(
            claim_id=claim.id,
            fence=claim.fence,
            lease_seconds=self._lease_seconds,
            attempt=bead.status.attempts,
            iteration=max(1, bead.status.iteration),
            resumed_branch=bead.status.branch,
            saved=await self._saved(bead),
            bead=await self._work(bead, worker, lessons),
            agent=_agent(bead, worker),
            allowance=self._funds.allowance(claim.id),
            prices=own_prices(worker, project, self._clock.now()),
        )

    async def _saved(self, bead: Bead) -> SavedWork | None:
        if bead.status.fence <= 1:
            return None  # the first claim: nobody can have left anything
        return await self._history.saved_work(bead_uid=bead.metadata.uid, after_fence=bead.status.fresh_from)

    async def _work(self, bead: Bead, worker: Worker | None, lessons: Awaitable[Fitting] | None) -> BeadWork:
        spec, status = bead.spec, bead.status
        project = self._board.project(bead.metadata.namespace)
        parents = self.parents(bead)
        bounds = self.limits_of(bead)
        past = status.fence > 1 or status.iteration > 1
        repository = limits.repository_of(bead, parents, worker, project)
        plans = wants_plan(status)
        acceptance = spec.acceptance
        if project and project.verify:
            verify = [*project.verify, *acceptance.verify][:20]
            acceptance = acceptance.model_copy(update={"verify": verify})
        return BeadWork(
            namespace=bead.metadata.namespace,
            name=bead.metadata.name,
            uid=bead.metadata.uid,
            generation=bead.metadata.generation,
            title=spec.title,
            description=spec.description,
            type=spec.type,
            priority=spec.priority,
            effective_priority=status.effective_priority or spec.priority,
            inherited_from=status.inherited_from,
            acceptance=acceptance,
            repository=repository,
            max_iterations=bounds.max_iterations,
            max_attempts=bounds.max_attempts,
            timeout_seconds=bounds.timeout_seconds,
            cost_usd=bounds.cost_usd,
            tokens=bounds.tokens,
            spent_usd=status.cost.usd,
            spent_tokens=status.cost.input_tokens + status.cost.output_tokens,
            parent=_context(parents[0]) if parents else None,
            ancestors=[_context(item, ABOVE) for item in parents[1:MAX_ANCESTORS]],
            siblings=self._siblings(bead),
            dependencies=[_result(found) for found in self._dependencies(bead)],
            decisions=[_result(found) for found in self._decisions(bead)],
            history=await self._iterations(bead) if past else [],
            logs=await self._logs(bead) if past else [],
            prompt=project.prompt if project else PromptRules(),
            steering=spec.steering,
            fresh_from=status.fresh_from,
            lessons=[] if plans else await self._memory.notes(bead, worker, repository, lessons),
            reflect=self._memory.rules(bead.metadata.namespace).ask and not plans,
            plan=plans,
            rules=_rules(project, worker),
        )

    async def _iterations(self, bead: Bead) -> list[PastIteration]:
        return await self._history.iterations_of(
            bead_uid=bead.metadata.uid, limit=MAX_HISTORY, after_fence=bead.status.fresh_from
        )

    async def _logs(self, bead: Bead) -> list[CheckLog]:
        return await self._history.failed_checks(
            bead_uid=bead.metadata.uid, after_fence=bead.status.fresh_from
        )

    def _siblings(self, bead: Bead) -> list[Relative]:
        """The parent's other children, by name."""
        if bead.spec.parent is None:
            return []
        names = sorted(self._board.children((bead.metadata.namespace, bead.spec.parent)))
        found = [
            self._store.bead((bead.metadata.namespace, name)) for name in names if name != bead.metadata.name
        ]
        return [
            Relative(name=item.metadata.name, title=item.spec.title, phase=item.status.phase or "")
            for item in found[:MAX_SIBLINGS]
            if item is not None
        ]

    def _dependencies(self, bead: Bead) -> list[Bead]:
        """What the work builds on; of a bead that left no work of its own, its children's."""
        names = dict.fromkeys([*bead.spec.depends_on, *self._children(bead)])
        left, found = list(names), []
        while left:
            item = self._store.bead((bead.metadata.namespace, left.pop(0)))
            if item is None:
                continue
            if item.spec.type is not BeadType.EPIC:
                found.append(item)
            if item.status.commit is None:
                below = [name for name in self._children(item) if name not in names]
                names.update(dict.fromkeys(below))
                left += below
        return found

    def _decisions(self, bead: Bead) -> list[Bead]:
        names = self._children(bead)
        found = (self._store.bead((bead.metadata.namespace, name)) for name in names)
        return [item for item in found if item is not None and item.spec.type is BeadType.DECISION]

    def _children(self, bead: Bead) -> list[str]:
        return self._board.children(bead.key)


def _agent(bead: Bead, worker: Worker | None) -> AgentSpec:
    agent = worker.spec.agent if worker else AgentSpec()
    model = model_of(bead)
    return agent.model_copy(update={"model": model}) if model else agent


def _context(bead: Bead, most: int | None = None) -> ParentContext:
    spec = bead.spec
    return ParentContext(name=bead.metadata.name, title=spec.title, description=spec.description[:most])


def _result(bead: Bead) -> DependencyResult:
    decision = bead.spec.decision
    return DependencyResult(
        name=bead.metadata.name,
        title=bead.spec.title,
        summary=bead.status.outcome.summary if bead.status.outcome else "",
        branch=bead.status.branch,
        commit=bead.status.commit,
        answer=answer_of(bead),
        question=decision.question if decision else None,
    )


def _rules(project: Project | None, worker: Worker | None) -> list[str]:
    return [*(project.rules if project else []), *(worker.spec.agent.rules if worker else [])]
