"""What a worktree is made from besides its ref: dependencies' work, setup commands, odd places."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringmaster_cli.workspace import WorkspaceError
from ringmaster_operator.resources.bead import Reason
from support.checkouts import Bench, Person, result


def test_the_work_of_dependencies_is_merged_in_and_does_not_count_as_the_beads_own(
    desk: Bench, checkout: Path
) -> None:
    commits = {}
    for name in ("left", "right"):
        space = desk.prepare(checkout, name=name)
        (space.path / f"{name}.py").write_text("")
        commits[name] = space.commit(f"Do {name}")
        assert space.push()
        space.close()
    finished = [result("left", commits["left"]), result("right", None, "ringmaster/right"), result("q", None)]
    join = desk.prepare(checkout, name="join", dependencies=finished)
    assert (join.path / "left.py").exists()
    assert (join.path / "right.py").exists()
    assert not join.changes()
    assert join.commit("Nothing") is None


def test_a_conflict_between_dependencies_names_the_files_and_leaves_nothing(
    desk: Bench, checkout: Path
) -> None:
    commits = []
    for name in ("left", "right"):
        space = desk.prepare(checkout, name=name)
        (space.path / "main.py").write_text(f"print('{name}')\n")
        commits.append(space.commit(name))
        space.close()
    with pytest.raises(WorkspaceError, match=r"work of right does not merge: conflict in main\.py") as caught:
        desk.prepare(
            checkout, name="join", dependencies=[result("left", commits[0]), result("right", commits[1])]
        )
    assert caught.value.reason is Reason.MERGE_CONFLICT
    assert list((desk.home / "worktrees").iterdir()) == []


def test_a_dependency_whose_work_is_not_there_is_noted(desk: Bench, checkout: Path) -> None:
    space = desk.prepare(checkout, dependencies=[result("far", "f" * 40, "ringmaster/far")])
    assert any("the work of far (ringmaster/far) is not in this repository" in note for note in space.notes)


def test_setup_commands_run_in_the_worktree_and_what_they_make_is_not_the_agents(
    desk: Bench, checkout: Path
) -> None:
    space = desk.prepare(
        checkout, setup=["mkdir -p deps/sub && echo x > deps/sub/lib", "echo y > '[odd] name *'"]
    )
    assert (space.path / "deps/sub/lib").exists()
    assert not space.changes()
    assert space.commit("Nothing") is None


def test_a_setup_command_that_fails_is_the_workers_configuration(desk: Bench, checkout: Path) -> None:
    with pytest.raises(
        WorkspaceError, match=r"'false-ish' of the Worker failed with exit code 127"
    ) as caught:
        desk.prepare(checkout, setup=["false-ish"])
    assert caught.value.reason is Reason.CONFIGURATION
    assert list((desk.home / "worktrees").iterdir()) == []


def test_hooks_of_the_mirror_never_run(desk: Bench, person: Person, checkout: Path, tmp_path: Path) -> None:
    desk.prepare(checkout).close()
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "pre-commit", "commit-msg", "pre-push", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-$(basename $0)\n")
        (hooks / name).chmod(0o755)
    person.git("config", "core.hooksPath", str(hooks), cwd=desk.mirror())
    space = desk.prepare(checkout)
    (space.path / "x").write_text("")
    space.commit("X")
    assert space.push()
    assert list(tmp_path.glob("ran-*")) == []


def test_a_home_inside_another_repository_never_touches_that_one(
    desk: Bench, person: Person, checkout: Path
) -> None:
    inner = checkout / "state"
    space = desk.prepare(None, home=inner)
    (inner / "mirrors").joinpath("x.git").mkdir()
    (space.path / "f").write_text("")
    space.commit("F")
    assert person.branches(checkout) == {"main"}
