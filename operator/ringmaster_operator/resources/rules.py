"""CEL rules beside the models that they guard.

A rule is written once, above the class, in both languages: the CRD generator puts the CEL text into the
schema, and the model itself holds the Python form, so that a server and a model refuse the same bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

_RULES = "__cel_rules__"
T = TypeVar("T", bound=type)


@dataclass(frozen=True)
class Rule:
    """One x-kubernetes-validations entry with its Python twin."""

    expression: str
    message: str
    field: str | None = None
    """Path below the class that the message is shown at, such as .decision."""
    holds: Callable[[Any], bool] | None = None
    """The same rule over a model; None for a rule about a change."""
    keeps: Callable[[Any, Any], bool] | None = None
    """The same rule over the old and the new model; None for a rule about one body."""


def rule(
    expression: str, message: str, *, holds: Callable[[Any], bool], field: str | None = None
) -> Callable[[T], T]:
    """Attach a rule about one body to a model class; rules keep the order in which they are written."""
    return _attach(Rule(expression, message, field, holds=holds))


def transition(
    expression: str, message: str, *, keeps: Callable[[Any, Any], bool], field: str | None = None
) -> Callable[[T], T]:
    """Attach a rule about a change: `oldSelf` in CEL, keeps(old, new) in Python."""
    return _attach(Rule(expression, message, field, keeps=keeps))


def rules_of(cls: type) -> tuple[Rule, ...]:
    """The rules attached to this very class, not to its bases."""
    found: tuple[Rule, ...] = cls.__dict__.get(_RULES, ())
    return found


def broken_rules(model: BaseModel) -> list[str]:
    """Messages of the rules about one body that this model (not the models inside it) breaks."""
    return [r.message for r in rules_of(type(model)) if r.holds is not None and not r.holds(model)]


def broken_transitions(old: BaseModel, new: BaseModel) -> list[str]:
    """Messages of the rules about a change that going from old to new would break, at any depth."""
    return list(_transitions(old, new))


def _transitions(old: BaseModel, new: BaseModel) -> Iterator[str]:
    for r in rules_of(type(new)):
        if r.keeps is not None and not r.keeps(old, new):
            yield r.message
    for name in type(new).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from _transitions(before, after)


def _attach(added: Rule) -> Callable[[T], T]:
    def mark(cls: T) -> T:
        setattr(cls, _RULES, (added, *rules_of(cls)))
        return cls

    return mark
