"""The real agent programs, installed once into the user's cache by hack/agents."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.agents import REPOSITORY, Room


@pytest.fixture(scope="session")
def program() -> Callable[[str], Path]:
    """The path of an agent's program by the name of its profile."""

    def install(name: str) -> Path:
        done = subprocess.run(
            [REPOSITORY / "hack" / "agents", name], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())

    return install


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)
