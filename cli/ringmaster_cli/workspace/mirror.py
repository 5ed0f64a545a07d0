"""One bare clone per repository address, shared by all sessions of a home.

What the remote has lives under refs/remotes/origin, what we make under refs/heads: so a fetch with --prune
can never take away work that nobody else has. What no branch holds and must not be lost goes to
refs/ringmaster/kept.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ringmaster_cli.workspace.errors import GitError, WorkspaceError, masked, of_git
from ringmaster_cli.workspace.git import Git
from ringmaster_cli.workspace.locks import held, wait_lock
from ringmaster_cli.workspace.names import local_path, mirror_name, short
from ringmaster_operator.resources.bead import Reason

KEPT = "refs/ringmaster/kept"
REMOTE = "refs/remotes/origin"
STALE_SECONDS = 60.0
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """The bare clone; every method but lock() wants the lock held."""

    home: Path
    path: Path
    url: str | None
    """None: a repository of this home alone, for beads that name none."""
    git: Git

    @classmethod
    def at(cls, *, home: Path, url: str | None, namespace: str, git: Git) -> Mirror:
        """The mirror of the address, not yet made."""
        name = mirror_name(url) if url else f"{short('scratch-' + namespace, 80)}.git"
        return cls(home=home, path=home / "mirrors" / name, url=url, git=git)

    @contextlib.contextmanager
    def lock(self) -> Iterator[Mirror]:
        """Only one session at a time changes the mirror; its running git keeps the lock alive too."""
        file = self.path.with_suffix(".lock")
        fd = wait_lock(file, should_stop=self.git.should_stop, on_line=self.git.on_line)
        try:
            yield replace(self, git=replace(self.git, holding=(fd,)))
        finally:
            os.close(fd)

    def run(self, *args: str, remote: bool = False) -> str:
        """A git command in the mirror."""
        return self.git.run(*args, cwd=self.path, remote=remote)

    def commit_of(self, name: str) -> str | None:
        return self.git.commit_of(name, cwd=self.path)

    def contains(self, commit: str, inside: str) -> bool:
        """Whether the commit is part of the history of the other."""
        return self.git.ok("merge-base", "--is-ancestor", commit, inside, cwd=self.path)

    def unpushed(self, *tips: str) -> int:
        """Commits of these tips that the remote does not have, as far as we know."""
        return int(self.run("rev-list", "--count", *tips, "--not", f"--glob={REMOTE}"))

    # -- making it ------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Make the clone if there is none, clear what dead workers left, fetch."""
        if not self.path.exists():
            self._make()
        self._unlock_stale()
        self.run("worktree", "prune")
        if self.url is not None:
            self._fetch(self.url)

    def heal(self) -> None:
        """Replace a damaged clone by a new one, with every branch that can still be read from the old."""
        if any(held(lock) for _, lock in self.worktrees()):
            raise WorkspaceError(
                Reason.INFRASTRUCTURE,
                f"mirror {self.path} is damaged and other sessions work in it; it is made anew when they end",
            )
        self.git.on_line(f"mirror {self.path.name} is damaged: making it anew")
        old = self.path.with_name(f"{self.path.stem}.damaged")
        number = 1
        while old.exists():
            number += 1
            old = self.path.with_name(f"{self.path.stem}.damaged-{number}")
        if self.path.exists():
            self.path.rename(old)
        self.refresh()
        if old.exists() and self._rescue(old):
            shutil.rmtree(old, ignore_errors=True)

    def _make(self) -> None:
        fresh = self.path.with_name(f"{self.path.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self.git.on_line(
            f"making a mirror of {masked(self.url)}" if self.url else "making an empty repository"
        )
        home = fresh.parent
        self.git.run(
            "init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", str(fresh), cwd=home
        )
        for key in ("user.name", "user.email"):
            self.git.run("config", key, self.git.run("config", key, cwd=home).strip(), cwd=fresh)
        if self.url:
            self.git.run("config", "remote.origin.url", self.url, cwd=fresh)
            self.git.run("config", "remote.origin.fetch", f"+refs/heads/*:{REMOTE}/*", cwd=fresh)
            try:
                self._fetch(self.url, at=fresh)
            except BaseException:
                shutil.rmtree(fresh, ignore_errors=True)
                raise
        fresh.rename(self.path)

    def _fetch(self, url: str, *, at: Path | None = None) -> None:
        path = local_path(url)
        if path is not None and not path.is_dir():
            raise WorkspaceError(
                Reason.REPOSITORY, f"repository {url} cannot be reached: there is no such folder"
            )
        specs = (f"+refs/heads/*:{REMOTE}/*", "+refs/tags/*:refs/tags/*")
        try:
            self.git.run(
                "fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--",
                "origin", *specs, cwd=at or self.path, remote=True,
            )  # fmt: skip
        except GitError as error:
            if error.damaged:
                raise
            raise of_git(error, remote=url) from error

    def _rescue(self, old: Path) -> bool:
        """Take over the branches of a damaged clone; False when some cannot be read."""
        (old / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
        (old / "config").write_text(
            "[core]\n\trepositoryformatversion = 0\n\tbare = true\n", encoding="utf-8"
        )
        form = "--format=%(refname) %(objectname)"
        try:
            listed = [
                line.split()
                for line in self.git.run("for-each-ref", form, "refs/heads", KEPT, cwd=old).splitlines()
            ]
        except GitError:
            listed = []
        loose = {
            str(file.relative_to(old))
            for top in ("refs/heads", KEPT)
            for file in (old / top).rglob("*")
            if file.is_file()
        }
        complete = not loose - {ref for ref, _ in listed} and bool(
            listed or not (old / "packed-refs").exists()
        )
        for ref, commit in listed:
            try:
                if self.commit_of(commit):
                    self.run("update-ref", ref, commit)
                else:
                    self.run("fetch", "--quiet", "--no-write-fetch-head", "--", str(old), f"+{ref}:{ref}")
            except GitError:
                complete = False
        if not complete:
            self.git.on_line(f"some branches of the damaged mirror cannot be read; it is kept at {old}")
        return complete

    # -- what it has ----------------------------------------------------------------------------

    def start(self, ref: str | None) -> str:
        """The commit to start from: the ref, or the remote's default branch."""
        if self.url is None:
            return self._root()
        if ref is None:
            return self._default()
        for name in (f"{REMOTE}/{ref}", f"refs/tags/{ref}", ref):
            if name == ref and not all(letter in "0123456789abcdef" for letter in ref):
                continue
            if found := self.commit_of(name):
                return found
        if len(ref) == 40 and all(letter in "0123456789abcdef" for letter in ref):
            with contextlib.suppress(GitError):
                self.run("fetch", "--quiet", "--no-write-fetch-head", "--", "origin", ref, remote=True)
                if found := self.commit_of(ref):
                    return found
        raise WorkspaceError(
            Reason.REPOSITORY,
            f"repository {masked(self.url)} has no branch, tag or commit {ref!r}; "
            f"it has: {self._some_branches()}",
        )

    def _some_branches(self) -> str:
        names = self.run("for-each-ref", "--count=10", "--format=%(refname:lstrip=3)", REMOTE).split()
        return ", ".join(names) or "no branch at all"

    def _default(self) -> str:
        try:
            answer = self.run("ls-remote", "--symref", "--", "origin", "HEAD", remote=True)
        except GitError as error:
            raise of_git(error, remote=self.url or "") from error
        for line in answer.splitlines():
            if line.startswith("ref: refs/heads/"):
                branch = line.removeprefix("ref: refs/heads/").split("\t")[0]
                if found := self.commit_of(f"{REMOTE}/{branch}"):
                    return found
            elif found := self.commit_of(line.split("\t")[0]):
                return found
        names = self.run("for-each-ref", "--format=%(refname)", REMOTE).split()
        if not names:
            return self._root()
        raise WorkspaceError(
            Reason.REPOSITORY,
            f"repository {masked(self.url or '')} has no default branch; "
            f"say one in repository.ref: {self._some_branches()}",
        )

    def _root(self) -> str:
        """The first commit of a repository that has none."""
        found = self.commit_of("refs/heads/main") if self.url is None else None
        if found:
            return found
        tree = self.run("hash-object", "-t", "tree", "-w", "/dev/null").strip()
        stamp = {f"GIT_{who}_DATE": "2000-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")}
        name = {f"GIT_{who}_NAME": "Ringmaster" for who in ("AUTHOR", "COMMITTER")}
        mail = {f"GIT_{who}_EMAIL": "worker@ringmaster.invalid" for who in ("AUTHOR", "COMMITTER")}
        git = replace(self.git, env={**self.git.env, **stamp, **name, **mail})
        made = git.run("commit-tree", "-m", "Start an empty repository", tree, cwd=self.path).strip()
        if self.url is None:
            self.run("update-ref", "refs/heads/main", made)
        return made

    # -- worktrees ------------------------------------------------------------------------------

    def worktrees(self) -> list[tuple[Path, Path]]:
        """Folder and lock file of every worktree that the mirror knows."""
        found = []
        for entry in sorted((self.path / "worktrees").glob("*/gitdir")):
            with contextlib.suppress(OSError):
                folder = Path(entry.read_text(encoding="utf-8").strip()).parent
                found.append((folder, lock_of(self.home, folder.name)))
        return found

    def free_branch(self, branch: str) -> None:
        """Take the branch from every other worktree: dead ones go, a living one is left without it."""
        for folder, lock in self.worktrees():
            if self._head_of(folder) != f"refs/heads/{branch}":
                continue
            if held(lock):
                tip = self.commit_of(f"refs/heads/{branch}")
                if tip:
                    self.git.run("update-ref", "--no-deref", "HEAD", tip, cwd=folder)
            else:
                self.remove_worktree(folder)

    def remove_worktree(self, folder: Path) -> None:
        """Remove the folder; commits that only its HEAD has are kept under refs/ringmaster/kept."""
        patient = replace(self, git=self.git.patient())
        with contextlib.suppress(GitError, WorkspaceError):
            head = patient.git.commit_of("HEAD", cwd=folder)
            if head and not patient.run("for-each-ref", "--count=1", f"--contains={head}").strip():
                patient.keep(head, folder.name)
        try:
            patient.run("worktree", "remove", "--force", "--force", "--", str(folder))
        except GitError:
            shutil.rmtree(folder, ignore_errors=True)
            patient.run("worktree", "prune")

    def keep(self, commit: str, name: str) -> str:
        """Hold a commit that no branch has; the ref that holds it."""
        ref = f"{KEPT}/{short(name, 150)}-{commit[:10]}"
        self.run("update-ref", ref, commit)
        return ref

    def _head_of(self, folder: Path) -> str:
        """What the worktree's HEAD names, read as a file: it may be broken otherwise."""
        for entry in (self.path / "worktrees").glob("*/gitdir"):
            with contextlib.suppress(OSError):
                if Path(entry.read_text(encoding="utf-8").strip()).parent == folder:
                    return (entry.parent / "HEAD").read_text(encoding="utf-8").strip().removeprefix("ref: ")
        return ""

    def _unlock_stale(self) -> None:
        """Remove git's lock files that a killed git left: all when nobody works here, else the old ones."""
        busy = any(held(lock) for _, lock in self.worktrees())
        for file in (*self.path.glob("*.lock"), *(self.path / "refs").rglob("*.lock")):
            with contextlib.suppress(OSError):
                if not busy or time.time() - file.stat().st_mtime > STALE_SECONDS:
                    file.unlink()


def lock_of(home: Path, folder: str) -> Path:
    """The lock file that a worktree's session holds while it lives."""
    return home / "locks" / f"{folder}.lock"
