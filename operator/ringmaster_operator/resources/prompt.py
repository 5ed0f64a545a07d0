"""What a project says of the prompt's sources, and what a report says of the prompt that was sent."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.scalars import Label, Message, ShortText, cut

DEFAULT_BUDGET = 48_000
"""Estimated tokens of the whole prompt: a quarter of the smallest context window in common use."""
ALWAYS = ("intro", "rules", "bead", "acceptance", "steering", "finish")
"""Sources that say what to do and how to end: they have no off switch."""


class PromptSource(Model):
    """What a project wants of one source; what it leaves open is the source's own."""

    enabled: bool = True
    """Whether the source is drawn on at all."""
    tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Estimated tokens that it may take."""
    relevance: Annotated[float, Field(ge=0, le=1)] | None = None
    """0 to 1: where the whole prompt is too large, the least relevant goes first."""


class PromptRules(Model):
    """How prompts are put together; sources are tables such as [prompt.sources.map]."""

    budget_tokens: Annotated[int, Field(ge=1000, le=1_000_000)] = DEFAULT_BUDGET
    """Estimated tokens of the whole prompt, four characters each."""
    sources: Annotated[dict[Label, PromptSource], Field(max_length=100)] = Field(default_factory=dict)
    """The sources by name, each a table [prompt.sources.NAME]."""

    @model_validator(mode="after")
    def _keep_the_task(self) -> Self:
        for name in ALWAYS:
            if name in self.sources and not self.sources[name].enabled:
                raise PydanticCustomError(
                    "source", "prompt source {name} is always part of the prompt", {"name": name}
                )
        return self


class PromptPart(Model):
    """One part of a prompt that was sent, or that was left out of it."""

    name: Annotated[str, StringConstraints(max_length=63)]
    """The source."""
    origin: Annotated[str, cut(128)] = ""
    """Where in the source it is from."""
    tokens: Annotated[int, Field(ge=0)] = 0
    """Estimated, four characters each; 0 when it was left out."""
    note: Annotated[str, cut(128)] = ""
    """That it was shortened, or why it was left out."""


class PromptRecord(Model):
    """The prompt of an iteration, so that it can be told later what the agent was given."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of its text in UTF-8."""
    tokens: Annotated[int, Field(ge=0)] = 0
    """Estimated, four characters each."""
    parts: Annotated[list[PromptPart], Field(max_length=64)] = Field(default_factory=list)
    """Empty for a prompt that was not built by build-prompt."""


class Relative(Model):
    """A bead of the same tree, by its title."""

    name: Annotated[str, StringConstraints(max_length=253)]
    title: ShortText
    phase: Annotated[str, StringConstraints(max_length=32)] = ""


class CheckLog(Model):
    """The end of what a failed acceptance command of the last iteration printed."""

    command: Message
    exit_code: int
    output: Annotated[str, StringConstraints(max_length=16_384), cut(16_384)] = ""
