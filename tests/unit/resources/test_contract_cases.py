"""The models' verdicts on the cases that the API server judges too (tests/cluster/test_crds.py)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from ringmaster_operator.resources.compact import compact
from ringmaster_operator.resources.crd import DEFINITIONS
from ringmaster_operator.resources.crd_schema import structural
from ringmaster_operator.resources.rules import broken_transitions

ROOT = Path(__file__).parents[3]
MODELS = {definition.kind: definition.model for definition in DEFINITIONS}


def unfold(text: str) -> Any:
    """The cases, with `<x*3>` written out."""
    return yaml.safe_load(re.sub(r"<(.)\*(\d+)>", lambda m: m[1] * int(m[2]), text))


CASES = unfold((Path(__file__).parent / "cases.yaml").read_text(encoding="utf-8"))


def body(case: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """The whole object of a case."""
    return {
        "apiVersion": "ringmaster.dev/v1alpha1",
        "kind": case["kind"],
        "metadata": case.get("metadata", {"name": "x"}),
        "spec": spec,
    }


def path(location: tuple[int | str, ...]) -> str:
    """A pydantic location as the API server writes a field's path."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def titled(case: dict[str, Any]) -> str:
    """A short name for a case."""
    return f"{case['kind']}: {str(case['spec'])[:70]!r}"


@pytest.mark.parametrize("case", [case for case in CASES if "refused" not in case], ids=titled)
def test_good_objects_are_accepted_and_keep_their_form(case: dict[str, Any]) -> None:
    model = MODELS[case["kind"]]
    read = model.check(body(case, case["spec"]))
    assert model.check(read.body()) == read
    if "old" in case:
        assert broken_transitions(model.check(body(case, case["old"])), read) == []


@pytest.mark.parametrize("case", [case for case in CASES if "refused" in case], ids=titled)
def test_bad_objects_are_refused_where_and_why(case: dict[str, Any]) -> None:
    model = MODELS[case["kind"]]
    if "old" in case:
        old, new = (model.check(body(case, case[which])) for which in ("old", "spec"))
        assert broken_transitions(old, new) == [case["refused"]]
        return
    with pytest.raises(ValidationError) as caught:
        model.check(body(case, case["spec"]))
    found = caught.value.errors()
    at = case.get("at", "")
    assert any(at.startswith(where) or where.startswith(at) for where in (path(e["loc"]) for e in found)), (
        found
    )
    if case["refused"] != "schema":
        assert case["refused"] in [error["msg"] for error in found]


def test_every_rule_has_a_case_that_breaks_it() -> None:
    written = {message for model in MODELS.values() for message in messages(structural(model))}
    broken = {case["refused"] for case in CASES if "refused" in case}
    assert written <= broken, written - broken


def messages(node: Any) -> list[str]:
    """The messages of all rules in a schema."""
    if isinstance(node, list):
        return [message for item in node for message in messages(item)]
    if not isinstance(node, dict):
        return []
    own = [rule["message"] for rule in node.get("x-kubernetes-validations", [])]
    return own + [message for item in node.values() for message in messages(item)]


@pytest.mark.parametrize(
    "file", sorted((ROOT / "kustomize" / "samples").glob("*.yaml")), ids=lambda f: f.name
)
def test_samples_are_good(file: Path) -> None:
    documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    assert documents
    for document in documents:
        read: BaseModel = MODELS[document["kind"]].check(document)
        assert read.model_dump()["metadata"]["name"] == document["metadata"]["name"]


@pytest.mark.parametrize("case", [case for case in CASES if "refused" not in case], ids=titled)
def test_good_objects_can_be_kept_compact(case: dict[str, Any]) -> None:
    model = MODELS[case["kind"]].check(body(case, case["spec"]))
    kept = compact(MODELS[case["kind"]].check(body(case, case["spec"])))
    assert kept == model
    assert kept.body() == model.body()
