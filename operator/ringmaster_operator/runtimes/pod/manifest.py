"""The pod of a session, as the API server gets it. Pure.

It fits Pod Security "restricted" and holds no right in the cluster: its only token is one for Ringmaster's
API, made and renewed by the kubelet. Secrets are named, never read, by the operator.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ringmaster_operator.resources.protocol import AUDIENCE
from ringmaster_operator.resources.worker_runtime import PodSettings
from ringmaster_operator.runtimes.protocol import SessionSpec

Body = dict[str, Any]

CONTAINER = "worker"
WORKER_LABEL = "ringmaster.dev/worker"
MANAGED_BY = {"app.kubernetes.io/managed-by": "ringmaster"}
SELECTOR = f"{WORKER_LABEL},app.kubernetes.io/managed-by=ringmaster"
"""Labels by which the pods of all Workers are found."""
FINGERPRINT = "ringmaster.dev/fingerprint"
WORKSPACE = "/workspace"
HOME = "/home/worker"
TOKENS = "/var/run/secrets/ringmaster"
TOKEN_FILE = f"{TOKENS}/token"
TOKEN_SECONDS = 3600
GRACE_SECONDS = 60
"""What a pod gets to save its work when something else ends it: a drain, a preemption."""
GROUP_ID = 65532
INIT = ("/usr/bin/tini", "-s", "--")
REQUESTS = {"cpu": "100m", "memory": "256Mi"}
LIMITS = {"cpu": "2", "memory": "2Gi"}
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
"""Lists that a patch adds to: elements with the same key are merged."""


@dataclass(frozen=True, kw_only=True)
class PodSession(SessionSpec):
    """A session with what only a pod has.

    secrets: names of Secrets whose keys become variables; secret_env: variables taken from (Secret, key).
    """

    settings: PodSettings
    account: str = "default"
    owner: Body | None = None
    secrets: tuple[str, ...] = ()
    secret_env: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def pod(session: PodSession) -> Body:
    """The pod, with the Worker's own patch over it."""
    settings = session.settings
    spec: Body = {
        "restartPolicy": "Never",
        "serviceAccountName": session.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": GROUP_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(session)],
        "volumes": _volumes(settings),
    }
    if settings.node_selector:
        spec["nodeSelector"] = dict(settings.node_selector)
    if settings.tolerations:
        spec["tolerations"] = [item.body() for item in settings.tolerations]
    if settings.runtime_class_name:
        spec["runtimeClassName"] = settings.runtime_class_name
    made = merged({"metadata": {}, "spec": spec}, settings.template)
    return {**made, "metadata": _metadata(session, made.get("metadata"))}


def _metadata(session: PodSession, patched: object) -> Body:
    """A patch may add labels and annotations; whose pod it is, it cannot change."""
    given = patched if isinstance(patched, dict) else {}
    labels = given.get("labels") or {}
    annotations = given.get("annotations") or {}
    meta: Body = {
        **given,
        "name": session.name,
        "namespace": session.namespace,
        "labels": {
            "app.kubernetes.io/name": "ringmaster-worker",
            **labels,
            **MANAGED_BY,
            WORKER_LABEL: session.worker,
        },
        "annotations": {**annotations, FINGERPRINT: session.fingerprint},
    }
    if session.owner is not None:
        meta["ownerReferences"] = [session.owner]
    return meta


def _container(session: PodSession) -> Body:
    command = session.command
    if session.working_directory:
        command = ("env", f"--chdir={session.working_directory}", "--", *command)
    container: Body = {
        "name": CONTAINER,
        "image": session.settings.image,
        "command": [*INIT, *(_literal(word) for word in command)],
        "env": _env(session),
        "resources": _resources(session.settings),
        "workingDir": WORKSPACE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "workspace", "mountPath": WORKSPACE},
            {"name": "home", "mountPath": HOME},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
            {"name": "token", "mountPath": TOKENS, "readOnly": True},
        ],
    }
    if session.secrets:
        container["envFrom"] = [{"secretRef": {"name": name}} for name in session.secrets]
    return container


def _env(session: PodSession) -> list[Body]:
    plain: dict[str, Body] = {"HOME": {"value": HOME}}
    for name, (secret, key) in session.secret_env.items():
        plain[name] = {"valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
    for name, value in session.env.items():
        plain[name] = {"value": _literal(value)}
    return [{"name": name, **source} for name, source in plain.items()]


def _literal(text: str) -> str:
    """As it is: Kubernetes would put variables in for $(NAME)."""
    return text.replace("$", "$$")


def _resources(settings: PodSettings) -> Body:
    """The Worker's own figures; the defaults for what it names in neither."""
    requests, limits = dict(settings.resources.requests), dict(settings.resources.limits)
    named = {*requests, *limits}
    return {
        "requests": {**{k: v for k, v in REQUESTS.items() if k not in named}, **requests},
        "limits": {**{k: v for k, v in LIMITS.items() if k not in named}, **limits},
    }


def _volumes(settings: PodSettings) -> list[Body]:
    claim = settings.workspace_claim
    workspace: Body = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
    token = {"audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": "token"}
    return [
        {"name": "workspace", **workspace},
        {"name": "home", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


def merged(target: Body, patch: Mapping[str, Any]) -> Body:
    """patch over target: objects key by key, null deletes, the named lists element by element."""
    result = dict(target)
    for key, value in patch.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(before, dict):
            result[key] = merged(before, value)
        elif key in MERGE_KEYS and _keyed(before, MERGE_KEYS[key]) and _keyed(value, MERGE_KEYS[key]):
            result[key] = _merged_list(before, value, MERGE_KEYS[key])
        else:
            result[key] = copy.deepcopy(value)
    return result


def _keyed(items: object, key: str) -> bool:
    return isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get(key), str) for item in items
    )


def _merged_list(before: Any, patch: Any, key: str) -> list[Body]:
    found = {item[key]: item for item in before}
    for item in patch:
        if item.get("$patch") == "delete":
            found.pop(item[key], None)
        else:
            found[item[key]] = merged(found.get(item[key], {}), item)
    return list(found.values())
