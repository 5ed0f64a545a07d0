"""GitHub's issues, as `gh issue list --json` or the REST API give them, as records of bd's JSONL. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from ringmaster_cli.exits import UsageError
from ringmaster_cli.intake.draft import Item
from ringmaster_cli.intake.record import Record

WAITS = re.compile(
    r"^[ \t>*-]*(?:depends on|blocked by|waits for)[: \t]+((?:#\d+(?:[ ,]|and)*)+)", re.I | re.MULTILINE
)
NUMBER = re.compile(r"#(\d+)")
PRIORITY = re.compile(r"(?:.*[ /:_-])?p([0-4])", re.IGNORECASE)
TYPES = {"bug": "bug", "enhancement": "feature", "feature": "feature", "epic": "epic", "question": "question"}
HOMED = frozenset({"number", "title", "body"})


def parse(text: str, file: str, source: str) -> list[Item]:
    """One record for each issue; pull requests are left out. Raises UsageError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise UsageError(f"{file}: no JSON: {fault}") from None
    issues = found if isinstance(found, list) else [found]
    items = []
    for place, issue in enumerate(issues, 1):
        where = f"{file}: issue {place}"
        if not isinstance(issue, dict) or not isinstance(issue.get("number"), int):
            raise UsageError(
                f"{where}: no issue of GitHub: it has no number; ask gh for number,title,body,..."
            )
        if not issue.get("pull_request"):
            record = _record(issue)
            items.append(Item(record, where, str(record.get("external_ref", ""))))
    return items


def _record(issue: dict[str, Any]) -> Record:
    labels = [name for label in _list(issue.get("labels")) if (name := _name(label))]
    record: Record = {
        "id": f"gh-{issue['number']}",
        "title": issue.get("title"),
        "description": str(issue.get("body") or "").replace("\r\n", "\n"),
        "status": "closed" if str(issue.get("state", "")).lower() == "closed" else "open",
        "priority": next((int(m[1]) for label in labels if (m := PRIORITY.fullmatch(label))), 2),
        "issue_type": next((TYPES[label.lower()] for label in labels if label.lower() in TYPES), "task"),
        "labels": labels,
        "dependencies": [
            {"depends_on_id": f"gh-{number}"}
            for line in WAITS.findall(str(issue.get("body") or ""))
            for number in NUMBER.findall(line)
        ],
        "metadata": {"github": {key: value for key, value in issue.items() if key not in HOMED}},
    }
    for ours, theirs in (
        ("external_ref", ("html_url", "url")),
        ("created_at", ("createdAt", "created_at")),
        ("updated_at", ("updatedAt", "updated_at")),
        ("closed_at", ("closedAt", "closed_at")),
    ):
        if value := next((issue[key] for key in theirs if issue.get(key)), None):
            record[ours] = value
    if people := [name for person in _list(issue.get("assignees")) if (name := _name(person))]:
        record["assignee"] = people[0]
    return record


def _name(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("name") or value.get("login")
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
