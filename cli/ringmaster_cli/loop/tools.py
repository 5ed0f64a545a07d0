"""What an iteration runs, and with what environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ringmaster_cli.agents.markers import MarkerKind
from ringmaster_cli.agents.profiles import load_profile
from ringmaster_cli.agents.run import AgentResult, AgentRun
from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.leftovers import CLAIM_MARK
from ringmaster_cli.state import Held, told
from ringmaster_operator.resources.protocol import Claimed

PRIVATE = ("RINGMASTER_TOKEN_FILE", "RINGMASTER_URL")
"""Never passed on: the agent has no business with the operator."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What whoever runs the step wants other than the Worker's spec says."""

    prompt: Path | None = None
    profile: str | None = None
    model: str | None = None
    args: Sequence[str] = ()


def environment(held: Held, claimed: Claimed) -> dict[str, str]:
    """Of every program that works on the bead: ours, the Worker's, and where it is."""
    own = {name: value for name, value in os.environ.items() if name not in PRIVATE}
    own |= {item.name: item.value for item in claimed.agent.env if item.value is not None}
    here = os.path.dirname(sys.executable)
    return own | {
        "PATH": f"{own.get('PATH', os.defpath)}{os.pathsep}{here}",  # last: only for `ringmaster` itself
        "RINGMASTER_BEAD": held.bead,
        "RINGMASTER_ATTEMPT": str(held.attempt),
        "RINGMASTER_ITERATION": str(held.iteration),
        CLAIM_MARK: held.claim_id,
    }


def agent_run(
    context: Context, held: Held, claimed: Claimed, *, wishes: Wishes, cwd: Path, prompt: Path
) -> AgentRun:
    """The run of the agent. Raises ProfileError for a profile that nobody knows."""
    agent, bead = claimed.agent, claimed.bead
    profile = load_profile(wishes.profile or agent.profile, folders=context.profiles)
    name = f"{bead.name[:120]}-{held.claim_id[:8]}-{held.iteration}.log"
    transcript = context.settings.home / "transcripts" / name
    with told(str(transcript)):
        transcript.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return AgentRun(
        profile=profile,
        model=wishes.model or agent.model,
        prompt_file=prompt,
        cwd=cwd,
        env=environment(held, claimed),
        transcript=transcript,
        timeout=min(agent.timeout_seconds, bead.timeout_seconds),
        stall=agent.stall_seconds,
        # Another profile than the Worker's has its own program.
        command=agent.command if wishes.profile in (None, agent.profile) else [],
        args=[*agent.args, *wishes.args],
        prices=claimed.prices,
    )


def verdict_is_open(result: AgentResult, *, changed: bool) -> bool:
    """Whether acceptance commands can still decide: the agent ended by itself, and handed nothing back."""
    back = (MarkerKind.NEEDS_DECISION, MarkerKind.TOO_LARGE)
    asks = any(marker.kind in back for marker in result.markers)
    failed = result.is_error or result.refused or result.exit_code != 0
    return result.ended == "exit" and not asks and (changed or not failed)
