"""People and workers who use real git repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringmaster_cli.workspace import Workspace
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Acceptance, BeadType, Repository
from ringmaster_operator.resources.protocol import BeadWork, DependencyResult

ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
}


class Person:
    """Someone who uses git by hand; agents in the tests are one too."""

    env = ENV

    def git(self, *args: str, cwd: Path) -> str:
        """A git command; what it prints."""
        command = ["git", "-c", "init.defaultBranch=main", "-c", "safe.directory=*", *args]
        done = subprocess.run(command, cwd=cwd, env=ENV, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, folder: Path, files: dict[str, str]) -> None:
        """Write files without committing them."""
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")

    def commit(self, folder: Path, files: dict[str, str], message: str = "Change") -> str:
        """Commit files in a checkout; the commit."""
        self.write(folder, files)
        self.git("add", "--all", cwd=folder)
        self.git("commit", "--quiet", "--allow-empty", "-m", message, cwd=folder)
        return self.git("rev-parse", "HEAD", cwd=folder)

    def branches(self, folder: Path) -> set[str]:
        """Names of the branches."""
        return set(self.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", cwd=folder).split())


@dataclass
class Bench:
    """A worker's home, and the workspaces prepared in it."""

    home: Path
    lines: list[str] = field(default_factory=list)
    spaces: list[Workspace] = field(default_factory=list)

    def bead(
        self, url: str | Path | None, *, name: str = "fix-it", ref: str | None = None, **more: Any
    ) -> BeadWork:
        """What a worker is told of a bead."""
        values: dict[str, object] = {
            "namespace": "default",
            "name": name,
            "uid": f"uid-of-{name}"[:60],
            "generation": 1,
            "title": "Fix it",
            "description": "Please.",
            "type": BeadType.TASK,
            "priority": Priority.P2,
            "effective_priority": Priority.P2,
            "acceptance": Acceptance(),
            "repository": Repository(url=str(url), ref=ref) if url else None,
            "max_iterations": 5,
            "max_attempts": 3,
            "timeout_seconds": 60,
        }
        return BeadWork.model_validate({**values, **more})

    def prepare(
        self,
        url: str | Path | None,
        *,
        attempt: int = 1,
        session: str = "w-0",
        setup: Sequence[str] = (),
        home: Path | None = None,
        **bead: Any,
    ) -> Workspace:
        """A workspace for a bead on that repository."""
        space = Workspace.prepare(
            home=home or self.home,
            work=self.bead(url, **bead),
            attempt=attempt,
            session=session,
            setup=setup,
            env=ENV,
            on_line=self.lines.append,
        )
        self.spaces.append(space)
        return space

    def mirror(self, name: str = "*") -> Path:
        """The only mirror of that name."""
        (found,) = (self.home / "mirrors").glob(f"{name}.git")
        return found


def result(name: str, commit: str | None, branch: str | None = None) -> DependencyResult:
    """What a finished dependency left."""
    return DependencyResult(name=name, title=name, commit=commit, branch=branch)
