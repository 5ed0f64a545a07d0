"""The operator has the rights that it uses and no others: all of its features, by the audit log."""

from __future__ import annotations

import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from kubernetes import client, config

from support import account, backups, renders
from support.manifests import API, bead, listed, worker
from support.operators import OperatorProcess
from support.people import Person, accounts
from support.postgres import postgres_server
from support.station import AGENT, scenario, small_origin, steps

__all__ = ["postgres_server"]
pytestmark = [pytest.mark.cluster, pytest.mark.tmux, pytest.mark.postgres]

SECONDS = 150.0
ROLES = ("ringmaster-operator", "ringmaster-tmux-host", "ringmaster-leader", "ringmaster-backups")
WORK = scenario(steps({"write": {"path": "made.txt", "text": "yes\n"}}, {"done": "so"}))
OPTIONS = [{"name": "a", "consequence": "this"}, {"name": "b", "consequence": "that"}]
ASK = scenario(steps({"ask": {"question": "Which?", "options": OPTIONS, "recommendation": "a"}}))
BACKUPS = {"apiVersion": API, "kind": "BackupSchedule", "metadata": {"name": "host"}}
HOURLY = {"schedule": "0 * * * *"}
HOST = {
    "RINGMASTER_TMUX_HOST": "local",
    "RINGMASTER_TMUX_POLL_SECONDS": "0.5",
    "RINGMASTER_BACKOFF_SECONDS": "0.5",
    "RINGMASTER_PODS": "true",
    "RINGMASTER_LEADER_ELECTION": "true",
    "RINGMASTER_LEADER_LEASE_NAMESPACE": account.NAMESPACE,
    "RINGMASTER_BACKUP_NAMESPACE": account.NAMESPACE,
    "RINGMASTER_POD_NAME": "operator-1",
}


class Scene:
    """An operator with nothing but its account, and a project."""

    def __init__(self, cluster: Any, operator: OperatorProcess, folder: Path) -> None:
        self.cluster = cluster
        self.operator = operator
        self.namespace = f"rbac-{secrets.token_hex(4)}"
        cluster.kubectl("create", "namespace", self.namespace)
        self.origin = small_origin(folder)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        said: str = self.cluster.kubectl(*arguments, "-n", self.namespace, stdin=stdin)
        return said

    def create(self, *items: dict[str, Any]) -> None:
        self.kubectl("create", "-f-", stdin=listed(items))

    def patch(self, what: str, body: dict[str, Any], *more: str) -> None:
        self.kubectl("patch", what, "--type=merge", f"-p={json.dumps(body)}", *more)

    def bead(self, name: str, description: str = WORK, **spec: Any) -> dict[str, Any]:
        return bead(name, repository={"url": str(self.origin)}, description=description, **spec)

    def until(self, check: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not check():
            assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}\n{self.operator.tail()}"
            time.sleep(0.2)

    def until_used(self, group: str, resource: str, verb: str) -> None:
        right = (group, resource, verb)
        self.until(lambda: right in account.used(account.calls(self.cluster)), f"{verb} {resource}")


@pytest.fixture
def scene(own_cluster: Any, postgres_server: Any, tmp_path: Path) -> Iterator[Scene]:
    account.install(own_cluster, "tmux-host", "prod-postgres")
    settings = {**HOST, "RINGMASTER_DATABASE_URL": postgres_server.fresh()}
    config_file = account.kubeconfig(own_cluster, tmp_path / "kubeconfig")
    operator = OperatorProcess(config_file, "", tmp_path, settings=settings)
    operator.settings["RINGMASTER_PUBLIC_URL"] = operator.url
    operator.start()
    made = Scene(own_cluster, operator, tmp_path)
    try:
        yield made
    finally:
        own_cluster.kubectl("delete", "workers", "--all", "-n", made.namespace, "--timeout=60s")
        operator.stop()
        print(operator.tail(200))


def test_the_operator_has_the_rights_that_it_uses_and_no_others(scene: Scene) -> None:
    _work_in_tmux(scene)
    _work_in_pods(scene)
    _back_up(scene)
    _ask_over_http(scene)
    _say_it_again(scene)
    _ask_over_the_api(scene)
    _act_over_the_api(scene)
    with _changes(scene):  # what it read is old by the time it writes, so it has to look again
        for kind in ("beads", "workers", "backupschedules"):
            scene.until_used("ringmaster.dev", kind, "get")
    scene.kubectl("delete", "workers", "--all", "--timeout=60s")
    assert scene.operator.stop() == 0
    scene.until_used("", "pods", "watch")  # a watch is in the log when it has ended
    scene.until_used("ringmaster.dev", "beads", "watch")
    calls = account.calls(scene.cluster)
    assert account.refused(calls) == []
    granted = renders.rules("tmux-host", *ROLES) | renders.rules("prod-postgres", *ROLES)
    used = account.used(calls)
    assert sorted(used - granted) == [], "by luck of the built-in roles only"
    assert sorted(granted - used) == [], "rights that nothing uses"


def _work_in_tmux(scene: Scene) -> None:
    """Beads that succeed, ask, are cleared away; a Worker with a Secret."""
    scene.kubectl("create", "secret", "generic", "key", "--from-literal=KEY=value")
    agent = {"profile": "claude-code", "command": [str(AGENT)], "envFrom": [{"secretRef": {"name": "key"}}]}
    scene.create(
        worker("desk", replicas=1, agent=agent, stopMode="Now"),
        scene.bead("quick", ttlSecondsAfterFinished=0),
        scene.bead("asks", ASK),
        {**BACKUPS, "spec": {"executor": "Host", "hourly": HOURLY, "destination": {"hostPath": "/b"}}},
    )
    scene.until(lambda: "quick" not in scene.kubectl("get", "beads", "-o=name"), "quick is cleared away")
    scene.until(
        lambda: "NeedsDecision" in scene.kubectl("get", "bead/asks", "-o=jsonpath={.status.phase}"),
        "asks asks",
    )


def _work_in_pods(scene: Scene) -> None:
    """There is no node: the test says how the pods fare."""
    pods = {"image": "localhost/ringmaster/worker:dev"}
    scene.create(worker("fleet", runtime="Pod", replicas=2, stopMode="Now", pod=pods))
    names = ("pod/fleet-0", "pod/fleet-1")
    scene.until(lambda: scene.kubectl("get", "pods", "-o=name").split() == list(names), "two pods")
    started = {"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
    status = {"name": "worker", "image": "x", "imageID": "", "ready": True, "restartCount": 0, **started}
    for name in names:
        body = {"status": {"phase": "Running", "containerStatuses": [status]}}
        scene.patch(name, body, "--subresource=status")
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": "broken"}}
    body = {"status": {"phase": "Failed", "containerStatuses": [{**status, "state": ended}]}}
    scene.patch(names[1], body, "--subresource=status")
    scene.until_used("", "pods/log", "get")  # it looks at how the pod ended before that is of no interest
    scene.kubectl("scale", "worker/fleet", "--replicas=1")
    scene.until_used("", "pods", "delete")


def _back_up(scene: Scene) -> None:
    """CronJobs are made after the operator's own pod, which is not there: anyone may say that it is."""
    there = ("-n", account.NAMESPACE)
    template = renders.one("prod-postgres", "Deployment")["spec"]["template"]["spec"]
    own = {key: value for key, value in template.items() if key != "priorityClassName"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator-1"}, "spec": own}
    spec = {"hourly": HOURLY, "daily": {}, "destination": {"volumeClaim": "backups"}}
    for body in (pod, {**BACKUPS, "spec": spec}):
        scene.cluster.kubectl("create", "-f-", *there, stdin=json.dumps(body))
    scene.until_used("batch", "cronjobs", "create")
    drop = json.dumps({"spec": {"hourly": None}})
    scene.cluster.kubectl("patch", "bks/host", *there, "--type=merge", f"-p={drop}")
    scene.until_used("batch", "cronjobs", "delete")
    for trigger in ("before", "after"):  # a Job makes its pods: Pod Security "restricted" takes them
        change = json.dumps({"spec": {"trigger": trigger}})
        scene.cluster.kubectl("patch", "bks/host", *there, "--type=merge", f"-p={change}")
        _ends_well(scene, trigger, *there)
    scene.until_used("batch", "jobs", "delete")


def _ends_well(scene: Scene, trigger: str, *there: str) -> None:
    run = "-l=ringmaster.dev/backup-run=manual"

    def pods() -> dict[str, str]:
        items = scene.cluster.get("pods", *there, run)["items"]
        return {
            pod["metadata"]["annotations"]["ringmaster.dev/trigger"]: pod["metadata"]["name"] for pod in items
        }

    scene.until(lambda: trigger in pods(), f"a pod for {trigger}")
    backups.end(scene.cluster, account.NAMESPACE, pods()[trigger], backups.told("manual"))
    said = ("get", "bks/host", *there, "-o=jsonpath={.status.lastTrigger}")
    scene.until(lambda: scene.cluster.kubectl(*said) == trigger, "the echo")


def _ask_over_http(scene: Scene) -> None:
    """A person without rights in the cluster: the operator asks the API server, and says no."""
    token = scene.kubectl("create", "token", "default", "--audience=ringmaster").strip()
    path = f"/api/v1/namespaces/{scene.namespace}/capabilities/python/history"
    request = urllib.request.Request(scene.operator.url + path, headers={"Authorization": f"Bearer {token}"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=30)


def _say_it_again(scene: Scene) -> None:
    """The same Event after a restart is counted, not made anew."""
    scene.kubectl("create", "configmap", "ringmaster-project", "--from-literal=project.toml=wrong")
    events = "-o=jsonpath={.items[*].involvedObject.kind}"
    scene.until(lambda: "ConfigMap" in scene.kubectl("get", "events", events), "an Event of the project")
    scene.operator.stop()
    scene.operator.start()
    scene.until_used("", "events", "patch")


def _ask_over_the_api(scene: Scene) -> None:
    """A person without rights is told so."""
    token = scene.kubectl("create", "token", "default", "--audience=ringmaster").strip()
    url = f"{scene.operator.url}/api/v1/namespaces/{scene.namespace}/capabilities"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 403
    refused.value.close()


def _act_over_the_api(scene: Scene) -> None:
    """What a person with rights changes, the operator writes."""
    token = accounts(scene.cluster, scene.namespace)["editor"]
    scene.create(scene.bead("theirs", priority="P4", desired="Hold"))
    with httpx2.Client(timeout=30) as client:
        person = Person(scene.operator.url, token, scene.namespace, client)
        scene.until(lambda: person("GET", "/beads/theirs").is_success, "the operator sees the bead")
        person.ok("POST", "/beads/theirs/cancel")


@contextmanager
def _changes(scene: Scene) -> Iterator[None]:
    """Objects that change as fast as the API server lets them."""
    scene.create(bead("restless", priority="P3"), worker("restless"))
    api = client.CustomObjectsApi(config.new_client_from_config(str(scene.cluster.kubeconfig)))
    stop = threading.Event()

    def change(plural: str, name: str, turns: list[dict[str, Any]]) -> None:
        number = 0
        while not stop.is_set():
            body = {"spec": turns[number % len(turns)]}
            where = ("ringmaster.dev", "v1alpha1", scene.namespace, plural, name)
            api.patch_namespaced_custom_object(*where, body, _content_type="application/merge-patch+json")
            number += 1

    restless = [
        ("beads", "restless", [{"priority": "P1"}, {"priority": "P4"}]),
        ("workers", "restless", [{"suspend": True}, {"suspend": False}]),
        ("backupschedules", "host", [{"suspend": True}, {"suspend": False}]),
    ]
    threads = [threading.Thread(target=change, args=args) for args in restless]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
