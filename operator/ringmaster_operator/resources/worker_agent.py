"""What a Worker runs: the agent program, its environment, and what happens when it gets stuck."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.bead import SecretRef
from ringmaster_operator.resources.ladder import LadderAction as LadderAction
from ringmaster_operator.resources.ladder import LadderStep as LadderStep
from ringmaster_operator.resources.lists import Unique
from ringmaster_operator.resources.rules import rule
from ringmaster_operator.resources.scalars import (
    Command,
    EnvName,
    Label,
    Name,
    Share,
    Trigger,
    Whole,
    block,
    line,
)


class KeyRef(Model):
    """One key of a Secret or ConfigMap of the same namespace."""

    name: Name
    """Name of the object."""
    key: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._A-Za-z0-9]+$")]
    """Key inside it."""


class EnvSource(Model):
    """Where a variable's value comes from."""

    secret_key_ref: KeyRef
    """Key of a Secret."""


@rule(
    "has(self.value) != has(self.valueFrom)",
    "give either value or valueFrom",
    holds=lambda s: (s.value is None) != (s.value_from is None),
)
class EnvVar(Model):
    """One environment variable of the agent."""

    name: EnvName
    """Name of the variable."""
    value: Annotated[str, StringConstraints(max_length=32768, pattern=r"^[^\x00]*$")] | None = None
    """Its value; secrets belong in valueFrom."""
    value_from: EnvSource | None = None
    """Where the value is taken from."""


class EnvFrom(Model):
    """All keys of a Secret as variables."""

    secret_ref: SecretRef
    """The Secret."""


class AgentSpec(Model):
    """Which agent program does the work, and how."""

    profile: Label = "generic"
    """Agent profile: claude-code, codex, gemini, opencode, aider, goose, generic, or one of your own."""
    model: Annotated[str, line(256)] | None = None
    """Model, as the agent names it."""
    command: Annotated[list[Command], Field(max_length=50)] = Field(default_factory=list)
    """Replaces the profile's program."""
    args: Annotated[list[Command], Field(max_length=50)] = Field(default_factory=list)
    """Added to the profile's arguments."""
    env: Annotated[list[EnvVar], Field(max_length=64), Unique("name")] = Field(default_factory=list)
    """Environment of the agent."""
    env_from: Annotated[list[EnvFrom], Field(max_length=16)] = Field(default_factory=list)
    """Secrets whose keys become the agent's environment."""
    timeout_seconds: Annotated[int, Whole(1, 604800)] = 3600
    """Seconds that one iteration may take."""
    stall_seconds: Annotated[int, Whole(1, 86400)] = 900
    """Seconds without progress (no turn, token, diff or open tool call) until it counts as stalled."""
    rules: Annotated[list[Annotated[str, block(1024, 1)]], Field(max_length=50)] = Field(default_factory=list)
    """House rules that every prompt of this Worker carries."""
    setup: Annotated[list[Command], Field(max_length=20)] = Field(default_factory=list)
    """Shell commands run in a fresh worktree before the agent."""


class Capability(Model):
    """What the sessions can do, and how sure that is."""

    name: Label
    """The capability."""
    confidence: Share = 0.8
    """Prior belief, 0 to 1, until outcomes are known."""
    override: Share | None = None
    """Counts instead of what was learned, which is kept."""
    reset: Trigger | None = None
    """Change this text to forget what was learned; echoed in status."""


class OnExceeded(StrEnum):
    STOP_CLAIMS = "StopClaims"
    STOP_SESSIONS = "StopSessions"
