"""What happens, in order, to a bead that gets stuck: the steps that people write, the step in force."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.rules import rule
from ringmaster_operator.resources.scalars import Flag, Label, Message, Name, Natural, Whole, line


class LadderAction(StrEnum):
    ITERATIONS = "Iterations"
    MODEL = "Model"
    PROFILE = "Profile"
    DECOMPOSE = "Decompose"
    PERSON = "Person"


@rule(
    "self.action != 'Model' || has(self.model)",
    "action Model needs model",
    holds=lambda s: s.action is not LadderAction.MODEL or s.model is not None,
)
@rule(
    "self.action != 'Profile' || has(self.profile)",
    "action Profile needs profile",
    holds=lambda s: s.action is not LadderAction.PROFILE or s.profile is not None,
)
class LadderStep(Model):
    """One step of escalation."""

    action: LadderAction
    """Iterations (more of them), Model, Profile, Decompose (into child beads) or Person (a decision bead)."""
    iterations: Annotated[int, Whole(1, 100)] | None = None
    """Further iterations, for action Iterations (default: as many as before)."""
    model: Annotated[str, line(256)] | None = None
    """Model to change to."""
    profile: Label | None = None
    """Profile to change to: a Worker with it takes over."""
    approval: Flag = False
    """For action Decompose: a person says yes before the children are created."""


Ladder = Annotated[list[LadderStep], Field(max_length=10)]


class PlanState(StrEnum):
    WANTED = "Wanted"
    PROPOSED = "Proposed"
    DONE = "Done"


class Escalation(Model):
    """The step of the ladder in force, and what the steps so far have changed."""

    action: LadderAction
    """What was done last."""
    message: Message
    """Why, for people."""
    step: Natural
    """Its place in the ladder, from 1; later steps are still to come."""
    worker: Annotated[str, StringConstraints(max_length=63)] | None = None
    """Whose ladder it is; the bead's own when unset."""
    model: Annotated[str, StringConstraints(max_length=256)] | None = None
    """Model from now on."""
    profile: Annotated[str, StringConstraints(max_length=63)] | None = None
    """Profile from now on."""
    iterations: Natural = 0
    """Further iterations granted."""
    budgets: Natural = 0
    """How often its limits of cost and tokens were granted again."""
    plan: PlanState | None = None
    """Wanted: the next run plans its children. Proposed: they wait for approval. Done: they were settled."""
    approval: Flag = False
    """Whether a person approves the plan."""
    decision: Name | None = None
    """Decision bead that it waits for."""
