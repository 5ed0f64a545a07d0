"""Beads and runs as the tests of the agents need them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ringmaster_cli.agents.markers import read_markers
from ringmaster_cli.agents.model import AgentResult, AgentRun
from ringmaster_cli.agents.profiles import Profile, load_profile
from ringmaster_cli.agents.run import run_agent
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Acceptance, BeadType
from ringmaster_operator.resources.protocol import BeadWork, Progress, VerifyResult

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTED = REPOSITORY / "hack" / "scripted-agent"
WHEN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def make_bead(*, type: BeadType = BeadType.TASK, verify: Sequence[str] = ()) -> BeadWork:
    return BeadWork(
        namespace="demo",
        name="add-parser",
        uid="1",
        generation=1,
        title="Add the parser",
        description="",
        type=type,
        priority=Priority.P2,
        effective_priority=Priority.P2,
        acceptance=Acceptance(verify=list(verify)),
        max_iterations=3,
        max_attempts=3,
        timeout_seconds=600,
    )


def make_result(**changes: Any) -> AgentResult:
    """A run of a minute that called a tool, wrote 100 tokens and exited 0, changed as asked for."""
    facts: dict[str, Any] = {
        "ended": "exit",
        "exit_code": 0,
        "final_text": "I have added the parser.",
        "progress": Progress(turns=2, tool_calls=1, output_tokens=100),
        "seconds": 60.0,
        "started_at": WHEN,
        "finished_at": WHEN,
    } | changes
    facts.setdefault("markers", read_markers(facts["final_text"]))
    return AgentResult(**facts)


def checks(*codes: int, output: str = "") -> list[VerifyResult]:
    return [
        VerifyResult(command=f"check {n}", exit_code=code, seconds=1.0, output=output)
        for n, code in enumerate(codes)
    ]


@dataclass
class Room:
    """A place to run an agent in, and what was seen of the run."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def transcript(self) -> Path:
        return self.path / "transcripts" / "1.jsonl"

    def run(
        self,
        prompt: str = "Do the work.",
        *,
        profile: Profile | str = "claude-code",
        command: Sequence[str | Path] = (),
        timeout: float = 60,
        stall: float = 60,
        env: Mapping[str, str] | None = None,
        should_stop: Callable[[], str | None] = lambda: None,
        **more: Any,
    ) -> AgentResult:
        """Run an agent with nothing of this process's environment but the PATH of the system."""
        home, scratch = self.path / "home", self.path / "tmp"
        for folder in (self.work, home, scratch):
            folder.mkdir(exist_ok=True)
        prompt_file = self.path / "prompt.md"
        prompt_file.write_text(prompt, encoding="utf-8")
        return run_agent(
            AgentRun(
                profile=load_profile(profile) if isinstance(profile, str) else profile,
                prompt_file=prompt_file,
                cwd=self.work,
                env={
                    "PATH": "/usr/bin:/bin",
                    "HOME": str(home),
                    "TMPDIR": str(scratch),
                    **self.env,
                    **(env or {}),
                },
                transcript=self.transcript,
                timeout=timeout,
                stall=stall,
                command=[str(part) for part in command],
                **more,
            ),
            on_progress=self.told.append,
            on_line=self.lines.append,
            should_stop=should_stop,
        )

    def play(self, *steps: Mapping[str, Any], **more: Any) -> AgentResult:
        """Run the scripted agent through these steps."""
        prompt = f"Do it.\n```scenario\n{json.dumps({'steps': steps})}\n```\n"
        return self.run(prompt, command=[SCRIPTED], **more)


def marked(needle: str) -> list[int]:
    """Processes whose command line has this text: what a run left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if needle.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def shell(program: str) -> Sequence[str]:
    """An agent that is a line of shell."""
    return ["/bin/sh", "-c", program]
