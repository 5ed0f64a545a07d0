"""`hack/bench`: its names, and what it says of figures."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def benchlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "hack"))


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchlib", *arguments]
    environment = {"PYTHONPATH": f"{ROOT}/hack:{ROOT}/tests", "PATH": os.defpath}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_every_name_has_its_module() -> None:
    from benchlib.registry import PROGRAMS, SCENARIOS

    for name, scenario in SCENARIOS.items():
        assert callable(importlib.import_module(f"benchlib.{scenario.module}").measure), name
    for name, program in PROGRAMS.items():
        assert callable(importlib.import_module(f"benchlib.{program.module}").main), name


def test_the_list_names_every_scenario() -> None:
    from benchlib.registry import PROGRAMS, SCENARIOS

    done = bench("--list")
    assert done.returncode == 0
    assert {*SCENARIOS, *PROGRAMS} <= set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "there is no scenario nope; see --list"),
        (["claims", "ranking"], "there is no scenario ranking (it has options of its own: run it alone)"),
        (["claims", "--rounds=0"], "at least 1"),
        (["claims", "--compare=no-such-revision"], "there is no revision no-such-revision"),
    ],
)
def test_a_wrong_word_is_answered_in_one_line(words: list[str], said: str) -> None:
    done = bench(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_figures_show_their_spread_and_their_goal() -> None:
    from benchlib.figures import Figure, percentile, table

    share = Figure("claims", "share", [0.4, 0.725, 0.9], at_least=0.7)
    late = Figure("latency", "p99", [120.0, 99.0, 1234.5], "ms", at_most=100)
    writes = Figure("counts", "writes", [4, 4, 4], at_most=4)
    assert (share.value, share.goal) == ("0.72 (0.40 to 0.90)", "≥ 0.70: yes")
    assert (late.value, late.goal) == ("120 (99 to 1,234) ms", "≤ 100: no")
    assert (writes.value, writes.goal) == ("4", "≤ 4: yes")
    assert "| counts | writes | 4 | 3 | ≤ 4: yes |" in table([share, late, writes])
    assert Figure.read(late.body()) == late
    assert [percentile([5.0, 1.0, 3.0], share) for share in (0, 0.5, 0.99)] == [1, 3, 5]


def test_turns_of_a_comparison_are_put_together() -> None:
    from benchlib.compare import add, table
    from benchlib.figures import Figure

    there: dict[tuple[str, str], Figure] = {}
    here: dict[tuple[str, str], Figure] = {}
    for turn in (1.0, 2.0, 3.0):
        add(there, [Figure("claims", "rate", [10 * turn], "/s")])
        add(here, [Figure("claims", "rate", [20 * turn], "/s"), Figure("claims", "fresh", [turn])])
    shown = table("main", there, here)
    assert "| claims | rate | 20 (10 to 30) /s | 40 (20 to 60) /s | 2 | — |" in shown
    assert "| claims | fresh | — | 2 (1 to 3) | — | — |" in shown


def test_a_step_imports_few_modules() -> None:
    from benchlib.counts import imports

    ours, everything = imports()
    print(f"{ours:.0f} modules of ours, {everything:.0f} in all")
    assert 5 <= ours <= 20
    assert everything <= 300


async def test_a_claim_and_a_report_take_few_statements(tmp_path: Path) -> None:
    from benchlib.counts import statements

    claim, report = await statements(tmp_path)
    print(f"{claim:.0f} statements of a claim, {report:.0f} of a report")
    assert 1 <= claim <= 3
    assert 5 <= report <= 10


def test_growth_is_held_against_n_log_n() -> None:
    from benchlib.growth import bound, size, table

    assert bound(1_000, 50_000) == pytest.approx(78.3, abs=0.05)
    found = [{("slow", "ms"): 1.0, ("fast", "s"): 2.0}, {("slow", "ms"): 90.0, ("fast", "s"): 4.0}]
    shown = table(found, 1_000, 50_000)
    assert "| slow | 1 ms | 90 ms | 90 | no |" in shown
    assert "| fast | 2 s | 4 s | 2 | yes |" in shown
    whole = size(50_000, 100_000, 3)
    assert (whole.beads, whole.pods, whole.finished) == (47_500, 2_500, 100_000)


def test_growth_needs_a_smaller_size_than_the_full_one() -> None:
    done = bench("growth", "--objects=100", "--small=100")
    assert done.returncode == 2
    assert "--small is less than --objects (100)" in done.stderr
    assert "Traceback" not in done.stderr


def test_viewers_are_set_apart_in_a_group_that_is_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchlib import dashboard_apart as apart

    root = next(each for each in apart.ROOTS if (each / "cgroup.procs").exists())
    group = root / f"ringmaster-bench-{os.getpid()}"
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as viewer:
        theirs = [each for each in apart.outside(set()) if each.pid == viewer.pid]
        assert apart.taken(theirs) >= 0
        if os.access(root, os.W_OK):
            apart.set_apart(theirs)
            assert (group / "cpu.idle").read_text().strip() == "1"
            assert (group / "cgroup.procs").read_text().split() == [str(viewer.pid)]
        (tmp_path / "cgroup.procs").touch()
        (tmp_path / "cgroup.subtree_control").mkdir()
        monkeypatch.setattr(apart, "ROOTS", (tmp_path,))
        with pytest.raises(RuntimeError, match="cannot be set apart"):
            apart.set_apart(theirs)
        assert viewer.stdin is not None
        viewer.stdin.close()
