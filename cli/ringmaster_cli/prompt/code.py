"""The code: files that the bead names, what lately happened to them, and a map of the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from ringmaster_cli.prompt.documents import NAMES, SUFFIXES, read_file
from ringmaster_cli.prompt.model import Git, Material, Piece
from ringmaster_cli.prompt.text import CHARACTERS_PER_TOKEN, data
from ringmaster_cli.workspace.errors import GitError, last_line

MOST_FILES = 12
MOST_COMMITS = 10
MAP_TOKENS = 1_400
SHOWN = 12
"""Files of one folder that the map names."""
PLACE = re.compile(r"[\w@+~./-]+")
NO_GIT = Piece(origin="", left_out_reason="there is no git repository")
DOCUMENTS = frozenset(name if "." in name else name + suffix for name in NAMES for suffix in SUFFIXES)
"""What the source documents gives already."""


def files(material: Material) -> Iterator[Piece]:
    """The text of the files that the bead names, in the order in which it does."""
    tracked = _tracked(material)
    if tracked is None:
        yield NO_GIT
        return
    for place, name in enumerate(_mentioned(material, tracked)):
        file = read_file(material.workspace, name)
        if file.left_out_reason:
            yield Piece(origin=name, left_out_reason=file.left_out_reason)
        else:
            text = data(file.text, name)
            yield Piece(origin=name, text=text, relevance=1 - place / 20, shortened=not file.whole)


def changes(material: Material) -> Iterator[Piece]:
    """The last commits to these files: day, id, subject; the newest first."""
    tracked, git = _tracked(material), material.git
    if tracked is None or git is None:
        yield NO_GIT
        return
    names = _mentioned(material, tracked)
    if not names:
        return
    try:
        told = _log(git, names)
    except GitError as fault:
        yield Piece(origin="", left_out_reason=f"git log failed: {last_line(fault.err)}")
        return
    lines = [line[:300] for line in told.splitlines() if line.strip()]
    if lines:
        yield Piece(origin="git log", text=data("\n".join(lines), "git log"))


def _log(git: Git, names: list[str]) -> str:
    return git(
        "log", "--no-show-signature", f"--max-count={MOST_COMMITS}", "--format=%cs %h %s", "--no-color",
        "--no-decorate", "--end-of-options", "HEAD", "--", *(f":(literal,top){name}" for name in names),
    )  # fmt: skip


def repository_map(material: Material) -> Iterator[Piece]:
    """Folders and files, as deep as there is room for."""
    tracked = _tracked(material)
    if tracked is None:
        yield NO_GIT
        return
    if not tracked:
        return
    depth = max(name.count("/") for name in tracked)
    while True:
        text = "\n".join(_listing(tracked, depth))
        if depth == 0 or len(text) <= MAP_TOKENS * CHARACTERS_PER_TOKEN:
            break
        depth -= 1
    yield Piece(origin=f"{len(tracked)} files", text=data(text, "git ls-files"))


def _listing(names: list[str], depth: int) -> Iterator[str]:
    """A line for each folder down to the depth, with its files; deeper files are counted."""
    folders: dict[str, list[str]] = {}
    below: dict[str, int] = {}
    for name in names:
        path = PurePosixPath(name)
        parents = path.parts[:-1]
        folder = "/".join(parents[:depth])
        folders.setdefault(folder, [])
        if len(parents) <= depth:
            folders[folder].append(path.name)
        else:
            below[folder] = below.get(folder, 0) + 1
    for folder, inside in sorted(folders.items()):
        shown = inside[:SHOWN]
        if len(inside) > SHOWN:
            shown.append(f"and {len(inside) - SHOWN} more")
        if deeper := below.get(folder):
            shown.append(f"{deeper} files further down")
        yield f"{folder or '.'}/: {', '.join(shown)}"


def _tracked(material: Material) -> list[str] | None:
    """What git knows in the worktree, sorted; None without a repository."""
    if material.git is None:
        return None
    try:
        listed = material.git("ls-files", "-z", "--cached")
    except GitError:
        return None
    return sorted({name.replace("\n", " ") for name in listed.split("\0") if name})


def _mentioned(material: Material, tracked: list[str]) -> list[str]:
    """Files that the bead's words name: by path, or by a name that only one file has."""
    known = set(tracked)
    by_name: dict[str, list[str]] = {}
    for name in tracked:
        by_name.setdefault(name.rpartition("/")[2], []).append(name)
    found: dict[str, None] = {}
    for match in PLACE.finditer(material.words):
        word = match[0].rstrip(".").removeprefix("./").rstrip("/")
        if word in known:
            found[word] = None
        elif "." in word and len(alike := by_name.get(word, [])) == 1:
            found[alike[0]] = None
    return [name for name in found if name not in DOCUMENTS][:MOST_FILES]
