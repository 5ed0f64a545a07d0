"""Costs as people ask for them: API and CLI on a running operator, with the cluster's own rights."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.quiet import settled
from support.sessions import Session

pytestmark = pytest.mark.cluster
RIGHTS = {"reader": ["get"], "editor": ["get", "update"], "nobody": []}
PROJECT = """
[budget]
usdPerDay = 50.0
[infrastructure]
tmuxUsdPerHour = 7200.0
"""
OWN = """
[[prices]]
model = "of-mine*"
input = 2.0
output = 10.0
"""


def apply(cluster: Any, namespace: str, *objects: dict[str, Any]) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed(objects))


def settings(text: str) -> dict[str, Any]:
    meta = {"name": "ringmaster-project"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"project.toml": text}}


@pytest.fixture
def tokens(cluster: Any, namespace: str) -> dict[str, str]:
    """Of service accounts with the rights above on beads."""
    items: list[dict[str, Any]] = []
    for name, verbs in RIGHTS.items():
        rule = {"apiGroups": ["ringmaster.dev"], "resources": ["beads"], "verbs": verbs or ["list"]}
        group = "rbac.authorization.k8s.io"
        role: dict[str, Any] = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": name}}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        bound = {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "subjects": [subject],
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        }
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        items += [account, role | {"rules": [rule]}, bound]
    apply(cluster, namespace, *items)
    return {
        name: cluster.kubectl("create", "token", name, "-n", namespace, "--audience=ringmaster").strip()
        for name in RIGHTS
    }


Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(operator: OperatorProcess, namespace: str) -> Call:
    """call(token, path below costs, method, query as pairs): (status, body)."""

    def ask(token: str, path: str = "", method: str = "GET", *query: tuple[str, str]) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{operator.url}/api/v1/namespaces/{namespace}/costs{path}?{urllib.parse.urlencode(query)}",
            method=method,
            headers={"Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read().decode()
                kind = answer.headers.get_content_type()
                return answer.status, json.loads(text) if kind == "application/json" else text
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return ask


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


async def work(cluster: Any, namespace: str, session: Session, known: Callable[[], bool]) -> None:
    """An epic of two parts, one done for a dollar, one failed with a model of nobody's list."""
    apply(cluster, namespace, settings(PROJECT))
    await asyncio.to_thread(until, known)  # settings come by another watch than beads
    apply(
        cluster,
        namespace,
        bead("all", type="epic"),
        bead("good", parent="all", priority="P0", capabilities=[], labels={"team": "a"}),
        bead("bad", parent="all", priority="P1", limits={"maxAttempts": 1}),
        bead("held", parent="all", desired="Hold"),
    )
    good = await session.pull(wait=30)
    assert good is not None
    assert good.bead.name == "good"
    row = {"position": "1", "provider": "anthropic", "model": "opus", "inputTokens": 1000, "computedUsd": 1.0}
    told = {"requests": [row], "reportedUsd": 1.2, "priceVersion": "a list 1"}
    times = {"startedAt": "2026-01-31T08:00:00Z", "finishedAt": "2026-01-31T08:00:01Z"}
    assert (await session.report(good, usage=told, **times))[0] == 200
    bad = await session.pull(wait=30)
    assert bad is not None
    row = {"position": "1", "model": "of-mine-7b", "inputTokens": 500_000, "outputTokens": 100_000}
    row |= {"requests": 3}
    failed = await session.report(bad, "failed", reason="VerificationFailed", usage={"requests": [row]})
    assert failed[0] == 200


async def test_people_see_costs_by_any_grouping_and_give_prices_to_what_has_none(
    cluster: Any,
    namespace: str,
    operator: OperatorProcess,
    session: Session,
    tokens: dict[str, str],
    call: Call,
) -> None:
    reader = tokens["reader"]
    await work(cluster, namespace, session, lambda: bool(call(reader, "/forecast")[1]["budgets"]))
    groups(reader, call)
    refusals(tokens, call)
    end(reader, call)
    gap(tokens, call)
    apply(cluster, namespace, settings(PROJECT + OWN))
    until(lambda: not call(reader, "/prices")[1]["gaps"])  # by itself, as the list has changed
    _, priced = call(reader, "", "GET", ("by", "model"), ("where", "tree=bad"))
    [group] = priced["items"]
    assert (group["usd"], group["unpricedRequests"]) == (0.5 * 2.0 + 0.1 * 10.0, 0)
    assert call(tokens["editor"], "/reprice", "POST") == (200, {"rows": 0, "usd": 0.0, "gaps": []})
    budget(reader, call)
    program(cluster, namespace, operator)
    status(cluster, namespace, operator)
    settled(cluster, namespace, seconds=2)
    version = cluster.get("bead", "bad", "-n", namespace)["metadata"]["resourceVersion"]
    assert call(tokens["editor"], "/reprice", "POST")[1]["rows"] == 0
    assert cluster.get("bead", "bad", "-n", namespace)["metadata"]["resourceVersion"] == version


def status(cluster: Any, namespace: str, operator: OperatorProcess) -> None:
    """The failed bead's own cost has the price too, also where the operator died before it wrote that."""

    def bad() -> dict[str, Any]:
        found: dict[str, Any] = cluster.get("bead", "bad", "-n", namespace)
        return found

    def right() -> bool:
        cost = bad()["status"]["cost"]
        return (cost["usd"], cost.get("unpricedRequests", 0)) == (2.0, 0)

    until(right)
    first = bad()
    assert (first["status"]["phase"], first["status"]["cost"]["inputTokens"]) == ("Failed", 500_000)
    operator.stop()
    body = json.dumps({"status": {"cost": {"usd": 0, "unpricedRequests": 3}}})
    command = ("patch", "bead", "bad", "-n", namespace, "--type=merge", "--subresource=status", "-p", body)
    cluster.kubectl(*command)
    assert not right()
    operator.start()
    until(right)


def groups(reader: str, call: Call) -> None:
    status, found = call(reader, "", "GET", ("by", "outcome"))
    assert status == 200, found
    sums = {item["keys"][0]: (item["usd"], item["tokens"], item["attempts"]) for item in found["items"]}
    assert sums == {"success": (1.0, 1000, 1), "failure": (0.0, 600_000, 1)}
    total = found["total"]
    assert (total["usd"], total["requests"], total["unpricedRequests"]) == (1.0, 4, 3)
    assert total["differs"], "1.2 dollars by the agent, 1.0 by the list"
    assert total["infrastructureUsd"] == pytest.approx(2.0)
    for by, key in (("epic", "all"), ("label:team", "a"), ("namespace", None), ("worker", "fleet")):
        _, found = call(reader, "", "GET", ("by", by))
        assert sum(item["usd"] for item in found["items"]) == 1.0
        assert key is None or [item["usd"] for item in found["items"] if item["keys"] == [key]] == [1.0]
    _, first = call(reader, "", "GET", ("by", "bead"), ("by", "month"), ("limit", "1"))
    _, second = call(
        reader, "", "GET", ("by", "bead"), ("by", "month"), ("limit", "1"), ("cursor", first["next"])
    )
    assert [page["items"][0]["keys"][0] for page in (first, second)] == ["good", "bad"]
    assert "next" not in second
    _, text = call(reader, "", "GET", ("by", "bead"), ("format", "csv"))
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(line["bead"], line["usd"], line["unpricedRequests"]) for line in lines] == [
        ("good", "1", "0"),
        ("bad", "0", "3"),
    ]


def refusals(tokens: dict[str, str], call: Call) -> None:
    assert call(tokens["nobody"])[0] == 403
    assert call("no-token")[0] == 401
    assert call(tokens["reader"], "/reprice", "POST")[0] == 403
    for query in (
        [("by", "colour")],
        [("by", "day"), ("by", "day")],
        [("where", "bead")],
        [("where", "day=2026-01-01")],
        [("since", "2026-02-01"), ("until", "2026-01-01")],
        [("since", "yesterday")],
        [("by", "label:")],
        [("cursor", "AAAA")],
    ):
        status, body = call(tokens["reader"], "", "GET", *query)
        assert (status, body["code"]) == (422, "invalid"), query


def end(reader: str, call: Call) -> None:
    status, found = call(reader, "/forecast", "GET", ("epic", "all"))
    assert status == 200, found
    assert found["month"]["spent"] == 1.0
    assert "expected" not in found["month"], "no whole day is known"
    epic = found["epic"]
    assert (epic["spent"], epic["open"], epic["done"], epic["expected"]) == (1.0, 1, 1, 2.0)
    assert [item["name"] for item in found["budgets"]] == ["the project"]
    assert call(reader, "/forecast", "GET", ("epic", "no-such"))[0] == 404


def gap(tokens: dict[str, str], call: Call) -> None:
    _, found = call(tokens["reader"], "/prices")
    [missing] = found["gaps"]
    assert (missing["model"], missing["requests"], missing["inputTokens"]) == ("of-mine-7b", 3, 500_000)
    assert found["table"].startswith("genai-prices ")
    status, body = call(tokens["editor"], "/reprice", "POST")
    assert (status, body["rows"], len(body["gaps"])) == (200, 0, 1)


def budget(reader: str, call: Call) -> None:
    """What was priced late counts in budgets as well."""

    def spent() -> Any:
        [project] = call(reader, "/forecast")[1]["budgets"]
        return project["spent"]["usd"]

    until(lambda: spent() == 3.0)


def program(cluster: Any, namespace: str, operator: OperatorProcess) -> None:
    def ringmaster(*words: str, account: str = "reader", code: int = 0) -> str:
        command = [sys.executable, "-m", "ringmaster_cli", "cost", *words]
        command += ["--url", operator.url, "-n", namespace, "--as-account", account]
        environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "FORCE_COLOR": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    text = ringmaster("--by", "model")
    assert "\x1b" not in text
    assert [line.split()[0] for line in text.splitlines()[:4]] == ["MODEL", "of-mine-7b", "opus", "TOTAL"]
    assert text.count("█" * 24) == 1, "the longest bar"
    assert "the agents' own figure for the same work is $1.20, not $1.00" in text
    table = list(csv.DictReader(io.StringIO(ringmaster("--by", "bead", "--csv", "--since", "7d"))))
    assert {line["bead"]: float(line["usd"]) for line in table} == {"bad": 2.0, "good": 1.0}
    assert json.loads(ringmaster("--by", "label:team", "-o", "json"))["total"]["usd"] == 3.0
    forecast = ringmaster("forecast", "--epic", "all")
    assert "epic all (1 beads open, 1 done): spent $3.00" in forecast
    assert "the project" in forecast
    assert "every request has a price" in ringmaster("prices")
    assert "0 usage rows have a price now" in ringmaster("reprice", account="editor")
    assert "may not update beads" in ringmaster("reprice", code=4)
    assert "cannot group by 'colour'" in ringmaster("--by", "colour", code=4)
