"""The admission policies on a real API server: what they refuse, to whom, and what they let pass."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from support import account
from support.manifests import bead, listed, worker

pytestmark = pytest.mark.cluster

PROJECT = "admitted"
POLICIES = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
OPERATOR = (f"--as={account.USER}", "--as-group=system:masters")
SESSION = (f"--as=system:serviceaccount:{PROJECT}:ringmaster-worker-desk", "--as-group=system:masters")
PERSON = ("--as=ann", "--as-group=system:masters")


@pytest.fixture(scope="module")
def guarded(own_cluster: Any) -> Any:
    """A cluster with the policies, and a bead and a Worker in a project."""
    account.install(own_cluster, "dev")
    own_cluster.kubectl("create", "namespace", PROJECT)
    own_cluster.kubectl("create", "-n", PROJECT, "-f-", stdin=listed([bead("b"), worker("w")]))
    account.install(own_cluster, "dev", kinds=POLICIES)
    _until_in_force(own_cluster)
    return own_cluster


def _until_in_force(cluster: Any) -> None:
    """The API server takes a moment to notice a new policy, and each for itself."""
    delete = ("delete", "bead/b", "--dry-run=server", "-n", PROJECT, *SESSION)
    acts: list[Callable[[], object]] = [
        lambda: finish(cluster, *PERSON),
        lambda: cluster.kubectl(*delete),
        lambda: make(cluster, BAD["host network"][0]),
    ]
    for act in acts:
        _until(lambda act=act: bool(refusal(act)), "the policies come into force")  # type: ignore[misc]


def _until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, f"not within a minute: {what}"


def refusal(act: Callable[[], object]) -> str:
    """Why it is refused; nothing when it is not."""
    try:
        act()
    except AssertionError as error:
        return str(error)
    return ""


def finish(cluster: Any, *who: str) -> None:
    """Say that the bead is done."""
    patch = ("--subresource=status", "--type=merge", '-p={"status":{"phase":"Succeeded"}}')
    cluster.kubectl("patch", "bead/b", "-n", PROJECT, *patch, *who)


def test_a_status_is_written_by_the_operator_alone(guarded: Any) -> None:
    finish(guarded, *OPERATOR)
    assert "written by Ringmaster alone" in refusal(lambda: finish(guarded, *PERSON))
    assert refusal(lambda: finish(guarded, *SESSION))
    change = ("patch", "bead/b", "-n", PROJECT, "--type=merge", '-p={"spec":{"priority":"P0"}}')
    guarded.kubectl(*change, *PERSON)  # the spec is theirs
    guarded.kubectl("scale", "worker/w", "--replicas=2", "-n", PROJECT, *PERSON)


def test_a_session_changes_nothing_whatever_rights_it_was_given(guarded: Any) -> None:
    acts: list[tuple[str, ...]] = [
        ("patch", "bead/b", "--type=merge", '-p={"spec":{"acceptance":{"verify":["true"]}}}'),
        ("patch", "worker/w", "--type=merge", '-p={"spec":{"suspend":true}}'),
        ("scale", "worker/w", "--replicas=9"),
        ("delete", "bead/b"),
    ]
    for act in acts:
        said = refusal(partial(guarded.kubectl, *act, "-n", PROJECT, *SESSION))
        assert "a session of a Worker changes no bead" in said, act
    create = partial(guarded.kubectl, "create", "-n", PROJECT, "-f-", stdin=listed([bead("c")]))
    assert "a session of a Worker changes no bead" in refusal(lambda: create(*SESSION))
    # An account of another name is none of a session.
    other = (f"--as=system:serviceaccount:{PROJECT}:builder", "--as-group=system:masters")
    create(*other)


def template(**spec: Any) -> dict[str, Any]:
    return worker("t", runtime="Pod", pod={"image": "agents:1", "template": {"spec": spec}})


def container(**security: Any) -> dict[str, Any]:
    return template(containers=[{"name": "worker", "securityContext": security}])


BAD = {
    "host network": (template(hostNetwork=True), "share the node's network"),
    "host processes": (template(hostPID=True), "share the node's network"),
    "host memory": (template(hostIPC=True), "share the node's network"),
    "host path": (template(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), "hostPath"),
    "privileged": (container(privileged=True), "privileged"),
    "escalation": (container(allowPrivilegeEscalation=True), "privileged"),
    "capability": (container(capabilities={"add": ["SYS_ADMIN"]}), "privileged"),
    "init container": (
        template(initContainers=[{"name": "i", "image": "x", "securityContext": {"privileged": True}}]),
        "privileged",
    ),
    "account": (template(serviceAccountName="admin"), "service account"),
    "account, old name": (template(serviceAccount="admin"), "service account"),
    "its token": (template(automountServiceAccountToken=True), "service account"),
    "a token": (
        template(volumes=[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]),
        "token",
    ),
}
GOOD = {
    "no pod": worker("t"),
    "no template": worker("t", runtime="Pod", pod={"image": "agents:1"}),
    "labels": worker(
        "t", runtime="Pod", pod={"image": "x", "template": {"metadata": {"labels": {"a": "b"}}}}
    ),
    "ordinary": template(
        priorityClassName="batch",
        hostNetwork=False,
        volumes=[
            {"name": "cache", "emptyDir": {}},
            {"name": "ca", "projected": {"sources": [{"configMap": {"name": "ca"}}]}},
        ],
        containers=[
            {"name": "worker", "securityContext": {"capabilities": {"drop": ["ALL"]}}},
            {"name": "s"},
        ],
    ),
}


def make(cluster: Any, body: dict[str, Any], namespace: str = PROJECT) -> None:
    cluster.kubectl("create", "--dry-run=server", "-n", namespace, "-f-", *PERSON, stdin=json.dumps(body))


@pytest.mark.parametrize("name", BAD)
def test_a_pods_patch_cannot_reach_the_node_or_another_account(guarded: Any, name: str) -> None:
    body, why = BAD[name]
    said = refusal(lambda: make(guarded, body))
    assert why in said
    assert "spec.pod.template must not" in said


@pytest.mark.parametrize("name", GOOD)
def test_ordinary_workers_pass(guarded: Any, name: str) -> None:
    make(guarded, GOOD[name])


def test_a_trusted_project_may_reach_the_node(guarded: Any) -> None:
    guarded.kubectl("create", "namespace", "trusted")
    guarded.kubectl("label", "namespace", "trusted", "ringmaster.dev/allow-host-access=true")
    _until(lambda: not refusal(lambda: make(guarded, BAD["host network"][0], "trusted")), "it is trusted")
    make(guarded, BAD["host path"][0], "trusted")


def test_an_old_worker_can_still_be_deleted(guarded: Any) -> None:
    """One that was made before the policy: its finalizer comes off though its template is refused now."""
    guarded.kubectl("delete", "validatingadmissionpolicybinding", "ringmaster-pods-stay-in-their-box")
    held = {**BAD["host network"][0], "metadata": {"name": "old", "finalizers": ["ringmaster.dev/sessions"]}}
    _until(lambda: not refusal(lambda: make(guarded, held)), "the policy binds nobody")
    guarded.kubectl("create", "-n", PROJECT, "-f-", stdin=json.dumps(held))
    account.install(guarded, "dev", kinds=POLICIES)
    _until(lambda: bool(refusal(lambda: make(guarded, BAD["host network"][0]))), "the policy binds again")
    guarded.kubectl("delete", "worker/old", "-n", PROJECT, "--wait=false")
    patch = ("--type=merge", '-p={"metadata":{"finalizers":[]}}')
    guarded.kubectl("patch", "worker/old", "-n", PROJECT, *patch, *OPERATOR)
    guarded.kubectl("wait", "--for=delete", "worker/old", "-n", PROJECT, "--timeout=90s")
