"""Figures about lessons: who goes without them, and what is sure about what they do."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence


def held_out(bead_uid: str, attempt: int, share: float) -> bool:
    """Whether this attempt does without lessons, so that their effect can be seen. Always the same answer."""
    digest = hashlib.sha256(f"{bead_uid}/{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


def wilson(successes: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a success rate; (0, 1) when nothing is known."""
    if total == 0:
        return 0.0, 1.0
    rate = successes / total
    middle = (rate + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def mean(values: Sequence[float], z: float = 1.959964) -> tuple[float, float, float]:
    """Mean and its 95 % interval by Student's t; of fewer than two values the interval is the value."""
    if not values:
        return 0.0, 0.0, 0.0
    middle = math.fsum(values) / len(values)
    free = len(values) - 1
    if free < 1:
        return middle, middle, middle
    spread = math.sqrt(math.fsum((value - middle) ** 2 for value in values) / free / len(values))
    # Cornish-Fisher: Student's quantile from the normal one.
    quantile = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
    return middle, middle - quantile * spread, middle + quantile * spread


def hopeless(successes: int, failures: int, *, base: float, least: int = 6) -> bool:
    """Whether work that was given a lesson surely does worse than the rest."""
    uses = successes + failures
    return uses >= least and wilson(successes, uses)[1] < base
