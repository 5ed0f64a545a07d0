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
    "urgent": Scenario("urgent", "an urgent bead behind a burst of 500: created to claimed"),
    "pods": Scenario("pods", "bead applied to pod created (Once), singly and 500 at once, beside bare pods"),
    "pull": Scenario("pull", "`ringmaster pull-bead` of 1,000 and 5,000 beads, beside `python -c pass`"),
    "idle": Scenario("idle", "writes, processor, wake-ups with 1,000 beads and 50 sessions"),
    "cpu": Scenario("cpu", "the operator's processor for a claim, a look, a report"),
    "counts": Scenario("counts", "writes and calls a bead, statements a claim, modules of a step"),
    "reports": Scenario("reports", "reports a second into SQLite and PostgreSQL, beside bare inserts"),
    "start": Scenario("start", "operator start to first claim at 10,000 beads; memory", usual=False),
    "races": Scenario("races", "2 to 64 sessions race for 1 and for 100 beads: double claims", usual=False),
    "storm": Scenario("storm", "beads done while others write on each 20 times a second", usual=False),
    "oversized": Scenario("oversized", "what is too large or too deep: until it is refused", usual=False),
    "sign-in": Scenario("sign_in", "a wrong password beside a right one and a name of nobody's", usual=False),
    "schedules": Scenario("schedules", "backups and digests over every change of clocks", usual=False),
    "copies": Scenario("copies", "200 backups beside a writer, torn ones; flipped bits", usual=False),
}

PROGRAMS: dict[str, Program] = {
    "ranking": Program("ranking", "the board's arithmetic at 10,000 beads, beside networkx"),
    "simulate": Program("simulate", "a fleet in simulated time: what routing and urgency are worth"),
    "growth": Program("growth", "each figure at 1,000 and at 50,000 objects; has its cluster, with KWOK"),
    "costs": Program("costs", "roll-ups over a million usage rows"),
    "lessons": Program("lessons", "what lessons do, and how long a claim looks for them"),
    "backup": Program("backup", "backups beside a writer, and beside sqlite3 and gzip"),
    "dashboard": Program("dashboard", "the web dashboard with 10,000 beads, in a browser; has its cluster"),
    "flames": Program("profile", "flame graphs of a claim, a look, a report; has its cluster"),
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
