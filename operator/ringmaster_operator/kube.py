"""The one door to the Kubernetes API: dicts in, dicts out.

The official client's typed models cost hundreds of microseconds an object and help nobody who has pydantic
models of his own, so this uses only its transport: configuration, TLS, tokens, connection pool.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

from ringmaster_operator.resources.base import GROUP, VERSION

FIELD_MANAGER = "ringmaster-operator"
PAGE = 500
REQUEST_SECONDS = 30.0

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Body = dict[str, Any]


class KubeError(Exception):
    """The API server's refusal: .status is the HTTP code, the text is the server's own message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotFound(KubeError):
    """404: the object (or its kind) isn't there."""


class Conflict(KubeError):
    """409: the resourceVersion is not the newest, or the name exists already."""


class Forbidden(KubeError):
    """401 or 403: the operator's account may not do this."""


class KubeUnavailable(KubeError):
    """No answer, or one that says to try later (429, 5xx). Whether a write took place is unknown."""


@dataclass(frozen=True)
class Kind:
    """Where objects of one kind live."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, *sub: str) -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        tail = "".join(f"/{part}" for part in (name, *sub) if part)
        return f"{root}{scope}/{self.plural}{tail}"


BEADS = Kind("Bead", "beads", GROUP, VERSION)
WORKERS = Kind("Worker", "workers", GROUP, VERSION)
BACKUP_SCHEDULES = Kind("BackupSchedule", "backupschedules", GROUP, VERSION)
CONFIG_MAPS = Kind("ConfigMap", "configmaps")
SECRETS = Kind("Secret", "secrets")
SERVICE_ACCOUNTS = Kind("ServiceAccount", "serviceaccounts")
EVENTS = Kind("Event", "events")
TOKEN_REVIEWS = Kind("TokenReview", "tokenreviews", "authentication.k8s.io", namespaced=False)


class Kube:
    """A connection pool to one cluster. Use `await Kube.connect()`, then close()."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self.host = str(api.configuration.host)

    @classmethod
    async def connect(cls, kubeconfig: str | None = None, context: str | None = None) -> Self:
        """From a kubeconfig (argument, KUBECONFIG, ~/.kube/config) or the pod's service account.

        Raises KubeUnavailable with a plain message when none of them is there.
        """
        settings = client.Configuration()
        settings.retries = None
        try:
            if kubeconfig is None and _in_cluster():
                config.load_incluster_config(client_configuration=settings)
            else:
                _check_kubeconfig(kubeconfig)
                await config.load_kube_config(
                    config_file=kubeconfig, context=context, client_configuration=settings
                )
        except (config.ConfigException, OSError) as error:
            raise KubeUnavailable(0, f"no usable kubeconfig: {error}") from error
        return cls(client.ApiClient(configuration=settings))

    async def close(self) -> None:
        await self._api.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Body:
        """One call; raises the KubeError that fits. Never retries: callers know what may be repeated."""
        method_, url, headers, data, _ = await self._api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = await self._api.call_api(method_, url, headers, data, _request_timeout=REQUEST_SECONDS)
            raw = await response.read()
        except ApiException as error:
            raise _explained(error.status or 0, error.body or error.reason or "") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise KubeUnavailable(0, f"API server {self.host}: {error or type(error).__name__}") from error
        if response.status >= 400:
            raise _explained(response.status, raw.decode("utf-8", "replace"))
        parsed: Body = json.loads(raw) if raw else {}
        return parsed

    async def get(self, kind: Kind, namespace: str, name: str) -> Body:
        return await self.request("GET", kind.path(namespace, name))

    async def list(
        self, kind: Kind, namespace: str | None = None, *, labels: str = "", metadata_only: bool = False
    ) -> AsyncIterator[Body]:
        """Page by page, so that ten thousand objects never come as one body."""
        query = {"limit": str(PAGE)}
        if labels:
            query["labelSelector"] = labels
        accept = METADATA_ONLY if metadata_only else "application/json"
        while True:
            page = await self.request("GET", kind.path(namespace), query=query, accept=accept)
            for item in page.get("items") or []:  # null when a metadata-only list is empty
                item.setdefault("kind", kind.name)
                item.setdefault("apiVersion", kind.api_version)
                yield item
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def create(self, kind: Kind, namespace: str, body: Body) -> Body:
        return await self.request("POST", kind.path(namespace), body=body, query=_managed())

    async def apply(self, kind: Kind, namespace: str, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Server-side apply; takes over the fields that the body names."""
        name = body["metadata"]["name"]
        return await self.request(
            "PATCH",
            kind.path(namespace, name),
            body={"apiVersion": kind.api_version, "kind": kind.name, **body},
            query={"fieldManager": manager, "force": "true"},
            content_type=APPLY_PATCH,
        )

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Body, *, version: str | None = None
    ) -> Body:
        """Merge patch; with version, only on that resourceVersion (else Conflict)."""
        return await self._merge(kind.path(namespace, name), patch, version)

    async def patch_status(
        self, kind: Kind, namespace: str, name: str, status: Body, *, version: str | None = None
    ) -> Body:
        """Merge patch of the status subresource; with version, only on that resourceVersion."""
        return await self._merge(kind.path(namespace, name, "status"), {"status": status}, version)

    async def _merge(self, path: str, patch: Body, version: str | None) -> Body:
        if version is not None:
            patch = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": version}}
        return await self.request("PATCH", path, body=patch, query=_managed(), content_type=MERGE_PATCH)

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str | None = None) -> None:
        """Background deletion; with uid, only that very object. What is gone already is fine."""
        options: Body = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            await self.request("DELETE", kind.path(namespace, name), body=options)
        except NotFound:
            return

    async def token_request(self, namespace: str, account: str, *, audience: str, seconds: int) -> Body:
        """A short-lived token of a service account: {token, expirationTimestamp}."""
        spec = {"audiences": [audience], "expirationSeconds": seconds}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = await self.request("POST", SERVICE_ACCOUNTS.path(namespace, account, "token"), body=body)
        status: Body = answer["status"]
        return status

    async def token_review(self, token: str, *, audience: str) -> Body:
        """What the API server says of a token: {authenticated, user, audiences, error}."""
        body = {
            "apiVersion": TOKEN_REVIEWS.api_version,
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        answer = await self.request("POST", TOKEN_REVIEWS.path(), body=body)
        status: Body = answer.get("status", {})
        return status


def _managed() -> dict[str, str]:
    return {"fieldManager": FIELD_MANAGER}


def _in_cluster() -> bool:
    token = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ and token.exists()


def _check_kubeconfig(given: str | None) -> None:
    """The client's own words for a missing file name a key that is not in it."""
    places = given or os.environ.get("KUBECONFIG") or "~/.kube/config"
    if not any(Path(place).expanduser().exists() for place in places.split(os.pathsep) if place):
        raise KubeUnavailable(0, f"there is no kubeconfig {places}: name one with --kubeconfig or KUBECONFIG")


def _explained(status: int, text: str) -> KubeError:
    try:
        message = json.loads(text).get("message") or text
    except (ValueError, AttributeError):
        message = text
    kinds: dict[int, type[KubeError]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict}
    if status == 429 or status >= 500 or status == 0:
        return KubeUnavailable(status, message or f"HTTP {status}")
    return kinds.get(status, KubeError)(status, message or f"HTTP {status}")
