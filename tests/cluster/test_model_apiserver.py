"""The API server that the protocol's model stands on answers as a real one does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ringmaster_operator import json_patches
from ringmaster_operator.kube import BEADS, Kube, KubeError
from ringmaster_operator.kube_errors import explained
from ringmaster_operator.resources.bead import Bead
from support.model.apiserver import ApiServer

pytestmark = pytest.mark.cluster

Step = tuple[str, str, dict[str, Any]]
"""Method, path after the beads' own, and the rest of Kube.request()."""
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
CLAIM = {"id": "claim-0001", "worker": "w", "session": "s", "fence": 1, "since": "2026-01-15T12:00:00Z"}


def body(name: str) -> dict[str, Any]:
    return {
        "apiVersion": BEADS.api_version,
        "kind": "Bead",
        "metadata": {"name": name},
        "spec": {"title": name},
    }


def patch(path: str, change: dict[str, Any], version: str = "") -> Step:
    if version:
        change = {**change, "metadata": {"resourceVersion": version}}
    return "PATCH", path, {"body": change, "content_type": MERGE}


def where(path: str, tests: dict[str, Any], status: dict[str, Any]) -> Step:
    steps = [{"op": "test", "path": place, "value": value} for place, value in tests.items()]
    change = {"op": "add", "path": "/status", "value": status}
    return "PATCH", path, {"body": [*steps, change], "content_type": JSON_PATCH}


SCRIPT: list[Step] = [
    ("GET", "/a", {}),
    ("POST", "", {"body": {**body("a"), "status": {"fence": 7}}}),
    ("POST", "", {"body": body("a")}),
    ("POST", "", {"body": body("b")}),
    ("GET", "/a", {}),
    patch("/a/status", {"status": {"claim": CLAIM, "fence": 1}, "spec": {"title": "not by this way"}}, "a"),
    patch("/a/status", {"status": {"attempts": 1}}, "before"),
    patch("/a/status", {"status": {"attempts": 1}}, "a"),
    patch("/a/status", {"status": {"attempts": 1}}, "a"),
    patch("/a/status", {"status": {"attempts": 1}}),
    patch("/a", {"spec": {"title": "other"}, "status": {"fence": 9}}),
    patch("/a", {"metadata": {"labels": {"touched": "yes"}}}),
    patch("/a", {"metadata": {"labels": {"touched": None}}}),
    patch("/a/status", {"status": {"claim": None}}, "a"),
    patch("/nobody/status", {"status": {"attempts": 1}}),
    ("GET", "", {"query": {"limit": "1"}}),
    ("GET", "", {"query": {"labelSelector": "touched=yes"}}),
    where("/b/status", {"/metadata/labels": None, "/status": {"attempts": 1}}, {"attempts": 2}),
    where("/b/status", {"/metadata/labels": {"x": "y"}}, {"attempts": 1}),
    where("/b/status", {"/metadata/labels/x": None}, {"attempts": 1}),
    where("/b/status", {"/metadata/deletionTimestamp": None, "/metadata/generation": 2}, {"attempts": 1}),
    where("/b/status", {"/metadata/deletionTimestamp": None, "/metadata/generation": 1}, {"attempts": 1}),
    where("/b/status", {"/metadata/labels": None, "/metadata/generation": 1}, {"attempts": 1}),
    patch("/b", {"metadata": {"labels": {"x/y": "yes", "w": "no"}}}),
    where("/b/status", {"/metadata/labels/x~1y": "no"}, {"attempts": 2}),
    where("/b/status", {"/metadata/labels/v": None, "/metadata/labels/x~1y": "yes"}, {"attempts": 2}),
    ("DELETE", "/b", {"body": {"preconditions": {"uid": "another"}}}),
    ("DELETE", "/b", {"body": {}}),
    ("DELETE", "/b", {"body": {}}),
    ("POST", "", {"body": body("b")}),
    ("GET", "/b", {}),
]


class Reader:
    """What of an answer must be the same: the code, the object, and when its version or uid changes."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self.versions: dict[str, list[str]] = {}

    def number(self, value: str) -> int:
        return self._seen.setdefault(value, len(self._seen))

    def read(self, status: int, answer: dict[str, Any]) -> dict[str, Any]:
        if status >= 400:
            return {"code": status}
        if "items" in answer:
            more = bool(answer["metadata"].get("continue"))
            return {"items": [self._object(item) for item in answer["items"]], "more": more}
        return self._object(answer) if answer.get("kind") == "Bead" else {"code": "deleted"}

    def _object(self, item: dict[str, Any]) -> dict[str, Any]:
        meta = item["metadata"]
        known = self.versions.setdefault(meta["name"], [])
        if meta["resourceVersion"] not in known:
            known.append(meta["resourceVersion"])
        return {
            "name": meta["name"],
            "uid": self.number(meta["uid"]),
            "version": len(known),
            "labels": meta.get("labels") or {},
            "generation": meta["generation"],
            "title": item["spec"]["title"],
            "status": Bead.read({"kind": "Bead", **item}).status.lean(),  # the real one fills in defaults
        }

    def at_version(self, rest: dict[str, Any]) -> dict[str, Any]:
        """`a` stands for its newest version, `before` for the one before that."""
        change = rest.get("body") or {}
        wanted = change.get("metadata", {}).get("resourceVersion") if isinstance(change, dict) else None
        if wanted not in ("a", "before"):
            return rest
        version = self.versions["a"][-1 if wanted == "a" else -2]
        return {**rest, "body": {**rest["body"], "metadata": {"resourceVersion": version}}}


async def test_a_script_of_requests_is_answered_alike(cluster: Any, namespace: str) -> None:
    simulated = ApiServer(lambda: datetime.now(UTC))
    kube = await Kube.connect(str(cluster.kubeconfig))
    ours, theirs = Reader(), Reader()
    try:
        for method, tail, rest in SCRIPT:
            path = BEADS.path(namespace) + tail
            try:
                real = 200, await kube.request(method, path, **theirs.at_version(rest))
            except KubeError as error:
                real = error.status, {}
            code, answer = simulated.handle(method, path, **ours.at_version(rest))
            found = ours.read(code, answer)
            assert found == theirs.read(*real), f"{method} {tail} {rest}"
            if code >= 400:
                assert type(explained(code, json.dumps(answer))) is type(explained(real[0], "{}"))
    finally:
        await kube.close()


async def test_a_status_is_told_alike_by_what_it_says(cluster: Any, namespace: str) -> None:
    """What the API server writes in its own way is not told at all; the rest is compared as it is."""
    kube = await Kube.connect(str(cluster.kubeconfig))
    texts = ['plain "text" \\ with\nlines\t', "an é", "a < b & c", "\u2028", "\x7f", "\b", "1e-07"]
    told = []
    try:
        await kube.create(BEADS, namespace, body("a"))
        for number, text in enumerate(texts):
            outcome = {"kind": "success", "summary": text}
            cost = {"usd": [0.1, 12.5, 3.0, 1e-7, 1e-5, 123456.789, 0.25][number], "inputTokens": number}
            await kube.patch_status(BEADS, namespace, "a", {"outcome": outcome, "cost": cost})
            known = await kube.get(BEADS, namespace, "a")
            steps = json_patches.of_status(known, {"attempts": number + 1}, ["ringmaster.dev/requested-by"])
            if steps is None:
                continue
            told.append(text)
            written = await kube.patch_status_where(BEADS, namespace, "a", steps)
            assert written["status"] == known["status"] | {"attempts": number + 1}, text
            with pytest.raises(KubeError) as refused:
                await kube.patch_status_where(BEADS, namespace, "a", steps)
            assert refused.value.status == 422
    finally:
        await kube.close()
    assert texts[0] in told
