"""What kustomize/ renders to: as kept, and with the properties that it promises."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ringmaster_cli.agents.profiles import known_profiles
from ringmaster_operator import metrics
from ringmaster_operator.settings import Settings
from support import renders
from support.renders import NAMES, OVERLAYS, ROOT, Body

KINDS = ("bead", "worker", "backupschedule")
SAMPLES = [
    body
    for file in sorted((ROOT / "kustomize" / "samples").glob("*.yaml"))
    for body in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
HARDENED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.mark.parametrize("name", NAMES)
def test_renders_are_as_kept(name: str) -> None:
    from manifestlib.cli import differences

    assert differences(name, renders.text(name)) == []


@pytest.mark.parametrize("name", ["dev", "prod", "prod-postgres", "tmux-host"])
def test_the_definitions_come_along(name: str) -> None:
    names = {body["metadata"]["name"] for body in renders.objects(name, "CustomResourceDefinition")}
    assert names == {f"{kind}s.ringmaster.dev" for kind in KINDS}


@pytest.mark.parametrize("name", OVERLAYS)
def test_pods_are_restricted_and_bounded(name: str) -> None:
    pod = renders.one(name, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        assert container["securityContext"] == HARDENED
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]
    for space in renders.objects(name, "Namespace"):
        assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", OVERLAYS)
def test_settings_are_settings_and_fit_each_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data: dict[str, str] = dict(renders.one(name, "ConfigMap", _settings_name(name))["data"])
    container = renders.one(name, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    if "RINGMASTER_DATABASE_URL" in {item["name"] for item in container["env"]}:  # goes before the ConfigMap
        data["RINGMASTER_DATABASE_URL"] = "postgresql+psycopg://host/ringmaster"
    known = {f"RINGMASTER_{field}".upper() for field in Settings.model_fields}
    assert set(data) <= known
    for key, value in data.items():
        monkeypatch.setenv(key, value)
    settings = Settings()
    assert settings.leader_election is (name == "prod-postgres")
    service = renders.one(name, "Service")
    at = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert settings.public_url == f"http://{at}:{service['spec']['ports'][0]['port']}"
    assert settings.api_port == container["ports"][0]["containerPort"]


def _settings_name(name: str) -> str:
    refs = renders.one(name, "Deployment")["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    found: str = refs[0]["configMapRef"]["name"]
    return found


def test_a_restore_may_stop_and_start_the_operator_and_nothing_else() -> None:
    rights = renders.rules("restore", "ringmaster-restore")
    stop = {("apps", "deployments", "get"), ("apps", "deployments", "patch"), ("", "pods", "list")}
    assert rights == stop
    (rule,) = [r for r in renders.one("restore", "Role")["rules"] if r["resources"] == ["deployments"]]
    assert rule["resourceNames"] == ["ringmaster-operator"]
    pod = renders.one("restore", "Pod")["spec"]
    assert pod["containers"][0]["securityContext"] == HARDENED
    assert pod["securityContext"]["runAsNonRoot"] is True
    operator = renders.one("prod", "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"] == operator["securityContext"], "the files get the operator's owner"
    assert [v for v in pod["volumes"] if v["name"] == "history"] == [
        v for v in operator["volumes"] if v["name"] == "history"
    ]


def test_one_sqlite_writer_or_two_operators_on_postgres() -> None:
    for name in ("dev", "prod"):
        spec = renders.one(name, "Deployment")["spec"]
        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
        assert renders.objects(name, "PersistentVolumeClaim")
    spec = renders.one("prod-postgres", "Deployment")["spec"]
    assert spec["replicas"] == 2
    # Only the leader is ready, so a rollout that waits for the new one to be ready would wait for ever.
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 2}
    history = next(v for v in spec["template"]["spec"]["volumes"] if v["name"] == "history")
    assert set(history) == {"name", "emptyDir"}
    assert renders.objects("prod-postgres", "PersistentVolumeClaim") == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_blocks_a_drain(name: str) -> None:
    assert renders.objects(name, "PodDisruptionBudget") == []


@pytest.mark.parametrize("name", ["prod", "prod-postgres"])
def test_production_pins_its_image(name: str) -> None:
    pod = renders.one(name, "Deployment")["spec"]["template"]["spec"]
    assert re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", pod["containers"][0]["image"])
    assert pod["priorityClassName"] == renders.one(name, "PriorityClass")["metadata"]["name"]


@pytest.mark.parametrize("name", [*OVERLAYS, "tmux-host"])
def test_no_right_is_a_wildcard_and_pods_need_no_secrets(name: str) -> None:
    for role in [*renders.objects(name, "ClusterRole"), *renders.objects(name, "Role")]:
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
    operator = renders.rules(name, "ringmaster-operator", "ringmaster-leader", "ringmaster-samples")
    assert not {resource for _, resource, _ in operator} & {"secrets", "serviceaccounts/token", "pods/exec"}


@pytest.mark.parametrize("kind", KINDS)
def test_people_get_a_viewer_an_editor_and_an_admin_of_each_kind(kind: str) -> None:
    rights: list[set[Any]] = []
    for role, target in (("viewer", "view"), ("editor", "edit"), ("admin", "admin")):
        found = renders.one("prod", "ClusterRole", f"ringmaster-{kind}-{role}")
        assert found["metadata"]["labels"][f"rbac.authorization.k8s.io/aggregate-to-{target}"] == "true"
        rights.append(renders.rules("prod", f"ringmaster-{kind}-{role}"))
    assert rights[0] < rights[1] < rights[2]
    assert not any(r.endswith("/status") and verb != "get" for _, r, verb in rights[2])


def test_alerts_use_metrics_that_there_are() -> None:
    known = {sample.name for metric in metrics.registry.collect() for sample in metric.samples}
    known |= {metric.name for metric in metrics.registry.collect()}
    known |= {f"{metric.name}_total" for metric in metrics.registry.collect() if metric.type == "counter"}
    alerts = [
        rule for group in renders.one("prod", "PrometheusRule")["spec"]["groups"] for rule in group["rules"]
    ]
    assert len(alerts) >= 5
    for alert in alerts:
        used = set(re.findall(r"\b(?:ringmaster|workqueue)_[a-z_]+", alert["expr"]))
        assert used <= known, alert["alert"]
        assert used or "up{" in alert["expr"]
        assert alert["annotations"]["summary"]


def test_there_is_a_sample_of_every_kind_and_profile() -> None:
    assert {body["kind"] for body in SAMPLES} == {"Bead", "Worker", "BackupSchedule"}
    used = {body["spec"]["agent"]["profile"] for body in SAMPLES if body["kind"] == "Worker"}
    assert used == set(known_profiles())


OPERATOR = {"namespace": "ringmaster-system", "labels": {"app.kubernetes.io/name": "ringmaster-operator"}}
BACKUP = {"namespace": "ringmaster-system", "labels": {"app.kubernetes.io/name": "ringmaster-backup"}}
DNS = {"namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}}


def session(**labels: str) -> Body:
    return {"namespace": "project", "labels": {"ringmaster.dev/worker": "w", **labels}}


ONLINE = session(**{"ringmaster.dev/egress": "internet"})
STRANGER = {"namespace": "project", "labels": {"app": "shop"}}
WAYS: list[tuple[str, Body, Body, int, bool]] = [
    ("Egress", session(), OPERATOR, 8420, True),
    ("Egress", session(), OPERATOR, 22, False),
    ("Egress", session(), DNS, 53, True),
    ("Egress", session(), DNS, 1053, True),
    ("Egress", session(), {"namespace": "kube-system", "labels": {"app": "etcd"}}, 2379, False),
    ("Egress", session(), session(), 80, False),
    ("Egress", session(), STRANGER, 80, False),
    ("Egress", session(), {"ip": "10.96.0.1"}, 443, False),
    ("Egress", session(), {"ip": "203.0.113.7"}, 443, False),
    ("Egress", ONLINE, {"ip": "203.0.113.7"}, 443, True),
    ("Egress", ONLINE, {"ip": "203.0.113.7"}, 8080, False),
    ("Egress", ONLINE, {"ip": "10.96.0.1"}, 443, False),
    ("Egress", ONLINE, {"ip": "169.254.169.254"}, 80, False),
    ("Egress", ONLINE, {"ip": "2001:db8::1"}, 443, True),
    ("Egress", ONLINE, {"ip": "fd00::1"}, 443, False),
    ("Ingress", session(), session(), 80, False),
    ("Ingress", session(), OPERATOR, 80, False),
    ("Ingress", OPERATOR, session(), 8420, True),
    ("Ingress", OPERATOR, STRANGER, 8420, False),
    ("Ingress", OPERATOR, {"namespace": "monitoring", "labels": {"app": "prometheus"}}, 8420, True),
    ("Egress", OPERATOR, {"ip": "10.96.0.1"}, 443, True),
    ("Egress", OPERATOR, {"ip": "203.0.113.7"}, 25, False),
    ("Egress", OPERATOR, session(), 80, False),
    ("Egress", BACKUP, {"ip": "10.96.0.1"}, 443, True),
    ("Egress", BACKUP, OPERATOR, 8420, False),
    ("Ingress", BACKUP, OPERATOR, 80, False),
]


@pytest.mark.parametrize(("way", "pod", "other", "port", "open_"), WAYS, ids=str)
def test_policies_open_what_is_needed_and_no_more(
    way: str, pod: Body, other: Body, port: int, open_: bool
) -> None:
    policies = [*renders.objects("prod", "NetworkPolicy"), *renders.objects("project", "NetworkPolicy")]
    assert renders.allowed(policies, way, pod, other, port) is open_


def test_postgres_is_reached_where_it_is_used() -> None:
    server = {"ip": "10.1.2.3"}
    for name, open_ in (("prod", False), ("prod-postgres", True)):
        policies = renders.objects(name, "NetworkPolicy")
        for pod in (OPERATOR, BACKUP):
            assert renders.allowed(policies, "Egress", pod, server, 5432) is open_
