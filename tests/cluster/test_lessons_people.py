"""Lessons end to end: a real session learns and reads them, people look after them with the program."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.projects import settings
from support.reading import rows
from support.sessions import make_worker
from support.station import AGENT, PROGRAM, Station, small_origin

pytestmark = pytest.mark.cluster

Run = Callable[..., "subprocess.CompletedProcess[str]"]
LESSON = "Freeze the scheduler clock in lease tests"
ADVICE = f"RINGMASTER: lesson: {LESSON}, they fail near midnight"
TITLE = "Make the lease tests of the scheduler clock steady"


@pytest.fixture
def station(
    cluster: Any, namespace: str, operator: OperatorProcess, tmp_path: Path
) -> Station[OperatorProcess]:
    """A session of the Worker fleet, which runs the scripted agent."""
    token = make_worker(cluster, namespace, agent={"profile": "claude-code", "command": [str(AGENT)]})
    origin = small_origin(tmp_path)
    made = Station(desk=operator, folder=tmp_path, origin=origin, extra={"RINGMASTER_NAMESPACE": namespace})
    made.token_file.write_text(token)
    settings(cluster, namespace, operator, "[lessons]\nholdOut = 0\n")
    return made


@pytest.fixture
def people(cluster: Any, namespace: str, operator: OperatorProcess) -> Run:
    """`ringmaster lessons ...` as the service account named; keeper may change beads, reader may see them."""
    items: list[dict[str, Any]] = []
    group = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    for name, verbs in {"keeper": ["get", "update"], "reader": ["get"], "nobody": ["list"]}.items():
        rules = [{"apiGroups": ["ringmaster.dev"], "resources": ["beads"], "verbs": verbs}]
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subjects = [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
        meta = {"metadata": {"name": name}}
        items.append({"apiVersion": "v1", "kind": "ServiceAccount", **meta})
        items.append({**group, "kind": "Role", **meta, "rules": rules})
        items.append({**group, "kind": "RoleBinding", **meta, "subjects": subjects, "roleRef": reference})
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed(items))

    def run(*args: str, who: str = "keeper") -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "RINGMASTER_URL": operator.url}
        command = [*PROGRAM, "lessons", *args, "--as-account", who, "--namespace", namespace]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


def play(cluster: Any, namespace: str, station: Station[OperatorProcess], name: str, **script: Any) -> Any:
    """A bead with a script for its agent, worked; its status."""
    words = f"Do it.\n\n```scenario\n{json.dumps(script)}\n```\n"
    made = bead(
        name,
        title=TITLE,
        description=words,
        repository={"url": str(station.origin)},
        acceptance={"verify": ["test -e frozen"]},
        limits={"maxAttempts": 1, "maxIterations": 1},
    )
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([made]))
    done = station.run("worker", "run", "--once")
    print(done.stdout)
    assert done.returncode in (0, 8), done.stdout + done.stderr
    ended = ("wait", "-n", namespace, f"bead/{name}", "--for=jsonpath={.status.finishedAt}", "--timeout=60s")
    cluster.kubectl(*ended)
    return cluster.get("bead", name, "-n", namespace)["status"]


def test_an_agent_learns_another_reads_and_people_look_after_it(
    cluster: Any,
    namespace: str,
    station: Station[OperatorProcess],
    people: Run,
) -> None:
    thaw = {"write": {"path": "note.txt", "text": "no\n"}}
    freeze = {"write": {"path": "frozen", "text": "yes\n"}}
    fence = 'source="lesson '  # in the script itself its quotes are escaped
    reads = [{"match": fence, "steps": [freeze, {"done": "frozen"}]}, {"steps": [thaw, {"done": "as ever"}]}]
    alone = play(cluster, namespace, station, "alone", runs=reads, learned=f"Cause: Days end.\n{ADVICE}")
    assert alone["phase"] == "Failed", "it knew nothing, and was asked what it learned"
    taught = play(cluster, namespace, station, "taught", runs=reads)
    assert taught["phase"] == "Succeeded", "it read what the first one said"

    table = people("list", who="reader")
    assert table.returncode == 0, table.stderr
    assert LESSON in table.stdout
    assert " 1/1 " in table.stdout
    shown = people("show", number(people), who="reader").stdout
    assert "learned (bead alone, attempt 1)" in shown
    assert "Days end." in shown
    found = people("search", "the scheduler clock is not steady", who="reader").stdout
    assert "words: " in found
    report = people("report", who="reader").stdout
    assert "with lessons" in report
    assert "No difference can be told" in report

    refused = people("retire", number(people), who="reader")
    assert (refused.returncode, refused.stdout) == (4, ""), refused.stderr
    assert "may not update beads" in refused.stderr
    assert people("list", who="nobody").returncode == 4
    assert people("retire", number(people), "--reason", "the clock is injected").returncode == 0
    again = play(cluster, namespace, station, "again", runs=reads)
    assert again["phase"] == "Failed", "nobody is told what people retired"


def test_people_add_retire_and_exchange_lessons(
    namespace: str, operator: OperatorProcess, people: Run, tmp_path: Path
) -> None:
    added = people("add", LESSON, "--cause", "They fail at night", "--path", "src/scheduler.py")
    assert added.returncode == 0, added.stderr
    retired = people("retire", number(people), "--reason", "the clock is injected")
    assert retired.returncode == 0, retired.stderr
    assert "there are no active lessons" in people("list").stderr
    assert "the clock is injected" in people("list", "--state", "all", "--json").stdout
    assert people("endorse", number(people)).returncode == 0
    assert people("endorse", "1000000").returncode == 4
    short = people("add", "Be it so")
    assert (short.returncode, short.stderr.count("\n")) == (4, 1)
    file = tmp_path / "lessons.json"
    assert people("export", str(file)).returncode == 0
    assert [item["lesson"] for item in json.loads(file.read_text())["items"]] == [LESSON]
    assert people("import", str(file)).stdout.startswith("0 lessons added, 1 were known")
    file.write_text('{"version": 1, "items": [{"lesson": "x"}]}')
    wrong = people("import", str(file))
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "lesson 1" in wrong.stderr
    actions = rows(operator, "select action from audit where namespace = ? order by id", namespace)
    assert [action for (action,) in actions] == [
        "lesson.add",
        "lesson.retire",
        "lesson.endorse",
        "lesson.import",
    ]


def number(people: Run) -> str:
    """Of the first lesson."""
    found = json.loads(people("list", "--state", "all", "--json", who="reader").stdout)
    return str(found["items"][0]["id"])
