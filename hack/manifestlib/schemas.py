"""JSON schemas for kubeconform, kept in the cache: Kubernetes' from its own module, ours from crds/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from kubecluster import golang
from kubecluster.files import HERE, REPOSITORY, cache_dir, private_dir
from kubecluster.programs import kubernetes_version

SWAGGER = Path("api") / "openapi-spec" / "swagger.json"
MONITORING = Path(__file__).with_name("monitoring.yaml")
LOCATION = "{{ .ResourceKind }}{{ .KindSuffix }}.json"
#: Objects that are open by nature, or that a number may stand for.
LOOSE: dict[str, dict[str, Any]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
}


def folder() -> Path:
    """The folder with all schemas, as kubeconform looks for them (LOCATION)."""
    whole = private_dir(cache_dir() / f"schemas-{kubernetes_version()}")
    if not (whole / "namespace-v1.json").exists():
        _write_kubernetes(whole)
    crds = [*sorted((REPOSITORY / "crds").glob("*s.yaml")), MONITORING]
    for body in (body for file in crds for body in yaml.safe_load_all(file.read_text(encoding="utf-8"))):
        spec = body["spec"]
        for version in spec["versions"]:
            name = f"{spec['names']['kind']}-{spec['group'].split('.')[0]}-{version['name']}.json".lower()
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
            (whole / name).write_text(json.dumps(schema), encoding="utf-8")
    return whole


def _write_kubernetes(whole: Path) -> None:
    with golang.module_folder(HERE, "k8s.io/kubernetes") as module:
        definitions = json.loads((module / SWAGGER).read_text(encoding="utf-8"))["definitions"]
    parts = {name: LOOSE.get(name) or _strict(body) for name, body in definitions.items()}
    (whole / "_definitions.json").write_text(json.dumps({"definitions": parts}), encoding="utf-8")
    last = whole / "namespace-v1.json"
    for name, body in definitions.items():
        for kind in body.get("x-kubernetes-group-version-kind", []):
            group = f"-{kind['group'].split('.')[0]}" if kind["group"] else ""
            file = whole / f"{kind['kind']}{group}-{kind['version']}.json".lower()
            if file != last:
                file.write_text(json.dumps(_pointer(name)), encoding="utf-8")
    last.write_text(json.dumps(_pointer("io.k8s.api.core.v1.Namespace")), encoding="utf-8")


def _pointer(name: str) -> dict[str, str]:
    return {"$ref": f"_definitions.json#/definitions/{name}"}


def _strict(schema: Any) -> Any:
    """The schema without its words, and refusing fields that it does not name."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {
        key: {name: _strict(body) for name, body in value.items()} if key == "properties" else _strict(value)
        for key, value in schema.items()
        if key not in ("description", "format", "default", "pattern") and not key.startswith("x-kubernetes")
    }
    if schema.get("x-kubernetes-int-or-string"):
        out = {"type": ["string", "integer"]}
    if "properties" in schema and "additionalProperties" not in schema:
        out["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return out
