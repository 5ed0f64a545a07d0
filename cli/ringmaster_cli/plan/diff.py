"""A proposal beside the beads that are there: what would be created, and what cannot be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ringmaster_operator.resources.base import API_VERSION
from ringmaster_operator.resources.proposal import Proposal, ProposedBead

Body = dict[str, Any]
LABEL = "ringmaster.dev/plan"


@dataclass(frozen=True)
class Difference:
    """What a proposal would change."""

    create: list[Body]
    """Bodies of the new beads, each after those that it waits for."""
    existing: list[str]
    """Names of proposed beads that are there already; they are left as they are."""
    lines: list[str]
    """The graph for people: + is new, = is there."""
    faults: list[str]
    """Why it cannot be created; empty when it can."""


def compare(proposal: Proposal, present: Mapping[str, Body], *, parent: str | None = None) -> Difference:
    """Match the proposal against the present beads, by name."""
    meant = {item.name: item.same or item.name for item in proposal.beads}
    ordered = _ordered(proposal)
    faults = [
        f"{name} is named, but is neither proposed nor there"
        for name in sorted(proposal.outside() - set(present))
    ]
    if parent is not None and parent not in present:
        faults.append(f"the parent {parent} is not there")
    mark = hashlib.sha256(proposal.model_dump_json().encode()).hexdigest()[:12]
    create, existing, lines = [], [], []
    width = max(len(meant[item.name]) for item in ordered)
    for item in ordered:
        there = present.get(meant[item.name])
        if there is None:
            create.append(_body(item, meant, parent, mark))
        else:
            existing.append(meant[item.name])
        lines.append(_line(item, meant, there, present, width))
    return Difference(create=create, existing=existing, lines=lines, faults=faults)


def _ordered(proposal: Proposal) -> list[ProposedBead]:
    """Each after its parent and what it waits for; a proposal has no cycles."""
    left = {item.name: item for item in proposal.beads}
    ordered: list[ProposedBead] = []
    while left:
        free = [item for item in left.values() if not left.keys() & {*item.depends_on, item.parent}]
        ordered += free
        for item in free:
            del left[item.name]
    return ordered


def _body(item: ProposedBead, meant: Mapping[str, str], parent: str | None, mark: str) -> Body:
    spec = item.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"name", "same"})
    if item.depends_on:
        spec["dependsOn"] = [meant.get(name, name) for name in item.depends_on]
    above = meant.get(item.parent, item.parent) if item.parent else parent
    if above:
        spec["parent"] = above
    return {
        "apiVersion": API_VERSION,
        "kind": "Bead",
        "metadata": {"name": item.name, "labels": {LABEL: mark}},
        "spec": spec,
    }


def _line(
    item: ProposedBead, meant: Mapping[str, str], there: Body | None, present: Mapping[str, Body], width: int
) -> str:
    name = meant[item.name]
    if there is not None:
        phase = there.get("status", {}).get("phase", "new")
        return f"= {name:{width}}  {there['spec']['title']} ({phase}; left as it is)"
    notes = [item.type.value] if item.type.value != "task" else []
    if item.depends_on:
        after = [meant.get(other, other) for other in item.depends_on]
        notes.append(
            "after " + ", ".join(f"{other} (there)" if other in present else other for other in after)
        )
    if item.parent:
        notes.append(f"in {meant.get(item.parent, item.parent)}")
    if item.capabilities:
        notes.append("needs " + ", ".join(item.capabilities))
    if item.estimate_minutes:
        notes.append(f"{item.estimate_minutes} min")
    checks = len(item.acceptance.verify)
    notes.append(f"{checks} checks" if checks else "nothing checks it")
    return f"+ {name:{width}}  {item.title}  [{'; '.join(notes)}]"
