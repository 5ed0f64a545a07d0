"""An agent's question becomes a child bead of type decision, which the asking bead waits for.

The name is made from fence and iteration, so asking twice is asking once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ringmaster_operator import metrics
from ringmaster_operator.board.names import decision_name as decision_name
from ringmaster_operator.board.names import shortened
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import BEADS, Body, Conflict, Kube
from ringmaster_operator.resources.base import API_VERSION
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import AskRequest, Question, ReportRequest
from ringmaster_operator.store import Store

ASKED_BY = "ringmaster.dev/asked-by"


class Questions:
    """Creates decision beads."""

    def __init__(self, *, kube: Kube, store: Store, clock: Clock) -> None:
        self._kube = kube
        self._store = store
        self._clock = clock

    async def ask(
        self, bead: Bead, question: Question, request: ReportRequest | AskRequest, *, description: str = ""
    ) -> str:
        """Create the decision of this very iteration, unless it is there; its name. Raises KubeError.

        A deadline counts from when people can see the question.
        """
        name = decision_name(bead.metadata.name, request.fence, request.iteration)
        body = {
            "apiVersion": API_VERSION,
            "kind": "Bead",
            "metadata": {"name": name, **owned_by(bead)},
            "spec": {
                "title": _title(question.question),
                "description": description,
                "type": "decision",
                "priority": str(bead.spec.priority),
                "parent": bead.metadata.name,
                "decision": _decision(question, self._clock.now()),
            },
        }
        metrics.api_writes.labels("Bead").inc()
        try:
            self._store.observe(await self._kube.create(BEADS, bead.metadata.namespace, body))
        except Conflict:
            return name
        return name


def _decision(question: Question, now: datetime) -> Body:
    body = question.model_copy(update={"default": None, "deadline_seconds": None}).body()
    if question.fallback is None:
        return body
    default, seconds = question.fallback
    deadline = (now + timedelta(seconds=seconds)).replace(microsecond=0)
    return {**body, "default": default, "deadline": deadline.isoformat().replace("+00:00", "Z")}


def owned_by(bead: Bead) -> Body:
    """Metadata of what is made for a bead and goes with it."""
    name = bead.metadata.name
    return {
        "namespace": bead.metadata.namespace,
        "labels": {ASKED_BY: name if len(name) <= 63 else shortened(name, 50)},
        "ownerReferences": [
            {"apiVersion": API_VERSION, "kind": "Bead", "name": name, "uid": bead.metadata.uid}
        ],
    }


def _title(question: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in question).split())
    return line if len(line) <= 200 else f"{line[:199]}…"
