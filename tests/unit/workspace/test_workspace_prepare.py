"""Where a workspace starts, and what a person is told when it cannot."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from ringmaster_cli.workspace import Workspace, WorkspaceError
from ringmaster_operator.resources.bead import Outcome, OutcomeKind, Reason
from ringmaster_operator.resources.protocol import PastIteration
from support.checkouts import Bench, Person, result


def test_a_fresh_bead_starts_at_the_default_branch(desk: Bench, person: Person, checkout: Path) -> None:
    space = desk.prepare(checkout)
    assert space.branch == "ringmaster/fix-it"
    assert space.base == person.git("rev-parse", "main", cwd=checkout)
    assert (space.path / "main.py").read_text() == "print(1)\n"
    assert person.git("status", "--porcelain", cwd=space.path) == ""
    assert desk.home.stat().st_mode & 0o077 == 0


def test_a_branch_a_tag_and_a_commit_can_be_started_from(desk: Bench, person: Person, checkout: Path) -> None:
    first = person.git("rev-parse", "HEAD", cwd=checkout)
    person.git("tag", "-a", "-m", "v1", "v1", cwd=checkout)
    person.git("checkout", "--quiet", "-b", "topic/one", cwd=checkout)
    second = person.commit(checkout, {"new.py": ""})
    person.git("checkout", "--quiet", "main", cwd=checkout)
    for ref, commit in (("topic/one", second), ("v1", first), (second, second), (first[:9], first)):
        space = desk.prepare(checkout, name=f"from-{ref.replace('/', '-')}", ref=ref)
        assert space.base == commit


def test_a_missing_ref_is_named_beside_what_there_is(desk: Bench, checkout: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"no branch, tag or commit 'nope'; it has: main") as caught:
        desk.prepare(checkout, ref="nope")
    assert caught.value.reason is Reason.REPOSITORY


def test_a_folder_that_is_not_there_is_named(desk: Bench, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be reached: there is no such folder") as caught:
        desk.prepare(tmp_path / "gone")
    assert caught.value.reason is Reason.REPOSITORY


def test_a_folder_that_is_no_repository_is_named_and_leaves_nothing(desk: Bench, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(WorkspaceError, match=r"cannot be reached: .*does not appear to be a git repository"):
        desk.prepare(tmp_path / "plain")
    assert list((desk.home / "mirrors").glob("*.git*")) == []
    assert list((desk.home / "worktrees").iterdir()) == []


def test_a_server_that_does_not_listen_is_unreachable(desk: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(WorkspaceError, match="cannot be reached") as caught:
        desk.prepare(f"http://127.0.0.1:{port}/x.git")
    assert caught.value.reason is Reason.REPOSITORY


def test_a_server_that_wants_a_password_is_never_asked_for_one_on_the_terminal(desk: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(WorkspaceError, match="refuses this worker's credentials") as caught:
            desk.prepare(f"http://127.0.0.1:{server.getsockname()[1]}/x.git")
        thread.join(5)
    assert caught.value.reason is Reason.CREDENTIALS


def test_a_dirty_checkout_is_refused_unless_the_bead_says_where_to_start(
    desk: Bench, person: Person, checkout: Path
) -> None:
    person.write(checkout, {"main.py": "print(2)\n"})
    with pytest.raises(WorkspaceError, match=r"is dirty: main\.py changed but not committed") as caught:
        desk.prepare(checkout)
    assert caught.value.reason is Reason.REPOSITORY
    assert (desk.prepare(checkout, ref="main").path / "main.py").read_text() == "print(1)\n"


def test_files_that_git_does_not_know_make_no_checkout_dirty(
    desk: Bench, person: Person, checkout: Path
) -> None:
    person.write(checkout, {"notes.txt": "mine"})
    assert not (desk.prepare(checkout).path / "notes.txt").exists()


def test_a_branch_of_someone_else_is_never_taken_over(desk: Bench, person: Person, checkout: Path) -> None:
    person.git("checkout", "--quiet", "-b", "ringmaster/fix-it", cwd=checkout)
    theirs = person.commit(checkout, {"theirs.py": ""})
    person.git("checkout", "--quiet", "main", cwd=checkout)
    with pytest.raises(WorkspaceError, match="branch ringmaster/fix-it exists already") as caught:
        desk.prepare(checkout)
    assert caught.value.reason is Reason.REPOSITORY
    assert person.git("rev-parse", "ringmaster/fix-it", cwd=checkout) == theirs


def test_a_branch_that_is_merged_already_is_free(desk: Bench, person: Person, checkout: Path) -> None:
    person.git("branch", "ringmaster/fix-it", cwd=checkout)
    person.commit(checkout, {"more.py": ""})
    assert (desk.prepare(checkout).path / "more.py").exists()


def test_a_bead_made_again_under_its_old_name_does_not_get_the_old_ones_work(
    desk: Bench, checkout: Path
) -> None:
    old = desk.prepare(checkout)
    (old.path / "old.py").write_text("")
    commit = old.commit("Old work")
    old.close()
    new = desk.prepare(checkout, uid="another")
    assert not (new.path / "old.py").exists()
    kept = desk.mirror() / "refs/ringmaster/kept"
    assert [file.read_text().strip() for file in kept.iterdir()] == [commit]


def test_the_next_attempt_goes_on_from_the_last_one_here_and_on_another_host(
    desk: Bench, tmp_path: Path, remote: Path
) -> None:
    first = desk.prepare(remote)
    (first.path / "one.py").write_text("")
    first.commit("One")
    assert first.push()
    first.close()
    second = desk.prepare(remote, attempt=2, home=tmp_path / "other-host")
    assert (second.path / "one.py").exists()
    (second.path / "two.py").write_text("")
    tip = second.commit("Two")
    assert second.push()
    third = desk.prepare(remote, attempt=1, session="w-5")
    assert (third.path / "two.py").exists()
    assert third.changes() == third.changes().__class__(files=0, commits=0)
    assert third.commit("Nothing new") == tip


def test_unpushed_work_of_a_dead_worker_is_found_again(desk: Bench, person: Person, checkout: Path) -> None:
    first = desk.prepare(checkout)
    commit = person.commit(first.path, {"one.py": ""})
    first.close(keep=True)  # as after SIGKILL: the lock is gone, the worktree is there
    second = desk.prepare(checkout, session="w-1")
    assert person.git("rev-parse", "HEAD", cwd=second.path) == commit
    assert not first.path.exists()


def test_a_living_session_that_lost_its_claim_cannot_touch_the_branch_any_more(
    desk: Bench, person: Person, checkout: Path
) -> None:
    zombie = desk.prepare(checkout)
    heir = desk.prepare(checkout, session="w-1")
    person.commit(zombie.path, {"late.py": ""})
    assert "late.py" not in person.git("ls-tree", "--name-only", heir.branch, cwd=heir.path)
    assert person.git("rev-parse", "--abbrev-ref", "HEAD", cwd=heir.path) == heir.branch
    (heir.path / "mine.py").write_text("")
    heir.commit("Mine")
    with pytest.raises(WorkspaceError, match="another session has taken over"):
        zombie.push()


def test_history_makes_the_branch_known(desk: Bench, person: Person, remote: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    person.git("clone", "--quiet", str(remote), str(clone), cwd=tmp_path)
    person.git("checkout", "--quiet", "-b", "ringmaster/fix-it", cwd=clone)
    person.commit(clone, {"before.py": ""})
    person.git("push", "--quiet", "origin", "ringmaster/fix-it", cwd=clone)
    refused = Outcome(kind=OutcomeKind.FAILED, reason=Reason.REPOSITORY)
    past = PastIteration(attempt=1, iteration=1, outcome=refused)
    with pytest.raises(WorkspaceError, match="its work is not this bead's"):
        desk.prepare(remote, history=[past], attempt=2)
    commit = person.git("rev-parse", "HEAD", cwd=clone).strip()
    past = PastIteration(attempt=1, iteration=1, outcome=Outcome(kind=OutcomeKind.INCOMPLETE), commit=commit)
    assert (desk.prepare(remote, history=[past]).path / "before.py").exists()


def test_a_bead_without_a_repository_gets_an_empty_one_whose_work_is_kept(
    desk: Bench, person: Person
) -> None:
    space = desk.prepare(None)
    assert person.git("ls-files", cwd=space.path) == ""
    (space.path / "answer.md").write_text("42\n")
    commit = space.commit("Answer")
    assert not space.push()
    assert "has no repository" in space.push_message
    assert str(desk.mirror()) in space.close()
    after = desk.prepare(None, name="next", dependencies=[result("fix-it", commit)])
    assert (after.path / "answer.md").read_text() == "42\n"


def test_a_repository_without_any_commit_can_be_begun(desk: Bench, person: Person, tmp_path: Path) -> None:
    empty = tmp_path / "empty.git"
    person.git("init", "--quiet", "--bare", str(empty), cwd=tmp_path)
    space = desk.prepare(empty)
    (space.path / "first.py").write_text("")
    space.commit("First")
    assert space.push()
    assert person.branches(empty) == {"ringmaster/fix-it"}


def test_prepare_stops_when_asked(desk: Bench, checkout: Path) -> None:
    with pytest.raises(WorkspaceError, match="the claim is lost") as caught:
        Workspace.prepare(
            home=desk.home, work=desk.bead(checkout), attempt=1, session="w-0", env={"PATH": "/usr/bin:/bin"},
            setup=["sleep 30"], should_stop=lambda: "the claim is lost",
        )  # fmt: skip
    assert caught.value.reason is Reason.CANCELLED


def test_bead_names_of_253_characters_work(desk: Bench, person: Person, remote: Path) -> None:
    for last in "ab":
        space = desk.prepare(remote, name="n" * 252 + last, session="s" * 253)
        (space.path / last).write_text("")
        space.commit(f"Do {last}")
        assert space.push()
    assert len(person.branches(remote)) == 3
