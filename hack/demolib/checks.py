"""Whether everything came out as promised: facts from the cluster, the database and the repository itself."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from demolib.history import Attempt
from demolib.shell import run
from demolib.watch import Seen, phase

Body = dict[str, Any]
Check = tuple[str, bool, str]
"""What should hold, whether it does, and what was found."""


def check(
    beads: list[Body], attempts: list[Attempt], *, repository: Path, seen: Mapping[str, Seen], scripted: bool
) -> list[Check]:
    """All checks; those of the backlog's story hold for the scripted agent alone."""
    found = [*_results(beads, scripted=scripted), *_commits(beads, repository)]
    if scripted:
        found += _story({bead["metadata"]["name"]: bead for bead in beads}, attempts, seen)
    return found


def _results(beads: list[Body], *, scripted: bool) -> Iterator[Check]:
    phases = {bead["metadata"]["name"]: phase(bead) for bead in beads}
    others = {name: value for name, value in phases.items() if value != "Succeeded" and name != "synonyms"}
    yield "every bead but the one without an end has succeeded", not others, str(others or "")
    if scripted:
        yield "no bead is claimed any more", not [b for b in beads if b["status"].get("claim")], ""


def _commits(beads: list[Body], repository: Path) -> Iterator[Check]:
    branches = run(
        "git", "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads", cwd=repository
    )
    tips = dict(line.split() for line in branches.splitlines())
    worked = [
        bead
        for bead in beads
        if phase(bead) == "Succeeded" and bead["spec"].get("acceptance", {}).get("verify")
    ]
    for bead in worked:
        status, name = bead["status"], bead["metadata"]["name"]
        branch, commit = status.get("branch", ""), status.get("commit", "")
        fits = bool(commit) and tips.get(branch) == commit
        verdict = (
            _verify(repository, commit, bead["spec"]["acceptance"]["verify"]) if fits else "no such commit"
        )
        yield f"{name}: its commit is in the repository and passes its checks", not verdict, verdict


def _verify(repository: Path, commit: str, commands: list[str]) -> str:
    """'' when all commands exit 0 in a fresh checkout of the commit."""
    with tempfile.TemporaryDirectory(prefix="ringmaster-demo-check-") as folder:
        run("git", "clone", "--quiet", "--no-checkout", repository, folder)
        run("git", "checkout", "--quiet", commit, cwd=Path(folder))
        for command in commands:
            done = subprocess.run(
                ["/bin/sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False
            )
            if done.returncode:
                return f"{command}: exit code {done.returncode}: {done.stderr[-300:]}"
    return ""


def _story(beads: Mapping[str, Body], attempts: list[Attempt], seen: Mapping[str, Seen]) -> Iterator[Check]:
    def of(name: str) -> list[Attempt]:
        return [attempt for attempt in attempts if attempt.bead == name]

    order = [attempt.bead for attempt in attempts]
    lent = seen.get("ordinal", Seen())
    yield (
        "ordinal (P3) inherits P0 from calendar-line",
        (lent.priority, lent.lender) == ("P0", "calendar-line"),
        str(lent),
    )
    # The two sessions ask at the same moment, so which of the first two is recorded first is chance.
    yield "and so it was among the first two claims", "ordinal" in order[:2], ", ".join(order[:4])
    for before, after in (("words", "slug"), ("words", "counts"), ("slug", "report"), ("counts", "report")):
        done = bool(of(before) and of(after)) and of(before)[-1].ended_at <= of(after)[0].started_at
        yield f"{after} waited for {before}", done, ""
    kinds = [attempt.kind for attempt in of("duration")]
    yield "duration failed once and succeeded then", kinds == ["failed", "success"], str(kinds)
    rounds = [attempt.iterations for attempt in of("roman")]
    yield "roman took three iterations of one attempt", rounds == [3], str(rounds)
    yield "roman went to the Worker that knows numerals", {a.session for a in of("roman")} == {"grace-0"}, ""
    asked = [name for name, bead in beads.items() if bead["spec"].get("parent") == "human-bytes"]
    yield "human-bytes asked one question, and goes on with the answer", len(asked) == 1, str(asked)
    apart = not overlap(of("median"), of("mode"))
    yield "median and mode never ran at the same time", bool(of("median") and of("mode")) and apart, ""
    outcome = beads.get("synonyms", {}).get("status", {}).get("outcome", {})
    stopped = phase(beads.get("synonyms", {})) == "Failed" and outcome.get("reason") == "Budget"
    yield "synonyms was stopped by its budget", stopped, str(outcome)
    sessions = {attempt.session.rsplit("-", 1)[0] for attempt in attempts}
    yield "both Workers worked", sessions == {"ada", "grace"}, str(sessions)
    claims = [(attempt.bead, attempt.started_at) for attempt in attempts]
    yield "no bead was claimed twice at once", not any(overlap(of(bead), []) for bead, _ in claims), ""


def overlap(one: list[Attempt], other: list[Attempt]) -> bool:
    spans = sorted((attempt.started_at, attempt.ended_at) for attempt in (*one, *other))
    return any(after[0] < before[1] for before, after in pairwise(spans))


def tell(checks: list[Check]) -> bool:
    """Print them; whether all hold."""
    bad = [item for item in checks if not item[1]]
    print(f"Checks: {len(checks) - len(bad)} of {len(checks)} hold.")
    for text, _, found in bad:
        print(f"  NOT SO: {text}. Found: {found or 'otherwise'}", file=sys.stderr)
    return not bad
