"""May this Worker work this bead? Capabilities and selectors, nothing that changes from second to second."""

from __future__ import annotations

from ringmaster_operator.resources.bead import Bead, BeadType
from ringmaster_operator.resources.worker import Worker

MIN_CONFIDENCE = 0.7
"""A capability below this is a hope, not a skill."""

NEVER_WORKED = frozenset({BeadType.EPIC, BeadType.DECISION})

Needs = tuple[frozenset[str], frozenset[tuple[str, str]], frozenset[tuple[str, str]]]
"""Capabilities, labels that the Worker must carry, labels that the bead carries: beads with equal needs match
the same Workers, so that one answer serves thousands."""


def needs(bead: Bead) -> Needs:
    spec = bead.spec
    return (
        frozenset(spec.capabilities),
        frozenset(spec.routing.worker_selector.items()),
        frozenset(bead.metadata.labels.items()),
    )


def mismatch(worker: Worker, wanted: Needs) -> str:
    """Why this Worker cannot take a bead with these needs; empty when it can."""
    capabilities, selector, labels = wanted
    declared = {item.name for item in worker.spec.capabilities if item.confidence >= MIN_CONFIDENCE}
    lacking = sorted(capabilities - declared)
    if lacking:
        return (
            f"Worker {worker.metadata.name} does not declare {', '.join(lacking)}"
            f" with a confidence of at least {MIN_CONFIDENCE}"
        )
    unmet = sorted(selector - worker.metadata.labels.items())
    if unmet:
        return (
            f"Worker {worker.metadata.name} lacks the labels {_pairs(unmet)} of spec.routing.workerSelector"
        )
    unlabelled = sorted(worker.spec.bead_selector.items() - labels)
    if unlabelled:
        return (
            f"the bead lacks the labels {_pairs(unlabelled)} of Worker {worker.metadata.name}'s beadSelector"
        )
    return ""


def _pairs(labels: list[tuple[str, str]]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels)
