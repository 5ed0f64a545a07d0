"""What an agent leaves is committed, published where the remote allows, and never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringmaster_cli.outcome import Changes
from ringmaster_cli.workspace import WorkspaceError
from ringmaster_operator.resources.bead import Reason
from support.checkouts import Bench, Person


def test_changes_count_since_the_last_commit(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    person.commit(space.path, {"a.py": "", "b.py": ""})
    person.write(space.path, {"c.py": "", "main.py": "print(2)\n"})
    (space.path / "README.md").unlink()
    assert space.changes() == Changes(files=5, commits=1)
    space.commit("Iteration 1")
    assert space.changes() == Changes(files=0, commits=0)
    person.write(space.path, {"ümläut/日本 語\t.py": ""})
    assert space.changes() == Changes(files=1, commits=0)


def test_what_is_left_is_committed_with_a_trailer_that_names_the_bead(
    desk: Bench, person: Person, checkout: Path
) -> None:
    space = desk.prepare(checkout)
    person.write(space.path, {"ümläut/日本 語.py": "x", "-rf": "", "# not a comment": ""})
    commit = space.commit("Do it\n\n# Keep this line\nand this\n")
    assert person.git("rev-parse", "HEAD", cwd=space.path) == commit
    body = person.git("log", "-1", "--format=%B", cwd=space.path)
    assert body.splitlines()[0] == "Do it"
    assert "# Keep this line" in body
    assert body.splitlines()[-1] == "Ringmaster-Bead: default/fix-it uid-of-fix-it"
    assert person.git("status", "--porcelain", cwd=space.path) == ""


def test_a_commit_of_the_agents_own_gets_the_trailer_and_keeps_its_author(
    desk: Bench, person: Person, checkout: Path
) -> None:
    space = desk.prepare(checkout)
    person.commit(space.path, {"a.py": ""}, "By the agent")
    commit = space.commit("Not needed")
    told = person.git(
        "log", "-1", "--format=%H|%an|%s|%(trailers:key=Ringmaster-Bead,valueonly)", cwd=space.path
    )
    assert told == f"{commit}|Test|By the agent|default/fix-it uid-of-fix-it"
    assert space.commit("Again") == commit


def test_nothing_done_is_no_commit_and_nothing_to_publish(
    desk: Bench, person: Person, checkout: Path
) -> None:
    space = desk.prepare(checkout)
    assert space.commit("Nothing") is None
    assert not space.push()
    assert space.push_message == "the bead has no work to publish"
    assert space.close() == "worktree removed"
    assert person.branches(desk.mirror()) == set()


def test_an_agent_that_left_the_branch_is_followed(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    person.git("checkout", "--quiet", "-b", "my-own", cwd=space.path)
    person.commit(space.path, {"a.py": ""})
    person.write(space.path, {"b.py": ""})
    commit = space.commit("Rest") or ""
    assert person.git("rev-parse", "--abbrev-ref", "HEAD", cwd=space.path) == space.branch
    assert person.git("ls-tree", "--name-only", commit, cwd=space.path).split() == [
        "README.md",
        "a.py",
        "b.py",
        "main.py",
    ]
    space.push()
    space.close()
    assert person.branches(desk.mirror()) == set()


def test_an_agent_that_looks_at_an_old_commit_loses_nothing(
    desk: Bench, person: Person, checkout: Path
) -> None:
    space = desk.prepare(checkout)
    commit = person.commit(space.path, {"a.py": ""})
    person.git("checkout", "--quiet", "--detach", space.base, cwd=space.path)
    assert space.commit("Signed")
    assert (space.path / "a.py").exists()
    assert person.git("log", "--format=%s", f"{space.base}..HEAD", cwd=space.path) == "Change"
    assert commit


def test_two_lines_of_work_are_both_kept(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    first = person.commit(space.path, {"a.py": ""})
    person.git("checkout", "--quiet", "--detach", space.base, cwd=space.path)
    person.commit(space.path, {"b.py": ""})
    space.commit("B")
    assert (space.path / "b.py").exists()
    kept = [
        file.read_text().strip()
        for file in (desk.mirror() / "refs/ringmaster/kept").rglob("*")
        if file.is_file()
    ]
    assert kept == [first]


def test_an_agent_on_another_history_is_told(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    person.git("checkout", "--quiet", "--orphan", "elsewhere", cwd=space.path)
    person.commit(space.path, {"a.py": ""})
    with pytest.raises(WorkspaceError, match="left branch ringmaster/fix-it for") as caught:
        space.commit("Rest")
    assert caught.value.reason is Reason.AGENT_ERROR


def test_conflict_marks_are_never_committed(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    person.git("checkout", "--quiet", "-b", "other", cwd=space.path)
    person.commit(space.path, {"main.py": "print('other')\n"})
    person.git("checkout", "--quiet", space.branch, cwd=space.path)
    person.commit(space.path, {"main.py": "print('ours')\n"})
    with pytest.raises(Exception, match="returned non-zero exit status"):
        person.git("merge", "--quiet", "other", cwd=space.path)
    with pytest.raises(WorkspaceError, match=r"conflicts unresolved in main\.py") as caught:
        space.commit("Rest")
    assert caught.value.reason is Reason.MERGE_CONFLICT
    person.write(space.path, {"main.py": "print('both')\n"})
    assert space.commit("Resolved")
    assert person.git("rev-list", "--merges", "--count", "HEAD", cwd=space.path) == "1"


def test_a_half_done_rebase_ends_as_it_is(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    person.commit(space.path, {"a.py": ""}, "A")
    person.commit(space.path, {"b.py": ""}, "B")
    with pytest.raises(Exception, match="returned non-zero exit status"):
        person.git("rebase", "--quiet", "--exec", "false", "HEAD~2", cwd=space.path)
    space.commit("Rest")
    assert person.git("rev-parse", "--abbrev-ref", "HEAD", cwd=space.path) == space.branch
    assert (space.path / "a.py").exists()


def test_locks_of_a_killed_agent_are_no_obstacle(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    person.write(space.path, {"a.py": ""})
    folder = person.git("rev-parse", "--absolute-git-dir", cwd=space.path)
    for name in (
        f"{folder}/index.lock",
        f"{folder}/HEAD.lock",
        f"{desk.mirror()}/refs/heads/{space.branch}.lock",
    ):
        with open(name, "w", encoding="utf-8"):
            pass
    assert space.commit("Done")


def test_repositories_inside_the_worktree_are_left_out_and_said(
    desk: Bench, person: Person, checkout: Path
) -> None:
    space = desk.prepare(checkout)
    inner = space.path / "vendor" / "lib"
    inner.mkdir(parents=True)
    person.git("init", "--quiet", cwd=inner)
    person.write(space.path, {"a.py": "", "vendor/lib/x": ""})
    commit = space.commit("Done") or ""
    assert person.git("ls-tree", "-r", "--name-only", commit, cwd=space.path).split() == [
        "README.md",
        "a.py",
        "main.py",
    ]
    assert any("vendor/lib" in line for line in desk.lines)


def test_publishing_to_a_checkout_never_touches_what_is_checked_out(
    desk: Bench, person: Person, checkout: Path
) -> None:
    space = desk.prepare(checkout)
    person.write(space.path, {"main.py": "print(3)\n"})
    commit = space.commit("Three")
    assert space.push()
    assert person.git("rev-parse", space.branch, cwd=checkout) == commit
    assert (checkout / "main.py").read_text() == "print(1)\n"
    assert space.close() == "worktree removed"
    assert person.branches(desk.mirror()) == set()


def test_a_branch_that_a_person_has_checked_out_is_not_pushed_over(
    desk: Bench, person: Person, checkout: Path
) -> None:
    space = desk.prepare(checkout)
    person.write(space.path, {"a.py": ""})
    space.commit("A")
    space.push()
    person.git("checkout", "--quiet", space.branch, cwd=checkout)
    person.write(space.path, {"b.py": ""})
    space.commit("B")
    assert not space.push()
    assert "does not take ringmaster/fix-it" in space.push_message


def test_a_remote_that_refuses_keeps_the_work_in_the_mirror_and_says_so(
    desk: Bench, person: Person, remote: Path
) -> None:
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'branches are closed today' >&2\nexit 1\n")
    hook.chmod(0o755)
    space = desk.prepare(remote)
    person.write(space.path, {"a.py": ""})
    commit = space.commit("A")
    assert not space.push()
    assert "does not take" in space.push_message
    said = space.close()
    assert "unpushed commits: 1, kept on branch ringmaster/fix-it" in said
    assert not space.path.exists()
    assert person.git("rev-parse", "ringmaster/fix-it", cwd=desk.mirror()) == commit
    hook.unlink()
    again = desk.prepare(remote, session="w-1")
    assert again.commit("Same") == commit
    assert again.push()


def test_someone_elses_push_to_the_branch_is_not_overwritten(
    desk: Bench, person: Person, remote: Path, tmp_path: Path
) -> None:
    space = desk.prepare(remote)
    person.write(space.path, {"a.py": ""})
    space.commit("A")
    clone = tmp_path / "clone"
    person.git("clone", "--quiet", str(remote), str(clone), cwd=tmp_path)
    theirs = person.commit(clone, {"b.py": ""})
    person.git("push", "--quiet", "origin", "HEAD:ringmaster/fix-it", cwd=clone)
    with pytest.raises(WorkspaceError, match="changed in the repository by someone else") as caught:
        space.push()
    assert caught.value.reason is Reason.REPOSITORY
    assert person.git("rev-parse", "ringmaster/fix-it", cwd=remote) == theirs


def test_a_remote_that_is_gone_when_publishing_is_unreachable(
    desk: Bench, person: Person, remote: Path
) -> None:
    space = desk.prepare(remote)
    person.write(space.path, {"a.py": ""})
    commit = space.commit("A")
    remote.rename(remote.with_name("moved.git"))
    with pytest.raises(WorkspaceError, match="cannot be reached") as caught:
        space.push()
    assert caught.value.reason is Reason.REPOSITORY
    space.close()
    assert person.git("rev-parse", "ringmaster/fix-it", cwd=desk.mirror()) == commit


def test_commits_of_a_loose_head_survive_the_end_of_the_worktree(
    desk: Bench, person: Person, checkout: Path
) -> None:
    space = desk.prepare(checkout)
    person.git("checkout", "--quiet", "--detach", cwd=space.path)
    commit = person.commit(space.path, {"a.py": ""})
    space.close()
    kept = [file.read_text().strip() for file in (desk.mirror() / "refs/ringmaster/kept").iterdir()]
    assert kept == [commit]


def test_closing_twice_and_keeping(desk: Bench, checkout: Path) -> None:
    space = desk.prepare(checkout)
    assert space.close(keep=True) == f"worktree kept at {space.path}"
    assert space.close() == ""
    assert space.path.exists()
