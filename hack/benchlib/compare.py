"""`hack/bench --compare REV`: the same scenarios with another revision of the product, in turns.

The bench itself is this checkout's; what it measures has a worktree and an environment of its own. Both
revisions share the cluster, and each takes its turn with what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchlib.figures import Body, Figure, facts, machine, number

ROOT = Path(__file__).resolve().parents[2]
Key = tuple[str, str]


def compare(revision: str, names: list[str], asked: argparse.Namespace, cluster: str) -> int:
    """Print both, with how this one stands to that one; the exit code."""
    before = os.getloadavg()[0]
    sides: dict[str, dict[Key, Figure]] = {revision: {}, "this checkout": {}}
    with environment(revision) as python:
        for turn in range(asked.turns):
            for side, program in ((revision, python), ("this checkout", ROOT / ".venv/bin/python")):
                print(f"hack/bench: turn {turn + 1} of {asked.turns}, {side}", file=sys.stderr, flush=True)
                add(sides[side], _measured(program, names, asked, cluster))
    about = machine() | {"load": f"{before:.1f} to {os.getloadavg()[0]:.1f}"}
    if asked.as_json:
        figures = {side: [each.body() for each in found.values()] for side, found in sides.items()}
        print(json.dumps({"machine": about, "sides": figures}, indent=2))
    else:
        print(f"\n{facts(about)}\n\n{table(revision, *sides.values())}")
    return 0 if all(sides.values()) else 1


def known(revision: str) -> bool:
    """Whether git has it."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


@contextmanager
def environment(revision: str) -> Iterator[Path]:
    """The Python of a revision's own worktree."""
    git = ["git", "-C", str(ROOT)]
    with tempfile.TemporaryDirectory(prefix="ringmaster-bench-") as folder:
        place = Path(folder) / "product"
        subprocess.run([*git, "worktree", "add", "--quiet", "--detach", str(place), revision], check=True)
        try:
            uv = shutil.which("uv") or str(Path.home() / ".cache/ringmaster/uv/bin/uv")
            clean = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
            clean |= {"UV_PYTHON_DOWNLOADS": "never", "UV_PYTHON": sys.executable}
            subprocess.run([uv, "sync", "--frozen", "--quiet"], cwd=place, env=clean, check=True)
            yield place / ".venv/bin/python"
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(place)], check=False)


def _measured(python: Path, names: list[str], asked: argparse.Namespace, cluster: str) -> list[Figure]:
    options = ["--json", f"--on={cluster}", f"--rounds={asked.rounds}"]
    options += [f"--beads={asked.beads}"] if asked.beads else []
    command = [str(python), "-m", "benchlib", *names, *options, f"--seconds={asked.seconds}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said, _ = process.communicate()
        except BaseException:
            process.terminate()  # it ends its operators
            raise
    body: Body = json.loads(said or '{"figures": []}')
    return [Figure.read(each) for each in body["figures"]]


def add(known: dict[Key, Figure], found: list[Figure]) -> None:
    """A turn's samples to those of the turns before."""
    for each in found:
        key = (each.scenario, each.name)
        samples = [*(known[key].samples if key in known else []), *each.samples]
        known[key] = Figure(**{**each.__dict__, "samples": samples})


def table(revision: str, there: dict[Key, Figure], here: dict[Key, Figure]) -> str:
    lines = [
        f"| scenario | figure | {revision} | this checkout | ratio | goal |",
        "|---|---|---|---|---|---|",
    ]
    for key, mine in here.items():
        theirs = there.get(key)
        base = statistics.median(theirs.samples) if theirs else 0
        ratio = f"{number(mine.middle / base)}" if base else "—"
        shown = theirs.value if theirs else "—"
        lines.append(f"| {mine.scenario} | {mine.name} | {shown} | {mine.value} | {ratio} | {mine.goal} |")
    return "\n".join(lines)
