"""An agent's question becomes a child bead of type decision, which the asking bead waits for.

The name is made from fence and iteration, so asking twice is asking once.
"""

from __future__ import annotations

import hashlib

from ringmaster_operator import metrics
from ringmaster_operator.kube import BEADS, Conflict, Kube
from ringmaster_operator.resources.base import API_VERSION
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import Question, ReportRequest
from ringmaster_operator.store import Store

ASKED_BY = "ringmaster.dev/asked-by"
NAME_LENGTH = 200


class Questions:
    """Creates decision beads."""

    def __init__(self, *, kube: Kube, store: Store) -> None:
        self._kube = kube
        self._store = store

    async def ask(self, bead: Bead, question: Question, request: ReportRequest) -> None:
        """Create the decision of this very report, unless it is there. Raises KubeError."""
        name = decision_name(bead.metadata.name, request.fence, request.iteration)
        body = {
            "apiVersion": API_VERSION,
            "kind": "Bead",
            "metadata": {
                "name": name,
                "namespace": bead.metadata.namespace,
                "labels": {ASKED_BY: _label(bead.metadata.name)},
                "ownerReferences": [
                    {
                        "apiVersion": API_VERSION,
                        "kind": "Bead",
                        "name": bead.metadata.name,
                        "uid": bead.metadata.uid,
                    }
                ],
            },
            "spec": {
                "title": _title(question.question),
                "type": "decision",
                "priority": str(bead.spec.priority),
                "parent": bead.metadata.name,
                "decision": question.body(),
            },
        }
        metrics.api_writes.labels("Bead").inc()
        try:
            self._store.observe(await self._kube.create(BEADS, bead.metadata.namespace, body))
        except Conflict:
            return


def decision_name(bead: str, fence: int, iteration: int) -> str:
    """`<bead>-q<fence>-<iteration>`, shortened with a hash where the bead's own name is long."""
    if len(bead) > NAME_LENGTH:
        bead = f"{bead[:NAME_LENGTH].rstrip('.-')}-{hashlib.sha256(bead.encode()).hexdigest()[:8]}"
    return f"{bead}-q{fence}-{iteration}"


def _label(name: str) -> str:
    if len(name) <= 63:
        return name
    return f"{name[:50].rstrip('.-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _title(question: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in question).split())
    return line if len(line) <= 200 else f"{line[:199]}…"
