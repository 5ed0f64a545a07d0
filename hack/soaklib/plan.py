"""The plan of a soak: which fault comes when, for how long. The same seed and minutes give the same plan."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, replace

WARM_UP_SECONDS = 6.0
"""Before the first fault: the fleet is at work by then."""
COOL_DOWN_SECONDS = 8.0
"""After the last one."""
GAP = (3.0, 8.0)
"""Seconds between the end of a fault and the next one's begin."""
PAIRED = 0.25
"""How often a second fault begins while the first one lasts."""
LAST_LIFE = 0.5
"""No operator is killed after this part of the run: the rest is one life, in which a leak would show."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault: how long it lasts, in seconds, how strong it is, and what it takes hold of."""

    name: str
    seconds: tuple[float, float]
    holds: str
    """Two faults that hold the same never overlap."""
    tells: str
    strengths: tuple[float, ...] = (1.0,)
    minutes: float = 0.0
    """Shortest plan that has it."""
    cards: int = 1
    """How often it comes while each other one comes once."""
    early: bool = False
    """Ends the operator's process: only in the first part of a run."""


@dataclass(frozen=True)
class Fault:
    """One line of a plan; `at` and `seconds` in seconds from the begin."""

    at: float
    seconds: float
    kind: str
    strength: float
    paired: bool
    """Whether another fault lasts at the same time: then neither one's recovery is its own."""


KINDS = {
    kind.name: kind
    for kind in (
        Kind("quiet", (0.5, 0.5), "nothing", "nothing is broken: what the others are compared with"),
        Kind("api-restart", (0.2, 5.0), "cluster", "the API server is killed; it stays away so long"),
        Kind("etcd-restart", (0.2, 3.0), "cluster", "etcd is killed"),
        Kind(
            "compaction", (1.0, 3.0), "cluster", "watches are cut and their place in etcd is compacted away"
        ),
        Kind("watch-drop", (1.0, 5.0), "watches", "all watches are cut again and again", (2.0, 5.0)),
        Kind("watch-stall", (75.0, 75.0), "all", "watches stay open and say nothing", minutes=5.0),
        Kind("blackhole", (3.0, 15.0), "network", "the API server's answers do not arrive"),
        Kind(
            "slow",
            (5.0, 15.0),
            "network",
            "each request to the API server is late (seconds)",
            (0.2, 1.0, 2.0),
        ),
        Kind("throttle", (5.0, 15.0), "network", "a share of the requests is answered 429", (0.3, 0.7, 1.0)),
        Kind("conflicts", (5.0, 12.0), "adversary", "somebody writes so many objects a second", (10.0, 20.0)),
        Kind(
            "clock-jump",
            (4.0, 12.0),
            "clock",
            "the operator's wall clock is so many seconds off, then right again",
            (60.0, -60.0, 3600.0, -3600.0, 86400.0, -86400.0),
        ),
        Kind("operator-kill", (0.0, 4.0), "operator", "SIGKILL; it stays away so long", cards=3, early=True),
        Kind("operator-freeze", (1.0, 12.0), "silence", "SIGSTOP, then SIGCONT"),
        Kind("worker-kill", (0.5, 0.5), "tmux", "SIGKILL of a session's process tree"),
        Kind("worker-freeze", (2.0, 12.0), "silence", "SIGSTOP of a session's process tree"),
        Kind("tmux-kill", (0.5, 0.5), "tmux", "SIGKILL of the tmux server"),
        Kind("session-vanish", (0.5, 0.5), "session", "a claim's holder is never heard of again"),
        Kind("session-freeze", (1.0, 1.0), "session", "a holder wakes after its lease and reports"),
        Kind("database-lock", (1.0, 9.0), "database", "another process holds the database's write lock"),
        Kind("disk-full", (2.0, 8.0), "database", "the database's disk has no room left"),
        Kind("network-cut", (2.0, 25.0), "namespace", "a session's network link is down"),
    )
}


def left_out(only: Collection[str], spared: Collection[str]) -> frozenset[str]:
    """What is not done, by the names that people give. ValueError: no such kind, or none is left."""
    unknown = sorted({*only, *spared} - set(KINDS))
    if unknown:
        raise ValueError(f"there is no fault {', '.join(unknown)}; there are {', '.join(KINDS)}")
    without = frozenset(KINDS) - frozenset(only or KINDS) | frozenset(spared)
    if without == frozenset(KINDS):
        raise ValueError("no fault is left to be done")
    return without


def plan(seed: int, minutes: float, *, without: frozenset[str] = frozenset()) -> list[Fault]:
    """The faults of a run, in the order of their begin; kinds that the machine cannot do are left out."""
    deck = _Deck(random.Random(seed), minutes, without)
    faults: list[Fault] = []
    now = WARM_UP_SECONDS
    while (kind := deck.draw(now)) is not None:
        group = [deck.fault(kind, now)]
        if deck.rng.random() < PAIRED:
            begin = round(now + deck.rng.uniform(0.0, group[0].seconds), 1)
            other = deck.draw(begin, beside=kind)
            if other is not None:
                group = [replace(group[0], paired=True), replace(deck.fault(other, begin), paired=True)]
        faults += group
        now = round(max(fault.at + fault.seconds for fault in group) + deck.rng.uniform(*GAP), 1)
    return faults


class _Deck:
    """All kinds in a random order, and again: in a plan that is long enough each kind comes."""

    def __init__(self, rng: random.Random, minutes: float, without: frozenset[str]) -> None:
        self.rng = rng
        self._kinds = [
            kind for kind in KINDS.values() if kind.minutes <= minutes and kind.name not in without
        ]
        nothing_else = all(kind.early for kind in self._kinds)
        self._last = minutes * 60 * (1.0 if nothing_else else LAST_LIFE)
        self._end = minutes * 60 - COOL_DOWN_SECONDS
        self._cards: list[Kind] = []

    def draw(self, now: float, beside: Kind | None = None) -> Kind | None:
        """The next card that may come at that time, and beside another one; None when none may."""
        if not any(self._may(kind, now, beside) for kind in self._cards):
            fresh = [kind for kind in self._kinds for _ in range(kind.cards)]
            self.rng.shuffle(fresh)
            self._cards += fresh
        for place, kind in enumerate(self._cards):
            if self._may(kind, now, beside):
                return self._cards.pop(place)
        return None

    def fault(self, kind: Kind, at: float) -> Fault:
        """A fault of that kind."""
        seconds = round(self.rng.uniform(*kind.seconds), 1)
        return Fault(at, seconds, kind.name, self.rng.choice(kind.strengths), paired=False)

    def _may(self, kind: Kind, now: float, beside: Kind | None) -> bool:
        if now + kind.seconds[1] > self._end or (kind.early and now > self._last):
            return False
        if beside is None:
            return True
        free = "quiet" not in (kind.name, beside.name) and "all" not in (kind.holds, beside.holds)
        return free and kind.holds != beside.holds
