"""Real git repositories for the workspace's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.checkouts import Bench, Person


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Bench]:
    desk = Bench(home=tmp_path / "home")
    yield desk
    for space in desk.spaces:
        space.close(keep=True)


@pytest.fixture
def checkout(tmp_path: Path, person: Person) -> Path:
    """A person's repository with one commit."""
    folder = tmp_path / "project"
    folder.mkdir()
    person.git("init", "--quiet", cwd=folder)
    person.commit(folder, {"README.md": "# Project\n", "main.py": "print(1)\n"}, "First")
    return folder


@pytest.fixture
def remote(tmp_path: Path, checkout: Path, person: Person) -> Path:
    """A bare repository, as a server has it."""
    folder = tmp_path / "remote.git"
    person.git("clone", "--quiet", "--bare", str(checkout), str(folder), cwd=tmp_path)
    return folder
