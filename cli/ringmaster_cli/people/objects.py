"""Objects of any kind through the Kubernetes API, by path: for commands that look after more than Workers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ringmaster_cli.people.cluster import Cluster

Body = dict[str, Any]
CALL_SECONDS = 15.0
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True)
class Kind:
    """Where objects of a kind are: `apis/apps/v1` and `deployments`."""

    root: str
    plural: str

    def path(self, namespace: str = "", name: str = "") -> str:
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"/{self.root}{scope}/{self.plural}" + (f"/{name}" if name else "")


class Objects:
    """Every method raises CliError with the server's own words; what is not there is nothing."""

    def __init__(self, cluster: Cluster) -> None:
        self._api = cluster.client

    def find(self, kind: Kind, namespace: str = "", *, labels: str = "") -> list[Body]:
        """The objects; none where the kind itself is unknown or this user may not see them."""
        query = {"labelSelector": labels} if labels else {}
        found: list[Body] = (self._call("GET", kind.path(namespace), query=query) or {}).get("items") or []
        return found

    def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        return self._call("GET", kind.path(namespace, name))

    def patch(self, kind: Kind, body: Body, change: Body) -> None:
        meta = body["metadata"]
        path = kind.path(meta.get("namespace", ""), meta["name"])
        self._call("PATCH", path, body=change, content=MERGE_PATCH)

    def delete(self, kind: Kind, body: Body) -> None:
        meta = body["metadata"]
        options = {"propagationPolicy": "Background"}
        self._call("DELETE", kind.path(meta.get("namespace", ""), meta["name"]), body=options)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content: str = "application/json",
    ) -> Body | None:
        from kubernetes.client.exceptions import ApiException

        from ringmaster_cli.people.cluster import _told

        words = self._api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": content},
            body=body,
            auth_settings=["BearerToken"],
        )
        with _told(path):
            answer = self._api.call_api(*words, _request_timeout=CALL_SECONDS)
            raw = answer.read()
            if answer.status == 404:
                return None
            if answer.status >= 400:
                raise ApiException(status=answer.status, reason=answer.reason, body=raw.decode())
        parsed: Body = json.loads(raw)
        return parsed
