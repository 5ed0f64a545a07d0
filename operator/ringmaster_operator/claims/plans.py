"""What an escalation creates: decision beads for people, child beads from a plan; and people's answers to it.

Every name is made from the bead's own, so whatever was interrupted can be done again.
"""

from __future__ import annotations

import json
import logging

from ringmaster_operator import metrics
from ringmaster_operator.board.answers import answer_of
from ringmaster_operator.board.asking import creates, decided
from ringmaster_operator.board.names import child_name
from ringmaster_operator.board.reporting import Transition
from ringmaster_operator.claims.questions import Questions, owned_by
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import BEADS, Body, Conflict, Kube
from ringmaster_operator.resources.base import API_VERSION
from ringmaster_operator.resources.bead import Bead, BeadStatus
from ringmaster_operator.resources.proposal import Proposal, ProposedBead, read_proposal
from ringmaster_operator.resources.protocol import ReportRequest
from ringmaster_operator.store import Store

log = logging.getLogger(__name__)

INTRODUCTION = "Answer `create` to have these beads created. You may change them here before.\n\n```json\n"


class Plans:
    """Creates what a transition asks for, before the status that speaks of it is written."""

    def __init__(self, *, kube: Kube, store: Store, questions: Questions, clock: Clock) -> None:
        self._kube = kube
        self._store = store
        self._questions = questions
        self._clock = clock

    async def prepare(self, bead: Bead, moved: Transition, request: ReportRequest) -> None:
        """The question or the children of a report. Raises KubeError."""
        if moved.question is not None:
            text = shown(moved.proposal) if moved.proposal is not None else ""
            await self._questions.ask(bead, moved.question, request, description=text)
        elif moved.proposal is not None:
            await self._create(bead, moved.proposal)

    async def settle(self, bead: Bead) -> BeadStatus | None:
        """The status that a person's answer to an escalation leads to; None while there is no answer.

        Raises KubeError when approved children cannot be created.
        """
        step = bead.status.escalation
        if step is None or step.decision is None or bead.status.claim is not None:
            return None
        decision = self._store.bead((bead.metadata.namespace, step.decision))
        answer = answer_of(decision) if decision is not None else None
        if decision is not None and answer is None:
            return None
        if decision is not None and creates(step, answer):
            try:
                await self._create(bead, read_proposal(decision.spec.description))
            except ValueError as error:
                log.warning(
                    "%s: the plan in its description cannot be read: %s", decision.metadata.name, error
                )
        return decided(bead, answer, now=self._clock.now())

    async def _create(self, bead: Bead, plan: Proposal) -> None:
        for item in plan.beads:
            metrics.api_writes.labels("Bead").inc()
            try:
                made = await self._kube.create(BEADS, bead.metadata.namespace, child_of(bead, plan, item))
            except Conflict:
                continue  # made before the operator was interrupted
            self._store.observe(made)


def shown(plan: Proposal) -> str:
    """The plan as the description of the decision that asks for its approval."""
    body = plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return f"{INTRODUCTION}{json.dumps(body, indent=1, ensure_ascii=False)}\n```\n"


def child_of(bead: Bead, plan: Proposal, item: ProposedBead) -> Body:
    """The body of one proposed bead as a child of the one that was split."""
    inside = plan.names()
    parent = item.parent if item.parent in inside else None
    spec = item.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"name", "same"})
    spec["parent"] = child_name(bead.metadata.name, parent) if parent else bead.metadata.name
    if item.depends_on:
        spec["dependsOn"] = [
            child_name(bead.metadata.name, name) for name in item.depends_on if name in inside
        ]
    spec.setdefault("priority", str(bead.spec.priority))
    return {
        "apiVersion": API_VERSION,
        "kind": "Bead",
        "metadata": {"name": child_name(bead.metadata.name, item.name), **owned_by(bead)},
        "spec": spec,
    }
