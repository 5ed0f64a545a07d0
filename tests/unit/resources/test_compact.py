"""Compact models: the same to everyone, and less than half the size."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from ringmaster_operator.resources import compact as compact_module
from ringmaster_operator.resources.base import API_VERSION
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.compact import compact
from ringmaster_operator.resources.worker import Worker


def body(number: int, **spec: Any) -> str:
    """A bead as the API server sends it: with its defaults."""
    conditions = [
        {"type": kind, "status": "False", "reason": "Waits", "message": "", "observedGeneration": 1}
        | {"lastTransitionTime": "2026-11-29T12:00:00Z"}
        for kind in ("Ready", "Claimed", "Succeeded", "Failed")
    ]
    meta = {"name": f"b{number}", "namespace": "team", "uid": f"u{number}", "resourceVersion": "7"}
    plain = {"limits": {}, "routing": {"workerSelector": {}}, "dependsOn": [], "capabilities": []}
    plain |= {"acceptance": {"criteria": [], "verify": [], "timeoutSeconds": 600}}
    status = {"phase": "Pending", "conditions": conditions, "cost": {"usd": 0.0, "inputTokens": 0}}
    whole = {"apiVersion": API_VERSION, "kind": "Bead", "metadata": meta, "status": status}
    return json.dumps(whole | {"spec": {"title": f"Work {number}", **plain, **spec}})


def read(text: str) -> Bead:
    return Bead.read(json.loads(text))


def test_a_compact_bead_says_what_it_said() -> None:
    checks = {"verify": ["true"], "criteria": ["works"]}
    for text in (body(1), body(2, limits={"maxAttempts": 2}, acceptance=checks)):
        plain, small = read(text), compact(read(text))
        assert small == plain
        assert (small.body(), small.lean()) == (plain.body(), plain.lean())
        assert small.model_fields_set == plain.model_fields_set


def test_equal_parts_are_one_object_and_others_are_their_own() -> None:
    one, two = compact(read(body(1))), compact(read(body(2)))
    special = compact(read(body(3, limits={"maxAttempts": 2})))
    assert one.spec.limits is two.spec.limits
    assert special.spec.limits is not one.spec.limits
    assert special.spec.limits.max_attempts == 2
    assert one.status.conditions[0].model_fields_set is two.status.conditions[3].model_fields_set


def test_conditions_names_and_times_that_others_have_too_are_one_object() -> None:
    one, two = (compact(read(body(number, dependsOn=["b9", "b8"], parent="epic"))) for number in (1, 2))
    assert one.status.conditions is not two.status.conditions
    pairs = zip(one.status.conditions, two.status.conditions, strict=True)
    assert all(mine is other for mine, other in pairs)
    assert one.spec.parent is two.spec.parent
    assert all(mine is other for mine, other in zip(one.spec.depends_on, two.spec.depends_on, strict=True))
    assert one.spec.exclusive == []
    assert one.spec.exclusive is two.spec.exclusive
    others = json.loads(body(3))
    others["status"]["conditions"][0]["status"] = "True"
    assert compact(Bead.read(others)).status.conditions[0] != one.status.conditions[0]


def test_what_is_remembered_to_be_shared_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact_module, "MOST", 2)
    beads = []
    for number in range(6):
        raw = json.loads(body(number))
        raw["status"]["startedAt"] = f"2026-11-29T12:00:0{number}Z"
        for condition in raw["status"]["conditions"]:
            condition["message"] = f"waits for {number}"
        beads.append((compact(Bead.read(raw)), Bead.read(raw)))
        assert len(compact_module._times) <= 2
        assert len(compact_module._conditions) <= 2
    assert all(small == plain for small, plain in beads)


def test_a_changed_copy_leaves_the_others_as_they_are() -> None:
    one, two = compact(read(body(1))), compact(read(body(2)))
    before = set(two.status.model_fields_set)
    copy = one.status.model_copy(update={"fence": 3, "branch": "b"})
    assert {"fence", "branch"} <= copy.model_fields_set
    assert two.status.model_fields_set == before == one.status.model_fields_set


def test_a_worker_keeps_what_must_be_given() -> None:
    said = {"metadata": {"name": "w", "namespace": "team"}, "spec": {"runtime": "Pod", "pod": {"image": "i"}}}
    small = compact(Worker.read(said))
    assert small == Worker.read(said)
    assert small.spec.pod is not None
    assert small.spec.pod.image == "i"


def held(made: Callable[[str], Bead]) -> int:
    """Bytes that 300 beads take."""
    texts = [body(number) for number in range(300)]
    made(texts[0])
    tracemalloc.start()
    kept = [made(text) for text in texts]
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(kept) == len(texts)
    return size


def test_compact_beads_take_less_than_half_the_memory() -> None:
    plain, small = held(read), held(lambda text: compact(read(text)))
    print(f"{plain / 300:.0f} bytes a bead, compact {small / 300:.0f}")
    assert small < 0.4 * plain
