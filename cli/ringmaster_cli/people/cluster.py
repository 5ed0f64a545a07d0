"""Workers through the Kubernetes API: the only place of the CLI that imports its client."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ringmaster_cli.exits import Refused, Unreachable, UsageError
from ringmaster_operator.resources.project import CONFIG_MAP, PROFILE_LABEL

Body = dict[str, Any]
GROUP, VERSION, PLURAL = "ringmaster.dev", "v1alpha1", "workers"
CALL_SECONDS = 15.0
FOLLOW_SECONDS = 7 * 86400.0
"""How long output that is followed may be silent."""
PAGE = 500
TOKEN_SECONDS = 600
"""The shortest that an API server gives out."""


class Cluster:
    """The Workers of one namespace. Every method raises CliError with the server's own words."""

    def __init__(self, *, namespace: str | None = None, context: str | None = None) -> None:
        """From the kubeconfig (KUBECONFIG, ~/.kube/config), else the pod's account."""
        try:
            from kubernetes import client, config
        except ImportError as fault:
            raise UsageError(
                "this command needs Kubernetes' client: pip install 'ringmaster[kube]'"
            ) from fault
        settings = client.Configuration()
        try:
            config.load_kube_config(config_file=_place(), context=context, client_configuration=settings)
            _, active = config.list_kube_config_contexts(config_file=_place())
            chosen = _namespace_of(context) if context else active
            own = str(chosen.get("context", {}).get("namespace") or "default")
        except (config.ConfigException, OSError) as fault:
            raise UsageError(f"no usable kubeconfig: {fault}; set KUBECONFIG") from fault
        settings.retries = False
        self.namespace = namespace or own
        server = client.ApiClient(settings)
        self._api, self._core = client.CustomObjectsApi(server), client.CoreV1Api(server)

    @property
    def client(self) -> Any:
        """The connection, for objects that have no method here."""
        return self._api.api_client

    def workers(self, *, everywhere: bool = False) -> list[Body]:
        """All Workers, by namespace and name."""
        with _told(""):
            if everywhere:
                found: Any = self._api.list_cluster_custom_object(
                    GROUP, VERSION, PLURAL, _request_timeout=CALL_SECONDS
                )
            else:
                found = self._api.list_namespaced_custom_object(
                    GROUP, VERSION, self.namespace, PLURAL, _request_timeout=CALL_SECONDS
                )
        items: list[Body] = found["items"]
        return sorted(items, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))

    def beads(self) -> list[Body]:
        """All Beads of the namespace, by name; many are fetched in pages."""
        items: list[Body] = []
        more = ""
        while True:
            with _told(""):
                found: Any = self._api.list_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    self.namespace,
                    "beads",
                    limit=PAGE,
                    _continue=more,
                    _request_timeout=CALL_SECONDS,
                )
            items += found["items"]
            more = found["metadata"].get("continue", "")
            if not more:
                return sorted(items, key=lambda item: str(item["metadata"]["name"]))

    def project(self) -> Body:
        """The ConfigMap with the namespace's settings; empty when there is none."""
        found = self._config_maps(field_selector=f"metadata.name={CONFIG_MAP}")
        return found[0] if found else {}

    def profiles(self) -> list[Body]:
        """ConfigMaps with agent profiles."""
        return self._config_maps(label_selector=PROFILE_LABEL)

    def _config_maps(self, **selector: Any) -> list[Body]:
        with _told(""):
            found: Any = self._core.list_namespaced_config_map(
                self.namespace, _request_timeout=CALL_SECONDS, **selector
            )
        return [self._core.api_client.sanitize_for_serialization(item) for item in found.items]

    def worker(self, name: str) -> Body:
        """One Worker."""
        with _told(self._where(name)):
            found: Any = self._api.get_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, name, _request_timeout=CALL_SECONDS
            )
        return dict(found)

    def pod_output(self, pod: str, *, container: str, lines: int, follow: bool) -> Iterator[str]:
        """The end of what a pod of this namespace wrote, in pieces; with follow, until it ends."""
        with _told(f"pod {pod} in namespace {self.namespace}"):
            answer: Any = self._core.read_namespaced_pod_log(
                pod,
                self.namespace,
                container=container,
                tail_lines=lines,
                follow=follow,
                _preload_content=False,
                _request_timeout=(CALL_SECONDS, FOLLOW_SECONDS if follow else CALL_SECONDS),
            )
            decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
            for piece in answer.stream(amt=None, decode_content=True):
                yield decoder.decode(piece)

    def create(self, body: Body) -> Body:
        """Make a Worker."""
        with _told(self._where(body["metadata"]["name"])):
            made: Any = self._api.create_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                body,
                field_validation="Strict",
                field_manager="ringmaster-cli",
                _request_timeout=CALL_SECONDS,
            )
        return dict(made)

    def patch(self, name: str, spec: Body, *, version: str | None = None) -> None:
        """Merge into the spec; with version, only into that resourceVersion."""
        body: Body = {"spec": spec, **({"metadata": {"resourceVersion": version}} if version else {})}
        with _told(self._where(name)):
            self._api.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                name,
                body,
                field_validation="Strict",
                field_manager="ringmaster-cli",
                _content_type="application/merge-patch+json",
                _request_timeout=CALL_SECONDS,
            )

    def setting(self, config_map: str, key: str) -> str:
        """The text of a ConfigMap's key; empty when it is not there, or not for this user to read."""
        from kubernetes.client.exceptions import ApiException

        try:
            found: Any = self._core.read_namespaced_config_map(
                config_map, self.namespace, _request_timeout=CALL_SECONDS
            )
        except ApiException as fault:
            if fault.status in (403, 404):
                return ""
            with _told(f"ConfigMap {config_map}"):
                raise
        return str((found.data or {}).get(key, ""))

    def bearer(self) -> str:
        """The token that the kubeconfig holds, or gets from its plugin; empty where it has certificates."""
        settings = self._api.api_client.configuration
        held = settings.get_api_key_with_prefix("BearerToken", alias="authorization") or ""
        return str(held).removeprefix("Bearer ").strip()

    def token_of(self, account: str, audience: str) -> str:
        """A short-lived token of a service account."""
        from kubernetes.client import AuthenticationV1TokenRequest, V1TokenRequestSpec

        spec = V1TokenRequestSpec(audiences=[audience], expiration_seconds=TOKEN_SECONDS)
        with _told(f"service account {account} in namespace {self.namespace}"):
            made: Any = self._core.create_namespaced_service_account_token(
                account,
                self.namespace,
                AuthenticationV1TokenRequest(spec=spec),
                _request_timeout=CALL_SECONDS,
            )
        return str(made.status.token)

    def delete(self, name: str) -> None:
        """Delete a Worker; its sessions end as its stopMode says."""
        with _told(self._where(name)):
            self._api.delete_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, name, _request_timeout=CALL_SECONDS
            )

    def _where(self, name: str) -> str:
        return f"Worker {name} in namespace {self.namespace}"


def _place() -> str | None:
    """KUBECONFIG as it is now: the client takes the one that was set when it was imported."""
    return os.environ.get("KUBECONFIG") or None


def context_names() -> list[str]:
    """The contexts of the kubeconfig; none where there is no usable one."""
    try:
        from kubernetes import config

        contexts, _ = config.list_kube_config_contexts(config_file=_place())
    except Exception:
        return []
    return [str(item["name"]) for item in contexts]


def _namespace_of(context: str) -> Body:
    from kubernetes import config

    contexts, _ = config.list_kube_config_contexts(config_file=_place())
    return next((item for item in contexts if item["name"] == context), {})


@contextmanager
def _told(what: str) -> Iterator[None]:
    import json

    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except HTTPError as fault:
        raise Unreachable(f"the cluster cannot be reached: {fault}") from fault
    except ApiException as fault:
        try:
            said = str(json.loads(fault.body or "").get("message") or fault.reason)
        except (ValueError, AttributeError):
            said = str(fault.reason)
        if fault.status == 404 and "not found" not in said:
            said = f"{said}: are Ringmaster's CRDs installed?"
        if fault.status == 409 and what:
            said = f"{what} exists already; change it with kubectl edit or kubectl scale"
        if fault.status in (429, 500, 502, 503, 504):
            raise Unreachable(f"the cluster does not answer now: {said}") from fault
        raise Refused(said) from fault
