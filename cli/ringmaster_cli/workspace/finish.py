"""What becomes of an agent's work: counted, committed to the bead's branch, published, and never lost."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from ringmaster_cli.workspace.errors import (
    REFUSED,
    UNREACHABLE,
    GitError,
    WorkspaceError,
    last_line,
    of_git,
)
from ringmaster_cli.workspace.git import Git
from ringmaster_cli.workspace.guard import Guard
from ringmaster_cli.workspace.mirror import REMOTE, Mirror
from ringmaster_operator.resources.bead import Reason

PUSH_TRIES = 3
IN_PROGRESS = ("rebase-merge", "rebase-apply", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG")


class Finisher:
    """The git side of the end of an iteration, in one worktree."""

    def __init__(self, *, git: Git, path: Path, branch: str, roots: tuple[str, ...], trailer: str) -> None:
        self._git = git
        self._path = path
        self._branch = branch
        self._roots = roots
        self._trailer = trailer
        self._mark = roots[0]
        self._folder = Path((path / ".git").read_text(encoding="utf-8").removeprefix("gitdir: ").strip())
        self._ignored = self._folder / "ringmaster-ignored"
        self._guard = Guard(git=git, path=path, folder=self._folder, ignored=self._ignored)

    def _run(self, *args: str, stdin: str = "") -> str:
        return self._git.run(
            *args, cwd=self._path, stdin=stdin, settings=(f"core.excludesFile={self._ignored}",)
        )

    def settle(self) -> None:
        """Count changes from here on. What lies about now (made by setup commands) is not the agent's."""
        self._mark = self._run("rev-parse", "HEAD").strip()
        names = self._untracked(folders=True)
        self._ignore(names)
        self._guard.remember()

    def changes(self) -> tuple[int, int]:
        """Files changed, and commits made, since the mark."""
        self._guard.restore(self._git.on_line)
        self._exclude_nested()
        tracked = self._run("diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", self._mark)
        files = {*tracked.split("\0"), *self._untracked()} - {""}
        commits = int(self._run("rev-list", "--count", "--no-merges", "HEAD", f"^{self._mark}"))
        return len(files), commits

    def commit(self, message: str, *, mirror: Mirror) -> str | None:
        """Everything onto the branch; its tip, or None when there is nothing of the bead's own on it."""
        self._guard.restore(self._git.on_line)
        self._unlock()
        self._exclude_nested()
        self._end_operations()
        self._run("add", "--all", "--", ".")
        if not self._git.ok("diff", "--cached", "--quiet", "--no-ext-diff", cwd=self._path):
            self._run(
                "commit", "--quiet", "--no-verify", "--trailer", self._trailer, "--file=-", stdin=message
            )
        self._reattach(mirror)
        self._sign()
        self._mark = self._run("rev-parse", "HEAD").strip()
        return self._mark if self._own() else None

    def push(self, url: str) -> str:
        """Publish the branch: '' when done, else why the remote does not take it."""
        self._guard.restore(self._git.on_line)
        if not self._own():
            return "the bead has no work to publish"
        expected = self._git.commit_of(f"{REMOTE}/{self._branch}", cwd=self._path) or ""
        ref = f"refs/heads/{self._branch}"
        if self._run("rev-parse", "--symbolic-full-name", "HEAD").strip() != ref:
            raise WorkspaceError(
                Reason.INFRASTRUCTURE, f"another session has taken over branch {self._branch}"
            )
        for attempt in range(1, PUSH_TRIES + 1):
            try:
                self._git.run(
                    "push", "--quiet", "--no-verify", f"--force-with-lease={ref}:{expected}",
                    "origin", f"{ref}:{ref}", cwd=self._path, remote=True,
                )  # fmt: skip
                return ""
            except GitError as error:
                if "stale info" in error.err or "(fetch first)" in error.err:
                    raise WorkspaceError(
                        Reason.REPOSITORY,
                        f"branch {self._branch} was changed in the repository by someone else; "
                        "nothing was overwritten",
                    ) from error
                passing = UNREACHABLE.search(error.err) and not REFUSED.search(error.err)
                if error.full or (passing and attempt == PUSH_TRIES):
                    raise of_git(error, remote=url) from error
                if not passing:
                    return f"the remote does not take {self._branch}: {last_line(error.err)}"
                self._git.on_line(f"pushing failed, trying again: {last_line(error.err)}")
                time.sleep(attempt)
        return ""

    def remove(self, mirror: Mirror) -> str:
        """Remove the worktree, and the branch once the remote has all of it."""
        ref = f"refs/heads/{self._branch}"
        mirror.remove_worktree(self._path)
        self._keep_strays(mirror)
        tip = mirror.commit_of(ref)
        if tip is None:
            return "worktree removed"
        count = mirror.unpushed(tip) if self._own_in(mirror, tip) else 0
        if count:
            return (
                f"worktree removed; unpushed commits: {count}, kept on branch {self._branch} in {mirror.path}"
            )
        if f"branch {ref}\n" not in mirror.run("worktree", "list", "--porcelain"):
            mirror.run("branch", "--quiet", "-D", self._branch)
        return "worktree removed"

    # -- parts ----------------------------------------------------------------------------------

    def _own(self) -> bool:
        return self._own_in(None, "HEAD")

    def _own_in(self, mirror: Mirror | None, tip: str) -> bool:
        args = (
            "rev-list",
            "--count",
            "--no-merges",
            "--max-count=1",
            tip,
            *(f"^{root}" for root in self._roots),
        )
        return int(mirror.run(*args) if mirror else self._run(*args)) > 0

    def _untracked(self, *, folders: bool = False) -> list[str]:
        shape = ("--directory", "--no-empty-directory") if folders else ()
        return self._run("ls-files", "--others", "--exclude-standard", "-z", *shape).split("\0")[:-1]

    def _ignore(self, names: list[str]) -> None:
        with self._ignored.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(f"/{_escaped(name)}\n" for name in names if "\n" not in name)
        self._guard.note()

    def _exclude_nested(self) -> None:
        """Repositories that the agent made inside the worktree are no files of ours."""
        nested = [name for name in self._untracked() if name.endswith("/")]
        if nested:
            self._git.on_line(f"not committed, as they are repositories of their own: {', '.join(nested)}")
            self._ignore(nested)

    def _unlock(self) -> None:
        """The agent has ended: what it locked in git is nobody's."""
        common = Path(self._run("rev-parse", "--path-format=absolute", "--git-common-dir").strip())
        for file in (*self._folder.glob("*.lock"), common / "refs" / "heads" / f"{self._branch}.lock"):
            with contextlib.suppress(FileNotFoundError):
                file.unlink()

    def _end_operations(self) -> None:
        """End a merge or rebase that the agent left half done, keeping the files as they are."""
        conflicted = []
        for name in sorted(set(self._run("diff", "--name-only", "--diff-filter=U", "-z").split("\0")[:-1])):
            with contextlib.suppress(OSError):
                text = (self._path / name).read_bytes()
                if b"\n<<<<<<< " in b"\n" + text:
                    conflicted.append(name)
        if conflicted:
            raise WorkspaceError(
                Reason.MERGE_CONFLICT, f"the agent left conflicts unresolved in {', '.join(conflicted[:10])}"
            )
        self._run("add", "--all", "--", ".")
        if (self._folder / "rebase-merge").exists() or (self._folder / "rebase-apply").exists():
            self._run("rebase", "--quit")
        for name in ("CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG", "BISECT_START"):
            with contextlib.suppress(FileNotFoundError):
                (self._folder / name).unlink()

    def _reattach(self, mirror: Mirror) -> None:
        """The agent may have left the bead's branch: what it has checked out now is its work."""
        ref = f"refs/heads/{self._branch}"
        if self._run("rev-parse", "--symbolic-full-name", "HEAD").strip() == ref:
            return
        head, tip = self._run("rev-parse", "HEAD").strip(), mirror.commit_of(ref)
        if not mirror.contains(self._roots[0], head):
            raise WorkspaceError(
                Reason.AGENT_ERROR,
                f"the agent left branch {self._branch} for {head[:10]}, which does not come from "
                f"{self._roots[0][:10]}",
            )
        if tip and mirror.contains(head, tip):
            self._run("checkout", "--quiet", self._branch, "--")
            return
        if tip and not mirror.contains(tip, head):
            mirror.keep(tip, self._branch)
        mirror.run("update-ref", ref, head)
        self._run("symbolic-ref", "HEAD", ref)

    def _sign(self) -> None:
        """Put the trailer on the tip where the agent made that commit itself."""
        tip = self._run("log", "-1", "--format=%H %(trailers:key=Ringmaster-Bead,valueonly,separator=%x2C)")
        commit, _, value = tip.strip().partition(" ")
        published = self._run("for-each-ref", "--count=1", f"--contains={commit}", REMOTE).strip()
        if value == self._trailer.split(": ", 1)[1] or published or not self._own():
            return
        message = self._run("log", "-1", "--format=%B")
        self._run(
            "commit", "--quiet", "--amend", "--no-verify", "--allow-empty", "--trailer", self._trailer,
            "--file=-", stdin=message,
        )  # fmt: skip

    def _keep_strays(self, mirror: Mirror) -> None:
        """Branches that the agent made beside its own leave the shared name space."""
        used = mirror.run("worktree", "list", "--porcelain")
        form = "--format=%(refname) %(objectname)"
        for line in mirror.run("for-each-ref", form, "refs/heads").splitlines():
            ref, commit = line.split()
            foreign = not ref.startswith("refs/heads/ringmaster/") and not (
                mirror.url is None and ref.endswith("/main")
            )
            if foreign and f"branch {ref}\n" not in used:
                if not mirror.run("for-each-ref", "--count=1", f"--contains={commit}", REMOTE).strip():
                    mirror.keep(commit, ref.removeprefix("refs/heads/"))
                mirror.run("update-ref", "-d", ref, commit)


def _escaped(name: str) -> str:
    """A file name as a pattern of gitignore that matches only it."""
    text = "".join(f"\\{letter}" if letter in "\\*?[" else letter for letter in name)
    return text[:-1] + "\\ " if text.endswith(" ") else text
