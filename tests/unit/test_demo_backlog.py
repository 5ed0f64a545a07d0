"""The demo's files fit together: its beads are valid, and what its agent writes passes what they ask for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.worker import Worker

HACK = Path(__file__).resolve().parents[2] / "hack"
UNFINISHED = {"synonyms"}
"""Beads that the story never finishes."""


@pytest.fixture(autouse=True)
def demo_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HACK))


def beads(repository: Path) -> list[Bead]:
    from demolib import project

    return [Bead.model_validate(body) for body in project.backlog(repository)]


def test_the_backlog_and_the_workers_are_valid(tmp_path: Path) -> None:
    from demolib import project

    found = beads(tmp_path)
    assert len(found) >= 14
    assert {bead.spec.type.value for bead in found} >= {"epic", "subtask", "task", "question"}
    names = {bead.metadata.name for bead in found}
    assert all({*bead.spec.depends_on, bead.spec.parent or next(iter(names))} <= names for bead in found)
    workers = project.workers(agent="scripted", folder=tmp_path, model=None)
    assert [Worker.model_validate(body).metadata.name for body in workers] == ["ada", "grace"]
    able = {capability["name"] for body in workers for capability in body["spec"]["capabilities"]}
    assert {capability for bead in found for capability in bead.spec.capabilities} <= able


def test_a_key_goes_into_a_secret_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from demolib import project

    monkeypatch.setenv("ANTHROPIC_API_KEY", "hunter2")
    workers = project.workers(agent="claude-code", folder=tmp_path, model="some-model")
    assert "hunter2" not in json.dumps(workers)
    assert workers[0]["spec"]["agent"]["envFrom"] == [{"secretRef": {"name": "agent-key"}}]
    secret = project.secret("claude-code")
    assert secret is not None
    assert secret["stringData"] == {"ANTHROPIC_API_KEY": "hunter2"}
    assert project.secret("scripted") is None


def test_an_agent_that_is_not_here_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    from demolib import project
    from demolib.shell import DemoError

    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DemoError, match="claude is not installed"):
        project.check_agent("claude-code")
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(DemoError, match="OPENAI_API_KEY is not set"):
        project.check_agent("codex")


class Play:
    """Plays the scripted agent in one checkout, without an operator."""

    def __init__(self, folder: Path) -> None:
        from demolib import project

        self.repository = project.make_repository(folder / "textkit")
        scenario = project.write_scenario(folder / "scenario.json")
        quick = json.loads(scenario.read_text(), object_hook=self._without_pauses)
        scenario.write_text(json.dumps(quick))
        self._env = {**os.environ, "RINGMASTER_SCENARIO": str(scenario)}

    @staticmethod
    def _without_pauses(value: dict[str, Any]) -> dict[str, Any]:
        return {key: 0 if key in ("pace", "sleep") else item for key, item in value.items()}

    def run(self, bead: Bead, *, attempt: int = 1, iteration: int = 1, told: str = "") -> str:
        """The agent's last words."""
        place = {"RINGMASTER_ATTEMPT": str(attempt), "RINGMASTER_ITERATION": str(iteration)}
        done = subprocess.run(
            [sys.executable, str(HACK / "scripted-agent")],
            input=f"Bead {bead.metadata.name} ({bead.spec.type})\n{told}",
            env={**self._env, **place}, cwd=self.repository, capture_output=True, text=True, check=True,
        )  # fmt: skip
        result: str = json.loads(done.stdout.strip().splitlines()[-1])["result"]
        return result

    def failing(self, bead: Bead) -> list[str]:
        """Verify commands that fail now."""
        return [
            command
            for command in bead.spec.acceptance.verify
            if subprocess.run(command, shell=True, cwd=self.repository, capture_output=True).returncode
        ]


def test_what_the_agent_writes_passes_every_check(tmp_path: Path) -> None:
    play = Play(tmp_path)
    for bead in beads(play.repository):
        name = bead.metadata.name
        if bead.spec.type == "epic":
            continue
        assert not bead.spec.acceptance.verify or play.failing(bead), f"{name} is done before it begins"
        words = play.run(bead)
        if name == "duration":
            assert "RINGMASTER: failed" in words
            words = play.run(bead, attempt=2)
        if name == "roman":
            assert "RINGMASTER: incomplete" in words
            assert "RINGMASTER: incomplete" in play.run(bead, iteration=2)
            assert play.failing(bead)
            words = play.run(bead, iteration=3)
        if name == "human-bytes":
            assert "RINGMASTER: needs-decision" in words
            words = play.run(bead, told="Answer: binary")
        assert ("RINGMASTER: done" in words) == (name not in UNFINISHED), f"{name}: {words}"
        assert bool(play.failing(bead)) == (name in UNFINISHED), name


def test_either_decision_can_be_worked_with(tmp_path: Path) -> None:
    play = Play(tmp_path)
    (bead,) = (bead for bead in beads(play.repository) if bead.metadata.name == "human-bytes")
    assert "RINGMASTER: done" in play.run(bead, told="Answer: decimal")
    assert not play.failing(bead)


def test_attempts_thatoverlap_are_seen() -> None:
    from demolib.checks import overlap
    from demolib.history import Attempt

    def attempt(begin: str, end: str) -> Attempt:
        return Attempt(
            bead="b", session="s", attempt=1, started_at=begin, ended_at=end, kind="success", reason="",
            summary="", iterations=1, tokens=1,
        )  # fmt: skip

    assert not overlap([attempt("10", "20")], [attempt("20", "30")])
    assert overlap([attempt("10", "20")], [attempt("15", "30")])
