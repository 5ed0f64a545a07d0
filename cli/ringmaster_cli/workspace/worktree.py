"""A session's place to work on one bead: a git worktree on the bead's own branch."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ringmaster_cli.outcome import Changes
from ringmaster_cli.workspace.diff import difference
from ringmaster_cli.workspace.errors import GitError, WorkspaceError, of_git, of_os
from ringmaster_cli.workspace.finish import Finisher
from ringmaster_cli.workspace.git import Git, clean_environment, never, nothing
from ringmaster_cli.workspace.guard import clean_settings
from ringmaster_cli.workspace.locks import try_lock
from ringmaster_cli.workspace.mirror import Mirror, lock_of
from ringmaster_cli.workspace.names import branch_name, check_ref, check_url, folder_name, local_path
from ringmaster_cli.workspace.saved import pack, unpack
from ringmaster_cli.workspace.setup import run_setup
from ringmaster_cli.workspace.start import Start, begin
from ringmaster_operator.resources.bead import Reason
from ringmaster_operator.resources.protocol import BeadWork, SavedWork
from ringmaster_operator.resources.records import Diff

FOLDERS = ("mirrors", "worktrees", "locks")


class Workspace:
    """Made by prepare(), ended by close(); in between the agent works in path, on branch.

    A living Workspace holds a file lock: other sessions and the sweep know by it that the folder is in use.
    """

    def __init__(self, *, mirror: Mirror, path: Path, start: Start, lock: int, work: BeadWork) -> None:
        self.path = path
        self.branch = start.branch
        self.base = start.base
        """Commit that the bead's work is compared to."""
        self.notes = start.notes
        """What a person should know of how it began, a sentence each."""
        self.push_message = ""
        """Why the last push() was False."""
        self._mirror = mirror
        self._lock = lock
        self._finisher = Finisher(
            git=mirror.git, path=path, branch=start.branch, roots=start.roots, trailer=trailer(work)
        )

    @classmethod
    def prepare(
        cls,
        *,
        home: Path,
        work: BeadWork,
        attempt: int,
        session: str,
        env: Mapping[str, str],
        setup: Sequence[str] = (),
        should_stop: Callable[[], str | None] = never,
        resumed_branch: str | None = None,
        saved: SavedWork | None = None,
        on_line: Callable[[str], None] = nothing,
    ) -> Workspace:
        """A fresh worktree that starts where the bead's work stands.

        It starts from the bead's branch when that has work of earlier attempts, else from repository.ref, and
        has the branches of finished dependencies merged in. saved: what another session left of it, where no
        remote has that. Raises WorkspaceError.
        """
        home = home.expanduser().absolute()
        url = check_url(work.repository.url) if work.repository else None
        ref = check_ref(work.repository.ref) if work.repository and work.repository.ref else None
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in FOLDERS:
                (home / name).mkdir(mode=0o700, exist_ok=True)
            git = Git(env=clean_environment(env, home=home), should_stop=should_stop, on_line=on_line)
            if url and ref is None:
                _refuse_dirty(git, url)
            mirror = Mirror.at(home=home, url=url, namespace=work.namespace, git=git)
            earlier, branch = saved is not None, resumed_branch
            if saved is not None:
                branch = saved.branch
                with mirror.lock() as locked:
                    locked.refresh()
                    unpack(locked, saved)
            name = folder_name(
                namespace=work.namespace, bead=work.name, attempt=attempt, session=session, uid=work.uid
            )
            space = cls._make(mirror, name, work, ref, earlier=earlier, resumed=branch)
            try:
                if setup:
                    run_setup(setup, cwd=space.path, env=env, should_stop=should_stop, on_line=on_line)
                space._finisher.settle()
            except BaseException:
                space.close()
                raise
        except GitError as error:
            raise of_git(error) from error
        except OSError as error:
            raise of_os(error) from error
        return space

    @classmethod
    def _make(
        cls, mirror: Mirror, name: str, work: BeadWork, ref: str | None, *, earlier: bool, resumed: str | None
    ) -> Workspace:
        with mirror.lock() as locked:
            try:
                if mirror.path.exists():
                    clean_settings(locked.git, mirror.path, url=mirror.url)
                locked.refresh()
                return cls._add(mirror, locked, name, work, ref, earlier=earlier, resumed=resumed)
            except GitError as error:
                if not error.damaged:
                    raise
                locked.heal()
                return cls._add(mirror, locked, name, work, ref, earlier=earlier, resumed=resumed)

    @classmethod
    def _add(
        cls, mirror: Mirror, locked: Mirror, name: str, work: BeadWork, ref: str | None, *, earlier: bool,
        resumed: str | None,
    ) -> Workspace:  # fmt: skip
        path, lock = _claim_folder(locked, name)
        try:
            start = begin(
                locked, path=path, work=work, start=locked.start(ref), earlier=earlier,
                branch=resumed or branch_name(work.name, work.fresh_from),
            )  # fmt: skip
        except BaseException:
            locked.remove_worktree(path)
            os.close(lock)
            raise
        return cls(mirror=mirror, path=path, start=start, lock=lock, work=work)

    def changes(self) -> Changes:
        """What the agent changed since prepare() or the last commit(): files, and its own commits."""
        with _translated():
            files, commits = self._finisher.changes()
        return Changes(files=files, commits=commits)

    def git(self, *args: str, stdin: str = "") -> str:
        """What a git command that only reads prints in the worktree. Raises GitError."""
        return self._mirror.git.run(*args, cwd=self.path, stdin=stdin)

    def diff(self, commit: str) -> tuple[Diff, bool]:
        """What the commit has that the base of the work has not, and whether some of it is left out."""
        with _translated():
            return difference(self.git, base=self.base, commit=commit)

    def commit(self, message: str) -> str | None:
        """Commit what the agent left uncommitted; the branch's tip, or None when the bead has no work at all.

        The tip carries a trailer that names the bead, by which the branch is known as its own later on.
        """
        with _translated(), self._mirror.lock() as locked:
            return self._finisher.commit(message, mirror=locked)

    def push(self) -> bool:
        """Publish the branch. False when the remote does not take it (push_message says why).

        Raises WorkspaceError when the remote cannot be reached or someone else has changed the branch there.
        """
        if self._mirror.url is None:
            self.push_message = "the bead has no repository: its work stays on this worker"
            return False
        with _translated(), self._mirror.lock():
            self.push_message = self._finisher.push(self._mirror.url)
        return not self.push_message

    def unpublished(self) -> SavedWork | None:
        """What is committed on the branch and on no remote, for a session elsewhere."""
        with _translated(), self._mirror.lock() as locked:
            return pack(locked, self.branch)

    def close(self, *, keep: bool = False) -> str:
        """Remove the worktree (with keep: only let go of it); says where unpushed commits are kept."""
        if self._lock < 0:
            return ""
        try:
            if keep:
                return f"worktree kept at {self.path}"
            mirror = replace(self._mirror, git=self._mirror.git.patient())
            with _translated(), mirror.lock() as locked:
                return self._finisher.remove(locked)
        finally:
            os.close(self._lock)
            self._lock = -1


def trailer(work: BeadWork) -> str:
    """The commit trailer that says whose work it is."""
    return f"Ringmaster-Bead: {work.namespace}/{work.name} {work.uid}"


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except GitError as error:
        raise of_git(error) from error
    except OSError as error:
        raise of_os(error) from error


def _claim_folder(mirror: Mirror, name: str) -> tuple[Path, int]:
    """A folder that no living session uses, with its lock; what a dead one left there is removed."""
    number = 1
    while True:
        unique = name if number == 1 else f"{name}-{number}"
        fd = try_lock(lock_of(mirror.home, unique))
        if fd is not None:
            break
        number += 1
    path = mirror.home / "worktrees" / unique
    if path.exists():
        mirror.remove_worktree(path)
        shutil.rmtree(path, ignore_errors=True)
    return path, fd


def _refuse_dirty(git: Git, url: str) -> None:
    """A person's checkout with uncommitted changes is no clear place to start from."""
    path = local_path(url)
    if path is None or not (path / ".git").exists():
        return
    with contextlib.suppress(GitError):
        listed = git.run("status", "--porcelain", "--untracked-files=no", "-z", cwd=path)
        names = [entry[3:] for entry in listed.split("\0") if len(entry) > 3]
        if names:
            raise WorkspaceError(
                Reason.REPOSITORY,
                f"repository {url} is dirty: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''} "
                "changed but not committed. Commit or stash that, or say in repository.ref where to start",
            )
