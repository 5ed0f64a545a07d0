"""The CRDs on a real API server: established, strict, scalable, explained; its verdicts are the models'."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import client, config

if TYPE_CHECKING:
    from support.clusters import Cluster

ROOT = Path(__file__).parents[2]
PLURALS = {"Bead": "beads", "Worker": "workers", "BackupSchedule": "backupschedules"}
STRICT: dict[str, Any] = {"dry_run": "All", "field_validation": "Strict"}

pytestmark = pytest.mark.cluster


def _cases() -> list[dict[str, Any]]:
    text = (ROOT / "tests" / "unit" / "resources" / "cases.yaml").read_text(encoding="utf-8")
    cases: list[dict[str, Any]] = yaml.safe_load(re.sub(r"<(.)\*(\d+)>", lambda m: m[1] * int(m[2]), text))
    return cases


def _titled(case: dict[str, Any]) -> str:
    return f"{case['kind']}: {str(case['spec'])[:70]!r}"


class Api:
    """Objects of Ringmaster's kinds in one namespace; nothing is kept but by `make`."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._api = client.CustomObjectsApi(config.new_client_from_config(str(kubeconfig)))
        self._where = ("ringmaster.dev", "v1alpha1", namespace)

    def body(self, kind: str, spec: Any, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
        named = metadata or {"name": "x"}
        return {"apiVersion": "ringmaster.dev/v1alpha1", "kind": kind, "metadata": named, "spec": spec}

    def make(self, body: dict[str, Any]) -> Any:
        return self._api.create_namespaced_custom_object(*self._where, PLURALS[body["kind"]], body)

    def remove(self, body: dict[str, Any]) -> None:
        where = (*self._where, PLURALS[body["kind"]], body["metadata"]["name"])
        self._api.delete_namespaced_custom_object(*where)

    def try_create(self, body: dict[str, Any]) -> Any:
        return self._api.create_namespaced_custom_object(*self._where, PLURALS[body["kind"]], body, **STRICT)

    def try_patch(self, body: dict[str, Any]) -> Any:
        where = (*self._where, PLURALS[body["kind"]], body["metadata"]["name"])
        merge = "application/merge-patch+json"
        return self._api.patch_namespaced_custom_object(*where, body, **STRICT, _content_type=merge)


@pytest.fixture
def api(cluster: Cluster, namespace: str) -> Api:
    return Api(cluster.kubeconfig, namespace)


def _judge(api: Api, case: dict[str, Any]) -> Any:
    body = api.body(case["kind"], case["spec"], case.get("metadata"))
    if "old" not in case:
        return api.try_create(body)
    old = api.make(api.body(case["kind"], case["old"]))
    try:
        return api.try_patch(body)
    finally:
        api.remove(old)


def test_good_cases_are_accepted(api: Api) -> None:
    for case in (case for case in _cases() if "refused" not in case):
        assert _judge(api, case)["kind"] == case["kind"]


def test_bad_cases_are_refused_where_and_why(api: Api) -> None:
    for case in (case for case in _cases() if "refused" in case):
        with pytest.raises(client.ApiException) as caught:
            _judge(api, case)
        said = yaml.safe_load(str(caught.value.body))["message"]
        assert caught.value.status in (400, 422), (_titled(case), said)
        assert case.get("at", "") in said, (_titled(case), said)
        if case["refused"] != "schema":
            assert case["refused"] in said, (_titled(case), said)


def test_definitions_are_established_and_structural(cluster: Cluster) -> None:
    for plural in PLURALS.values():
        definition = cluster.get("crd", f"{plural}.ringmaster.dev")
        conditions = {c["type"]: c["status"] for c in definition["status"]["conditions"]}
        assert conditions["Established"] == "True"
        assert conditions["NamesAccepted"] == "True"
        assert "NonStructuralSchema" not in conditions


def test_committed_definitions_are_accepted_strictly(cluster: Cluster) -> None:
    files = [f"--filename={ROOT / 'crds' / plural}.yaml" for plural in PLURALS.values()]
    strict = ("--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts")
    assert cluster.kubectl("apply", *strict, *files).count("serverside-applied") == 3


@pytest.mark.parametrize(
    "file", sorted((ROOT / "kustomize" / "samples").glob("*.yaml")), ids=lambda f: f.name
)
def test_samples_are_accepted(cluster: Cluster, namespace: str, file: Path) -> None:
    said = cluster.kubectl(
        "create", "--dry-run=server", "--validate=strict", f"--namespace={namespace}", f"--filename={file}"
    )
    assert said.count("created (server dry run)") == len(list(yaml.safe_load_all(file.read_text("utf-8"))))


@pytest.mark.parametrize("given", [{}, {"replicas": 1}], ids=["replicas unset", "replicas set"])
def test_workers_scale_by_kubectl(cluster: Cluster, namespace: str, api: Api, given: dict[str, Any]) -> None:
    api.make(api.body("Worker", {"runtime": "Tmux", **given}, {"name": "w"}))
    cluster.kubectl("scale", "worker/w", "--replicas=3", "--namespace", namespace)
    assert cluster.get("worker", "w", "--namespace", namespace)["spec"]["replicas"] == 3
    assert cluster.get("worker/w", "--subresource=scale", "-n", namespace)["spec"] == {"replicas": 3}


def test_an_autoscaled_worker_refuses_to_be_scaled(cluster: Cluster, namespace: str, api: Api) -> None:
    api.make(api.body("Worker", {"runtime": "Tmux", "autoscale": {"max": 4}}, {"name": "w"}))
    with pytest.raises(AssertionError, match="replicas and autoscale exclude each other"):
        cluster.kubectl("scale", "worker/w", "--replicas=3", "--namespace", namespace)


def test_fields_are_explained(cluster: Cluster) -> None:
    for kind, word in (("bead", "dependsOn"), ("worker", "stallSeconds"), ("backupschedule", "retention")):
        assert word in cluster.kubectl("explain", f"{kind}.spec", "--recursive")
    assert "inherits the most urgent priority" in cluster.kubectl("explain", "bead.spec.priority")


def test_people_see_what_goes_on(cluster: Cluster, namespace: str, api: Api) -> None:
    api.make(api.body("Bead", {"title": "Round money", "priority": "P3"}, {"name": "b"}))
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "Claimed",
        "message": "desk-0 works on it",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    claim = {"id": "i", "worker": "desk", "session": "desk-0", "fence": 1, "since": "2026-01-01T00:00:00Z"}
    status = {"phase": "Running", "effectivePriority": "P0", "iteration": 2, "attempts": 1}
    patch = yaml.safe_dump({"status": {**status, "claim": claim, "conditions": [ready]}})
    cluster.kubectl("patch", "bead/b", "--subresource=status", "--type=merge", "-p", patch, "-n", namespace)
    head, row = cluster.kubectl("get", "bd", "--namespace", namespace).splitlines()
    assert " ".join(head.split()) == "NAME TYPE PRIORITY EFFECTIVE PHASE WORKER ITER ATTEMPTS REASON AGE"
    assert " ".join(row.split()).startswith("b task P3 P0 Running desk 2 1 Claimed ")
    wide = cluster.kubectl("get", "bd", "--output=wide", "--namespace", namespace)
    assert "Round money" in wide
    assert "desk-0 works on it" in wide
    found = cluster.get(
        "bd", "--field-selector=status.phase=Running,status.claim.worker=desk", "-n", namespace
    )
    assert [bead["metadata"]["name"] for bead in found["items"]] == ["b"]
    assert cluster.get("bd", "--field-selector=status.phase=Ready", "-n", namespace)["items"] == []
    assert "b " in cluster.kubectl("get", "ringmaster", "--namespace", namespace)
