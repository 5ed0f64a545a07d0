"""`hack/bench simulate --similar`: what leaving beads to whoever does better at beads like them is worth.

Beads of some kinds, told apart by their words and repositories alone; Workers with three agents, each
good at some kinds and poor at others. All declare the same: nothing but past outcomes tells them apart.
"""

from __future__ import annotations

import math
import random
import statistics
from datetime import timedelta
from typing import Any

from benchlib.simulated_world import NS, START, World
from benchlib.simulation import Result, Routing, Simulation
from ringmaster_operator.recall import mean, wilson
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.worker import Worker

AGENTS = ("claude-code", "codex", "gemini")
TOPICS = {
    "parser": "grammar token lexer syntax precedence recovery ambiguity lookahead",
    "layout": "button margin stylesheet responsive dialog contrast focus tooltip",
    "storage": "index migration transaction vacuum checkpoint schema cursor replica",
    "network": "socket retry timeout handshake proxy certificate latency packet",
    "billing": "invoice refund tax currency receipt ledger discount subscription",
    "search": "ranking stemming synonym facet query relevance tokenizer snippet",
}
NOISE = ["small", "tidy", "customer", "report", "quarter", "old", "page", "office", "monday", "note"]
BUSY, QUIET = 8.0, 24.0
"""Hours in which the beads come in: more than the Workers manage, and less."""


def similar_world(seed: int, *, beads: int, workers: int, hours: float) -> World:
    """Beads of six kinds in three repositories, and Workers with three agents in turn."""
    chance = random.Random(f"similar/{seed}")
    team = [_worker(number) for number in range(workers)]
    good = {kind: chance.randrange(len(AGENTS)) for kind in TOPICS}
    talent = {
        (agent, kind): chance.uniform(0.85, 0.95) if good[kind] == number else chance.uniform(0.3, 0.6)
        for number, agent in enumerate(AGENTS)
        for kind in TOPICS
    }
    backlog, hidden = [], {}
    for number, at in enumerate(sorted(chance.uniform(0, hours) for _ in range(beads))):
        kind = chance.choice(list(TOPICS))
        hidden[f"b{number:04d}"] = kind
        backlog.append(_bead(number, kind, at, chance))
    return World(
        seed=seed,
        beads=backlog,
        workers=team,
        skill={
            (item.metadata.name, kind): talent[item.spec.agent.profile, kind]
            for item in team
            for kind in TOPICS
        },
        usd_per_hour={item.metadata.name: 3.0 for item in team},
        minutes={item.metadata.name: chance.lognormvariate(math.log(12), 0.5) for item in backlog},
        hidden=hidden,
    )


def _worker(number: int) -> Worker:
    name = f"w{number:02d}"
    spec = {"runtime": "Tmux", "agent": {"profile": AGENTS[number % len(AGENTS)]}}
    return Worker.model_validate({"metadata": {"name": name, "namespace": NS, "uid": name}, "spec": spec})


def _bead(number: int, kind: str, hours: float, chance: random.Random) -> Bead:
    words = [*chance.sample(TOPICS[kind].split(), 3), *chance.sample(NOISE, 3)]
    chance.shuffle(words)
    place = list(TOPICS).index(kind) // 2
    spec: dict[str, Any] = {
        "title": " ".join(words),
        "priority": chance.choices(["P0", "P1", "P2", "P3"], [5, 15, 60, 20])[0],
        "description": " ".join(chance.sample(TOPICS[kind].split(), 4) + chance.sample(NOISE, 6)),
        "repository": {"url": f"https://git.example/team/app-{place}.git"},
    }
    created = START + timedelta(hours=hours)
    meta = {"name": f"b{number:04d}", "namespace": NS, "uid": f"u{number}", "creation_timestamp": created}
    return Bead.model_validate({"metadata": {**meta, "resource_version": "1", "generation": 1}, "spec": spec})


def both(seed: int, *, beads: int, workers: int, hours: float) -> tuple[Result, Result]:
    """The same world without and with it."""
    given = similar_world(seed, beads=beads, workers=workers, hours=hours)
    off, on = (Simulation(given, Routing.DECLARED, similar=similar).run() for similar in (False, True))
    return off, on


def table(seeds: range, *, beads: int, workers: int) -> None:
    """Print both loads."""
    print(f"{len(seeds)} worlds of {beads} beads and {workers} Workers with {len(AGENTS)} agents\n")
    print("| Workers | similar beads | attempts that succeed, 95 % | done | half / nine in ten done after |")
    print("|---|---|---|---|---|")
    notes = []
    for title, hours in (("busy", BUSY), ("partly idle", QUIET)):
        found = [both(seed, beads=beads, workers=workers, hours=hours) for seed in seeds]
        for place, name in enumerate(("off", "on")):
            print(f"| {title} | {name} | {_row([pair[place] for pair in found])} |")
        gain = mean([on.attempt_rate - off.attempt_rate for off, on in found])
        notes.append(
            f"{title}: {gain[0]:+.1%} of the attempts succeed ({gain[1]:+.1%} to {gain[2]:+.1%}, by world)"
        )
    print("\n" + "\n".join(notes))


def _row(found: list[Result]) -> str:
    attempts, good = sum(item.attempts for item in found), sum(item.successes for item in found)
    low, high = wilson(good, attempts)
    done = sum(item.done for item in found) / sum(item.beads for item in found)
    hours = [sorted(item.hours.values()) for item in found]
    half, most = (statistics.median(item[int(len(item) * share)] for item in hours) for share in (0.5, 0.9))
    late = "never" if math.isinf(most) else f"{most:.2f} h"
    return f"{good / attempts:.1%} ({low:.1%} to {high:.1%}) | {done:.1%} | {half:.2f} h / {late}"
