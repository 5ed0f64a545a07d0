"""The overlays on a real node, by kubectl alone: the demo's backlog is worked in restricted pods."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import account, images
from support.clusters import OwnCluster
from support.manifests import bead, listed, worker
from support.overlays import prod
from support.renders import ROOT
from support.station import scenario, steps

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]  # the images may have to be built first

PROJECT = "ringmaster-demo"
SECONDS = 240.0
INSIDE = """\
import json, os, ssl, sys, urllib.error, urllib.request
def call(url, token, body=None):
    head = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, head if token else {})
    context = ssl._create_unverified_context() if url.startswith("https") else None
    try:
        return urllib.request.urlopen(request, timeout=given["seconds"], context=context).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
given = json.load(sys.stdin)
mine = open("/var/run/secrets/ringmaster/token").read()
print(json.dumps([call(url, given.get(who, mine), body) for url, who, body in given["calls"]]))
"""


class Scene:
    """A node cluster, an overlay on it, and the demo's project."""

    def __init__(self, cluster: OwnCluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", PROJECT, *arguments, stdin=stdin)

    def apply(self, items: list[dict[str, Any]]) -> None:
        self.kubectl("apply", "-f-", stdin=listed(items))

    def beads(self) -> dict[str, dict[str, Any]]:
        found = self.cluster.get("beads", "-n", PROJECT)["items"]
        return {item["metadata"]["name"]: item for item in found}

    def phases(self) -> dict[str, str]:
        return {name: item.get("status", {}).get("phase", "") for name, item in self.beads().items()}

    def until(self, check: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not check():
            if time.monotonic() > deadline:
                state = self.cluster.kubectl("get", "pods,workers,beads", "-A")
                raise AssertionError(f"not within {SECONDS} s: {what}\n{state}")
            time.sleep(0.5)

    def install(self, folder: Path) -> None:
        """`kubectl apply -k` and nothing else."""
        self.cluster.kubectl("apply", "-k", str(folder))
        ready = ("wait", "--for=condition=Available", "--timeout=120s", "deployment/ringmaster-operator")
        self.cluster.kubectl(*ready, "-n", account.NAMESPACE)

    def work_the_demo(self) -> None:
        from demolib import pods, project

        repository = project.make_repository(self.folder / "textkit")
        self.apply(pods.git_server(repository))
        self.kubectl("wait", "--for=condition=Ready", "pod/demo-git", "--timeout=150s")
        self.apply(pods.backlog(PROJECT))
        self.apply(pods.workers(self.folder))
        self.until(self._done, "the backlog is finished")

    def _done(self) -> bool:
        from demolib import pods

        found = self.beads()
        for name, item in found.items():
            if patch := pods.answer(item):
                self.kubectl("patch", "bead", name, "--type=merge", f"-p={patch}")
        return all(phase in ("Succeeded", "Failed") for phase in self.phases().values())

    def call(self, pod: str, *calls: tuple[str, str, object], **tokens: str) -> list[int]:
        """HTTP codes, 0 without an answer, of calls from inside a session's pod: (url, whose token, body)."""
        given = json.dumps({"calls": calls, "seconds": 5, **tokens})
        said = self.kubectl("exec", "-i", pod, "-c", "worker", "--", "python3", "-c", INSIDE, stdin=given)
        codes: list[int] = json.loads(said)
        return codes

    def uninstall(self, *arguments: str) -> str:
        env = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "KUBECONFIG": str(self.cluster.kubeconfig)}
        command = [sys.executable, "-m", "ringmaster_cli", "uninstall", "--yes", *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done
        return done.stderr


@pytest.fixture(scope="module")
def loaded(own_node_cluster: OwnCluster) -> OwnCluster:
    """A node of its own: an overlay's operator serves all namespaces."""
    for archive in images.build():
        own_node_cluster.load(archive)
    return own_node_cluster


@pytest.fixture
def scene(loaded: OwnCluster, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(loaded, tmp_path)
    yield made
    made.uninstall("--purge", "--now")
    loaded.kubectl("delete", "namespace", PROJECT, "--timeout=120s")


def test_the_dev_overlay_works_the_demo(scene: Scene) -> None:
    scene.install(ROOT / "kustomize" / "overlays" / "dev")
    scene.until(
        lambda: "worker.ringmaster.dev/scribe" in scene.kubectl("get", "workers", "-o=name"), "samples"
    )
    scene.work_the_demo()
    _came_out_well(scene)
    scene.uninstall()  # drains: nothing was running
    assert scene.kubectl("get", "pods", "-l=ringmaster.dev/worker", "-o=name") == ""
    before = scene.phases()
    scene.install(ROOT / "kustomize" / "overlays" / "dev")  # and goes on where it was, with its history
    scene.apply([bead("more", priority="P0", repository=_repository(), description=QUICK)])
    scene.until(lambda: scene.phases()["more"] == "Succeeded", "the new installation works")
    assert {name: phase for name, phase in scene.phases().items() if name != "more"} == before


def test_the_prod_overlay_works_the_demo_in_pods_without_rights(scene: Scene, tmp_path: Path) -> None:
    scene.cluster.kubectl("apply", f"--filename={ROOT / 'hack' / 'manifestlib' / 'monitoring.yaml'}")
    scene.install(prod(scene.cluster, tmp_path / "overlay", PROJECT))
    scene.work_the_demo()
    _came_out_well(scene)
    _pods_reach_nothing(scene)


SLOW = scenario(steps({"run": "sleep 110"}, {"done": "so"}))
QUICK = scenario(steps({"write": {"path": "made.txt", "text": "yes\n"}}, {"done": "so"}))


def _repository() -> dict[str, str]:
    from demolib import pods

    return {"url": pods.address(PROJECT)}


def _came_out_well(scene: Scene) -> None:
    """Every bead but the one that has no end; its commit is on its branch; all in restricted namespaces."""
    beads = scene.beads()
    assert {name for name, phase in scene.phases().items() if phase != "Succeeded"} == {"synonyms"}
    assert beads["synonyms"]["status"]["outcome"]["reason"] == "Budget"
    git = ("exec", "demo-git", "--", "git", "-C", "/srv/git/textkit.git", "for-each-ref")
    said = scene.kubectl(*git, "--format=%(refname:lstrip=2) %(objectname)", "refs/heads/ringmaster")
    tips = dict(line.split() for line in said.splitlines())
    worked = [item for item in beads.values() if item["spec"].get("acceptance", {}).get("verify")]
    done = [item["status"] for item in worked if item["status"]["phase"] == "Succeeded"]
    assert len(done) > 10
    assert all(tips[status["branch"]] == status["commit"] for status in done)
    for space in (PROJECT, account.NAMESPACE):
        labels = scene.cluster.get("namespace", space)["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    sessions = scene.cluster.get("pods", "-l=ringmaster.dev/worker", "-n", PROJECT)["items"]
    assert {pod["metadata"]["name"] for pod in sessions} == {"ada-0", "grace-0"}


def _pods_reach_nothing(scene: Scene) -> None:
    """From inside: the API server takes no token of a session; Ringmaster takes no other Worker's."""
    agent = {"profile": "claude-code", "command": ["scripted-agent"]}
    pods = {"runtime": "Pod", "replicas": 1, "pod": {"image": images.AGENT}, "agent": agent}
    patient = [{"name": "patience"}]  # the demo's Workers have none, and would play the demo's scenario
    scene.apply(
        [
            worker("slow", capabilities=patient, **pods),
            bead("slow", capabilities=["patience"], repository=_repository(), description=SLOW),
        ]
    )
    scene.until(lambda: scene.beads()["slow"].get("status", {}).get("claim"), "slow is worked")
    claim = scene.beads()["slow"]["status"]["claim"]
    other = "ada"
    said = scene.kubectl("exec", f"{other}-0", "-c", "worker", "--", "ls", "-A", "/var/run/secrets")
    assert said.split() == ["ringmaster"]
    server = "https://kubernetes.default.svc"
    paths = ["/api/v1/namespaces", f"/apis/ringmaster.dev/v1alpha1/namespaces/{PROJECT}/beads"]
    asked = [(server + path, who, None) for path in paths for who in ("mine", "nobody")]
    assert set(scene.call(f"{other}-0", *asked, nobody="")) == {0}, "the policy keeps it from the API server"
    scene.kubectl("delete", "networkpolicy", "--all")  # the git server's way selects sessions too
    scene.until(lambda: 0 not in scene.call(f"{other}-0", *asked, nobody=""), "the API server is reached")
    assert set(scene.call(f"{other}-0", *asked, nobody="")) <= {401, 403}
    api = "http://ringmaster.ringmaster-system.svc:8420/api/v1"
    beat = {"fence": claim["fence"], "iteration": 1}
    claims = {"claimId": "c" * 36, "worker": claim["worker"], "session": claim["session"], "waitSeconds": 0}
    calls = ((f"{api}/claims/{claim['id']}/heartbeat", "mine", beat), (f"{api}/claims", "mine", claims))
    assert scene.call(f"{other}-0", *calls) == [403, 403]
    own = scene.call(f"{claim['worker']}-0", calls[0])
    assert own == [200], own  # the same call, by whose bead it is
