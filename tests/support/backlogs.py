"""Backlogs as bd exports them, made up of its documented fields."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]
TYPES = ("bug", "feature", "task", "task", "chore", "question")
STATES = ("open", "open", "open", "in_progress", "blocked", "deferred", "closed")
WORDS = ["parser", "cache", "login", "über", "naïve", "日本", "rate-limit", "'one'", '"two"', "a\\b", "a\tb"]
START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def export(count: int, seed: int = 1) -> list[Record]:
    """So many records: epics with children, blockers, comments, labels, and fields of every kind."""
    chance = random.Random(seed)
    records: list[Record] = []
    for number in range(count):
        record = _record(chance, number)
        if number % 25:
            epic = f"bd-{number - number % 25:04x}"
            record["dependencies"] = [_edge(record["id"], epic, "parent-child", chance)]
        else:
            record["issue_type"] = "epic"
            record["status"] = "open"
            record["dependencies"] = []
        _point(record, records, chance)
        if not record["dependencies"]:
            del record["dependencies"]
        if record["status"] == "closed":
            record["closed_at"] = _time(chance)
            record["close_reason"] = "done by hand"
        records.append(record)
    return records


def _point(record: Record, earlier: list[Record], chance: random.Random) -> None:
    others = [other["id"] for other in earlier[-20:] if other["issue_type"] != "epic"]
    if record["issue_type"] == "epic" or not others:
        return
    for kind in ("blocks", "blocks", "related", "discovered-from"):
        if chance.random() < 0.3:
            target = chance.choice(others)
            if all(edge["depends_on_id"] != target for edge in record["dependencies"]):
                record["dependencies"].append(_edge(record["id"], target, kind, chance))


def _edge(own: str, target: str, kind: str, chance: random.Random) -> Record:
    return {
        "issue_id": own,
        "depends_on_id": target,
        "type": kind,
        "created_at": _time(chance),
        "created_by": "ada",
    }


def _time(chance: random.Random) -> str:
    at = START + timedelta(seconds=chance.randrange(10_000_000), microseconds=chance.randrange(1_000_000))
    return at.isoformat() if chance.random() < 0.2 else at.isoformat().replace("+00:00", "Z")


def _text(chance: random.Random, lines: int) -> str:
    return "\n".join(" ".join(chance.choices(WORDS, k=8)) for _ in range(lines))


def _record(chance: random.Random, number: int) -> Record:
    record: Record = {
        "id": f"bd-{number:04x}",
        "title": f"{number}: " + " ".join(chance.choices(WORDS, k=chance.choice((3, 8, 60)))),
        "status": chance.choice(STATES),
        "priority": chance.randrange(5),
        "issue_type": chance.choice(TYPES),
        "created_at": _time(chance),
        "created_by": "ada",
        "updated_at": _time(chance),
    }
    optional: Record = {
        "description": _text(chance, 5),
        "design": _text(chance, 2),
        "acceptance_criteria": "- [ ] it works\n- [x] " + _text(chance, 2),
        "notes": _text(chance, 3),
        "assignee": chance.choice(("ada", "grace")),
        "owner": "ada@example.com",
        "estimated_minutes": chance.randrange(0, 480),
        "due_at": _time(chance),
        "external_ref": f"gh-{number}",
        "source_system": "github",
        "metadata": {"files": ["a.py", "b.py"], "deep": {"n": 1.5, "none": None, "yes": True}},
        "labels": chance.sample(["backend", "bug", "size:small", "needs review", "Ünicode"], k=3),
        "comments": [
            {"id": n, "issue_id": record["id"], "author": "grace", "text": _text(chance, 2),
             "created_at": _time(chance)}
            for n in range(chance.randrange(1, 5))
        ],
        "spec_id": "SPEC-7",
        "compaction_level": 1,
        "original_size": 4711,
        "pinned": chance.random() < 0.05,
        "a_field_of_tomorrow": [1, {"two": "three"}],
    }  # fmt: skip
    return record | {key: value for key, value in optional.items() if chance.random() < 0.4}
