"""Git's own files, put back as they were before strangers' code ran.

An agent, or a test that it wrote, may change how git sees its worktree: point it to another repository, send
pushes elsewhere, keep files from being seen, or have what is committed differ from what was checked. The
worker reads and publishes only with these files as it left them.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ringmaster_cli.workspace.errors import GitError
from ringmaster_cli.workspace.git import Git

LOOSE = re.compile(r"(submodule|branch)\..*", re.IGNORECASE | re.DOTALL)
"""Settings that come and go with the work of all sessions, and run nothing that the worker runs."""
MADE = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|ignorecase|precomposeunicode|symlinks|logallrefupdates)"
    r"|user\.(name|email)|remote\.origin\.(url|fetch)",
    re.IGNORECASE,
)
"""Settings of a mirror as the worker makes it."""
HIDING = ("info/exclude", "info/attributes", "info/grafts", "info/sparse-checkout")

Settings = dict[str, list[str]]


def read_settings(git: Git, file: Path) -> Settings:
    """All settings of a git configuration file; nothing where it cannot be read."""
    try:
        listed = git.run(
            "config", "--file", str(file), "--no-includes", "--null", "--list", cwd=file.parent.parent
        )
    except GitError:
        return {}
    found: Settings = {}
    for entry in listed.split("\0"):
        key, _, value = entry.partition("\n")
        if key:
            found.setdefault(key, []).append(value)
    return found


def replace(git: Git, file: Path, key: str, values: list[str]) -> None:
    """Give a setting exactly these values."""
    # Outside of any repository: the settings of this one are what is not trusted.
    where = file.parent.parent
    with contextlib.suppress(GitError):
        git.run("config", "--file", str(file), "--unset-all", key, cwd=where)
    for value in values:
        git.run("config", "--file", str(file), "--add", key, value, cwd=where)


def clean_settings(git: Git, mirror: Path, *, url: str | None) -> None:
    """Take from a mirror what no worker made: a session may have been killed before it could put it back."""
    file = mirror / "config"
    for key, values in read_settings(git, file).items():
        if not MADE.fullmatch(key) and not LOOSE.fullmatch(key):
            replace(git, file, key, [])
        elif key == "remote.origin.url" and url is not None and values != [url]:
            replace(git, file, key, [url])


class Guard:
    """What git's files were, in one worktree."""

    def __init__(self, *, git: Git, path: Path, folder: Path, ignored: Path) -> None:
        """folder is git's own of the worktree; ignored names what lay about before the agent came."""
        self._git = git
        self._link = path / ".git"
        self._path = path
        self._folder = folder
        self._common = folder.parent.parent
        self._ignored = ignored
        self._files = {name: _content(folder / name) for name in ("commondir", "gitdir")}
        self._settings: Settings = {}
        self._seen = b""
        self.remember()

    def remember(self) -> None:
        """What there is now is the worker's, and that of the Worker's setup commands."""
        self._settings = read_settings(self._git, self._common / "config")
        self._config = _content(self._common / "config") or b""
        self._seen = _content(self._ignored) or b""

    def restore(self, say: Callable[[str], None]) -> None:
        """Put back what was changed since, and say what that was."""
        changed = [*self._put_back_files(), *self._put_back_settings(), *self._show_hidden()]
        if changed:
            say(f"put back what was changed in git's own files: {', '.join(changed)}")

    def note(self) -> None:
        """The worker itself has changed the list of ignored files."""
        self._seen = _content(self._ignored) or b""

    def _put_back_files(self) -> list[str]:
        changed = []
        wanted = {self._link: f"gitdir: {self._folder}\n".encode()}
        wanted |= {self._folder / name: text for name, text in self._files.items() if text is not None}
        wanted[self._ignored] = self._seen
        for file, text in wanted.items():
            if (_content(file) or b"") != text or file.is_symlink():
                _remove(file)
                file.write_bytes(text)
                changed.append(file.name)
        hidden = [self._common / name for name in HIDING] + [self._folder / name for name in HIDING]
        for file in [*hidden, self._folder / "config.worktree"]:
            if file.exists() or file.is_symlink():
                _remove(file)
                changed.append(file.name)
        return changed

    def _put_back_settings(self) -> list[str]:
        file = self._common / "config"
        present = read_settings(self._git, file)
        if not present:
            _remove(file)
            file.write_bytes(self._config)  # it cannot be read any more
            return ["config"]
        changed = []
        for key in sorted(present.keys() | self._settings.keys()):
            if not LOOSE.fullmatch(key) and present.get(key) != self._settings.get(key):
                replace(self._git, file, key, self._settings.get(key, []))
                changed.append(key)
        return changed

    def _show_hidden(self) -> list[str]:
        """Tracked files that git was told not to look at are looked at again."""
        listed = self._git.run("ls-files", "-v", "-z", cwd=self._path)
        names = [line[2:] for line in listed.split("\0") if line[:1].islower() or line[:1] == "S"]
        for flag in ("--no-assume-unchanged", "--no-skip-worktree") if names else ():
            told = "".join(f"{name}\0" for name in names)
            self._git.run("update-index", flag, "-z", "--stdin", cwd=self._path, stdin=told)
        return [f"flags of {len(names)} files"] if names else []


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes() if file.is_file() else None
    except OSError:
        return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
