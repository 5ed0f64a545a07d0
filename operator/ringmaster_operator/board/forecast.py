"""What will be spent: a mean and how far off it may be. Pure arithmetic on what was spent before.

Days (and beads) are taken as draws of one kind. The sum of n further ones is n times their mean, with the
variance of n draws and of the mean itself; the interval holds it four times in five by Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean, variance

COVERS = 0.8
"""Share of cases that end within the interval, where days are alike."""
FEWEST = 3
"""Values from which on there is an interval."""


@dataclass(frozen=True, slots=True)
class Range:
    """US dollars: what is expected, and between what it is likely to be (None: too little is known)."""

    expected: float
    low: float | None = None
    high: float | None = None


def further(spent: float, known: Sequence[float], number: float) -> Range | None:
    """What is spent after `number` more draws like those known; None where none is known."""
    if not known:
        return Range(spent, spent, spent) if number <= 0 else None
    return _around(spent, spent + fmean(known) * number, known, number)


def to_finish(spent: Sequence[float], closed: float, known: Sequence[float]) -> Range | None:
    """What work costs in the end: open parts that have spent so much each, on top of what is closed.

    An open part is expected to cost the mean of those known, what it has spent already taken off.
    """
    total = closed + sum(spent)
    if not known:
        return Range(total, total, total) if not spent else None
    mean = fmean(known)
    return _around(total, total + sum(max(0.0, mean - part) for part in spent), known, len(spent))


def _around(spent: float, expected: float, known: Sequence[float], number: float) -> Range:
    if len(known) < FEWEST and number > 0:
        return Range(expected)
    spread = 0.0
    if number > 0:
        spread = _quantile(len(known) - 1) * sqrt(variance(known) * (number + number**2 / len(known)))
    return Range(expected, max(spent, expected - spread), expected + spread)


def _quantile(freedom: int) -> float:
    """Of Student's t, by the first terms of its expansion around the normal distribution's."""
    z = NormalDist().inv_cdf((1 + COVERS) / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
