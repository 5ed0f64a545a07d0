"""A bead as a record of bd's JSONL, and back, with nothing lost. Pure.

Every format becomes such records first. What a record says and the spec does not say back exactly is kept in
an annotation, together with what the spec said at that time: on the way out, a field that has not changed
since gives the original, a field that people or Ringmaster changed gives the change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ringmaster_cli.intake.names import ORIGIN, words_of
from ringmaster_operator.resources.bead import Bead, BeadType, Desired, Phase

Record = dict[str, Any]
Body = dict[str, Any]
CLOSED = frozenset({"closed", "tombstone"})
BLOCKS, CHILD = "blocks", "parent-child"
SECTIONS = {"design": "\n\n## Design\n\n", "notes": "\n\n## Notes\n\n"}
OWN = "ringmaster"
"""Key of bd's metadata under which Ringmaster's own fields travel."""
FIELDS = (
    *("id", "title", "description", "design", "acceptance_criteria", "notes", "status", "priority"),
    *("issue_type", "assignee", "estimated_minutes", "created_at", "created_by", "updated_at", "closed_at"),
    *("close_reason", "defer_until", "external_ref", "labels", "dependencies", "comments", "metadata"),
)
"""The order in which fields are written; others follow."""
_HOMED = frozenset(
    {"title", "description", "type", "priority", "parent", "dependsOn", "estimateMinutes", "deferUntil"}
)
_MISSING = object()


@dataclass(frozen=True)
class Origin:
    """What an imported bead remembers of its record."""

    kept: Record
    """What the spec does not say back exactly."""
    was: Record
    """What the spec said there at that time."""
    closed: bool
    """Nothing was left to be done."""


def origin_of(body: Body) -> Origin | None:
    """Where the bead came from; None for one of Ringmaster's own."""
    try:
        found = json.loads(body.get("metadata", {}).get("annotations", {}).get(ORIGIN, ""))
        return Origin(dict(found["kept"]), dict(found["was"]), found["closed"] is True)
    except (ValueError, KeyError, TypeError):
        return None


def identifier_of(body: Body) -> str:
    """The record's own identifier; the bead's name where it came from nowhere."""
    origin, name = origin_of(body), body["metadata"]["name"]
    return str(origin.kept.get("id", name) if origin else name)


def keep(record: Record, body: Body, identifiers: Mapping[str, str]) -> str:
    """The annotation that makes the way back exact."""
    back = _fields(body, identifiers, imported=True)
    kept = {key: value for key, value in record.items() if not _same(back, record, key)}
    was = {key: value for key, value in back.items() if not _same(back, record, key)}
    closed = is_closed(record)
    return json.dumps({"kept": kept, "was": was, "closed": closed}, separators=(",", ":"))


def record_of(body: Body, identifiers: Mapping[str, str]) -> Record:
    """The bead as a record; identifiers gives that of each bead by its name."""
    origin = origin_of(body)
    now = _fields(body, identifiers, imported=origin is not None)
    if origin is not None:
        kept, was = origin.kept, origin.was
        out = dict(now)
        for key in {*kept, *was}:
            if _same(now, was, key):
                out.pop(key, None)
                if key in kept:
                    out[key] = kept[key]
        if "dependencies" in kept:
            out["dependencies"] = _edges(kept["dependencies"], was.get("dependencies", []), now)
        if "metadata" in kept and not _same(now, was, "metadata"):
            out["metadata"] = _metadata(kept["metadata"], now.get("metadata", {}))
        now = out
    known = [name for name in FIELDS if name in now]
    return {name: now[name] for name in [*known, *(set(now) - set(known))]}


def _same(one: Record, other: Record, key: str) -> bool:
    """Equal as JSON: true is no 1."""
    left, right = one.get(key, _MISSING), other.get(key, _MISSING)
    if left is _MISSING or right is _MISSING:
        return left is right
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _edges(kept: Any, was: list[Record], now: Record) -> Any:
    """The original edges that still hold or that the spec never had, and the new ones."""
    if not isinstance(kept, list):
        return kept
    present, before = _keys(now.get("dependencies", [])), _keys(was)
    held = [edge for edge in kept if (key := edge_key(edge)) not in before or key in present]
    new = [edge for edge in now.get("dependencies", []) if edge_key(edge) not in _keys(kept)]
    return held + new


def edge_key(edge: Any) -> tuple[str, str]:
    """Where an edge leads, and its kind; what is no edge leads nowhere."""
    if not isinstance(edge, dict) or not isinstance(edge.get("depends_on_id"), str):
        return "", ""
    return edge["depends_on_id"], str(edge.get("type", BLOCKS))


def is_closed(record: Record) -> bool:
    """Whether the record says that nothing is left to be done."""
    status = record.get("status")
    return isinstance(status, str) and status in CLOSED


def _keys(edges: list[Any]) -> set[tuple[str, str]]:
    return {edge_key(edge) for edge in edges}


def _metadata(kept: Any, now: Record) -> Any:
    """Others' metadata with Ringmaster's of today; metadata that is no object has no room for it."""
    if not isinstance(kept, dict):
        return kept
    before = kept.get(OWN)
    mine = {**(before if isinstance(before, dict) else {}), **now.get(OWN, {})}
    if "spec" not in now.get(OWN, {}):
        mine.pop("spec", None)
    others = {key: value for key, value in kept.items() if key != OWN}
    return {**others, OWN: mine} if mine else others


def _fields(body: Body, identifiers: Mapping[str, str], *, imported: bool) -> Record:
    """What the bead itself says. Dates of its making belong to the record where it came from one."""
    bead = Bead.read(body)
    spec, meta = bead.spec, body["metadata"]
    own = identifiers.get(meta["name"], meta["name"])
    found: Record = {"id": meta["name"], "title": spec.title, **_texts(spec.description)}
    found |= {
        "status": _status(bead),
        "priority": int(spec.priority.value[1:]),
        "issue_type": spec.type.value,
    }
    if spec.acceptance.criteria:
        found["acceptance_criteria"] = "\n".join(spec.acceptance.criteria)
    if spec.estimate_minutes:
        found["estimated_minutes"] = spec.estimate_minutes
    lean = spec.lean()
    if spec.defer_until:
        found["defer_until"] = lean["deferUntil"]
    if words := words_of(meta.get("labels") or {}):
        found["labels"] = words
    edges = [(name, BLOCKS) for name in spec.depends_on] + ([(spec.parent, CHILD)] if spec.parent else [])
    if edges:
        found["dependencies"] = [
            {"issue_id": own, "depends_on_id": identifiers.get(name, name), "type": kind}
            for name, kind in edges
        ]
    if not imported and meta.get("creationTimestamp"):
        found |= {"created_at": meta["creationTimestamp"], "updated_at": meta["creationTimestamp"]}
    if mine := _own(bead, lean):
        found["metadata"] = {OWN: mine}
    return found | _ending(bead, body)


def _texts(text: str) -> Record:
    found: Record = {}
    for key, heading in reversed(SECTIONS.items()):
        text, split, rest = text.partition(heading)
        if split:
            found[key] = rest
    return {**({"description": text} if text else {}), **found}


def _status(bead: Bead) -> str:
    phase = bead.status.phase
    if phase in (Phase.SUCCEEDED, Phase.CANCELLED) or bead.spec.desired is Desired.CANCEL:
        return "closed"
    if phase is Phase.RUNNING:
        return "in_progress"
    return "deferred" if bead.spec.desired is Desired.HOLD else "open"


def _ending(bead: Bead, body: Body) -> Record:
    """How it ended; what was closed where it came from keeps its own end."""
    status, origin = bead.status, origin_of(body)
    closed_there = origin is not None and origin.closed
    if status.finished_at is None or _status(bead) != "closed" or closed_there:
        return {}
    at = status.finished_at.isoformat().replace("+00:00", "Z")
    reason = status.outcome.summary if status.outcome else ""
    return {"closed_at": at, "updated_at": at, **({"close_reason": reason} if reason else {})}


def _own(bead: Bead, lean: Body) -> Body:
    """What only Ringmaster knows: the rest of the spec, and what came of the work."""
    rest = {key: value for key, value in lean.items() if key not in _HOMED and key != "desired"}
    if acceptance := {k: v for k, v in lean.get("acceptance", {}).items() if k != "criteria"}:
        rest["acceptance"] = acceptance
    else:
        rest.pop("acceptance", None)
    if bead.spec.type is not BeadType.DECISION:
        rest.pop("decision", None)
    status = bead.status.lean()
    names = ("phase", "attempts", "outcome", "cost", "branch", "commit", "pullRequest", "startedAt")
    work = {key: status[key] for key in names if key in status} if status.get("attempts") else {}
    return {**({"spec": rest} if rest else {}), **({"status": work} if work else {})}
