"""A small repository with a worktree as a session has it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ringmaster_cli.workspace.git import Git, clean_environment
from support.prompts import FILES
from support.station import git


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with two commits."""
    work = tmp_path / "work"
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "Begin")
    (work / "src/parser.py").write_text("def parse(text):\n    return list(text.split())\n")
    git(work, "commit", "--quiet", "-am", "Give a list")
    return work


@pytest.fixture
def asks(tmp_path: Path, tree: Path) -> Any:
    """Runs git in the worktree, as the worker does."""
    home = tmp_path / "home"
    home.mkdir()
    careful = Git(env=clean_environment({"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, home=home))
    return lambda *args: careful.run(*args, cwd=tree)
