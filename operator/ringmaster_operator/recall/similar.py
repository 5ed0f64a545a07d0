"""What became of pieces of work like this one, by the agent that did them. Pure, over plain values.

Alike is what happens in the same repository, needs the same capabilities, bears the same labels and speaks of
the same things. The nearest attempts of each agent count, by how near they are; old ones fade.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest

from ringmaster_operator.recall.ranking import bm25
from ringmaster_operator.recall.words import WEAK, terms

MOST = 1000
"""Attempts of a namespace that are remembered, the newest ones."""
NEAREST = 30
"""Attempts of one agent that count, the most alike ones."""
LEAST_ALIKE = 0.35
MAX_WORDS = 60
MAX_LABELS = 64
KEPT = 5000
"""Answers that are kept, for as many kinds of work."""
KEPT_FOR = timedelta(minutes=10)
STALE = 50
"""An answer is kept until one attempt in so many is new to it."""
PRIOR = 2.0
"""Attempts that the namespace's usual success rate is worth."""
KNOWN = 3.0
"""Attempts, by their weight, from which on something is known of an agent."""
SURE = 1.28
"""Standard errors by which one must be better than another: nine times in ten it is."""

Arm = tuple[str, str]
"""What works: an agent profile and a model; "" is the profile's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What work is told apart by."""

    repository: str = ""
    capabilities: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """An attempt that ended by its agent's own doing."""

    bead_uid: str
    fence: int
    arm: Arm
    success: bool
    at: datetime
    traits: Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What similar work says of one agent."""

    arm: Arm
    tried: int = 0
    succeeded: int = 0
    weight: float = 0.0
    """The attempts by how alike and how recent they are."""
    chance: float
    """Expected share of successes, 0 to 1."""
    error: float
    """Standard error of it."""
    why: str = ""
    """What is alike."""

    def better_than(self, other: Outlook, margin: float) -> bool:
        """Whether it surely is, and by so much at least; of both something must be known."""
        if min(self.weight, other.weight) < KNOWN:
            return False
        return self.chance - other.chance > max(margin, SURE * math.hypot(self.error, other.error))

    def words(self) -> str:
        """For people."""
        name = self.arm[0] + (f" {self.arm[1]}" if self.arm[1] else "")
        return f"{name} succeeded in {self.succeeded} of {self.tried}"


def said(title: str, description: str) -> tuple[str, ...]:
    """The words that a bead is compared by."""
    return tuple(dict.fromkeys(terms(f"{title}\n{description[:1000]}")))[:MAX_WORDS]


def labelled(labels: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The labels, as pairs of name and value, that a bead is compared by: of very many the first by name."""
    return frozenset(nsmallest(MAX_LABELS, {f"{name}={value}" for name, value in labels}))


def place(address: str) -> str:
    """A repository's address in one form: without scheme, user and .git."""
    plain = address.strip().rpartition("://")[2]
    return plain.rpartition("@")[2].rstrip("/").removesuffix(".git").lower()


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, and what it is of."""

    version: int
    at: datetime
    found: Mapping[Arm, Outlook]


class Outcomes:
    """The attempts of one namespace. Not thread-safe."""

    def __init__(self) -> None:
        self.version = 0
        """Grows with every change."""
        self._kept: dict[Traits, _Kept] = {}
        self._past: dict[int, Past] = {}
        """By number, the oldest first."""
        self._arms: Counter[Arm] = Counter()
        self._known: set[tuple[str, int]] = set()
        self._holders: dict[str, dict[int, int]] = {}
        """By word: the numbers of the attempts that have it."""
        self._lengths: dict[int, int] = {}

    def add(self, past: Past) -> None:
        """Take in an attempt; the same one again changes nothing."""
        if (past.bead_uid, past.fence) in self._known:
            return
        self.version += 1
        number = self.version
        self._known.add((past.bead_uid, past.fence))
        self._past[number] = past
        self._arms[past.arm] += 1
        self._lengths[number] = len(past.traits.words)
        for word in past.traits.words:
            self._holders.setdefault(word, {})[number] = 1
        if len(self._past) > MOST:
            self._forget(next(iter(self._past)))

    def outlooks(
        self, here: Traits, arms: Iterable[Arm], *, now: datetime, days: float
    ) -> Mapping[Arm, Outlook]:
        """Each agent's chance with such work; `days` after which an attempt counts half."""
        wanted = frozenset(arms)
        kept = self._kept.get(here)
        if kept is None or not self._fresh(kept, wanted, now):
            near, usual = self._near(here, wanted), self._usual()
            found = {
                arm: _outlook(arm, near.get(arm, [])[:NEAREST], usual, now=now, days=days) for arm in wanted
            }
            if len(self._kept) >= KEPT:
                self._kept.clear()
            kept = self._kept[here] = _Kept(self.version, now, found)
        return kept.found

    def _fresh(self, kept: _Kept, arms: Set[Arm], now: datetime) -> bool:
        """Whether an answer holds still: a claim asks about many beads, and each report changes a little."""
        news = self.version - kept.version
        return news <= len(self._past) // STALE and now - kept.at < KEPT_FOR and arms <= kept.found.keys()

    def outlook(self, arm: Arm) -> Outlook:
        """Of an agent at a bead that it never did anything like."""
        return _outlook(arm, [], self._usual(), now=datetime.max, days=1.0)

    @property
    def arms(self) -> Collection[Arm]:
        """The agents of which anything is known."""
        return self._arms.keys()

    def _near(self, here: Traits, arms: Set[Arm]) -> dict[Arm, list[tuple[float, str, Past]]]:
        texts = self._texts(here.words)
        shapes: dict[tuple[str, frozenset[str], frozenset[str]], tuple[float, float, str]] = {}
        found: dict[Arm, list[tuple[float, str, Past]]] = {}
        for number, past in self._past.items():
            if past.arm not in arms:
                continue
            traits = past.traits
            shape = (traits.repository, traits.capabilities, traits.labels)
            if shape not in shapes:
                shapes[shape] = _shape(here, traits)
            value, factor, why = shapes[shape]
            text, common = texts.get(number, (0.0, []))
            alike = factor * (value + WORDS * text / (text + 6.0)) / _whole(here)
            if alike >= LEAST_ALIKE:
                telling = [word for word in common if word not in WEAK][:3]
                reason = "; ".join([why] * bool(why) + [f"words: {', '.join(telling)}"] * bool(telling))
                found.setdefault(past.arm, []).append((alike, reason, past))
        for items in found.values():
            items.sort(key=lambda item: (-item[0], item[2].at, item[2].bead_uid))
        return found

    def _texts(self, words: Iterable[str]) -> dict[int, tuple[float, list[str]]]:
        counts: dict[int, dict[str, int]] = {}
        for word in words:
            for number in self._holders.get(word, ()):
                counts.setdefault(number, {})[word] = 1
        return bm25(counts, self._lengths, total=len(self._past))

    def _usual(self) -> float:
        good = sum(past.success for past in self._past.values())
        return (good + 0.6 * 4) / (len(self._past) + 4)

    def _forget(self, number: int) -> None:
        past = self._past.pop(number)
        self._arms[past.arm] -= 1
        if not self._arms[past.arm]:
            del self._arms[past.arm]
        del self._lengths[number]
        self._known.discard((past.bead_uid, past.fence))
        for word in past.traits.words:
            del self._holders[word][number]
            if not self._holders[word]:
                del self._holders[word]


WORDS, REPOSITORY, CAPABILITIES, LABELS = 0.5, 0.25, 0.15, 0.1
"""What each trait counts for, of what a piece of work has."""
ELSEWHERE = 0.5
"""What likeness is worth in another repository."""


def _shape(here: Traits, there: Traits) -> tuple[float, float, str]:
    """Likeness by all but words, what likeness is worth there at all, and why."""
    reasons, value, factor = [], 0.0, 1.0
    if here.repository and there.repository:
        same = here.repository == there.repository
        value, factor = (REPOSITORY, 1.0) if same else (0.0, ELSEWHERE)
        reasons += ["same repository"] * same
    for mine, others, weight, name in (
        (here.capabilities, there.capabilities, CAPABILITIES, "capabilities"),
        (here.labels, there.labels, LABELS, "labels"),
    ):
        common = mine & others
        if common:
            value += weight * len(common) / len(mine | others)
            reasons.append(f"{name}: {', '.join(sorted(common)[:3])}")
    return value, factor, "; ".join(reasons)


def _whole(here: Traits) -> float:
    parts = ((here.words, WORDS), (here.repository, REPOSITORY))
    more = ((here.capabilities, CAPABILITIES), (here.labels, LABELS))
    return sum(weight for trait, weight in (*parts, *more) if trait) or 1.0


def _outlook(
    arm: Arm, near: list[tuple[float, str, Past]], usual: float, *, now: datetime, days: float
) -> Outlook:
    good = bad = 0.0
    for alike, _, past in near:
        weight = alike * 0.5 ** (max(now - past.at, timedelta()) / timedelta(days=days))
        good, bad = (good + weight, bad) if past.success else (good, bad + weight)
    chance = (good + PRIOR * usual) / (good + bad + PRIOR)
    return Outlook(
        arm=arm,
        tried=len(near),
        succeeded=sum(past.success for _, _, past in near),
        weight=good + bad,
        chance=chance,
        error=math.sqrt(chance * (1 - chance) / (good + bad + PRIOR + 1)),
        why=near[0][1] if near else "",
    )
