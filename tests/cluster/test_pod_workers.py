"""Workers of runtime Pod on a real API server: the pods that are made, and what becomes of their beads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.manifests import bead
from support.operators import OperatorProcess, free_port
from support.pods import IMAGE, Pods

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def operator(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    port = free_port()
    quick = {"RINGMASTER_BACKOFF_SECONDS": "0.2", "RINGMASTER_PODS": "true"}
    quick["RINGMASTER_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    process = OperatorProcess(
        cluster.kubeconfig, "", tmp_path_factory.mktemp("pods"), settings=quick, port=port
    )
    process.start()
    yield process
    process.stop()
    print(process.tail(200))


@pytest.fixture
def lab(cluster: Any, operator: OperatorProcess, make_namespace: Callable[[], str]) -> Pods:
    """A namespace that takes restricted pods only."""
    namespace = make_namespace()
    enforce = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", namespace, enforce)
    return Pods(cluster, operator.url, namespace)


def test_a_pod_is_made_that_holds_no_right_and_goes_with_its_worker(lab: Pods) -> None:
    agent = {
        "env": [
            {"name": "PLAIN", "value": "$(HOME) is $5"},
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}},
        ],
        "envFrom": [{"secretRef": {"name": "anthropic"}}],
    }
    lab.apply(lab.worker(agent=agent, pod={"workspaceClaim": "cache"}))
    lab.appears()
    pod = lab.pods()["w-0"]
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert pod["metadata"]["ownerReferences"][0]["uid"] == lab.get("worker", "w")["metadata"]["uid"]
    selector = lab.get("worker", "w")["status"]["selector"]
    assert list(lab.cluster.get("pods", "-n", lab.namespace, "-l", selector)["items"]) == [pod]
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == "ringmaster-worker-w"
    volumes = {item["name"]: item for item in spec["volumes"]}
    tokens = [source["serviceAccountToken"] for source in volumes["token"]["projected"]["sources"]]
    assert [token["audience"] for token in tokens] == ["ringmaster"]
    assert volumes["workspace"]["persistentVolumeClaim"] == {"claimName": "cache"}
    env = {item["name"]: item for item in container["env"]}
    assert env["PLAIN"]["value"] == "$$(HOME) is $$5"  # as Kubernetes writes it literally
    assert env["KEY"]["valueFrom"] == {"secretKeyRef": {"name": "keys", "key": "k"}}
    assert env["RINGMASTER_URL"]["value"] == lab.url
    assert container["envFrom"] == [{"secretRef": {"name": "anthropic"}}]
    assert set(container["resources"]["requests"]) == set(container["resources"]["limits"]) == {
        "cpu", "memory",
    }  # fmt: skip
    lab.runs()
    lab.available("SessionsRun", status="True")
    lab.cluster.kubectl("delete", "worker", "w", "-n", lab.namespace, "--timeout=90s")
    assert lab.pods() == {}


PULL = 'Back-off pulling image "x": ErrImagePull: failed to resolve reference: not found'
OBSTACLES = {
    "ImagePullFailed": {"reason": "ImagePullBackOff", "message": PULL},
    "SecretMissing": {"reason": "CreateContainerConfigError", "message": 'secret "keys" not found'},
    "ContainerConfigError": {"reason": "CreateContainerConfigError", "message": "image will run as root"},
}


def test_what_keeps_a_pod_from_running_is_told(lab: Pods) -> None:
    lab.apply(lab.worker())
    first = lab.appears()
    for reason, waiting in OBSTACLES.items():
        lab.container(waiting=waiting)
        message = lab.available(reason)
        assert message.startswith("w-0: ")
        assert waiting["message"].rpartition("ErrImagePull: ")[2] in message
    lab.until(lambda: all(f"{reason}: w-0: " in lab.events() for reason in OBSTACLES), "Events say it")
    lab.runs()
    lab.available("SessionsRun", status="True")
    assert lab.uid() == first


def test_a_pod_without_a_place_is_told(lab: Pods) -> None:
    lab.apply(lab.worker())
    lab.appears()
    nowhere = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    lab.status(conditions=[{**nowhere, "message": "0/3 nodes are available: 3 Insufficient memory."}])
    assert "Insufficient memory" in lab.available("Unschedulable")


def _out_of_memory(lab: Pods) -> None:
    lab.ends(code=137, reason="OOMKilled")


def _evicted(lab: Pods) -> None:
    lab.status(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")


def _drained(lab: Pods) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction"}
    eviction["metadata"] = {"name": "w-0", "namespace": lab.namespace}  # type: ignore[assignment]
    path = f"/api/v1/namespaces/{lab.namespace}/pods/w-0/eviction"
    lab.cluster.kubectl("create", "--raw", path, "-f-", stdin=json.dumps(eviction))


ENDS: dict[str, Callable[[Pods], None]] = {
    "OOMKilled": _out_of_memory,
    "Evicted": _evicted,
    "Drained": _drained,
}


@pytest.mark.parametrize("reason", ENDS)
async def test_a_pod_that_is_ended_gives_its_bead_back_for_that_reason(lab: Pods, reason: str) -> None:
    lab.apply(lab.worker(), bead("b"))
    first = lab.appears()
    lab.runs()
    session = lab.session()
    claimed = await session.pull(wait=30)
    assert claimed is not None
    ENDS[reason](lab)
    lab.until(lambda: "claim" not in lab.get("bead", "b")["status"], "the bead is free")
    status = lab.get("bead", "b")["status"]
    assert (status["outcome"]["reason"], status["attempts"]) == ("Infrastructure", 0)
    assert status["outcome"]["summary"].startswith(f"session w-0 ended: {reason}: ")
    lab.until(lambda: f"{reason}: w-0: " in lab.events(), "an Event says it")
    assert (await session.report(claimed))[0] == 409
    lab.appears(other_than=first)
    lab.runs()
    again = await session.pull(wait=30)
    assert again is not None
    assert again.fence > claimed.fence
    assert (await session.report(again))[0] == 200
    await session.close()
    lab.until(lambda: lab.get("bead", "b")["status"]["phase"] == "Succeeded", "the bead is done")
    assert lab.get("bead", "b")["status"]["attempts"] == 1


REFUSED: dict[str, dict[str, Any]] = {
    "nonsense": {"spec": {"nonsense": 1}},
    "imagePullPolicy": {"spec": {"containers": [{"name": "worker", "imagePullPolicy": "Sometimes"}]}},
    "restricted": {"spec": {"hostNetwork": True}},
    "containers": {"spec": {"containers": 3}},
}


def test_a_bad_patch_is_refused_in_the_api_servers_words(lab: Pods) -> None:
    for words, template in REFUSED.items():
        lab.apply(lab.worker(pod={"template": template}))
        lab.until(lambda words=words: words in lab.available("PodRefused"), f"{words} is told")  # type: ignore[misc]
    lab.until(lambda: all(words in lab.events() for words in REFUSED), "Events say it")
    lab.apply(lab.worker(pod={"template": {"metadata": {"labels": {"team": "a"}}}}))
    lab.appears()
    assert lab.pods()["w-0"]["metadata"]["labels"]["team"] == "a"


def test_a_changed_image_replaces_the_pod(lab: Pods) -> None:
    lab.apply(lab.worker())
    first = lab.appears()
    lab.runs()
    lab.available("SessionsRun", status="True")
    lab.apply(lab.worker(pod={"image": "registry.invalid/agent:2"}))
    lab.appears(other_than=first)
    assert lab.pods()["w-0"]["spec"]["containers"][0]["image"] == "registry.invalid/agent:2"


def test_a_strangers_pod_is_left_alone(lab: Pods) -> None:
    container = {"name": "c", "image": IMAGE}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "w-0"},
        "spec": {"containers": [container]},
    }
    lab.cluster.kubectl(
        "label", "namespace", lab.namespace, "--overwrite", "pod-security.kubernetes.io/enforce=baseline"
    )
    lab.apply(pod)
    mine = lab.uid()
    lab.apply(lab.worker())
    assert "w-0" in lab.available("NameTaken")
    lab.cluster.kubectl("delete", "worker", "w", "-n", lab.namespace, "--timeout=90s")
    assert lab.uid() == mine


async def test_autoscale_to_zero_and_back(lab: Pods) -> None:
    lab.apply(lab.worker(replicas=None, autoscale={"min": 0, "max": 3, "idleSeconds": 1}))
    lab.available("NoneWanted", status="True")
    assert lab.pods() == {}
    for turn in range(2):
        names = [f"b-{turn}-{number}" for number in range(2)]
        lab.apply(*(bead(name) for name in names))
        lab.until(lambda: set(lab.pods()) == {"w-0", "w-1"}, "a pod a bead")
        sessions = [lab.session(name) for name in ("w-0", "w-1")]
        for session in sessions:
            lab.runs(session.name)
        claims = [await session.pull(wait=30) for session in sessions]
        for session, claimed in zip(sessions, claims, strict=True):
            assert claimed is not None
            assert (await session.report(claimed))[0] == 200
            await session.close()
        lab.until(lambda: lab.pods() == {}, "no pod when there is nothing to do")
