"""A session of the real program against a stand-in operator, with a scripted agent and real git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from support.desk import Desk, bead
from support.served import Body

ROOT = Path(__file__).resolve().parents[2]
AGENT = ROOT / "hack" / "scripted-agent"
PROGRAM = (sys.executable, "-m", "ringmaster_cli")


def scenario(*runs: Mapping[str, Any]) -> str:
    """A bead's description that makes the scripted agent play these runs."""
    return "Do it.\n\n```scenario\n" + json.dumps({"runs": list(runs)}) + "\n```\n"


def steps(*steps: Mapping[str, Any], **where: int | str) -> Body:
    return {**where, "steps": list(steps)}


class Operator(Protocol):
    """Where a session works."""

    @property
    def url(self) -> str: ...


At = TypeVar("At", bound=Operator)


@dataclass
class Station(Generic[At]):
    """Where a session runs: its environment, its home, the repository it works on."""

    desk: At
    folder: Path
    origin: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def state(self) -> Path:
        return self.home / "claims" / "demo" / "fleet-0"

    @property
    def token_file(self) -> Path:
        return self.folder / "token"

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "RINGMASTER_URL": self.desk.url,
            "RINGMASTER_TOKEN_FILE": str(self.token_file),
            "RINGMASTER_NAMESPACE": "demo",
            "RINGMASTER_WORKER": "fleet",
            "RINGMASTER_SESSION": "fleet-0",
            "RINGMASTER_HOME": str(self.home),
            **self.extra,
        }

    def run(self, *args: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *args],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *args],
            env=self.env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def add(self: Station[Desk], name: str = "fix-it", **more: Any) -> None:
        """A bead on the station's repository."""
        self.desk.beads.append(bead(name, **{"repository": {"url": str(self.origin)}, **more}))

    def branch_file(self, name: str, path: str) -> str:
        """A file as it was published on the bead's branch."""
        return git(self.origin, "show", f"ringmaster/{name}:{path}")


def git(where: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *args],
        cwd=where,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(where), "GIT_CONFIG_NOSYSTEM": "1"},
    )
    return done.stdout


def small_origin(folder: Path) -> Path:
    """A repository of one commit, `origin.git`, to clone from and push to."""
    seed, origin = folder / "seed", folder / "origin.git"
    seed.mkdir()
    git(seed, "init", "--quiet", "--initial-branch=main")
    (seed / "README.md").write_text("# A small thing\n")
    git(seed, "add", ".")
    git(seed, "commit", "--quiet", "-m", "Begin")
    git(folder, "clone", "--quiet", "--bare", str(seed), str(origin))
    return origin


def one_line(text: str) -> str:
    """The one line that the CLI has to say when it says no."""
    assert text.startswith("ringmaster: ")
    assert text.count("\n") == 1
    return text
