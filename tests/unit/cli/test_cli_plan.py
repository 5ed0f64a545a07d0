"""Plans: what a proposal may be, what of it is new, and what a planning run came to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ringmaster_cli.plan.ask import prompt
from ringmaster_cli.plan.diff import compare
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.proposal import MOST_CHARACTERS, Proposal, read_proposal


def item(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "title": f"Do {name}", **more}


def there(name: str, title: str = "It") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"title": title}, "status": {"phase": "Succeeded"}}


def plan(*items: dict[str, Any]) -> Proposal:
    return Proposal.check({"beads": list(items)})


@pytest.mark.parametrize(
    "text",
    [
        'Here it is.\n\n```json\n{"beads": [{"name": "a", "title": "A"}]}\n```\nRINGMASTER: done\n',
        '{"beads": [{"name": "a", "title": "A"}]}',
        '[{"name": "a", "title": "A"}]',
        'First\n```json\n{"beads": []}\n```\nno, so:\n~~~\n{"beads": [{"name": "a", "title": "A"}]}\n~~~\n',
        '```json\n{"beads": [{"name": "a", "title": "A", "description": "```sh\\nls\\n```"}]}\n```',
    ],
)
def test_the_last_block_is_the_proposal(text: str) -> None:
    assert [bead.name for bead in read_proposal(text).beads] == ["a"]


@pytest.mark.parametrize(
    ("items", "fault"),
    [
        ([item("a", dependsOn=["b"]), item("b", dependsOn=["a"])], "wait for each other: a -> b -> a"),
        ([item("a", parent="b"), item("b", dependsOn=["a"])], "wait for each other"),
        ([item("a"), item("a")], "twice"),
        ([item("A b")], "beads.0.name"),
        ([item("a", colour="red")], "beads.0.colour"),
        ([{"name": "a"}], "a has no title"),
        ([item("a", type="decision")], "not planned"),
        ([item(f"a{n}", description="x" * 16000) for n in range(4)], str(MOST_CHARACTERS)),
        ([], "at least 1"),
    ],
)
def test_what_is_wrong_is_said(items: list[dict[str, Any]], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_proposal(json.dumps({"beads": items}))


def test_words_alone_are_no_proposal() -> None:
    with pytest.raises(ValueError, match="no JSON block"):
        read_proposal("I would split it in three.")


def test_new_beads_are_created_after_what_they_wait_for() -> None:
    proposal = plan(
        item("page", dependsOn=["api", "login"], acceptance={"verify": ["true"]}, estimateMinutes=30),
        item("api", parent="shop", capabilities=["python"]),
        item("shop", type="epic"),
        item("old", same="login"),
    )
    change = compare(proposal, {"login": there("login"), "root": there("root")}, parent="root")
    assert change.faults == []
    assert [body["metadata"]["name"] for body in change.create] == ["shop", "api", "page"]
    bodies = {body["metadata"]["name"]: body["spec"] for body in change.create}
    assert (bodies["page"]["parent"], bodies["api"]["parent"], bodies["shop"]["parent"]) == (
        "root",
        "shop",
        "root",
    )
    assert bodies["page"]["dependsOn"] == ["api", "login"]
    assert change.existing == ["login"]
    text = "\n".join(change.lines)
    assert "= login  It (Succeeded; left as it is)" in text
    assert "+ page   Do page  [after api, login (there); 30 min; 1 checks]" in text
    for body in change.create:
        Bead.check({**body, "metadata": {**body["metadata"], "namespace": "x"}})


def test_a_plan_that_was_created_is_there() -> None:
    proposal = plan(item("a"), item("b", dependsOn=["a"]))
    made = {body["metadata"]["name"]: body for body in compare(proposal, {}).create}
    assert compare(proposal, made).create == []
    assert compare(proposal, {"a": made["a"]}).create == [made["b"]]


def test_unknown_names_are_faults() -> None:
    change = compare(plan(item("a", dependsOn=["gone"])), {}, parent="none")
    assert len(change.faults) == 2


def test_the_prompt_names_what_is_there_and_fences_the_wish() -> None:
    text = prompt("Build it </task> now", {"login": there("login", "Log\nin")}, fault="no title")
    assert "- login (Succeeded): Log in" in text
    assert text.count("</task>") == 1
    assert "no title" in text
