"""Models that take little memory: what is equal in thousands of them is one object.

Models are frozen, so nobody sees the difference. Half the memory of a bead that was just read are the sets in
which pydantic keeps what fields were given, and parts that say nothing but the default.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from ringmaster_operator.resources.base import Model

Kept = TypeVar("Kept", bound=Model)
FIELDS_SET = "__pydantic_fields_set__"

_sets: dict[frozenset[str], set[str]] = {}
_plain: dict[type[Model], Model | None] = {}


def compact(model: Kept) -> Kept:
    """The same model. What it says stays; it must be nobody else's yet, as one that was just read."""
    given = model.model_fields_set
    object.__setattr__(model, FIELDS_SET, _sets.setdefault(frozenset(given), given))
    values = model.__dict__
    for name, value in values.items():
        if isinstance(value, Model):
            values[name] = _shared(value)
        elif type(value) is list:
            for item in value:
                if isinstance(item, Model):
                    compact(item)
    return model


def _shared(value: Model) -> Model:
    kind = type(value)
    if kind not in _plain:
        _plain[kind] = _default(kind)
    plain = _plain[kind]
    return plain if plain is not None and value == plain else compact(value)


def _default(kind: type[Model]) -> Model | None:
    """One that says nothing; None where something has to be said."""
    try:
        return compact(kind())
    except ValidationError:
        return None
