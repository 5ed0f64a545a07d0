"""The scenarios of `hack/bench`, by name: what each measures, and the module that does it.

A module is imported when it is asked for. A scenario's module has `async def measure(bench: Bench) ->
list[Figure]`; a program's has options and a table of its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """Measured on a cluster of the bench's own."""

    module: str
    about: str
    usual: bool = True
    """Part of a run that names none."""


@dataclass(frozen=True)
class Program:
    """Has its own options: `hack/bench NAME --help`. Needs no cluster unless it says so."""

    module: str
    about: str


SCENARIOS: dict[str, Scenario] = {
    "claims": Scenario("claims", "16 claimers, beads enough: claims a second beside raw status patches"),
    "latency": Scenario("latency", "bead created to claimed by a waiting session, beside one status patch"),
}

PROGRAMS: dict[str, Program] = {
    "ranking": Program("ranking", "the board's arithmetic at 10,000 beads, beside networkx"),
    "simulate": Program("simulate", "a fleet in simulated time: what routing and urgency are worth"),
    "costs": Program("costs", "roll-ups over a million usage rows"),
    "lessons": Program("lessons", "what lessons do, and how long a claim looks for them"),
    "backup": Program("backup", "backups beside a writer, and beside sqlite3 and gzip"),
    "dashboard": Program("dashboard", "the web dashboard with 10,000 beads, in a browser; has its cluster"),
    "terminal": Program("terminal", "what `ringmaster top` costs with 10,000 beads"),
}


def listing() -> str:
    """All names with what they measure."""
    width = max(map(len, (*SCENARIOS, *PROGRAMS))) + 2
    lines = ["scenarios (all with * run where none is named):"]
    lines += [f"  {name:{width}}{'* ' if it.usual else '  '}{it.about}" for name, it in SCENARIOS.items()]
    lines += ["with options of their own (hack/bench NAME --help):"]
    lines += [f"  {name:{width}}  {program.about}" for name, program in PROGRAMS.items()]
    return "\n".join(lines)
