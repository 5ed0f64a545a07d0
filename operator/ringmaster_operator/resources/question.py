"""What an agent asks of a person while it works on a bead, and how the answer comes back to it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.decision import DecisionOption
from ringmaster_operator.resources.lists import Unique
from ringmaster_operator.resources.scalars import Message, Name, clean, cut

Fence = Annotated[int, Field(ge=1, le=2**53)]


def _options(given: Any) -> Any:
    """An agent's options as a decision bead takes them: names on one line, and each of them once."""
    if not isinstance(given, list) or not all(isinstance(option, dict) for option in given):
        return given
    named: dict[str, Any] = {}
    for option in given:
        name = " ".join(clean(str(option.get("name", ""))).split())[:128]
        consequence = clean(str(option.get("consequence") or ""))[:4096]
        named.setdefault(name, {**option, "name": name, "consequence": consequence})
    return list(named.values())


class Question(Model):
    """What the agent asks of a person."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=8192), cut(8192)]
    options: Annotated[
        list[DecisionOption], Field(max_length=20), Unique("name"), BeforeValidator(_options)
    ] = Field(default_factory=list)
    recommendation: Message | None = None
    deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """Seconds from now on, after which the default is the answer."""
    default: Annotated[str, StringConstraints(min_length=1, max_length=8192)] | None = None

    @property
    def fallback(self) -> tuple[str, int] | None:
        """The default and its deadline in seconds. An agent's slip must not cost the question: one without
        the other, or a default that is no option, is none."""
        fits = not self.options or self.default in [option.name for option in self.options]
        if self.default is None or self.deadline_seconds is None or not fits:
            return None
        return self.default, self.deadline_seconds


class AskRequest(Model):
    """POST /api/v1/claims/{claim_id}/question: asked while the agent goes on; one for each iteration."""

    fence: Fence
    iteration: Annotated[int, Field(ge=1, le=1_000_000)]
    question: Question


class Asked(Model):
    """The decision bead that holds the question."""

    decision: Name


class Answered(Model):
    """A question of this very iteration that has an answer by now."""

    decision: Name
    answer: Annotated[str, StringConstraints(max_length=8192)]
