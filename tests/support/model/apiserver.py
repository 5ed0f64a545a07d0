"""A Kubernetes API server in memory: what the operator may rely on, and nothing kinder.

Objects have versions that only grow; a write on an old version is refused with 409; a write that changes
nothing is answered 200 and leaves the version; spec and status are written apart; what is deleted and made
again is another object. tests/cluster/test_model_apiserver.py holds it against a real one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

Body = dict[str, Any]
Answer = tuple[int, Body]
Where = tuple[str, str, str]
"""(plural, namespace, name)."""

KINDS = {
    "beads": ("ringmaster.dev/v1alpha1", "Bead"),
    "workers": ("ringmaster.dev/v1alpha1", "Worker"),
    "backupschedules": ("ringmaster.dev/v1alpha1", "BackupSchedule"),
    "configmaps": ("v1", "ConfigMap"),
    "events": ("v1", "Event"),
}
SERVER_SIDE = ("uid", "resourceVersion", "generation", "creationTimestamp", "namespace", "name")


def merged(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


class ApiServer:
    """One cluster. Listeners are called with (ADDED | MODIFIED | DELETED, where, old, new) at each change."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.objects: dict[Where, Body] = {}
        self.version = 100
        self.listeners: list[Callable[[str, Where, Body | None, Body | None], None]] = []
        self._made = 0

    def handle(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """One request: (HTTP code, body)."""
        plural, namespace, name, sub = _parsed(path)
        if plural not in KINDS:
            return _failure(404, "NotFound", "the server could not find the requested resource")
        if method == "POST":
            return self._create(plural, namespace, copy.deepcopy(body))
        if not name:
            return self._list(plural, namespace, query or {}, metadata_only="PartialObjectMetadata" in accept)
        where = (plural, namespace, name)
        known = self.objects.get(where)
        if known is None:
            return _failure(404, "NotFound", f'{plural} "{name}" not found')
        if method == "GET":
            return 200, copy.deepcopy(known)
        if method == "DELETE":
            return self._delete(where, known, body or {})
        if method == "PATCH" and content_type.startswith("application/merge-patch"):
            return self._patch(where, known, copy.deepcopy(body), status=sub == "status")
        if method == "PATCH" and content_type == "application/json-patch+json":
            return self._operate(where, known, copy.deepcopy(body))
        return _failure(405, "MethodNotAllowed", f"{method} is not simulated")

    def _create(self, plural: str, namespace: str, body: Body) -> Answer:
        name = body["metadata"]["name"]
        where = (plural, namespace, name)
        if where in self.objects:
            return _failure(409, "AlreadyExists", f'{plural} "{name}" already exists')
        self._made += 1
        api_version, kind = KINDS[plural]
        meta = {key: value for key, value in body["metadata"].items() if key not in SERVER_SIDE}
        meta |= {"name": name, "namespace": namespace, "uid": f"uid-{self._made:04d}"}
        meta["creationTimestamp"] = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        if plural not in ("configmaps", "events"):
            body.pop("status", None)  # a subresource: not set by a create
            meta["generation"] = 1
        return 201, self._keep(
            where, None, {**body, "apiVersion": api_version, "kind": kind, "metadata": meta}
        )

    def _patch(self, where: Where, known: Body, patch: Body, *, status: bool) -> Answer:
        wanted = patch.get("metadata", {}).pop("resourceVersion", None)
        if wanted is not None and wanted != known["metadata"]["resourceVersion"]:
            return _conflict(where)
        if status:
            fresh = merged(known, {"status": patch.get("status", {})})
        else:
            fresh = merged(known, {key: value for key, value in patch.items() if key != "status"})
            fresh["metadata"] |= {
                key: known["metadata"][key] for key in SERVER_SIDE if key in known["metadata"]
            }
            if fresh.get("spec") != known.get("spec"):
                fresh["metadata"]["generation"] = known["metadata"]["generation"] + 1
        if fresh == known:
            return 200, copy.deepcopy(known)
        return 200, self._keep(where, known, fresh)

    def _operate(self, where: Where, known: Body, operations: list[Body]) -> Answer:
        """A JSON patch of a status: tests, then a status that takes the place of what is there."""
        if not all(_holds(known, step) for step in operations if step["op"] == "test"):
            return _failure(422, "Invalid", "the server rejected our request due to an error in our request")
        fresh = {**known, "status": operations[-1]["value"]}
        assert (operations[-1]["op"], operations[-1]["path"]) == ("add", "/status")
        return 200, copy.deepcopy(known) if fresh == known else self._keep(where, known, fresh)

    def _keep(self, where: Where, old: Body | None, fresh: Body) -> Body:
        self.version += 1
        fresh["metadata"] = {**fresh["metadata"], "resourceVersion": str(self.version)}
        self.objects[where] = fresh
        self._tell("ADDED" if old is None else "MODIFIED", where, old, fresh)
        return copy.deepcopy(fresh)

    def _delete(self, where: Where, known: Body, options: Body) -> Answer:
        wanted, meta = options.get("preconditions", {}), known["metadata"]
        if any(wanted.get(key, meta[key]) != meta[key] for key in ("uid", "resourceVersion")):
            return _conflict(where)
        self.version += 1
        del self.objects[where]
        self._tell("DELETED", where, known, None)
        return 200, {"kind": "Status", "status": "Success"}

    def _list(self, plural: str, namespace: str, query: dict[str, str], *, metadata_only: bool) -> Answer:
        found = [
            body
            for where, body in sorted(self.objects.items())
            if where[0] == plural and namespace in ("", where[1]) and _selected(body, query)
        ]
        begin, size = int(query.get("continue", "0")), int(query.get("limit", "0")) or len(found) or 1
        page = copy.deepcopy(found[begin : begin + size])
        if metadata_only:
            page = [{"metadata": item["metadata"]} for item in page]
        meta = {"resourceVersion": str(self.version)}
        if begin + size < len(found):
            meta["continue"] = str(begin + size)
        return 200, {"kind": "List", "metadata": meta, "items": page}

    def _tell(self, event: str, where: Where, old: Body | None, new: Body | None) -> None:
        for listener in self.listeners:
            listener(event, where, old, copy.deepcopy(new))


def _parsed(path: str) -> tuple[str, str, str, str]:
    """Plural, namespace, name and subresource; empty where the path has none."""
    parts = urlsplit(path).path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    plural, name, sub, *_ = [*rest, "", "", ""]
    return plural, namespace, name, sub


def _holds(body: Body, test: Body) -> bool:
    """Whether a JSON patch's test does; what is not there is null, in what is not there is nothing."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in test["path"][1:].split("/")]
    for parent in parents:
        if parent not in body:
            return False
        body = body[parent]
    return bool(body.get(last) == test["value"])


def _selected(body: Body, query: dict[str, str]) -> bool:
    labels = body["metadata"].get("labels") or {}
    wanted = [part.split("=") for part in query.get("labelSelector", "").split(",") if part]
    fields = [part.split("=") for part in query.get("fieldSelector", "").split(",") if part]
    return all(labels.get(key) == value for key, value in wanted) and all(
        body["metadata"]["name"] == value for key, value in fields if key == "metadata.name"
    )


def _conflict(where: Where) -> Answer:
    text = "the object has been modified; please apply your changes to the latest version and try again"
    return _failure(409, "Conflict", f'Operation cannot be fulfilled on {where[0]} "{where[2]}": {text}')


def _failure(code: int, reason: str, message: str) -> Answer:
    return code, {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
