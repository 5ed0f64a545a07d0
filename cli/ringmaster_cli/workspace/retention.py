"""Clean-up of a worker's home by age and size.

Never touched: what a living session uses, and the mirrors that hold commits which no remote has.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ringmaster_cli.workspace.errors import GitError, WorkspaceError
from ringmaster_cli.workspace.git import Git, clean_environment, nothing
from ringmaster_cli.workspace.locks import try_lock
from ringmaster_cli.workspace.mirror import KEPT, REMOTE, Mirror, lock_of

PLAIN = ("transcripts", "logs")


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep did."""

    removed: tuple[Path, ...]
    freed: int
    """Bytes."""
    kept: tuple[str, ...]
    """What was due but had to stay, and why; a sentence each."""


@dataclass(frozen=True, kw_only=True)
class _Item:
    path: Path
    kind: str
    used: float
    bytes: int


def sweep(home: Path, *, max_age_days: float, max_bytes: int, now: datetime) -> Swept:
    """Remove worktrees, transcripts, logs and mirrors that nobody used for max_age_days.

    Then the oldest of the rest, mirrors last, until they take no more than max_bytes. Raises WorkspaceError
    when the home cannot be read.
    """
    home = home.expanduser().absolute()
    items = sorted(_items(home), key=lambda item: (item.kind == "mirror", item.used))
    total = sum(item.bytes for item in items)
    limit = (now - timedelta(days=max_age_days)).timestamp()
    removed: list[Path] = []
    kept: list[str] = []
    freed = 0
    git = Git(env=clean_environment(os.environ, home=home), on_line=nothing) if items else None
    for item in items:
        if git is None or (item.used >= limit and total - freed <= max_bytes):
            continue
        if why := _remove(item, home=home, git=git):
            kept.append(f"{item.path}: {why}")
        else:
            removed.append(item.path)
            freed += item.bytes
    _drop_locks(home)
    return Swept(removed=tuple(removed), freed=freed, kept=tuple(kept))


def drop(home: Path, folder: str) -> str:
    """Remove one worktree, commits stay in its mirror; '' when it is gone, else why it stays."""
    home = home.expanduser().absolute()
    path = home / "worktrees" / folder
    if not path.is_dir():
        return ""
    git = Git(env=clean_environment(os.environ, home=home), on_line=nothing)
    return _remove(_item(path, "worktree"), home=home, git=git)


def _items(home: Path) -> list[_Item]:
    found = [
        _item(file, "file") for name in PLAIN for file in sorted((home / name).rglob("*")) if file.is_file()
    ]
    found += [
        _item(folder, "worktree") for folder in sorted((home / "worktrees").glob("*")) if folder.is_dir()
    ]
    found += [
        _item(folder, "mirror") for folder in sorted((home / "mirrors").glob("*.git")) if folder.is_dir()
    ]
    return found


def _item(path: Path, kind: str) -> _Item:
    if kind == "file":
        info = path.lstat()
        return _Item(path=path, kind=kind, used=info.st_mtime, bytes=info.st_size)
    used, size = path.lstat().st_mtime, 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                info = os.lstat(os.path.join(folder, name))
                size += info.st_size
                used = max(used, info.st_mtime)
    return _Item(path=path, kind=kind, used=used, bytes=size)


def _remove(item: _Item, *, home: Path, git: Git) -> str:
    """'' when it is gone, else why it stays."""
    if item.kind == "file":
        item.path.unlink(missing_ok=True)
        return ""
    try:
        remove: Callable[[Path, Path, Git], str] = (
            _remove_worktree if item.kind == "worktree" else _remove_mirror
        )
        return remove(item.path, home, git)
    except (GitError, WorkspaceError, OSError) as error:
        return str(error)


def _remove_worktree(path: Path, home: Path, git: Git) -> str:
    fd = try_lock(lock_of(home, path.name))
    if fd is None:
        return "a session works in it"
    try:
        folder = _mirror_of(path)
        if folder is None:
            shutil.rmtree(path)
            return ""
        mirror = Mirror(home=home, path=folder, url="", git=git)
        with mirror.lock() as locked:
            locked.remove_worktree(path)
        return ""
    finally:
        os.close(fd)


def _mirror_of(path: Path) -> Path | None:
    with contextlib.suppress(OSError):
        folder = Path(
            (path / ".git").read_text(encoding="utf-8").removeprefix("gitdir: ").strip()
        ).parent.parent
        return folder if (folder / "HEAD").is_file() else None
    return None


def _remove_mirror(path: Path, home: Path, git: Git) -> str:
    fd = try_lock(path.with_suffix(".lock"))
    if fd is None:
        return "a session uses it"
    try:
        mirror = Mirror(home=home, path=path, url="", git=replace(git, holding=(fd,)))
        if mirror.worktrees():
            return "worktrees use it"
        count = int(
            mirror.run(
                "rev-list", "--count", "--glob=refs/heads", f"--glob={KEPT}", "--not", f"--glob={REMOTE}"
            )
        )
        if count:
            return f"it holds commits that no remote has: {count}"
        shutil.rmtree(path)
        return ""
    finally:
        os.close(fd)


def _drop_locks(home: Path) -> None:
    for file in (home / "locks").glob("*.lock"):
        if not (home / "worktrees" / file.stem).exists():
            fd = try_lock(file)
            if fd is not None:
                file.unlink(missing_ok=True)
                os.close(fd)
