"""Which steps to take: all runs that differ from the smooth one in so many places, or random ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from support.model.laws import Broken
from support.model.parts import Choice, Plan
from support.model.states import fingerprint
from support.model.world import World

MOST_STEPS = 3000
MOST_SECONDS = 3600.0


@dataclass
class Found:
    """What was seen on the way."""

    runs: int = 0
    steps: int = 0
    states: set[int] = field(default_factory=set)
    crashes: int = 0
    longest: float = 0.0
    """Seconds, on the run's own clock, until all was quiet."""

    def note(self, world: World, steps: int) -> None:
        """A run has ended."""
        self.runs += 1
        self.steps += steps
        self.crashes += world.crashes
        self.longest = max(self.longest, world.now())

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.steps} transitions, {len(self.states)} states, {self.crashes} crashes,"
            f" quiet after {self.longest:g} s at most"
        )


Deviations = tuple[tuple[int, str], ...]
"""(step, label): where something else than the first choice is taken."""


class Failed(AssertionError):
    """A law was broken; says how to see it again."""


def run(
    plan: Plan, deviations: Deviations, found: Found, *, known: set[int] | None = None
) -> list[tuple[int, list[str]]]:
    """One run to its end; for every step the state before it, and what could have been done instead.

    With `known`, states from which all went well: a run that comes to one with no deviation left ends there.
    Raises Failed when a law is broken, or nothing gets quiet.
    """
    wanted = dict(deviations)
    last = max(wanted, default=-1)
    offered: list[tuple[int, list[str]]] = []

    def choose(step: int, choices: list[Choice], state: int) -> Choice | None:
        if known is not None and step > last and state in known:
            return None
        offered.append((state, [choice.label for choice in choices[1:]]))
        label = wanted.get(step)
        return next((choice for choice in choices if choice.label == label), choices[0])

    _drive(plan, choose, found, f"deviations {deviations!r}", least=last + 1)
    if known is not None:
        known.update(state for state, _ in offered[last + 1 :])
    return offered


def wander(plan: Plan, seed: int, found: Found, *, odds: float) -> None:
    """One run that turns off with these odds at each of its first steps (400 at most). Raises Failed."""
    chance = random.Random(seed)
    turns = chance.randint(1, 400)

    def choose(step: int, choices: list[Choice], state: int) -> Choice:
        if step < turns and len(choices) > 1 and chance.random() < odds:
            return chance.choice(choices[1:])
        return choices[0]

    _drive(plan, choose, found, f"seed {seed}, odds {odds}", least=turns)


Chooser = Callable[[int, list[Choice], int], Choice | None]
"""Of the step, what may be done and the state before: what is done, None to end the run here."""


def steer(plan: Plan, choose: Chooser, found: Found) -> None:
    """One run in which each step is chosen. Raises Failed."""
    _drive(plan, choose, found, "as chosen", least=0)


def _drive(plan: Plan, choose: Chooser, found: Found, name: str, *, least: int) -> None:
    world = World(plan)
    trace: list[str] = []
    try:
        while not (world.quiet() and len(trace) >= least):
            state = fingerprint(world)
            found.states.add(state)
            choice = choose(len(trace), world.choices(), state)
            if choice is None:
                return
            trace.append(choice.label)
            world.step(choice)
            if len(trace) > MOST_STEPS or world.now() > MOST_SECONDS:
                raise Broken(f"not quiet after {len(trace)} steps and {world.now():g} s")
        world.laws.ended()
    except Exception as error:
        steps = "\n  ".join(f"{number} {label}" for number, label in enumerate(trace))
        raise Failed(f"{error}\n{name}, {len(trace)} steps:\n  {steps}") from error
    finally:
        found.note(world, len(trace))
        world.close()


def neighbours(plan: Plan, depth: int, found: Found, before: Deviations = ()) -> Iterator[Deviations]:
    """Runs that differ from the smooth one in `depth` places, each once; the caller runs them.

    Where another way to the same state was branched from before, this one is not.
    """
    branched: set[tuple[int, int]] = set()

    def below(before: Deviations, depth: int) -> Iterator[Deviations]:
        first = before[-1][0] + 1 if before else 0
        for step, (state, labels) in enumerate(run(plan, before, found)):
            if step < first or (state, depth) in branched:
                continue
            branched.add((state, depth))
            for label in labels:
                after = (*before, (step, label))
                if depth == 1:
                    yield after
                else:
                    yield from below(after, depth - 1)

    yield from below(before, depth)
