"""The agent run behind `ringmaster plan`: a text goes in, a checked proposal comes out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ringmaster_cli import output
from ringmaster_cli.agents.profiles import load_profile
from ringmaster_cli.agents.run import AgentResult, AgentRun, run_agent
from ringmaster_cli.exits import CliError, Exit
from ringmaster_cli.plan.words import PLAN, SHAPE
from ringmaster_cli.prompt.text import one_line, quoted
from ringmaster_operator.resources.proposal import Proposal, read_proposal

Body = dict[str, Any]
TRIES = 2
"""A proposal that cannot be read is handed back once, with the fault."""
STALL_SECONDS = 600.0
MOST_EXISTING = 300


def prompt(text: str, present: Mapping[str, Body], *, fault: str = "") -> str:
    """What the agent is told."""
    there = "\n".join(_existing(present.values())) or "(none)"
    again = f"# Your last proposal could not be used\n{one_line(fault)}\n\n" if fault else ""
    return f"{PLAN}\n{again}# Beads that are there\n{there}\n\n<task>\n{quoted(text)}\n</task>\n\n{SHAPE}"


def _existing(bodies: Iterable[Body]) -> Iterable[str]:
    for number, body in enumerate(bodies):
        if number == MOST_EXISTING:
            yield "(more are left out)"
            return
        phase = body.get("status", {}).get("phase", "new")
        yield f"- {body['metadata']['name']} ({phase}): {one_line(body['spec']['title'])}"


def propose(
    text: str,
    present: Mapping[str, Body],
    *,
    profile: str,
    model: str | None,
    command: Sequence[str],
    folder: Path,
    timeout: float,
) -> Proposal:
    """Run the agent in the folder. Raises CliError when it fails or proposes nothing usable."""
    own = os.environ.get("RINGMASTER_PROFILES", "").split(os.pathsep)
    chosen = load_profile(profile, folders=[Path(folder) for folder in own if folder])
    fault = ""
    with tempfile.TemporaryDirectory(prefix="ringmaster-plan-") as scratch:
        for number in range(TRIES):
            asked, log = Path(scratch, f"prompt-{number}.md"), Path(scratch, f"transcript-{number}.log")
            asked.write_text(prompt(text, present, fault=fault), encoding="utf-8")
            run = AgentRun(
                profile=chosen,
                prompt_file=asked,
                cwd=folder,
                env=dict(os.environ),
                transcript=log,
                timeout=timeout,
                stall=min(timeout, STALL_SECONDS),
                model=model,
                command=command,
            )
            output.note(f"planning with {chosen.name}{f', {model}' if model else ''} in {folder}")
            result = run_agent(run, on_progress=lambda _: None, on_line=output.note, should_stop=lambda: None)
            _check(result)
            try:
                return read_proposal(result.final_text)
            except ValueError as error:
                fault = str(error)
                output.note(f"the proposal cannot be used: {fault}")
    raise CliError(f"the agent proposed nothing usable: {fault}", exit=Exit.WORK_FAILED)


def _check(result: AgentResult) -> None:
    if result.ended == "exit" and not result.is_error and not result.refused and result.exit_code == 0:
        return
    why = result.error_text or result.stop_reason or f"it exited with {result.exit_code}"
    raise CliError(f"the agent failed: {why}", exit=Exit.WORK_FAILED)
