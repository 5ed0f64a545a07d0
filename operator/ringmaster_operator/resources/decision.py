"""Questions to people, and people's words to agents: parts of a bead's spec."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.lists import Unique
from ringmaster_operator.resources.rules import rule
from ringmaster_operator.resources.scalars import Time, block, line


class DecisionOption(Model):
    """One possible answer."""

    name: Annotated[str, line(128, 1)]
    """The answer to give."""
    consequence: Annotated[str, block(4096)] = ""
    """What follows from it."""


@rule(
    "!has(self.answer) || self.options.size() == 0 || self.options.exists(o, o.name == self.answer)",
    "answer must be one of the options",
    holds=lambda s: s.answer is None or not s.options or s.answer in [o.name for o in s.options],
    field=".answer",
)
@rule(
    "has(self.deadline) == has(self.default)",
    "a deadline needs a default, the answer that holds when it has passed; and a default a deadline",
    holds=lambda s: (s.deadline is None) == (s.default is None),
    field=".deadline",
)
@rule(
    "!has(self.default) || self.options.size() == 0 || self.options.exists(o, o.name == self.default)",
    "default must be one of the options",
    holds=lambda s: s.default is None or not s.options or s.default in [o.name for o in s.options],
    field=".default",
)
class Decision(Model):
    """A question to a person. Setting answer resolves it."""

    question: Annotated[str, block(8192, 1)]
    """What is asked."""
    options: Annotated[list[DecisionOption], Field(max_length=20), Unique("name")] = Field(
        default_factory=list
    )
    """Possible answers; with none, any text is an answer."""
    recommendation: Annotated[str, block(4096)] | None = None
    """What the asker would choose, and why."""
    answer: Annotated[str, block(8192, 1)] | None = None
    """The person's answer."""
    answered_by: Annotated[str, line(128)] | None = None
    """Who gave it."""
    deadline: Time | None = None
    """When the default becomes the answer, unless a person was faster."""
    default: Annotated[str, block(8192, 1)] | None = None
    """The answer from the deadline on."""


class SteeringNote(Model):
    """Words of a person to the agent that works on the bead."""

    id: Annotated[str, line(64, 1)]
    """Any text that no other note of the bead has; echoed in status.steeringDelivered."""
    text: Annotated[str, block(4096, 1)]
    """What the agent is told."""
