"""CEL rules beside the models that they guard.

A rule is written once, above the class; the CRD generator puts it into the schema, and the model itself
holds the same rule in Python where it can (see checks.py), so that both refuse the same bodies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

_RULES = "__cel_rules__"
T = TypeVar("T", bound=type)


@dataclass(frozen=True)
class Rule:
    """One x-kubernetes-validations entry."""

    expression: str
    message: str


def rule(expression: str, message: str) -> Callable[[T], T]:
    """Attach a CEL rule to a model class; rules keep the order in which they are written."""

    def mark(cls: T) -> T:
        setattr(cls, _RULES, (Rule(expression, message), *rules_of(cls)))
        return cls

    return mark


def rules_of(cls: type) -> tuple[Rule, ...]:
    """The rules attached to this very class, not to its bases."""
    found: tuple[Rule, ...] = cls.__dict__.get(_RULES, ())
    return found
