"""Damaged mirrors, killed workers, many at once, a full disk."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from ringmaster_cli.workspace import WorkspaceError
from ringmaster_operator.resources.bead import Reason
from support.checkouts import Bench, Person


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def break_head(mirror: Path) -> None:
    (mirror / "HEAD").unlink()


def break_objects(mirror: Path) -> None:
    for file in files(mirror / "objects"):
        file.chmod(0o600)
        file.write_bytes(b"\0" * file.stat().st_size)


def break_sizes(mirror: Path) -> None:
    for file in files(mirror / "objects"):
        file.chmod(0o600)
        os.truncate(file, 0)


def break_config(mirror: Path) -> None:
    (mirror / "config").write_bytes(b"[core\0\xff")


def break_refs(mirror: Path) -> None:
    (mirror / "packed-refs").write_text("not a ref at all\n")


def break_objects_folder(mirror: Path) -> None:
    shutil.rmtree(mirror / "objects")


BREAKS = [break_head, break_objects, break_sizes, break_config, break_refs, break_objects_folder]


@pytest.mark.parametrize("damage", BREAKS, ids=lambda damage: damage.__name__)
def test_a_damaged_mirror_is_made_anew(
    desk: Bench, person: Person, remote: Path, damage: Callable[[Path], None]
) -> None:
    desk.prepare(remote).close()
    damage(desk.mirror("remote-*"))
    space = desk.prepare(remote, name="next")
    person.write(space.path, {"a.py": ""})
    assert space.commit("A")
    assert space.push()
    assert any("damaged" in line for line in desk.lines)


@pytest.mark.parametrize("damage", [break_head, break_config], ids=lambda damage: damage.__name__)
def test_unpushed_work_is_carried_over_from_a_damaged_mirror(
    desk: Bench, person: Person, remote: Path, damage: Callable[[Path], None]
) -> None:
    space = desk.prepare(remote)
    person.write(space.path, {"a.py": ""})
    commit = space.commit("A")
    space.close()
    damage(desk.mirror())
    desk.prepare(remote, name="other")
    (mirror,) = (desk.home / "mirrors").glob("*.git")
    assert person.git("rev-parse", "ringmaster/fix-it", cwd=mirror) == commit


def test_a_damaged_mirror_with_unreadable_work_is_kept_aside(
    desk: Bench, person: Person, remote: Path
) -> None:
    space = desk.prepare(remote)
    person.write(space.path, {"a.py": ""})
    space.commit("A")
    space.close()
    break_sizes(desk.mirror())
    desk.prepare(remote, name="other")
    assert list((desk.home / "mirrors").glob("*.damaged"))
    assert any("cannot be read; it is kept at" in line for line in desk.lines)


def test_a_damaged_mirror_is_not_pulled_away_under_a_living_session(
    desk: Bench, person: Person, remote: Path
) -> None:
    living = desk.prepare(remote)
    (desk.mirror() / "HEAD").unlink()
    with pytest.raises(WorkspaceError, match="damaged and other sessions work in it") as caught:
        desk.prepare(remote, name="other")
    assert caught.value.reason is Reason.INFRASTRUCTURE
    assert living.path.exists()


def test_git_locks_of_a_dead_worker_are_cleared(desk: Bench, person: Person, remote: Path) -> None:
    first = desk.prepare(remote)
    folder = Path(person.git("rev-parse", "--absolute-git-dir", cwd=first.path))
    first.close(keep=True)
    mirror = desk.mirror()
    names = ("packed-refs", "config", "HEAD", "refs/heads/ringmaster/fix-it", "refs/remotes/origin/main")
    for file in (folder / "index.lock", *(mirror / f"{name}.lock" for name in names)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    space = desk.prepare(remote, session="w-1")
    person.write(space.path, {"a.py": ""})
    assert space.commit("A")
    assert space.push()


class StartWorker(Protocol):
    def __call__(
        self, url: Path, session: str, *, name: str, mode: str = "work"
    ) -> subprocess.Popen[str]: ...


WORKER = """
    import os, sys
    from pathlib import Path
    from ringmaster_cli.workspace import Workspace
    from ringmaster_operator.resources.protocol import BeadWork
    home, body, session = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    work = BeadWork.model_validate_json(body)
    space = Workspace.prepare(home=home, work=work, attempt=1, session=session, env=os.environ)
    (space.path / f"{session}.py").write_text("x")
    print("ready", flush=True)
    if sys.argv[4] == "hang":
        sys.stdin.read()
    commit = space.commit(f"Work of {session}")
    pushed = space.push()
    space.close()
    print(commit, pushed, flush=True)
"""


@pytest.fixture
def worker(desk: Bench, person: Person) -> Iterator[StartWorker]:
    started: list[subprocess.Popen[str]] = []

    def run(url: Path, session: str, *, name: str, mode: str = "work") -> subprocess.Popen[str]:
        body = desk.bead(url, name=name).model_dump_json(by_alias=True)
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WORKER), str(desk.home), body, session, mode],
            env=person.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_four_sessions_at_once_share_one_mirror(
    desk: Bench, person: Person, remote: Path, worker: StartWorker
) -> None:
    running = [worker(remote, f"w-{number}", name=f"bead-{number}") for number in range(4)]
    for number, process in enumerate(running):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        commit, pushed = out.split()[-2:]
        assert pushed == "True"
        assert person.git("rev-parse", f"ringmaster/bead-{number}", cwd=remote) == commit
        tree = person.git("ls-tree", "--name-only", commit, cwd=remote).split()
        assert tree == sorted(["README.md", "main.py", f"w-{number}.py"])
    assert len(list((desk.home / "mirrors").glob("*.git"))) == 1
    assert list((desk.home / "worktrees").iterdir()) == []


def test_workers_killed_at_random_moments_never_stop_the_next_one(
    desk: Bench, person: Person, remote: Path, worker: StartWorker
) -> None:
    seed = int(os.environ.get("RINGMASTER_SEED", random.randrange(10**6)))
    print(f"RINGMASTER_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(6):
        process = worker(remote, "w-0", name="bead", mode="work")
        time.sleep(chance.uniform(0.2, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = worker(remote, "w-1", name="bead")
    out, err = last.communicate(timeout=120)
    assert last.returncode == 0, err
    assert out.split()[-1] == "True"
    person.git("fsck", "--strict", cwd=remote)
    assert list((desk.home / "worktrees").iterdir()) == []


def test_a_killed_workers_worktree_is_removed_by_the_next_session_of_the_bead(
    desk: Bench, person: Person, remote: Path, worker: StartWorker
) -> None:
    process = worker(remote, "w-0", name="fix-it", mode="hang")
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    (left,) = (desk.home / "worktrees").iterdir()
    process.send_signal(signal.SIGKILL)
    process.wait()
    space = desk.prepare(remote, session="w-1")
    assert not left.exists()
    assert space.path.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "ringmaster-test", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_and_leaves_no_half_made_mirror(
    desk: Bench, person: Person, checkout: Path, small_disk: Path
) -> None:
    (checkout / "big").write_bytes(random.Random(1).randbytes(4_000_000))
    person.commit(checkout, {})
    with pytest.raises(WorkspaceError, match="disk full") as caught:
        desk.prepare(checkout, home=small_disk / "home")
    assert caught.value.reason is Reason.INFRASTRUCTURE
    assert list((small_disk / "home" / "mirrors").glob("*.git*")) == []


def test_work_goes_on_when_there_is_space_again(
    desk: Bench, person: Person, checkout: Path, small_disk: Path
) -> None:
    space = desk.prepare(checkout, home=small_disk / "home")
    fill = small_disk / "fill"
    with pytest.raises(OSError, match="No space left"):
        fill.write_bytes(bytes(4_000_000))
    with pytest.raises(WorkspaceError, match="disk full"):
        desk.prepare(checkout, name="next", home=small_disk / "home")
    fill.unlink()
    person.write(space.path, {"a.py": ""})
    assert space.commit("A")
    assert space.push()
    assert desk.prepare(checkout, name="next", home=small_disk / "home").path.exists()
