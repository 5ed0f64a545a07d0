"""From records to beads: what each says in Ringmaster's words. Pure.

What is closed is not worked again: its bead is cancelled at once and nothing waits for it. What points to
records that are nowhere is left out and told. The originals are kept all the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringmaster_cli.intake.names import ORIGIN, REF, digest, labels_of, name_of
from ringmaster_cli.intake.record import BLOCKS, CHILD, OWN, SECTIONS, Record, edge_key, is_closed, keep
from ringmaster_operator.resources.base import API_VERSION

Body = dict[str, Any]
TITLE, TEXT, CRITERION, CRITERIA = 256, 65_536, 1024, 50
ANNOTATIONS = 250_000
"""Bytes: the API server takes 262,144 for all annotations of an object."""
BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])?\s*(?:\[[ xX]\])?\s*")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
WAITING = frozenset({BLOCKS, "waits-for", "conditional-blocks"})


@dataclass(frozen=True)
class Item:
    """One record of a file."""

    record: Record
    where: str
    """For messages: the file and the line or number."""
    ref: str = ""
    """The full external reference, where the format has one of its own."""


@dataclass
class Drafts:
    """What a file comes to."""

    bodies: list[Body] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """With any of them nothing is imported."""
    notes: list[str] = field(default_factory=list)


def drafts(items: Iterable[Item], *, source: str, known: Mapping[str, str] | None = None) -> Drafts:
    """The beads of a file's records; source names where they come from, for their references.

    known has other beads that they may point to: names by identifier.
    """
    from ringmaster_operator.resources.bead import Bead

    result, items = Drafts(), list(items)
    good = [item for item in items if _is_sound(item, result.faults)]
    for identifier, times in Counter(item.record["id"] for item in good).items():
        if times > 1:
            result.faults.append(f"{identifier} stands there {times} times")
    names = {**(known or {}), **{item.record["id"]: name_of(item.record["id"]) for item in good}}
    for name, times in Counter(name_of(item.record["id"]) for item in good).items():
        same = sorted({item.record["id"] for item in good if name_of(item.record["id"]) == name})
        if times > 1 and len(same) > 1:
            result.faults.append(f"{' and '.join(same)} would both be named {name}: rename one")
    closed = {item.record["id"] for item in good if is_closed(item.record)}
    identifiers = {name: identifier for identifier, name in names.items()}
    for item in good:
        body = _body(item, source, names, closed, result.notes)
        try:
            Bead.check(body)
            body["metadata"]["annotations"][ORIGIN] = keep(item.record, body, identifiers)
        except ValueError as fault:
            result.faults.extend(f"{item.where}: {line}" for line in _explain(fault))
            continue
        size = sum(len(text.encode()) for text in body["metadata"]["annotations"].values())
        if size > ANNOTATIONS:
            result.faults.append(
                f"{item.where}: {item.record['id']} is too large for one bead ({size} bytes)"
            )
        result.bodies.append(body)
    return result


def _is_sound(item: Item, faults: list[str]) -> bool:
    record = item.record
    for name in ("id", "title"):
        if not isinstance(record.get(name), str) or not record[name].strip():
            faults.append(f"{item.where}: {name} is missing, or no text")
            return False
    priority = record.get("priority", 2)
    if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority <= 4:
        faults.append(f"{item.where}: priority is {priority!r}, it must be 0 (most urgent) to 4")
        return False
    return True


def _explain(fault: ValueError) -> list[str]:
    from pydantic import ValidationError

    if not isinstance(fault, ValidationError):
        return [str(fault)]
    found = fault.errors(include_url=False)
    return [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in found]


def _body(item: Item, source: str, names: Mapping[str, str], closed: set[str], notes: list[str]) -> Body:
    record = item.record
    ref = item.ref or f"{source}:{record['id']}"
    labels = [word for word in _list(record.get("labels")) if isinstance(word, str)]
    return {
        "apiVersion": API_VERSION,
        "kind": "Bead",
        "metadata": {
            "name": names[record["id"]],
            "labels": {**labels_of(labels), REF: digest(ref)},
            "annotations": {REF: ref},
        },
        "spec": _spec(item, names, closed, notes),
    }


def _spec(item: Item, names: Mapping[str, str], closed: set[str], notes: list[str]) -> Body:
    record = item.record
    spec: Body = {
        "title": _line(record["title"]) or "untitled",
        "type": _type(record),
        "priority": f"P{record.get('priority', 2)}",
    }
    if text := _description(record):
        spec["description"] = text
    minutes = record.get("estimated_minutes")
    if isinstance(minutes, int) and not isinstance(minutes, bool) and 1 <= minutes <= 100_000:
        spec["estimateMinutes"] = minutes
    if isinstance(record.get("defer_until"), str):
        spec["deferUntil"] = record["defer_until"]
    if spec["type"] == "decision":
        spec["decision"] = {"question": (text or spec["title"])[:8192]}
    criteria = _criteria(record.get("acceptance_criteria"))
    for key, value in _overlay(record).items():
        spec[key] = value
    if criteria:
        spec["acceptance"] = {**spec.get("acceptance", {}), "criteria": criteria}
    if record["id"] in closed:
        return {**spec, "desired": "Cancel"}
    spec |= _edges(item, names, closed, notes)
    if _is_on_ice(record, waits="dependsOn" in spec):
        spec["desired"] = "Hold"
    return spec


def _overlay(record: Record) -> Body:
    """The part of the spec that only Ringmaster knows, where the record travelled through it."""
    metadata = record.get("metadata")
    own = metadata.get(OWN) if isinstance(metadata, dict) else None
    spec = own.get("spec") if isinstance(own, dict) else None
    return dict(spec) if isinstance(spec, dict) else {}


def _type(record: Record) -> str:
    kind = record.get("issue_type")
    return str(kind) if kind in ("epic", "subtask", "decision", "question") else "task"


def _is_on_ice(record: Record, *, waits: bool) -> bool:
    """Not to be started: put aside, no work item, or blocked by something that no dependency names."""
    if record.get("pinned") is True or record.get("is_template") is True:
        return True
    status = record.get("status")
    return status in ("deferred", "pinned") or (status == "blocked" and not waits)


def _edges(item: Item, names: Mapping[str, str], closed: set[str], notes: list[str]) -> Body:
    own = item.record["id"]
    parent, waits = "", []
    for edge in _list(item.record.get("dependencies")):
        target, kind = edge_key(edge)
        if kind not in WAITING | {CHILD} or target in closed or target in (own, ""):
            continue
        if target not in names:
            notes.append(f"{item.where}: {own} points to {target}, which is not there: left out")
        elif kind == CHILD:
            parent = parent or names[target]
        elif names[target] not in waits:
            waits.append(names[target])
    waits = [name for name in waits if name != parent]
    return {**({"parent": parent} if parent else {}), **({"dependsOn": waits} if waits else {})}


def _description(record: Record) -> str:
    text = _text(record.get("description"))
    for key, heading in SECTIONS.items():
        if more := _text(record.get(key)):
            text += heading + more
    return text[:TEXT]


def _criteria(value: object) -> list[str]:
    """A line each, without its bullet or box."""
    lines = [BULLET.sub("", line).strip() for line in _text(value).splitlines()]
    found = [line for line in lines if line]
    if len(found) > CRITERIA or any(len(line) > CRITERION for line in found):
        return [_text(value)[:CRITERION]]
    return found


def _text(value: object) -> str:
    return CONTROL.sub("", value) if isinstance(value, str) else ""


def _line(text: str) -> str:
    words = " ".join(_text(text).split())
    return words if len(words) <= TITLE else words[: TITLE - 1] + "…"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
