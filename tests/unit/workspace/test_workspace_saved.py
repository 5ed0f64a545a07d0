"""Work that no remote takes goes on with the bead, to a session on another machine."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from ringmaster_cli.workspace import Workspace
from ringmaster_operator.resources.saved import MAX_BUNDLE, SavedWork
from support.checkouts import ENV, Bench, Person


@pytest.fixture
def closed(remote: Path) -> Path:
    """A remote that takes nothing."""
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho read only >&2\nexit 1\n")
    hook.chmod(0o755)
    return remote


@pytest.fixture
def elsewhere(tmp_path: Path) -> Bench:
    return Bench(home=tmp_path / "elsewhere")


def again(bench: Bench, url: Path | None, saved: SavedWork | None) -> Workspace:
    """As the next session gets it."""
    space = Workspace.prepare(
        home=bench.home, work=bench.bead(url), attempt=1, session="v-0", env=ENV, saved=saved,
        on_line=bench.lines.append,
    )  # fmt: skip
    bench.spaces.append(space)
    return space


def left(bench: Bench, url: Path | None, person: Person, files: dict[str, str]) -> tuple[str, SavedWork]:
    """A session's work, saved as it ends."""
    space = bench.prepare(url)
    person.write(space.path, files)
    commit = space.commit("Saved before stopping")
    assert commit is not None
    assert not space.push()
    saved = space.unpublished()
    space.close()
    assert saved is not None
    assert saved.commit == commit
    return commit, saved


@pytest.mark.parametrize("with_remote", [True, False])
def test_another_machine_goes_on_where_the_work_was_left(
    desk: Bench, elsewhere: Bench, person: Person, closed: Path, with_remote: bool
) -> None:
    url = closed if with_remote else None
    binary = "\x00\x01 ümläut\r\n"
    commit, saved = left(desk, url, person, {"a.py": "begun\n", "deep/ümläut.bin": binary})
    space = again(elsewhere, url, saved)
    assert person.git("rev-parse", "HEAD", cwd=space.path) == commit
    assert (space.path / "deep/ümläut.bin").read_bytes() == binary.encode()
    assert any("continues the work" in note for note in space.notes)
    person.write(space.path, {"b.py": "done\n"})
    second = space.commit("The rest")
    assert second is not None
    assert person.git("rev-parse", "HEAD~1", cwd=space.path) == commit
    space.close()
    third = again(elsewhere, url, saved)  # the same words again: what is newer here stays
    assert person.git("rev-parse", "HEAD", cwd=third.path) == second
    third.close()


def test_what_the_remote_has_is_not_carried(desk: Bench, person: Person, remote: Path) -> None:
    space = desk.prepare(remote)
    assert space.unpublished() is None
    person.write(space.path, {"a.py": ""})
    space.commit("Work")
    assert space.push()
    assert space.unpublished() is None
    space.close()


def test_work_that_is_too_large_stays_and_it_is_said(desk: Bench, person: Person, closed: Path) -> None:
    space = desk.prepare(closed)
    noise = (space.path / "noise.bin").open("wb")
    with noise, Path("/dev/urandom").open("rb") as source:
        noise.write(source.read(MAX_BUNDLE + 1000))
    space.commit("Large")
    assert space.unpublished() is None
    assert any("can be handed on" in line for line in desk.lines)
    space.close()


def test_a_spoiled_bundle_is_left_out(elsewhere: Bench, closed: Path) -> None:
    spoiled = base64.b64encode(b"# v2 git bundle\nnonsense").decode()
    saved = SavedWork(branch="ringmaster/fix-it", commit="a" * 40, bundle=spoiled)
    space = again(elsewhere, closed, saved)
    assert any("cannot be used here" in line for line in elsewhere.lines)
    assert space.changes().commits == 0
    space.close()


def test_other_work_on_the_branch_is_kept(
    desk: Bench, elsewhere: Bench, person: Person, closed: Path
) -> None:
    _, saved = left(desk, closed, person, {"a.py": "one\n"})
    theirs, _ = left(elsewhere, closed, person, {"a.py": "two\n"})
    space = again(elsewhere, closed, saved)
    assert (space.path / "a.py").read_text() == "one\n"
    kept = person.git(
        "for-each-ref", "--format=%(objectname)", "refs/ringmaster/kept", cwd=elsewhere.mirror()
    )
    assert theirs in kept.split()
    space.close()
