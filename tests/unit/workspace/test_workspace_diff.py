"""The diff of a bead's branch, from real git: every kind of change is listed, and only what fits is shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ringmaster_cli.workspace import diff
from ringmaster_operator.resources.records import MOST_FILES, Diff, FileChange

pytestmark = pytest.mark.tmux


class Repository:
    """A repository with one commit, and what is done to it since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self("init", "--quiet", "--initial-branch=main")
        self.write("kept.txt", "one\ntwo\n")
        self.write("moved.txt", "".join(f"line {number}\n" for number in range(50)))
        self.write("gone.txt", "bye\n")
        self.base = self.commit()

    def __call__(self, *args: str, stdin: str = "") -> str:
        names = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "core.quotePath=false")
        done = subprocess.run(
            ["git", *names, *args], cwd=self.folder, input=stdin, capture_output=True, text=True, check=True
        )
        return done.stdout

    def write(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self) -> str:
        self("add", "--all")
        self("commit", "--quiet", "-m", "x")
        return self("rev-parse", "HEAD").strip()

    def difference(self) -> tuple[Diff, bool]:
        return diff.difference(self, base=self.base, commit=self.commit())


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def by_path(found: Diff) -> dict[str, FileChange]:
    return {file.path: file for file in found.files}


def test_every_kind_of_change(repository: Repository) -> None:
    repository.write("kept.txt", "one\nthree\nfour\n")
    (repository.folder / "moved.txt").rename(repository.folder / "there now.txt")
    (repository.folder / "gone.txt").unlink()
    repository.write("世界/new\tname.txt", "x\n")
    repository.write("data.bin", bytes(range(256)))
    repository.write(":(glob)*", "a name like a pattern\n")
    found, cut = repository.difference()
    files = by_path(found)
    told = {path: (file.status, file.added, file.removed, file.binary) for path, file in files.items()}
    assert told == {
        "kept.txt": ("M", 2, 1, False),
        "there now.txt": ("R", 0, 0, False),
        "gone.txt": ("D", 0, 1, False),
        "世界/newname.txt" if "世界/newname.txt" in told else "世界/new\tname.txt": ("A", 1, 0, False),
        "data.bin": ("A", 0, 0, True),
        ":(glob)*": ("A", 1, 0, False),
    }
    assert files["there now.txt"].old_path == "moved.txt"
    assert "rename from moved.txt" in found.patch
    assert "+three\n" in found.patch
    assert "+a name like a pattern" in found.patch
    assert not cut


def test_a_large_patch_is_cut_at_the_end_of_a_line(repository: Repository) -> None:
    repository.write("long.txt", "a line of some length\n" * 40_000)
    found, cut = repository.difference()
    assert cut
    assert len(found.patch) < diff.PATCH + 200
    assert by_path(found)["long.txt"].added == 40_000
    *_, last, end = found.patch.rstrip("\n").split("\n")
    assert last == "+a line of some length"
    assert end.startswith("[...")


def test_a_huge_file_is_listed_and_not_shown(repository: Repository) -> None:
    repository.write("huge.txt", "z" * (diff.BLOB + 1))
    repository.write("small.txt", "seen\n")
    found, cut = repository.difference()
    assert cut
    assert set(by_path(found)) == {"huge.txt", "small.txt"}
    assert "+seen" in found.patch
    assert "zzzz" not in found.patch


def test_more_files_than_are_listed(repository: Repository) -> None:
    for number in range(MOST_FILES + 3):
        repository.write(f"many/{number}", f"{number}\n")
    found, cut = repository.difference()
    assert cut
    assert (len(found.files), found.more_files) == (MOST_FILES, 3)


def test_no_change_is_no_patch(repository: Repository) -> None:
    found, cut = diff.difference(repository, base=repository.base, commit=repository.base)
    assert (found.files, found.patch, cut) == ([], "", False)


def test_the_repository_s_own_programs_are_not_run(repository: Repository, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    repository.write(".gitattributes", "*.txt diff=own\n")
    repository("config", "diff.own.textconv", f"touch {mark}; cat")
    repository("config", "diff.own.command", f"touch {mark}; true")
    repository.write("kept.txt", "changed\n")
    found, _ = repository.difference()
    assert "+changed" in found.patch
    assert not mark.exists()
