"""The formats that backlogs come in, each as records of bd's JSONL. Pure: text in, records out."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

from ringmaster_cli.exits import UsageError
from ringmaster_cli.intake import github, markdown
from ringmaster_cli.intake.draft import Item
from ringmaster_cli.intake.kinds import Format
from ringmaster_cli.intake.names import slug
from ringmaster_cli.intake.record import CHILD, FIELDS, OWN, Record
from ringmaster_cli.intake.yaml_text import documents

SHORT = {"after": "dependencies", "parent": "dependencies", "spec": "metadata", "type": "issue_type"}
"""Keys of YAML that bd writes in another way."""
SURROGATE = re.compile("[\ud800-\udfff]")
AWKWARD = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff]")
FORMULA = re.compile("[\t\r\n ]*[=+@\uff0b\uff0d\uff1d\uff20-]")
"""How a text begins that a spreadsheet would run."""


def parse(text: str, form: Format, *, file: str, source: str) -> list[Item]:
    """The records of a file. Raises UsageError that names the line."""
    readers: dict[Format, Callable[[str, str, str], list[Item]]] = {
        Format.BEADS: _jsonl,
        Format.CSV: _csv,
        Format.GITHUB: github.parse,
        Format.MARKDOWN: markdown.parse,
        Format.YAML: _yaml,
    }
    return readers[form](text.removeprefix("\ufeff"), file, source)


def _jsonl(text: str, file: str, source: str) -> list[Item]:
    found: list[Item] = []
    # Not splitlines(): JSON may hold U+2028 and its like as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as fault:
            raise UsageError(f"{where}: no JSON: {fault}") from None
        if not isinstance(record, dict):
            raise UsageError(f"{where}: each line must be one JSON object")
        found.append(Item(record, where))
    return found


def write_jsonl(records: list[Record]) -> str:
    """A line a record, as `bd import` takes them."""
    return "".join(_json(record) + "\n" for record in records)


def _json(value: Any) -> str:
    """As people read it; escaped where half a character would make it no UTF-8."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or not SURROGATE.search(text) else json.dumps(value)


def _csv(text: str, file: str, source: str) -> list[Item]:
    found = []
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = next(rows, [])
        for number, row in enumerate(rows, 2):
            record = {key: _value(cell) for key, cell in zip(head, row, strict=False) if cell != ""}
            if record:
                found.append(Item(record, f"{file}: row {number}"))
    except csv.Error as fault:
        raise UsageError(f"{file}: no CSV: {fault}") from None
    return found


def write_csv(records: list[Record]) -> str:
    """A row a record; texts as they are, all else as JSON; an empty cell is a field that is not there."""
    names = [name for name in FIELDS if any(name in record for record in records)]
    names += sorted({name for record in records for name in record} - set(names))
    out = io.StringIO(newline="")
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(names)
    rows.writerows([_cell(record[name]) if name in record else "" for name in names] for record in records)
    return out.getvalue()


def _cell(value: Any) -> str:
    """A text that would be read back as something else, or run as a formula, is quoted once more."""
    plain = isinstance(value, str) and value and _value(value) == value
    if plain and not AWKWARD.search(value) and not FORMULA.match(value):
        return str(value)
    return _json(value)


def _value(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


def _yaml(text: str, file: str, source: str) -> list[Item]:
    found: list[Item] = []
    for document in documents(text, file):
        for entry in document if isinstance(document, list) else [document]:
            where = f"{file}: entry {len(found) + 1}"
            if not isinstance(entry, dict):
                raise UsageError(f"{where}: each entry must have fields, as `title: ...`")
            if "kind" in entry and "apiVersion" in entry:
                raise UsageError(f"{where}: that is an object of Kubernetes: kubectl apply -f {file}")
            found.append(Item(_long(entry, where), where))
    return found


def _long(entry: Record, where: str) -> Record:
    """An entry with its short keys written out."""
    record = {str(key): _plain(value) for key, value in entry.items() if key not in SHORT}
    record.setdefault("id", slug(str(entry.get("title", ""))))
    if isinstance(record.get("priority"), str) and record["priority"][:1] in ("P", "p"):
        record["priority"] = int(record["priority"][1:]) if record["priority"][1:].isdigit() else -1
    if "type" in entry:
        record["issue_type"] = entry["type"]
    after = entry.get("after", [])
    edges = [{"depends_on_id": str(name)} for name in (after if isinstance(after, list) else [after])]
    if "parent" in entry:
        edges.append({"depends_on_id": str(entry["parent"]), "type": CHILD})
    if edges:
        record["dependencies"] = [*record.get("dependencies", []), *edges]
    if isinstance(record.get("acceptance_criteria"), list):
        record["acceptance_criteria"] = "\n".join(map(str, record["acceptance_criteria"]))
    if "spec" in entry:
        if not isinstance(entry["spec"], dict):
            raise UsageError(f"{where}: spec must have fields, as those of a Bead")
        record["metadata"] = {**(record.get("metadata") or {}), OWN: {"spec": _plain(entry["spec"])}}
    return record


def _plain(value: Any) -> Any:
    """YAML's dates as texts: JSON has none."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else _date(value)


def _date(value: Any) -> str:
    from datetime import UTC, datetime

    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat().replace("+00:00", "Z")
    return str(value)
