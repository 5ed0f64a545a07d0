"""People ask and overrule over the API and the CLI, with the rights that the cluster gives them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session, make_worker, token_of

pytestmark = pytest.mark.cluster
VERBS = {"reader": ["get", "list"], "editor": ["get", "list", "update", "patch"], "nobody": []}
PROJECT = '[capabilities]\nrust = "Writes Rust"\ncobol = "Reads COBOL"\n'


@pytest.fixture
def tokens(cluster: Any, namespace: str) -> dict[str, str]:
    """Of three service accounts with the rights above."""
    items: list[dict[str, Any]] = [config()]
    for name, verbs in VERBS.items():
        rules = [{"apiGroups": ["ringmaster.dev"], "resources": ["workers"], "verbs": verbs}]
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        items.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
        if verbs:
            items.append(rbac("Role", name, rules=rules))
            items.append(rbac("RoleBinding", name, subjects=[subject], roleRef=role))
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed(items))
    return {name: create_token(cluster, namespace, name, "--audience=ringmaster") for name in VERBS}


def config() -> dict[str, Any]:
    meta = {"name": "ringmaster-project"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"project.toml": PROJECT}}


def rbac(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    api = "rbac.authorization.k8s.io/v1"
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **fields}


def create_token(cluster: Any, namespace: str, account: str, *more: str) -> str:
    found: str = cluster.kubectl("create", "token", account, "-n", namespace, *more)
    return found.strip()


@pytest.fixture
def call(operator: OperatorProcess, namespace: str) -> Callable[..., tuple[int, Any]]:
    """call(token, method, path below capabilities, body): (status, body)."""

    def ask(token: str, method: str = "GET", path: str = "", body: object = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{operator.url}/api/v1/namespaces/{namespace}/capabilities{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return ask


def until(look: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


async def taught(cluster: Any, namespace: str, operator: OperatorProcess) -> str:
    """A Worker with one failure in rust; its token."""
    token = make_worker(cluster, namespace, capabilities=[{"name": "rust"}])
    task = bead("lost", capabilities=["rust"], limits={"maxAttempts": 1})
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([task]))
    session = Session(operator.url, token)
    claimed = await session.pull(wait=30)
    assert claimed is not None
    status, _ = await session.report(claimed, "failed", reason="VerificationFailed")
    assert status == 200
    await session.close()
    return token


async def test_the_api_shows_changes_and_explains_with_the_clusters_own_rights(
    cluster: Any,
    namespace: str,
    operator: OperatorProcess,
    tokens: dict[str, str],
    call: Callable[..., tuple[int, Any]],
) -> None:
    worker_token = await taught(cluster, namespace, operator)
    reader, editor = tokens["reader"], tokens["editor"]
    place = "/rust/workers/fleet"
    until(lambda: len(call(reader)[1]["items"]) == 2)  # the project's settings have come
    status, found = call(reader)
    assert status == 200
    assert [(item["name"], item["description"], len(item["workers"])) for item in found["items"]] == [
        ("cobol", "Reads COBOL", 0),
        ("rust", "Writes Rust", 1),
    ]
    [known] = call(reader, path="/rust")[1]["workers"]
    assert (known["failures"], known["recent"], known["declared"]) == (1, "-", 0.8)
    assert known["learned"] == known["confidence"] == pytest.approx(0.8 * 8 / 9, abs=1e-4)
    assert call(reader, path="/unheard")[0] == 404

    assert call(reader, "PUT", place, {"override": 1})[0] == 403
    assert call(editor, "PUT", place, {"override": 2})[0] == 422
    assert call(editor, "PUT", "/cobol/workers/fleet", {"override": 1})[0] == 404
    assert call(editor, "PUT", "/rust/workers/ghost", {"override": 1})[0] == 404
    status, known = call(editor, "PUT", place, {"override": 0.95})
    assert (status, known["confidence"], known["learned"] < 0.8) == (200, 0.95, True)
    spec = cluster.get("worker", "fleet", "-n", namespace)["spec"]["capabilities"]
    assert spec == [{"name": "rust", "confidence": 0.8, "override": 0.95}]

    def causes() -> list[tuple[str, str]]:
        items = call(reader, path="/rust/history")[1]["items"]
        return [(item["cause"], item.get("person", "").rpartition(":")[2]) for item in items]

    until(lambda: causes() == [("override", "editor"), ("outcome", "")])
    status, known = call(editor, "DELETE", place)
    assert (status, known["learned"], known.get("override"), known["failures"]) == (200, 0.8, 0.95, 0)
    until(lambda: causes() == [("reset", "editor"), ("override", "editor"), ("outcome", "")])
    first = call(reader, path="/rust/history?limit=1")[1]
    rest = call(reader, path=f"/rust/history?before={first['next']}")[1]
    assert [item["cause"] for item in (*first["items"], *rest["items"])] == ["reset", "override", "outcome"]

    own = create_token(cluster, namespace, "reader")  # for the API server itself
    foreign = token_of(cluster, namespace, "fleet", audience="other")
    answers = {name: call(token)[0] for name, token in {**tokens, "own": own}.items()}
    assert answers == {"reader": 200, "editor": 200, "nobody": 403, "own": 200}
    assert [call(token)[0] for token in (worker_token, foreign, "nonsense", "")] == [403, 401, 401, 401]


async def test_the_cli_lists_sets_resets_and_tells_the_history(
    cluster: Any, namespace: str, operator: OperatorProcess, tokens: dict[str, str], tmp_path: Path
) -> None:
    await taught(cluster, namespace, operator)

    def cli(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RINGMASTER_")},
            "KUBECONFIG": str(cluster.kubeconfig),
            **environ,
        }
        command = [sys.executable, "-m", "ringmaster_cli", "capability", *arguments, "-n", namespace]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def row() -> list[str]:
        lines = cli("get", "rust").stdout.splitlines()
        assert lines[0] == "rust: Writes Rust"
        return lines[2].split()

    until(lambda: row() == ["rust", "fleet", "0.71", "0.80", "0.71", "0", "1"])
    assert "(nobody)" in cli("list").stdout
    assert cli("get", "unheard").returncode == 3
    assert cli("set", "fleet", "rust", "0.5").returncode == 0
    until(lambda: row() == ["rust", "fleet", "0.50", "0.80", "0.71", "0.50", "0", "1"])
    assert cli("set", "fleet", "rust", "learned").returncode == 0
    until(lambda: row() == ["rust", "fleet", "0.71", "0.80", "0.71", "0", "1"])
    assert cli("set", "fleet", "rust", "1.5").returncode == 2
    assert "does not declare cobol" in cli("set", "fleet", "cobol", "1").stderr
    assert cli("reset", "fleet", "rust").returncode == 0
    until(lambda: row() == ["rust", "fleet", "0.80", "0.80", "0.80", "0", "0"])
    [item] = [found for found in json.loads(cli("list", "--json").stdout)["items"] if found["workers"]]
    assert (item["name"], item["workers"][0]["override"]) == ("rust", None)

    there = ("--url", operator.url)
    assert "--url" in cli("history", "rust", "--as-account", "reader").stderr
    assert "may not get workers" in cli("history", "rust", *there, "--as-account", "nobody").stderr

    def told() -> list[str]:
        whose = ("--as-account", "reader", "--worker", "fleet")
        return cli("history", "rust", *there, *whose).stdout.splitlines()[1:]

    changes = ["reset", "override", "override", "failure"]
    until(lambda: [line.split()[3] for line in told()] == changes)
    assert "failure in lost (1)" in told()[3]
    assert cli("history", "rust", *there).returncode == 0  # the kubeconfig's own token
    bare = tmp_path / "kubeconfig"
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    bare.write_text(yaml.safe_dump({**config, "users": [{**user, "user": {}} for user in config["users"]]}))
    refused = cli("history", "rust", *there, KUBECONFIG=str(bare))
    assert (refused.returncode, "--as-account" in refused.stderr) == (2, True)
    file = tmp_path / "token"
    file.write_text(tokens["reader"])
    assert cli("history", "rust", *there, KUBECONFIG=str(bare), RINGMASTER_TOKEN_FILE=str(file)).stdout
