"""What agents do to git's own files is put back before the worker reads or publishes with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.checkouts import Bench, Person


def config(desk: Bench, person: Person) -> list[str]:
    return person.git("config", "--file", str(desk.mirror() / "config"), "--list", cwd=desk.home).splitlines()


@pytest.mark.parametrize(
    "setting",
    [
        "core.worktree=/", "core.sparseCheckout=true", "core.ignoreStat=true", "core.autocrlf=true",
        "url./tmp/evil.insteadOf=/", "include.path=/tmp/evil", "filter.x.clean=cat", "remote.evil.url=/evil",
        "remote.origin.pushurl=/evil", "user.name=RINGMASTER: done", "trailer.x.command=touch owned",
        "credential.helper=!touch owned", "extensions.worktreeConfig=true", "alias.push=!true",
    ],
)  # fmt: skip
def test_settings_that_an_agent_made_are_gone_before_anything_is_counted(
    desk: Bench, remote: Path, person: Person, setting: str
) -> None:
    space = desk.prepare(remote)
    before = config(desk, person)
    key, _, value = setting.partition("=")
    person.git("config", "--file", str(desk.mirror() / "config"), key, value, cwd=desk.home)
    assert config(desk, person) != before
    space.changes()
    assert sorted(config(desk, person)) == sorted(before)
    assert any("put back what was changed in git's own files" in line for line in desk.lines)


def test_settings_of_the_setup_commands_stay(desk: Bench, remote: Path, person: Person) -> None:
    space = desk.prepare(remote, setup=["git config filter.own.clean cat"])
    space.changes()
    assert "filter.own.clean=cat" in config(desk, person)
    assert not any("put back" in line for line in desk.lines)


def test_a_remote_that_was_turned_elsewhere_is_turned_back(
    desk: Bench, remote: Path, person: Person, tmp_path: Path
) -> None:
    space = desk.prepare(remote)
    evil = tmp_path / "evil.git"
    person.git("init", "--quiet", "--bare", str(evil), cwd=tmp_path)
    person.git("config", "remote.origin.url", str(evil), cwd=space.path)
    person.commit(space.path, {"a.py": "1\n"})
    space.commit("Work")
    assert space.push()
    assert person.branches(evil) == set()
    assert "ringmaster/fix-it" in person.branches(remote)


def test_what_a_killed_worker_could_not_put_back_is_gone_at_the_next_bead(
    desk: Bench, remote: Path, person: Person
) -> None:
    desk.prepare(remote)
    mirror = desk.mirror()
    person.git("config", "--file", str(mirror / "config"), "url./evil.insteadOf", str(remote), cwd=desk.home)
    person.git("config", "--file", str(mirror / "config"), "remote.origin.url", "/evil", cwd=desk.home)
    desk.prepare(remote, name="next")
    settings = config(desk, person)
    assert f"remote.origin.url={remote}" in settings
    assert not [line for line in settings if line.startswith("url.")]


def test_files_that_git_was_told_to_overlook_are_counted_and_committed(
    desk: Bench, remote: Path, person: Person
) -> None:
    space = desk.prepare(remote)
    person.git("update-index", "--assume-unchanged", "main.py", cwd=space.path)
    person.git("update-index", "--skip-worktree", "README.md", cwd=space.path)
    info = desk.mirror() / "info"
    info.mkdir(exist_ok=True)
    (info / "exclude").write_text("*.py\n")
    (info / "attributes").write_text("* binary\n")
    person.write(space.path, {"main.py": "print(2)\n", "README.md": "# Other\n", "new.py": "3\n"})
    assert space.changes().files == 3
    space.commit("Work")
    shown = person.git("show", "--name-only", "--format=", "HEAD", cwd=space.path).split()
    assert sorted(shown) == ["README.md", "main.py", "new.py"]


def test_the_list_of_what_lay_about_before_cannot_be_lengthened(
    desk: Bench, remote: Path, person: Person
) -> None:
    space = desk.prepare(remote, setup=["echo x > made-by-setup"])
    folder = Path((space.path / ".git").read_text().removeprefix("gitdir: ").strip())
    with (folder / "ringmaster-ignored").open("a") as file:
        file.write("/helper.sh\n")
    person.write(space.path, {"helper.sh": "exit 0\n"})
    assert space.changes().files == 1


@pytest.mark.parametrize("how", ["folder", "link", "gone", "other"])
def test_a_worktree_that_was_given_another_repository_is_ours_again(
    desk: Bench, remote: Path, person: Person, tmp_path: Path, how: str
) -> None:
    other = desk.prepare(remote, name="other", session="w-1")
    tip = person.git("rev-parse", "HEAD", cwd=other.path)
    space = desk.prepare(remote)
    link = (space.path / ".git").read_text()
    (space.path / ".git").unlink()
    if how == "folder":
        person.git("init", "--quiet", cwd=space.path)
        person.commit(space.path, {"x": "x"})
    elif how == "link":
        (space.path / ".git").symlink_to(other.path / ".git")
    elif how == "other":
        (space.path / ".git").write_text((other.path / ".git").read_text())
    person.write(space.path, {"a.py": "1\n"})
    assert space.changes().files >= 1
    space.commit("Work")
    assert (space.path / ".git").read_text() == link
    assert person.git("rev-parse", "HEAD", cwd=other.path) == tip
    assert "a.py" in person.git("show", "--name-only", "--format=", space.branch, cwd=desk.mirror())


def test_replaced_objects_are_not_believed(desk: Bench, remote: Path, person: Person) -> None:
    space = desk.prepare(remote)
    first = person.git("rev-parse", "HEAD", cwd=space.path)
    person.write(space.path, {"a.py": "1\n"})
    fake = person.git("commit-tree", "-m", "Fake", "HEAD^{tree}", cwd=space.path)
    person.git("replace", first, fake, cwd=space.path)
    assert person.git("log", "-1", "--format=%s", cwd=space.path) == "Fake"
    assert space.git("log", "-1", "--format=%s").strip() == "First"


def test_what_nobody_touched_is_left_alone(desk: Bench, remote: Path, person: Person) -> None:
    space = desk.prepare(remote)
    person.commit(space.path, {"a.py": "1\n"})
    space.changes()
    space.commit("Work")
    space.push()
    assert not any("put back" in line for line in desk.lines)
