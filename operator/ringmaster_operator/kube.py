"""The one door to the Kubernetes API: dicts in, dicts out.

The official client's typed models cost hundreds of microseconds an object and help nobody who has pydantic
models of his own, so this uses only its transport: configuration, TLS, tokens, connection pool.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException

from ringmaster_operator.kinds import ACCESS_REVIEWS as ACCESS_REVIEWS
from ringmaster_operator.kinds import BACKUP_SCHEDULES as BACKUP_SCHEDULES
from ringmaster_operator.kinds import BEADS as BEADS
from ringmaster_operator.kinds import CONFIG_MAPS as CONFIG_MAPS
from ringmaster_operator.kinds import EVENTS as EVENTS
from ringmaster_operator.kinds import LEASES as LEASES
from ringmaster_operator.kinds import PODS as PODS
from ringmaster_operator.kinds import SECRETS as SECRETS
from ringmaster_operator.kinds import SERVICE_ACCOUNTS as SERVICE_ACCOUNTS
from ringmaster_operator.kinds import TOKEN_REVIEWS as TOKEN_REVIEWS
from ringmaster_operator.kinds import USERS as USERS
from ringmaster_operator.kinds import WORKERS as WORKERS
from ringmaster_operator.kinds import Kind as Kind
from ringmaster_operator.kube_config import configured
from ringmaster_operator.kube_errors import Conflict as Conflict
from ringmaster_operator.kube_errors import Forbidden as Forbidden
from ringmaster_operator.kube_errors import KubeError as KubeError
from ringmaster_operator.kube_errors import KubeUnavailable as KubeUnavailable
from ringmaster_operator.kube_errors import NotFound as NotFound
from ringmaster_operator.kube_errors import explained

FIELD_MANAGER = "ringmaster-operator"
PAGE = 500
REQUEST_SECONDS = 30.0
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
READ_BYTES = 1 << 21
"""Of an answer, before its sender has to wait: one object may be larger than what aiohttp takes by itself."""
WATCH_SECONDS = 300
"""How long the API server keeps one watch; then the next begins where it ended."""

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml; charset=utf-8"
NO_YAML = re.compile("[\x7f-\x9f\ufeff\ufffe\uffff]")
"""Characters that JSON may hold and YAML may not; pairs of escapes for one character are none in YAML."""
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Body = dict[str, Any]


class Kube:
    """A connection pool to one cluster. Use `await Kube.connect()`, then close()."""

    def __init__(self, api: client.ApiClient) -> None:
        settings = api.configuration
        self._api = api
        self.permit: Callable[[], None] = _permitted
        """Asked as anything but a GET is being sent; raises KubeUnavailable where nothing may be written."""
        self.host = str(settings.host)
        self._tells: dict[str, str] = dict(api.default_headers)
        sending = aiohttp.TraceConfig()
        sending.on_request_headers_sent.append(self._sending)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.connection_pool_maxsize, ssl=api.rest_client.ssl_context
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=settings.proxy,
            read_bufsize=READ_BYTES,
            trace_configs=[sending],
        )

    @classmethod
    async def connect(cls, kubeconfig: str | None = None, context: str | None = None) -> Self:
        """From a kubeconfig (argument, KUBECONFIG, ~/.kube/config) or the pod's service account.

        Raises KubeUnavailable with a plain message when none of them is there.
        """
        return cls(client.ApiClient(configuration=await configured(kubeconfig, context)))

    async def close(self) -> None:
        await self._http.close()
        await self._api.close()

    async def _sending(self, _: object, __: object, params: aiohttp.TraceRequestHeadersSentParams) -> None:
        """The last moment before the bytes go: connecting may have taken longer than the permission lasts."""
        if params.method != "GET":
            self.permit()

    @asynccontextmanager
    async def _called(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        headers: dict[str, str],
        patience: aiohttp.ClientTimeout,
        data: str | bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a call; raises the KubeError that fits, also while the answer is read."""
        headers |= self._tells
        try:
            await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, data)
            url = f"{self.host}{path}{'?' if query else ''}{urlencode(query or {})}"
            async with self._http.request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=patience,
                server_hostname=self._api.configuration.tls_server_name,
            ) as answer:
                if answer.status >= 400:
                    raise explained(answer.status, (await answer.read()).decode("utf-8", "replace"))
                yield answer
        except ApiException as error:
            raise explained(error.status or 0, error.body or error.reason or "") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise KubeUnavailable(0, f"API server {self.host}: {error or type(error).__name__}") from error

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
        headers = {"Accept": accept, "Content-Type": content_type}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        async with self._called(method, path, query, headers, REQUEST_TIMEOUT, data) as answer:
            raw = await answer.read()
        parsed: Body = json.loads(raw) if raw else {}
        return parsed

    async def stream(self, path: str, query: Mapping[str, str], *, silent: float) -> AsyncIterator[bytes]:
        """A GET whose answer comes in pieces, as they come; silent: seconds without any that end it."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=silent)
        async with self._called("GET", path, query, {}, timeout) as answer:
            async for piece in answer.content.iter_any():
                yield piece

    async def watch(
        self, kind: Kind, namespace: str | None, *, labels: str, version: str
    ) -> AsyncIterator[Body]:
        """Events after resourceVersion `version`, {type, object}; ends when the API server ends it."""
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
        query |= {"labelSelector": labels, "allowWatchBookmarks": "true"}
        rest = b""
        async for piece in self.stream(kind.path(namespace), query, silent=WATCH_SECONDS + REQUEST_SECONDS):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield json.loads(line)

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

    async def create(self, kind: Kind, namespace: str, body: Body, *, strict: bool = False) -> Body:
        """With strict, a field that the API server does not know is refused, not dropped."""
        query = _managed() | ({"fieldValidation": "Strict"} if strict else {})
        return await self.request("POST", kind.path(namespace), body=body, query=query)

    async def apply(self, kind: Kind, namespace: str, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Server-side apply; takes over the fields that the body names."""
        name = body["metadata"]["name"]
        return await self.request(
            "PATCH",
            kind.path(namespace, name),
            body=_yaml({"apiVersion": kind.api_version, "kind": kind.name, **body}),
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

    async def patch_status_where(
        self, kind: Kind, namespace: str, name: str, operations: Sequence[Body]
    ) -> Body:
        """JSON patch of the status subresource; KubeError of status 422 where one of its tests fails."""
        path, body = kind.path(namespace, name, "status"), [*operations]
        return await self.request("PATCH", path, body=body, query=_managed(), content_type=JSON_PATCH)

    async def _merge(self, path: str, patch: Body, version: str | None) -> Body:
        if version is not None:
            patch = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": version}}
        return await self.request("PATCH", path, body=patch, query=_managed(), content_type=MERGE_PATCH)

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        version: str | None = None,
        grace: int | None = None,
    ) -> None:
        """Background deletion; with uid or version, only of that (else Conflict). What is gone is fine.

        grace: seconds that a pod gets to end; its own when None.
        """
        options: Body = {"propagationPolicy": "Background"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid:
            options["preconditions"] = {"uid": uid}
        if version:
            options.setdefault("preconditions", {})["resourceVersion"] = version
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

    async def token_review(self, token: str, *, audience: str | None = None) -> Body:
        """What the API server says of a token: {authenticated, user, audiences, error}.

        Without an audience it must be a token for the API server itself.
        """
        body = {
            "apiVersion": TOKEN_REVIEWS.api_version,
            "kind": "TokenReview",
            "spec": {"token": token, **({"audiences": [audience]} if audience else {})},
        }
        answer = await self.request("POST", TOKEN_REVIEWS.path(), body=body)
        status: Body = answer.get("status", {})
        return status

    async def may(self, user: Body, *, verb: str, kind: Kind, namespace: str) -> bool:
        """Whether the user of a token review may do that with objects of this kind."""
        resource = {"verb": verb, "group": kind.group, "resource": kind.plural, "namespace": namespace}
        spec = {"user": user.get("username", ""), "resourceAttributes": resource}
        spec.update({key: user[key] for key in ("groups", "uid", "extra") if key in user})
        body = {"apiVersion": ACCESS_REVIEWS.api_version, "kind": "SubjectAccessReview", "spec": spec}
        answer = await self.request("POST", ACCESS_REVIEWS.path(), body=body)
        return bool(answer.get("status", {}).get("allowed"))


def _permitted() -> None:
    """Without leader election everyone may."""


def _yaml(body: Body) -> bytes:
    """JSON that is YAML too, whatever characters it has."""
    text = json.dumps(body, ensure_ascii=False)
    return NO_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode("utf-8", "replace")


def _managed() -> dict[str, str]:
    return {"fieldManager": FIELD_MANAGER}
