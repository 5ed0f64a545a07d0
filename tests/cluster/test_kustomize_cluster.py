"""The overlays as a real API server takes them, and the definitions as people read and upgrade them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import account, renders
from support.clusters import drop_definitions
from support.renders import NAMES, OVERLAYS, ROOT

pytestmark = pytest.mark.cluster

KINDS = ("beads", "workers", "backupschedules")
OLD = ROOT / "tests" / "fixtures" / "crds-0.1.0"
STRICT = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "--filename=-")
ALL_CRDS_BYTES = 100_000


@pytest.fixture(scope="module")
def prepared(own_cluster: Any) -> Any:
    """A cluster with what a dry run can't make up: namespaces, accounts, Prometheus Operator's kinds."""
    account.install(own_cluster, "dev", "project", kinds=("Namespace",))
    account.install(own_cluster, "restore", kinds=("ServiceAccount",))
    monitoring = ROOT / "hack" / "manifestlib" / "monitoring.yaml"
    own_cluster.kubectl("apply", "--server-side", f"--filename={monitoring}")
    own_cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"--filename={monitoring}")
    return own_cluster


@pytest.mark.parametrize("name", NAMES)
def test_renders_pass_a_strict_dry_run(prepared: Any, name: str) -> None:
    said = prepared.kubectl("apply", *STRICT, stdin=renders.text(name))
    assert said.count("serverside-applied (server dry run)") == len(renders.objects(name))


def test_renders_pass_the_linters_and_spoiled_ones_do_not() -> None:
    from manifestlib import lint

    lint.build()
    for name in NAMES:
        assert lint.faults(name, renders.text(name)) == []
    spoiled = renders.text("prod").replace("automountServiceAccountToken: true", "automountTokens: true")
    assert any("'automountTokens' not allowed" in fault for fault in lint.faults("prod", spoiled))
    spoiled = renders.text("prod").replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")
    assert any("writable root filesystem" in fault for fault in lint.faults("prod", spoiled))


def test_all_definitions_together_are_small() -> None:
    assert sum((ROOT / "crds" / f"{kind}.yaml").stat().st_size for kind in KINDS) < ALL_CRDS_BYTES


@pytest.mark.parametrize("kind", ["bead", "worker", "backupschedule"])
def test_every_field_is_explained(own_cluster: Any, kind: str) -> None:
    definition = own_cluster.get("crd", f"{kind}s.ringmaster.dev")
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(_unexplained(schema, ())) == []
    words = " ".join(own_cluster.kubectl("explain", f"{kind}.spec").split())
    for name, field in schema["properties"]["spec"]["properties"].items():
        assert name in words
        assert " ".join(field["description"].split()[:6]) in words
    listed = own_cluster.kubectl("explain", f"{kind}.spec", "--recursive")
    assert all(name in listed for name in _names(schema["properties"]["spec"]))


def _unexplained(schema: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        here = (*path, name)
        if not field.get("description") and here != ("metadata",):
            yield ".".join(here)
        yield from _unexplained(field, here)
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from _unexplained(schema[inner], (*path, "[]"))


def _names(schema: dict[str, Any]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield name
        yield from _names(field)
    if isinstance(schema.get("items"), dict):
        yield from _names(schema["items"])


def test_an_upgrade_of_the_definitions_keeps_all_objects(own_cluster: Any) -> None:
    """From those of 0.1.0, with an object of each sample and full statuses, to today's."""
    drop_definitions(own_cluster)
    _install(own_cluster, OLD)
    own_cluster.kubectl("create", "namespace", "old")
    old_fields = {kind: _fields(OLD, kind) for kind in KINDS}
    for file in sorted((ROOT / "kustomize" / "samples").glob("*.yaml")):
        for body in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if _known(body["spec"], old_fields[f"{body['kind']}s".lower()]["spec"]):
                own_cluster.kubectl("create", "-n", "old", "--filename=-", stdin=json.dumps(body))
    status = {"phase": "Running", "attempts": 1, "cost": {"usd": 1.5}, "branch": "ringmaster/fix-rounding"}
    patch = json.dumps({"status": status})
    own_cluster.kubectl(
        "patch", "bead/fix-rounding", "--subresource=status", "--type=merge", "-p", patch, "-n", "old"
    )
    before = _kept(own_cluster)
    assert {body["kind"] for body in before} == {"Bead", "Worker", "BackupSchedule"}
    _install(own_cluster, ROOT / "crds")
    assert all(_holds(new, old) for new, old in zip(_kept(own_cluster), before, strict=True))
    for body in before:  # each can still be changed: none of it became wrong
        what = f"{body['kind']}/{body['metadata']['name']}".lower()
        own_cluster.kubectl("label", what, "seen=yes", "-n", "old")
    for kind in KINDS:
        assert own_cluster.get("crd", f"{kind}.ringmaster.dev")["status"]["storedVersions"] == ["v1alpha1"]


def _holds(new: Any, old: Any) -> bool:
    """Whether all of the old is in the new, which may have more: defaults of new fields."""
    if isinstance(old, dict):
        return all(name in new and _holds(new[name], part) for name, part in old.items())
    if isinstance(old, list):
        return len(new) == len(old) and all(map(_holds, new, old))
    return bool(new == old)


def _install(cluster: Any, folder: Path) -> None:
    files = [f"--filename={folder / kind}.yaml" for kind in KINDS]
    cluster.kubectl("apply", "--server-side", "--force-conflicts", *files)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *files)


def _kept(cluster: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cluster.get(",".join(KINDS), "-n", "old")["items"]
    for body in found:
        body["metadata"].pop("managedFields", None)
    return found


def _fields(folder: Path, kind: str) -> dict[str, Any]:
    body = yaml.safe_load((folder / f"{kind}.yaml").read_text(encoding="utf-8"))
    schema: dict[str, Any] = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return schema


def _known(value: Any, schema: dict[str, Any]) -> bool:
    """Whether an old definition names every field of it."""
    if isinstance(value, list):
        return all(_known(item, schema.get("items", {})) for item in value)
    if not isinstance(value, dict) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return True
    if "properties" not in schema:
        return True
    return all(
        name in schema["properties"] and _known(v, schema["properties"][name]) for name, v in value.items()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_changes_of_the_definitions_only_add(kind: str) -> None:
    """Field by field: nothing of 0.1.0 is gone, has another type or got required or narrower."""
    old, new = _fields(OLD, kind), _fields(ROOT / "crds", kind)
    assert list(_breaks(old, new, kind)) == []


NARROWING = {
    "maxLength": 1,
    "maxItems": 1,
    "maximum": 1,
    "maxProperties": 1,
    "minLength": -1,
    "minItems": -1,
    "minimum": -1,
}


def _breaks(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[str]:
    for name, was in old.items():
        here, now = f"{path}.{name}", new.get(name)
        if now is None:
            yield f"{here} is gone"
            continue
        if was.get("type") != now.get("type"):
            yield f"{here} was {was.get('type')} and is {now.get('type')}"
        if set(now.get("required", [])) - set(was.get("required", [])):
            yield f"{here} requires more"
        if not set(was.get("enum", [])) <= set(now.get("enum", [])):
            yield f"{here} takes fewer values"
        for bound, sign in NARROWING.items():
            if bound in now and (bound not in was or (now[bound] - was[bound]) * sign < 0):
                yield f"{here} has a narrower {bound}"
        yield from _breaks(was.get("properties", {}), now.get("properties", {}), here)
        for inner in ("items", "additionalProperties"):
            if isinstance(was.get(inner), dict):
                yield from _breaks({inner: was[inner]}, {inner: now.get(inner)}, here)


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_one_kubectl_apply(prepared: Any, name: str) -> None:
    """Without --server-side too: no object is too big for kubectl's annotation, none needs another first."""
    old = ("delete", "deployment,pvc", "--all", f"--namespace={account.NAMESPACE}", "--timeout=60s")
    prepared.kubectl(*old)  # of another overlay: a claim does not shrink
    said = prepared.kubectl("apply", "--validate=strict", "--filename=-", stdin=renders.text(name))
    assert "deployment.apps/ringmaster-operator" in said
    prepared.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/beads.ringmaster.dev")
