"""Other trackers' words in Ringmaster's: what each format says, and what is told where it says nonsense."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ringmaster_cli.exits import UsageError
from ringmaster_cli.intake.draft import Item, drafts
from ringmaster_cli.intake.formats import parse
from ringmaster_cli.intake.kinds import Format, format_of
from ringmaster_cli.intake.names import labels_of, name_of, words_of

Record = dict[str, Any]


def specs(text: str, form: Format, file: str = "todo.md") -> dict[str, Record]:
    made = drafts(parse(text, form, file=file, source="todo"), source="todo")
    assert made.faults == []
    return {body["spec"]["title"]: {**body["spec"], "name": body["metadata"]["name"]} for body in made.bodies}


CHECKLIST = """\
# Release

Some words about it.

- [ ] Write the docs (P1)
  Say how it is installed.

      make install
  - [ ] Draft
  - [x] Outline
- [x] Tag
* [ ] Tell people

```
- [ ] not a box
```

## Order

1. [ ] First
2. [ ] Second (p0)
   - [ ] inner
3. [ ] Third
- [ ] Draft
"""


def test_a_checklist_becomes_beads() -> None:
    found = specs(CHECKLIST, Format.MARKDOWN)
    docs = found["Write the docs"]
    assert docs["type"] == "epic"
    assert docs["priority"] == "P1"
    assert docs["description"] == "Say how it is installed.\n\n    make install"
    assert found["Outline"] == found["Outline"] | {"desired": "Cancel"}
    assert "parent" not in found["Outline"]
    assert found["Tag"]["desired"] == "Cancel"
    assert found["Tell people"]["type"] == "task"
    assert "not a box" not in found
    assert found["Second"]["dependsOn"] == [found["First"]["name"]]
    assert found["Third"]["dependsOn"] == [found["Second"]["name"]]
    assert found["Second"]["priority"] == "P0"
    assert found["inner"]["parent"] == found["Second"]["name"]
    assert "dependsOn" not in found["First"]


def test_a_box_keeps_its_bead_wherever_it_moves_below_the_same_words() -> None:
    before = parse("- [ ] a\n- [ ] b\n- [ ] b\n", Format.MARKDOWN, file="f.md", source="s")
    after = parse("- [x] b\n- [ ] new\n- [ ] a (P0)\n- [ ] b\n", Format.MARKDOWN, file="f.md", source="s")
    ids = [{item.record["id"] for item in items} for items in (before, after)]
    assert len(ids[0]) == 3
    assert ids[0] < ids[1]


ISSUE: Record = {
    "number": 7,
    "title": "Crash on start",
    "body": "It crashes.\r\n\r\n- Depends on #5, #6 and #9\r\nSee #8",
    "labels": [{"name": "bug"}, {"name": "priority: P1"}, {"name": "good first issue"}],
    "state": "OPEN",
    "url": "https://github.com/a/b/issues/7",
    "assignees": [{"login": "ada"}],
    "createdAt": "2026-01-01T00:00:00Z",
    "reactionGroups": [],
}


def test_issues_of_github_become_beads() -> None:
    others = [{**ISSUE, "number": n, "title": f"{n}", "body": None, "url": f"u{n}"} for n in (5, 6)]
    pull = {"number": 9, "title": "PR", "pull_request": {"url": "x"}}
    closed = {"number": 6, "title": "6", "state": "CLOSED", "closedAt": "2026-01-02T00:00:00Z"}
    text = json.dumps([ISSUE, others[0], closed, pull])
    items = parse(text, Format.GITHUB, file="issues.json", source="issues")
    made = drafts(items, source="issues")
    first = made.bodies[0]
    assert [body["metadata"]["name"] for body in made.bodies] == ["gh-7", "gh-5", "gh-6"]
    assert first["spec"]["dependsOn"] == ["gh-5"]
    assert first["spec"]["priority"] == "P1"
    assert first["spec"]["description"] == "It crashes.\n\n- Depends on #5, #6 and #9\nSee #8"
    assert first["metadata"]["annotations"]["ringmaster.dev/external-ref"] == ISSUE["url"]
    assert first["metadata"]["labels"]["label.ringmaster.dev/bug"] == ""
    assert made.bodies[2]["spec"]["desired"] == "Cancel"
    assert made.notes == ["issues.json: issue 1: gh-7 points to gh-9, which is not there: left out"]
    assert items[0].record["metadata"]["github"]["reactionGroups"] == []
    assert items[0].record["issue_type"] == "bug"
    assert items[0].record["assignee"] == "ada"


SHORT = """\
- title: Set up
  type: epic
- id: schema
  title: Write the schema
  priority: P0
  parent: set-up
  acceptance_criteria: [tables exist, tests pass]
  defer_until: 2026-05-01T00:00:00Z
  spec:
    capabilities: [sql]
    acceptance: {verify: [make test]}
- title: Load data
  after: schema
"""


def test_yaml_is_the_short_form() -> None:
    found = specs(SHORT, Format.YAML)
    assert found["Set up"]["type"] == "epic"
    assert found["Write the schema"] == {
        "name": "schema",
        "title": "Write the schema",
        "type": "task",
        "priority": "P0",
        "parent": "set-up",
        "deferUntil": "2026-05-01T00:00:00Z",
        "capabilities": ["sql"],
        "acceptance": {"verify": ["make test"], "criteria": ["tables exist", "tests pass"]},
    }
    assert found["Load data"]["dependsOn"] == ["schema"]
    assert found["Load data"]["priority"] == "P2"


BD: Record = {"id": "bd-1", "title": "T"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"status": "deferred"}, {"desired": "Hold"}),
        ({"status": "blocked"}, {"desired": "Hold"}),
        ({"pinned": True}, {"desired": "Hold"}),
        ({"is_template": True}, {"desired": "Hold"}),
        ({"status": "tombstone"}, {"desired": "Cancel"}),
        ({"issue_type": "bug"}, {"type": "task"}),
        (
            {"issue_type": "decision", "description": "Red or blue?"},
            {"decision": {"question": "Red or blue?"}},
        ),
        ({"estimated_minutes": 90}, {"estimateMinutes": 90}),
        ({"design": "D", "notes": "N"}, {"description": "\n\n## Design\n\nD\n\n## Notes\n\nN"}),
        ({"acceptance_criteria": "- [ ] a\n\n2. b"}, {"acceptance": {"criteria": ["a", "b"]}}),
        ({"title": "x" * 300}, {"title": "x" * 255 + "…"}),
        ({"title": "a\nb\x1b[31m"}, {"title": "a b[31m"}),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_bds_fields_in_ringmasters_words(more: Record, expected: Record) -> None:
    made = drafts([Item(BD | more, "f:1")], source="beads")
    assert made.faults == []
    spec = made.bodies[0]["spec"]
    assert spec == spec | expected


def test_what_blocks_it_is_reason_enough_to_wait() -> None:
    record = BD | {"status": "blocked", "dependencies": [{"depends_on_id": "x", "type": "blocks"}]}
    made = drafts([Item(record, "f:1"), Item({"id": "x", "title": "x"}, "f:2")], source="beads")
    assert made.bodies[0]["spec"]["dependsOn"] == ["x"]
    assert "desired" not in made.bodies[0]["spec"]


def test_a_parent_that_also_blocks_is_the_parent_alone() -> None:
    edges = [{"depends_on_id": "x", "type": kind} for kind in ("blocks", "parent-child", "blocks")]
    made = drafts([Item(BD | {"dependencies": edges}, "f"), Item({"id": "x", "title": "x"}, "f")], source="b")
    assert made.faults == []
    assert made.bodies[0]["spec"]["parent"] == "x"
    assert "dependsOn" not in made.bodies[0]["spec"]


def test_beads_of_the_cluster_can_be_pointed_to() -> None:
    record = BD | {"dependencies": [{"depends_on_id": "Old One", "type": "blocks"}]}
    made = drafts([Item(record, "f")], source="beads", known={"Old One": "old-one-1"})
    assert made.bodies[0]["spec"]["dependsOn"] == ["old-one-1"]


@pytest.mark.parametrize(
    ("records", "fault"),
    [
        ([{"title": "T"}], "f:1: id is missing, or no text"),
        ([{"id": "a", "title": " "}], "f:1: title is missing, or no text"),
        ([{"id": "a", "title": "T", "priority": 7}], "f:1: priority is 7, it must be 0 (most urgent) to 4"),
        ([BD, BD], "bd-1 stands there 2 times"),
        ([BD, BD | {"id": "BD-1"}], "BD-1 and bd-1 would both be named bd-1: rename one"),
        ([BD | {"comments": "ü" * 60_000}], "f:1: bd-1 is too large for one bead (360"),
        ([BD | {"defer_until": "soon"}], "f:1: spec.deferUntil: "),
        ([BD | {"metadata": {"ringmaster": {"spec": {"colour": 1}}}}], "f:1: spec.colour: Extra inputs"),
    ],
)
def test_nonsense_is_named(records: list[Record], fault: str) -> None:
    items = [Item(record, f"f:{number}") for number, record in enumerate(records, 1)]
    assert [line[: len(fault)] for line in drafts(items, source="beads").faults] == [fault]


def aliases(levels: int, each: int) -> str:
    """A short text whose last line stands for each ** levels values."""
    lines = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * each)}]" for level in range(1, levels)]
    return "\n".join(["title: x", f"a0: &a0 [{', '.join('x' * each)}]", *lines])


def test_aliases_that_stand_for_little_are_read() -> None:
    entry = "title: x\nspec: {acceptance: &how {verify: [make]}, metadata: {same: *how}}\n"
    (found,) = parse(entry, Format.YAML, file="f", source="s")
    spec = found.record["metadata"]["ringmaster"]["spec"]
    assert spec["metadata"]["same"] == spec["acceptance"] == {"verify": ["make"]}


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ('{"id": "a"}\n{', Format.BEADS, "f:2: no JSON"),
        ("[]", Format.BEADS, "f:1: each line must be one JSON object"),
        ("{", Format.GITHUB, "f: no JSON"),
        ('[{"title": "x"}]', Format.GITHUB, "f: issue 1: no issue of GitHub"),
        ("a: [", Format.YAML, "f: no YAML"),
        ("- word", Format.YAML, "f: entry 1: each entry must have fields"),
        ("apiVersion: v1\nkind: Bead", Format.YAML, "kubectl apply -f f"),
        ("- {title: x, spec: y}", Format.YAML, "f: entry 1: spec must have fields"),
        ('id,title\n"a', Format.CSV, "f: no CSV"),
        ("[" * 200_000, Format.BEADS, "f:1: no JSON"),
        ("[" * 200_000, Format.GITHUB, "f: no JSON"),
        ("a: " + "[" * 200_000, Format.YAML, "f: no YAML"),
        (aliases(9, 10), Format.YAML, "f: its aliases stand for 1[0-9,]+ values: too many"),
        (aliases(200, 1), Format.YAML, "f: it nests deeper than 100 levels"),
        ("title: &own [*own]", Format.YAML, "f: it nests deeper than 100 levels"),
        ("title: 2026-13-77", Format.YAML, "f: no YAML: month must be in 1..12"),
    ],
)
def test_a_file_that_is_no_such_file(text: str, form: Format, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        parse(text, form, file="f", source="s")


def test_formats_by_their_endings() -> None:
    assert format_of("a/issues.JSONL") is Format.BEADS
    assert format_of("TODO.md") is Format.MARKDOWN
    with pytest.raises(UsageError, match="say what it is with --format"):
        format_of("-")


def test_names() -> None:
    assert name_of("bd-a1.2") == "bd-a1.2"
    assert name_of("CL-1") == "cl-1"
    assert name_of("a b").startswith("a-b-")
    assert name_of("a_b") != name_of("a b")
    assert name_of("日本").startswith("bead-")
    assert len(name_of("x" * 500)) <= 100


def test_labels() -> None:
    assert words_of(labels_of(["b", "a", "size:small", "needs review", "x:y:z", ":", "a:"])) == [
        "a",
        "b",
        "size:small",
    ]
