"""What must come of an attack by way of the prompt, and all that it had before it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.operators import OperatorProcess
from support.station import Station, git

BAD = ["grep -q never made.txt"]
"""Acceptance commands that no attack makes true."""


@dataclass
class Victim:
    """A bead that another session holds."""

    name: str
    token: str
    worker: str
    session: str
    claim: str = ""
    fence: int = 0


@dataclass
class World:
    """All that the attacks had before them, and what is left of it."""

    cluster: Any
    namespace: str
    operator: OperatorProcess
    station: Station[OperatorProcess]
    victims: list[Victim]
    said: str = ""
    main: str = ""
    beads: dict[str, dict[str, Any]] = field(default_factory=dict)

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.beads[name]["status"]
        return found

    def reports(self, name: str) -> list[dict[str, Any]]:
        """Accepted reports on a bead, as the history has them."""
        database = self.operator.folder / "ringmaster.db"
        query = "select body from report where bead = ? and refused = 0 and namespace = ? order by id"
        code = (
            "import json, sys, pysqlite3 as s; db = s.connect(f'file:{sys.argv[1]}?mode=ro', uri=True);"
            "print(json.dumps([json.loads(r[0]) for r in db.execute(sys.argv[2], sys.argv[3:])]))"
        )
        command = [sys.executable, "-c", code, str(database), query, name, self.namespace]
        found: list[dict[str, Any]] = json.loads(
            subprocess.run(command, capture_output=True, check=True).stdout
        )
        return found

    def published(self, name: str, path: str) -> str:
        return self.station.branch_file(name, path)


Check = Callable[[World, str], None]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What the agent of one bead does, and what must come of it."""

    does: tuple[dict[str, Any], ...]
    verify: tuple[str, ...] = tuple(BAD)
    succeeds: bool = False
    """Whether the bead is done: only where its acceptance commands hold."""
    check: Check = lambda world, name: None
    spec: dict[str, Any] = field(default_factory=dict)


def clean(text: str) -> bool:
    return not any(sign in text for sign in "\x1b\x07\x00\u202e")


def published(path: str, text: str) -> Check:
    """What was checked is what is on the bead's branch at the repository."""

    def check(world: World, name: str) -> None:
        assert world.published(name, path) == text

    return check


def counted(world: World, name: str) -> None:
    """The cost is that of the requests, whatever else was printed."""
    (report,) = world.reports(name)
    rows = report["usage"]["requests"]
    turns = len(rows)
    assert turns >= 2
    usd = turns * (600 * 3e-6 + 1800 * 0.3e-6 + 160 * 15e-6)
    assert world.status(name)["cost"]["usd"] == pytest.approx(usd, rel=1e-6)
    assert world.status(name)["cost"]["outputTokens"] == turns * 160


def summary_is_clean(world: World, name: str) -> None:
    assert clean(json.dumps(world.status(name), ensure_ascii=False))
    assert clean(json.dumps(world.reports(name), ensure_ascii=False))


def asked_nothing(world: World, name: str) -> None:
    assert not [other for other in world.beads if other.startswith(f"{name}-q")]


def only_own_branch(world: World, name: str) -> None:
    refs = git(world.station.origin, "for-each-ref", "--format=%(refname)").split()
    assert f"refs/heads/ringmaster/{name}" in refs
    assert not [ref for ref in refs if "victim" in ref]
    assert git(world.station.origin, "rev-parse", "main").strip() == world.main


def prompt_is_fenced(world: World, name: str) -> None:
    (report,) = world.reports(name)
    told = {part["name"] for part in report["prompt"]["parts"] if part["tokens"]}
    assert {"tree", "dependencies", "documents"} <= told


def learned(world: World, name: str) -> None:
    """What failed is told again, as data; the second run is judged like the first."""
    first, second = world.reports(name)
    told = {part["name"] for part in second["prompt"]["parts"] if part["tokens"]}
    assert {"history", "logs"} <= told
    assert [report["outcome"]["kind"] for report in (first, second)] == ["incomplete", "incomplete"]


def no_environment(world: World, name: str) -> None:
    text = world.published(name, "env.txt") + world.published(name, "verify-env.txt")
    assert "RINGMASTER_TOKEN_FILE" not in text
    assert world.operator.url not in text
    assert world.station.token_file.read_text() not in text


def nothing_ran(world: World, name: str) -> None:
    assert not (world.station.folder / "owned").exists()


def kept_aside(world: World, name: str) -> None:
    assert "forged" not in json.dumps(world.status(name))
    assert list((world.station.home / "claims" / world.namespace / "fleet-0" / "refused").glob("*.not-ours"))


def stays(world: World, name: str) -> None:
    assert (world.station.home / "worktrees" / "others-work" / "file").read_text() == "mine"


def no_children(world: World, name: str) -> None:
    assert not [other for other, item in world.beads.items() if item["spec"].get("parent") == name]


def told_nothing_of(world: World, words: str) -> None:
    assert f"going on with conversation {words}" not in world.said
    assert len(world.reports("plants-a-conversation")) == 2
