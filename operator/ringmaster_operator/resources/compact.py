"""Models that take little memory: what is equal in thousands of them is one object.

Models are frozen, so nobody sees the difference. Most of the memory of a bead that was just read are the sets
in which pydantic keeps what fields were given, parts that say nothing but the default, conditions and times
that many beads share, and the names of other beads, which each of them spells out again.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from ringmaster_operator.resources.base import Condition, Model

Kept = TypeVar("Kept", bound=Model)
FIELDS_SET = "__pydantic_fields_set__"
NAMES = frozenset(
    ["name", "namespace", "parent", "inherited_from", "depends_on", "blocked_by", "inherited_path"]
)
"""Fields with words that others have as well: each word is kept once."""
MOST = 10_000
"""Times and conditions that are remembered, so that later ones share them; then they are forgotten."""

_sets: dict[frozenset[str], set[str]] = {}
_plain: dict[type[Model], Model | None] = {}
_times: dict[datetime, datetime] = {}
_conditions: dict[tuple[Any, ...], Condition] = {}
_no_items: list[Any] = []
_no_pairs: dict[Any, Any] = {}


def compact(model: Kept) -> Kept:
    """The same model. What it says stays; it must be nobody else's yet, as one that was just read."""
    given = model.model_fields_set
    object.__setattr__(model, FIELDS_SET, _sets.setdefault(frozenset(given), given))
    values = model.__dict__
    for name, value in values.items():
        kind = type(value)
        if kind is list:
            values[name] = _items(name, value) if value else _no_items
        elif kind is dict:
            values[name] = value or _no_pairs
        elif kind is str:
            if name in NAMES:
                values[name] = sys.intern(value)
        elif kind is datetime:
            values[name] = _time(value)
        elif isinstance(value, Model):
            values[name] = _shared(value)
    return model


def _items(name: str, items: list[Any]) -> list[Any]:
    named = name in NAMES
    return [sys.intern(item) if named and type(item) is str else _item(item) for item in items]


def _item(item: Any) -> Any:
    if type(item) is Condition:
        return _condition(item)
    return compact(item) if isinstance(item, Model) else item


def _time(time: datetime) -> datetime:
    if len(_times) >= MOST:
        _times.clear()
    return _times.setdefault(time, time)


def _condition(condition: Condition) -> Condition:
    """One that says the same."""
    said = tuple(condition.__dict__.values())
    known = _conditions.get(said)
    if known is None:
        if len(_conditions) >= MOST:
            _conditions.clear()
        known = _conditions[said] = compact(condition)
    return known


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
