"""The fixtures: a stand-in operator, and a session that works for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.desk import Desk, running
from support.station import AGENT, Station, git


@pytest.fixture
def desk() -> Iterator[Desk]:
    with running(Desk()) as started:
        started.agent = {"profile": "claude-code", "command": [str(AGENT)]}
        yield started


@pytest.fixture
def station(desk: Desk, tmp_path: Path) -> Station[Desk]:
    origin = tmp_path / "origin.git"
    seed = tmp_path / "seed"
    seed.mkdir()
    git(seed, "init", "--quiet", "--initial-branch=main")
    (seed / "README.md").write_text("# A small thing\n")
    git(seed, "add", ".")
    git(seed, "commit", "--quiet", "-m", "Begin")
    git(tmp_path, "clone", "--quiet", "--bare", str(seed), str(origin))
    made = Station(desk=desk, folder=tmp_path, origin=origin)
    made.token_file.write_text(desk.token)
    return made
