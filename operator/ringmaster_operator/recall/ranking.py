"""Which lessons fit a piece of work: BM25, where a lesson holds, and how much it is worth."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ringmaster_operator.recall.words import WEAK, negative, overlap, terms

MAX_TERMS = 200
"""Terms of a query; a longer text is searched for by its first ones."""
ALIKE = 0.6
"""From this share of terms in common on, only the better of two lessons is given."""
BESIDE = 0.95
"""A lesson beside the best one must fit nearly as well: what fits half distracts."""
K1, B = 1.2, 0.75
UNSEEN = 50
"""Lessons that are thought to exist besides those there are: in a small store every word would look rare."""
WEAK_IDF = 0.6
PRIOR_USES = 4.0
"""Uses that the usual success rate is worth when a lesson's own is judged."""
HALF_LIFE_DAYS = 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Where something holds, or where a piece of work takes place."""

    repository: str = ""
    paths: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    failure_classes: tuple[str, ...] = ()
    profile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A lesson with all that its worth follows from."""

    id: int
    text: str
    cause: str = ""
    where: Situation = field(default_factory=Situation)
    trusted: bool = False
    """Written or endorsed by a person."""
    confidence: float = 0.5
    seen: int = 1
    contradicted: int = 0
    successes: int = 0
    failures: int = 0
    at: datetime
    """When it was last learned or confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A lesson that fits, how well, and why."""

    lesson: Known
    score: float
    why: str


def key_of(text: str, where: Situation) -> str:
    """The same for a lesson in other words' order, number or case, in the same repository."""
    plain = " ".join(sorted(set(terms(text))))
    return hashlib.sha256(f"{plain}\n{negative(text)}\n{where.repository}".encode()).hexdigest()


def frequencies(postings: Iterable[tuple[int, str, int]]) -> dict[int, dict[str, int]]:
    """(lesson, term, count) as counts by lesson."""
    found: dict[int, dict[str, int]] = {}
    for lesson, term, count in postings:
        found.setdefault(lesson, {})[term] = count
    return found


def bm25(
    counts: Mapping[int, Mapping[str, int]],
    lengths: Mapping[int, int],
    *,
    total: int,
    spread: Mapping[str, int] | None = None,
    average: float | None = None,
) -> dict[int, tuple[float, list[str]]]:
    """Score and best words of each lesson, of the query's terms that it has.

    total: lessons there are. Where `counts` and `lengths` are not of all of them, spread says how many have a
    term and average how long they are.
    """
    holders: dict[str, int] = dict(spread or {})
    for held in counts.values() if spread is None else ():
        for term in held:
            holders[term] = holders.get(term, 0) + 1
    if average is None:
        average = sum(lengths.values()) / len(lengths) if lengths else 1.0
    rare = {term: rarity(term, holders[term], total) for term in holders}
    scores: dict[int, tuple[float, list[str]]] = {}
    for lesson, present in counts.items():
        long = K1 * (1 - B + B * lengths.get(lesson, average) / (average or 1.0))
        parts = {term: rare[term] * count * (K1 + 1) / (count + long) for term, count in present.items()}
        best = sorted(parts, key=lambda term: (-parts[term], term))
        scores[lesson] = (sum(parts.values()), best)
    return scores


def rarity(term: str, holders: int, total: int) -> float:
    """What it says that a lesson has the term, which so many of all lessons have."""
    value = math.log(1 + (max(total, holders) + UNSEEN - holders + 0.5) / (holders + 0.5))
    return min(value, WEAK_IDF) if term in WEAK else value


def worth(lesson: Known, *, base: float, now: datetime) -> float:
    """How much a lesson counts: 1 is usual. base: success rate of work without it."""
    trust = 1.2 if lesson.trusted else 0.6 + 0.4 * lesson.confidence
    again = 1 + 0.1 * min(max(0, lesson.seen - 1), 5)
    doubted = lesson.seen / (lesson.seen + lesson.contradicted) if lesson.contradicted else 1.0
    base = min(max(base, 0.05), 1.0)
    uses = lesson.successes + lesson.failures
    rate = (lesson.successes + PRIOR_USES * base) / (uses + PRIOR_USES)
    age = max(0.0, (now - lesson.at).total_seconds() / 86400)
    return (
        trust
        * again
        * doubted
        * min(1.5, max(0.2, rate / base))
        * max(0.5, math.pow(0.5, age / HALF_LIFE_DAYS))
    )


def fit(lesson: Known, here: Situation, text: float, words: Sequence[str], said: str) -> tuple[float, str]:
    """How well a lesson fits, 0 to about 1.5, before its worth; and why. text: its BM25; said: the query.

    Without a word or a path in common it does not fit, wherever it holds.
    """
    where, reasons, score = lesson.where, [], text / (text + 6.0)
    telling = [word for word in words if word not in WEAK][:4]
    paths = [path for path in where.paths if _touches(path, here.paths, said)]
    if not telling and not paths:
        return 0.0, ""
    if paths:
        score += 0.3
        reasons.append(f"path {paths[0]}")
    if where.repository and here.repository:
        same = where.repository == here.repository
        score = score + 0.25 if same else score * 0.35
        reasons += ["same repository"] if same else []
    shared = sorted(set(where.capabilities) & set(here.capabilities))
    if shared:
        score += 0.15 * len(shared) / len(where.capabilities)
        reasons.append(f"capability {', '.join(shared)}")
    elif where.capabilities and here.capabilities:
        score -= 0.1
    if set(where.failure_classes) & set(here.failure_classes):
        score += 0.15
        reasons.append(f"after {', '.join(sorted(set(where.failure_classes) & set(here.failure_classes)))}")
    if where.profile and here.profile and where.profile != here.profile:
        score *= 0.8
    reasons += [f"words: {', '.join(telling)}"] if telling else []
    return max(0.0, score), "; ".join(reasons)


def _touches(path: str, paths: Iterable[str], said: str) -> bool:
    plain = path.strip("/")
    return bool(plain) and (
        plain in said or any(other.startswith(plain + "/") or other == plain for other in paths)
    )


def choose(matches: Iterable[Match], *, floor: float, most: int, budget: int) -> list[Match]:
    """The best matches above the floor that differ and fit the budget (estimated tokens), best first."""
    chosen: list[Match] = []
    left = budget * 4
    for match in sorted(matches, key=lambda item: (-item.score, item.lesson.id)):
        least = max(floor, BESIDE * chosen[0].score) if chosen else floor
        if match.score < least or len(chosen) == most:
            break
        size = len(match.lesson.text) + len(match.lesson.cause) + 120
        words = terms(match.lesson.text)
        if size > left or any(overlap(words, terms(other.lesson.text)) >= ALIKE for other in chosen):
            continue
        chosen.append(match)
        left -= size
    return chosen
