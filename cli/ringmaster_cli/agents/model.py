"""What goes into a run of an agent, and what comes out: facts only, no verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from ringmaster_cli.agents.markers import Marker
from ringmaster_cli.agents.profiles import Profile
from ringmaster_cli.agents.tape import Played
from ringmaster_operator.resources.bead import Reason
from ringmaster_operator.resources.protocol import Progress, Usage
from ringmaster_operator.resources.rates import Price

Ended = Literal["exit", "timeout", "stalled", "stopped", "missing"]
"""exit: by itself; timeout, stalled, stopped: from outside; missing: the program could not be started."""


@dataclass(frozen=True, kw_only=True)
class AgentRun:
    """What to run. Times in seconds."""

    profile: Profile
    prompt_file: Path
    cwd: Path
    env: Mapping[str, str]
    """The whole environment of the agent; the profile's defaults are added where it says nothing."""
    transcript: Path
    timeout: float
    stall: float
    model: str | None = None
    resume: str | None = None
    """The agent's own id of an earlier conversation to go on with."""
    command: Sequence[str] = ()
    """Replaces the profile's program."""
    args: Sequence[str] = ()
    """Added to the profile's arguments."""
    prices: Sequence[Price] = ()
    """The project's own, for what the agent uses while it runs."""


@dataclass(frozen=True, kw_only=True)
class AgentResult:
    """How a run went. Only facts: what they mean for the bead is outcome.judge's business."""

    ended: Ended
    exit_code: int | None = None
    """None when it was ended from outside or never started; negative for a signal that it died of."""
    stop_reason: str = ""
    """Why it ended, in words; for "stopped" what should_stop said."""
    usage: Usage = field(default_factory=Usage)
    final_text: str = ""
    agent_session: str = ""
    is_error: bool = False
    """The agent itself reported an error."""
    refused: bool = False
    """The model declined to do the work."""
    error_reason: Reason | None = None
    error_text: str = ""
    progress: Progress = field(default_factory=Progress)
    markers: Sequence[Marker] = ()
    played: Played = field(default_factory=Played)
    """What it said and did, for people."""
    seconds: float = 0.0
    started_at: datetime
    finished_at: datetime
