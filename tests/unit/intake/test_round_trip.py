"""What goes in comes out: records become beads and beads records, and nothing is lost on the way."""

from __future__ import annotations

import copy
import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.intake.draft import Item, drafts
from ringmaster_cli.intake.formats import parse, write_csv, write_jsonl
from ringmaster_cli.intake.kinds import Format
from ringmaster_cli.intake.record import identifier_of, record_of
from ringmaster_operator.resources.bead import Bead
from support.backlogs import export

Record = dict[str, Any]
Body = dict[str, Any]

texts = st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
edges = st.lists(
    st.fixed_dictionaries(
        {"depends_on_id": st.sampled_from(["a", "B", "c c", "nowhere"])},
        optional={"type": st.sampled_from(["blocks", "parent-child", "related"]), "metadata": values},
    ),
    max_size=4,
)
records = st.fixed_dictionaries(
    {"title": texts.filter(str.strip)},
    optional={
        "priority": st.integers(0, 4),
        "description": st.text(max_size=80) | st.sampled_from(["x\n\n## Design\n\ny", "\n\n## Notes\n\n"]),
        "design": values,
        "notes": texts,
        "acceptance_criteria": st.sampled_from(["", "- a\n- b", "a\nb", " 1. x "]) | values,
        "status": st.sampled_from(["open", "closed", "blocked", "deferred", "in_progress", "tombstone"])
        | values,
        "issue_type": st.sampled_from(["bug", "task", "epic", "decision", "question"]) | values,
        "estimated_minutes": values,
        "labels": st.lists(st.sampled_from(["a", "a:b", "a:c", "q q", ""]), max_size=4) | values,
        "dependencies": edges | values,
        "metadata": values | st.fixed_dictionaries({"ringmaster": values}),
        "created_at": texts,
        "closed_at": values,
        "id2": values,
    },
)


def through(given_records: list[Record]) -> list[Record]:
    made = drafts([Item(record, "here") for record in given_records], source="beads")
    assert made.faults == []
    return back(made.bodies)


def back(bodies: list[Body]) -> list[Record]:
    identifiers = {body["metadata"]["name"]: identifier_of(body) for body in bodies}
    return [record_of(body, identifiers) for body in bodies]


@given(st.lists(records, min_size=1, max_size=3))
def test_any_records_come_back_as_they_were(given_records: list[Record]) -> None:
    named = [{**record, "id": name} for record, name in zip(given_records, ("a", "B", "c c"), strict=False)]
    made = drafts([Item(record, "here") for record in named], source="beads")
    # Beyond what the spec's own rules refuse, nothing is refused.
    if made.faults:
        assert all("defer" in fault or "spec" in fault for fault in made.faults), made.faults
        return
    assert json.dumps(back(made.bodies), sort_keys=True) == json.dumps(named, sort_keys=True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_backlog_comes_back_through_each_file_format(seed: int) -> None:
    backlog = export(120, seed)
    for form, write in ((Format.BEADS, write_jsonl), (Format.CSV, write_csv)):
        items = parse(write(through(backlog)), form, file="f", source="beads")
        assert [item.record for item in items] == backlog


@given(st.lists(st.dictionaries(st.sampled_from("abcde"), values, min_size=1), min_size=1, max_size=4))
def test_csv_and_jsonl_lose_nothing(rows: list[Record]) -> None:
    for form, write in ((Format.BEADS, write_jsonl), (Format.CSV, write_csv)):
        text = write(rows).encode().decode()
        assert [item.record for item in parse(text, form, file="f", source="s")] == rows


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "\n=1", "\uff1d1+1"])
def test_a_spreadsheet_runs_nothing_of_a_backlog(text: str) -> None:
    written = write_csv([{"id": "a", "title": text}])
    _, (_, cell) = csv.reader(io.StringIO(written, newline=""))
    assert cell.startswith('"')
    assert [item.record["title"] for item in parse(written, Format.CSV, file="f", source="s")] == [text]


def test_names_references_and_labels_are_the_same_each_time() -> None:
    backlog = export(30)
    once, twice = (drafts([Item(record, "f") for record in backlog], source="beads").bodies for _ in "12")
    assert once == twice
    for body in once:
        assert body["metadata"]["annotations"]["ringmaster.dev/external-ref"].startswith("beads:bd-")
        Bead.check(body)


def bead(record: Record, **others: Record) -> Body:
    items = [
        Item(record, "f"),
        *(Item({"id": name, "title": name, **more}, "f") for name, more in others.items()),
    ]
    made = drafts(items, source="beads")
    assert made.faults == []
    return made.bodies[0]


def one(body: Body) -> Record:
    return record_of(body, {body["metadata"]["name"]: identifier_of(body)})


FULL: Record = {
    "id": "bd-1",
    "title": "T",
    "status": "in_progress",
    "priority": 1,
    "issue_type": "bug",
    "description": "d",
    "dependencies": [
        {"issue_id": "bd-1", "depends_on_id": "x", "type": "blocks", "created_by": "ada"},
        {"issue_id": "bd-1", "depends_on_id": "y", "type": "related"},
    ],
    "metadata": {"theirs": 1},
    "updated_at": "2026-01-01T00:00:00Z",
}


def test_what_people_changed_comes_out_changed_and_the_rest_as_it_was() -> None:
    body = bead(FULL, x={}, z={})
    body["spec"] |= {"priority": "P0", "dependsOn": ["z"], "capabilities": ["python"]}
    changed = one(body)
    assert changed == FULL | {
        "priority": 0,
        "dependencies": [
            FULL["dependencies"][1],
            {"issue_id": "bd-1", "depends_on_id": "z", "type": "blocks"},
        ],
        "metadata": {"theirs": 1, "ringmaster": {"spec": {"capabilities": ["python"]}}},
    }


def test_what_came_of_the_work_comes_out() -> None:
    body = bead(FULL, x={})
    body["status"] = {
        "phase": "Succeeded",
        "attempts": 2,
        "finishedAt": "2026-02-03T04:05:06Z",
        "branch": "ringmaster/bd-1",
        "outcome": {"kind": "success", "confidence": 1, "summary": "done well"},
    }
    worked = one(body)
    assert worked["status"] == "closed"
    assert worked["closed_at"] == worked["updated_at"] == "2026-02-03T04:05:06Z"
    assert worked["close_reason"] == "done well"
    assert worked["metadata"]["theirs"] == 1
    assert worked["metadata"]["ringmaster"]["status"]["branch"] == "ringmaster/bd-1"
    untouched = ("title", "issue_type", "priority", "dependencies", "description")
    assert all(worked[key] == FULL[key] for key in untouched)


def test_what_was_closed_elsewhere_keeps_its_own_end() -> None:
    record = {"id": "bd-2", "title": "T", "status": "closed", "closed_at": "2025-12-24T00:00:00Z"}
    body = bead(record)
    assert body["spec"]["desired"] == "Cancel"
    body["status"] = {"phase": "Cancelled", "finishedAt": "2026-02-03T04:05:06Z"}
    assert one(body) == record


def test_a_bead_of_ringmasters_own_travels_with_its_whole_spec() -> None:
    spec = {
        "title": "T",
        "description": "What to do",
        "priority": "P3",
        "capabilities": ["python"],
        "acceptance": {"criteria": ["it works"], "verify": ["make test"]},
        "limits": {"maxAttempts": 2},
        "repository": {"url": "https://git.example.com/a.git"},
        "labels": {},
    }
    del spec["labels"]
    body = {
        "apiVersion": "ringmaster.dev/v1alpha1",
        "kind": "Bead",
        "metadata": {"name": "own", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec,
    }
    record = one(body)
    assert record["created_at"] == "2026-01-01T00:00:00Z"
    again = bead(copy.deepcopy(record))
    assert Bead.check(again).spec == Bead.check(body).spec
    assert again["metadata"]["name"] == "own"
    assert one(again) == record
