"""The sample repository, the backlog and the Workers, as objects for this machine."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from demolib.shell import DATA, HACK, DemoError, run

Body = dict[str, Any]
HOST = "demo"
KEYS = {"claude-code": "ANTHROPIC_API_KEY", "codex": "OPENAI_API_KEY"}
PROGRAMS = {"claude-code": "claude", "codex": "codex"}
SECRET = "agent-key"


def make_repository(folder: Path) -> Path:
    """A repository with the package to be finished, all committed."""
    folder.mkdir()
    for name, text in _load("project.yaml").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    identity = (
        "-c",
        "user.name=Demo",
        "-c",
        "user.email=demo@ringmaster.invalid",
        "-c",
        "commit.gpgSign=false",
    )
    run("git", "init", "--quiet", "--initial-branch=main", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    run("git", *identity, "commit", "--quiet", "-m", "Declare textkit and its tests", cwd=folder)
    return folder


def write_scenario(path: Path) -> Path:
    """What the scripted agent does, as it reads it."""
    scenario = _load("scenario.yaml")
    for item in scenario["runs"]:
        if bead := item.pop("bead", None):
            item["match"] = f"Bead {bead} ("
    path.write_text(json.dumps(scenario), encoding="utf-8")
    return path


def backlog(repository: Path) -> list[Body]:
    """The beads, each with the sample repository."""
    beads = [bead for file in sorted((DATA / "backlog").glob("*.yaml")) for bead in objects(file)]
    for bead in beads:
        bead["spec"]["repository"] = {"url": str(repository)}
    return beads


def workers(*, agent: str, folder: Path, model: str | None) -> list[Body]:
    """The Workers, with the agent asked for; their sessions live in tmux on a socket of the demo's own."""
    found = objects(DATA / "workers.yaml")
    for worker in found:
        worker["spec"]["agent"] = {**_agent(agent, folder), **({"model": model} if model else {})}
        worker["spec"]["tmux"] = {
            "host": HOST,
            "socketName": socket_name(folder),
            "workingDirectory": str(folder / "work"),
        }
    return found


def socket_name(folder: Path) -> str:
    """The demo's own tmux socket (tmux -L)."""
    return folder.name


def secret(agent: str) -> Body | None:
    """The agent's key as a Secret: a key never stands in a spec. None where no key is needed."""
    if agent not in KEYS:
        return None
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET},
        "stringData": {KEYS[agent]: os.environ[KEYS[agent]]},
    }


def check_agent(agent: str) -> None:
    """Raises DemoError when the agent cannot run here."""
    if agent == "scripted":
        return
    if shutil.which(PROGRAMS[agent]) is None:
        raise DemoError(f"{PROGRAMS[agent]} is not installed; install it, or leave --agent out")
    if not os.environ.get(KEYS[agent]):
        raise DemoError(f"{KEYS[agent]} is not set; {agent} needs it. Or leave --agent out")


def _agent(agent: str, folder: Path) -> Body:
    if agent != "scripted":
        return {"profile": agent, "timeoutSeconds": 900, "envFrom": [{"secretRef": {"name": SECRET}}]}
    return {
        "profile": "claude-code",
        "command": [sys.executable, str(HACK / "scripted-agent")],
        "env": [{"name": "RINGMASTER_SCENARIO", "value": str(write_scenario(folder / "scenario.json"))}],
        "timeoutSeconds": 120,
    }


def _load(name: str) -> Body:
    content: Body = yaml.safe_load((DATA / name).read_text(encoding="utf-8"))
    return content


def objects(path: Path) -> list[Body]:
    """The objects of a YAML file."""
    return [body for body in yaml.safe_load_all(path.read_text(encoding="utf-8")) if body]
