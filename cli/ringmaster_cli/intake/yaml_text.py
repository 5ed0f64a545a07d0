"""YAML that people hand in: small texts that stand for very much, and texts without a bottom, are refused."""

from __future__ import annotations

from typing import Any

from ringmaster_cli.exits import UsageError

MOST_VALUES = 2_000_000
"""With aliases (`*name`) written out: a few lines of those can stand for more than any memory holds."""
DEEPEST = 100


def documents(text: str, file: str) -> list[Any]:
    """The documents that are not empty. Raises UsageError in one line."""
    import yaml  # comes with the Kubernetes client

    try:
        found = [each for each in yaml.load_all(text, yaml.CSafeLoader) if each is not None]
    except yaml.YAMLError as fault:
        raise UsageError(f"{file}: no YAML: {' '.join(str(fault).split())}") from None
    except (ValueError, RecursionError) as fault:  # a date that is none, and what nests without end
        raise UsageError(f"{file}: no YAML: {fault}") from None
    size, _ = _measured(found, {}, 0, file)
    if size > MOST_VALUES:
        raise UsageError(f"{file}: its aliases stand for {size:,} values: too many, write them out")
    return found


def _measured(value: Any, known: dict[int, tuple[int, int]], depth: int, file: str) -> tuple[int, int]:
    """How many values it is with all aliases written out, and how deep; each object is looked at once."""
    if not isinstance(value, (dict, list)):
        return 1, 1
    if id(value) not in known:
        if depth > DEEPEST:  # also one that holds itself
            raise UsageError(f"{file}: it nests deeper than {DEEPEST} levels")
        parts = value.values() if isinstance(value, dict) else value
        found = [_measured(part, known, depth + 1, file) for part in parts]
        known[id(value)] = 1 + sum(size for size, _ in found), 1 + max((deep for _, deep in found), default=0)
    if depth + known[id(value)][1] > DEEPEST + 2:
        raise UsageError(f"{file}: it nests deeper than {DEEPEST} levels")
    return known[id(value)]
