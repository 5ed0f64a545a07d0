"""Backlogs in and out on a real API server: import, create, work, export."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.backlogs import export
from support.sessions import Session

pytestmark = pytest.mark.cluster

Record = dict[str, Any]
Run = Callable[..., subprocess.CompletedProcess[str]]
#: What may differ in a record whose bead was worked.
RECORDS = 500 if os.environ.get("RINGMASTER_LONG") else 150
WORKED = ("status", "closed_at", "updated_at", "close_reason", "metadata")


@pytest.fixture
def run(cluster: Any, namespace: str) -> Run:
    """The program, as people call it."""

    def call(*words: str, code: int = 0, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "ringmaster_cli", *words, "--namespace", namespace],
            env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig), **env},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    return call


def jsonl(folder: Path, records: list[Record]) -> str:
    path = folder / "issues.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def exported(run: Run) -> dict[str, Record]:
    records = [json.loads(line) for line in run("export").stdout.splitlines()]
    return {record["id"]: record for record in records}


def get(cluster: Any, namespace: str, name: str) -> Any:
    return cluster.get("bead", name, "-n", namespace)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_an_export_of_bd_goes_in_is_worked_and_comes_out_with_nothing_lost(
    cluster: Any, namespace: str, run: Run, sessions: Callable[..., Session], tmp_path: Path
) -> None:
    backlog = export(RECORDS)
    file = jsonl(tmp_path, backlog)
    assert run("import", file, "--dry-run").stdout == f"would be: {RECORDS} created\n"
    assert exported(run) == {}
    assert run("import", file).stdout == f"{RECORDS} created\n"
    again = json.loads(run("import", file, "--json").stdout)
    assert {item["result"] for item in again["items"]} <= {"unchanged", "finished"}
    assert exported(run) == {record["id"]: record for record in backlog}

    await work_off(cluster, namespace, sessions)

    result = exported(run)
    assert len(result) == len(backlog)
    for record in backlog:
        out = result[record["id"]]
        if record["status"] == "closed":
            assert out == record
            continue
        assert out["status"] == "closed"
        assert {k: v for k, v in out.items() if k not in WORKED} == {
            k: v for k, v in record.items() if k not in WORKED
        }
        metadata = out.get("metadata", {})
        mine = metadata.pop("ringmaster", {})
        assert metadata == record.get("metadata", {})
        if record["issue_type"] != "epic":
            assert mine["status"]["outcome"]["summary"] == out["close_reason"] == f"{record['id']}: success"
            assert out["closed_at"] == out["updated_at"]

    sheet = tmp_path / "all.csv"
    run("export", str(sheet))
    assert f"{RECORDS} finished" in run("import", str(sheet)).stdout


async def work_off(cluster: Any, namespace: str, sessions: Callable[..., Session]) -> None:
    """Resume what is held, and work until nothing is left."""
    held = [
        f"bead/{item['metadata']['name']}"
        for item in cluster.get("beads", "-n", namespace)["items"]
        if item["spec"].get("desired") == "Hold"
    ]
    cluster.kubectl("patch", "-n", namespace, *held, "--type=merge", '-p={"spec":{"desired":"Run"}}')

    async def labour(session: Session) -> int:
        done = 0
        while (claimed := await session.pull(wait=10)) is not None:
            assert (await session.report(claimed))[0] == 200
            done += 1
        return done

    done = await asyncio.gather(*(labour(sessions(f"fleet-{number}")) for number in range(8)))
    print(f"worked by each session: {done}")
    unfinished = {
        item["metadata"]["name"]: item["status"].get("phase")
        for item in cluster.get("beads", "-n", namespace)["items"]
        if item["status"].get("phase") not in ("Succeeded", "Cancelled")
    }
    assert unfinished == {}


def test_the_file_again_changes_its_own_and_asks_about_peoples(
    cluster: Any, namespace: str, run: Run, tmp_path: Path
) -> None:
    records = [{"id": f"bd-{n}", "title": f"T{n}", "priority": 2, "labels": ["old"]} for n in range(3)]
    file = jsonl(tmp_path, records)
    run("import", file)
    assert run("import", file).stdout == "3 unchanged\n"
    cluster.kubectl("patch", "-n", namespace, "bead/bd-1", "--type=merge", '-p={"spec":{"priority":"P4"}}')
    assert exported(run)["bd-1"]["priority"] == 4

    records[0] |= {"title": "T0 anew", "labels": ["new"]}
    records[1]["priority"] = 0
    jsonl(tmp_path, records)
    refused = run("import", file, code=4)
    assert refused.stdout == "1 changed, 1 unchanged, 1 conflict\n"
    assert "bd-1: .spec.priority changed here since: --force takes the file's" in refused.stderr
    first = get(cluster, namespace, "bd-0")
    assert first["spec"]["title"] == "T0 anew"
    assert {key for key in first["metadata"]["labels"] if key.startswith("label.")} == {
        "label.ringmaster.dev/new"
    }
    assert get(cluster, namespace, "bd-1")["spec"]["priority"] == "P4"

    assert run("import", file, "--force", "-o", "name").stdout.split() == [
        f"bead.ringmaster.dev/bd-{number}" for number in range(3)
    ]
    assert get(cluster, namespace, "bd-1")["spec"]["priority"] == "P0"


def test_nothing_is_imported_where_something_is_wrong(
    cluster: Any, namespace: str, run: Run, tmp_path: Path
) -> None:
    run("create", "Mine", "--name", "bd-1")
    file = jsonl(tmp_path, [{"id": "bd-1", "title": "Theirs"}, {"id": "bd-2", "title": "Good"}])
    told = run("import", file, code=2).stderr
    assert "bd-1: there is a bead bd-1 already, of Ringmaster's own" in told
    file = jsonl(tmp_path, [{"id": "bd-3"}, {"id": "bd-2", "title": "Good"}])
    assert f"{file}:1: title is missing" in run("import", file, code=2).stderr
    assert [item["metadata"]["name"] for item in cluster.get("beads", "-n", namespace)["items"]] == ["bd-1"]


def test_checklists_come_by_standard_input(cluster: Any, namespace: str, run: Run) -> None:
    text = "- [ ] Epic\n  1. [ ] one\n  2. [ ] two (P0)\n"
    run("import", "-", "--format", "markdown", "--source", "todo", stdin=text)
    assert (
        run("import", "-", "--format", "markdown", "--source", "todo", stdin=text).stdout == "3 unchanged\n"
    )
    found = {item["spec"]["title"]: item for item in cluster.get("beads", "-n", namespace)["items"]}
    assert found["two"]["spec"]["dependsOn"] == [found["one"]["metadata"]["name"]]
    assert found["two"]["spec"]["parent"] == found["Epic"]["metadata"]["name"]


def test_beads_are_created_from_options_yaml_and_an_editor(
    cluster: Any, namespace: str, run: Run, tmp_path: Path
) -> None:
    said = run(
        "create", "Fix the login", "-d", "-", "-p", "1", "--after", "other", "--capability", "python",
        "--verify", "make test", "--criterion", "it works", "--estimate", "30", "--hold", stdin="In full.\n",
    )  # fmt: skip
    name = said.stdout.split()[1]
    assert name.startswith("fix-the-login-")
    assert get(cluster, namespace, name)["spec"] == get(cluster, namespace, name)["spec"] | {
        "title": "Fix the login",
        "description": "In full.\n",
        "priority": "P1",
        "dependsOn": ["other"],
        "capabilities": ["python"],
        "estimateMinutes": 30,
        "desired": "Hold",
    }
    yaml = "title: From a file\nacceptance: {verify: [make]}\n"
    run("create", "-f", "-", "--name", "filed", "-p", "0", stdin=yaml)
    assert get(cluster, namespace, "filed")["spec"]["priority"] == "P0"

    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/^priority: .*/priority: P3/' \"$1\"\n")
    editor.chmod(0o755)
    run("create", "Édit: me", "--edit", "--name", "edited", EDITOR=str(editor))
    edited = get(cluster, namespace, "edited")["spec"]
    assert (edited["title"], edited["priority"]) == ("Édit: me", "P3")
    assert "unchanged" in run("create", "--edit", code=2, EDITOR="true").stderr


def test_what_cannot_be_created_is_told(cluster: Any, namespace: str, run: Run) -> None:
    assert "could be made" in run("create", "Only checked", "--dry-run").stdout
    assert "needs a title" in run("create", code=2).stderr
    told = run("create", "x", "--name", "Wrong", "--type", "joke", code=2).stderr
    assert "spec.type" in told
    assert "colour" in run("create", "-f", "-", code=2, stdin="{title: x, colour: red}").stderr
    assert "No such file" in run("create", "-f", "/nowhere.yaml", code=2).stderr
    assert cluster.get("beads", "-n", namespace)["items"] == []
