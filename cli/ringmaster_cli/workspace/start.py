"""Where a bead's branch begins: its own earlier work or the wanted ref, and what it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ringmaster_cli.workspace.errors import GitError, WorkspaceError, masked
from ringmaster_cli.workspace.mirror import REMOTE, Mirror
from ringmaster_cli.workspace.names import PREFIX, branch_name, check_ref
from ringmaster_operator.resources.bead import Reason
from ringmaster_operator.resources.protocol import BeadWork, DependencyResult


@dataclass(frozen=True, kw_only=True)
class Start:
    """How a worktree began."""

    branch: str
    base: str
    roots: tuple[str, ...]
    """Commits that the bead did not make itself: base and the dependencies'."""
    notes: tuple[str, ...]


def begin(mirror: Mirror, *, path: Path, work: BeadWork, start: str, earlier: bool, branch: str) -> Start:
    """Add the worktree at path. Raises WorkspaceError; GitError when the mirror itself fails."""
    branch = check_ref(branch) if branch.startswith(PREFIX) else branch_name(work.name, work.fresh_from)
    known = earlier or any(past.commit for past in work.history)
    mirror.free_branch(branch)
    tip = _own_tip(mirror, work=work, branch=branch, start=start, known=known) or start
    mirror.run("worktree", "add", "--quiet", "--force", "-B", branch, "--", str(path), tip)
    mirror.run("config", f"branch.{branch}.ringmasterbead", work.uid)
    roots, notes = [start], []
    if tip != start:
        notes.append(f"continues the work on branch {branch}")
    for dependency in work.dependencies:
        commit = _find(mirror, dependency)
        if commit is None:
            if dependency.commit or dependency.branch:
                notes.append(_absent(dependency))
            continue
        roots.append(commit)
        if not mirror.git.ok("merge-base", "--is-ancestor", commit, "HEAD", cwd=path):
            _merge(mirror, path=path, dependency=dependency, commit=commit)
            notes.append(f"has the work of {dependency.name} merged in")
    for note in notes:
        mirror.git.on_line(f"{work.name}: {note}")
    return Start(branch=branch, base=start, roots=tuple(roots), notes=tuple(notes))


def _own_tip(mirror: Mirror, *, work: BeadWork, branch: str, start: str, known: bool) -> str | None:
    """The newest commit of earlier work on this bead; None when there is none."""
    local = _beyond(mirror, f"refs/heads/{branch}", start)
    if local and not (known or _marked(mirror, work, branch) or _signed(mirror, work, local, start)):
        mirror.keep(local, branch)
        local = None
    remote = _beyond(mirror, f"{REMOTE}/{branch}", start)
    if remote and not (
        known or _signed(mirror, work, remote, start) or (local and mirror.contains(remote, local))
    ):
        raise WorkspaceError(
            Reason.REPOSITORY,
            f"branch {branch} exists already in {masked(mirror.url or '')} and its work is not this bead's: "
            "merge or delete that branch, or give the bead another name",
        )
    if not local or not remote:
        return local or remote
    if mirror.contains(local, remote):
        return remote
    if mirror.contains(remote, local):
        return local
    older, newer = sorted((local, remote), key=lambda commit: mirror.run("log", "-1", "--format=%ct", commit))
    mirror.keep(older, branch)
    return newer


def _beyond(mirror: Mirror, ref: str, start: str) -> str | None:
    found = mirror.commit_of(ref)
    return found if found and not mirror.contains(found, start) else None


def _marked(mirror: Mirror, work: BeadWork, branch: str) -> bool:
    try:
        return mirror.run("config", "--get", f"branch.{branch}.ringmasterbead").strip() == work.uid
    except GitError:
        return False


def _signed(mirror: Mirror, work: BeadWork, tip: str, start: str) -> bool:
    wanted = f"{work.namespace}/{work.name} {work.uid}"
    form = "--format=%(trailers:key=Ringmaster-Bead,valueonly)"
    return wanted in mirror.run("log", "-n", "200", form, tip, f"^{start}").splitlines()


def _find(mirror: Mirror, dependency: DependencyResult) -> str | None:
    """The commit of a dependency, by its id, else by its branch here or on the remote."""
    names = [dependency.commit or ""]
    if dependency.branch:
        names += [f"refs/heads/{dependency.branch}", f"{REMOTE}/{dependency.branch}"]
    for name in names:
        if name and not name.startswith("-") and (found := mirror.commit_of(name)):
            return found
    return None


def _absent(dependency: DependencyResult) -> str:
    return (
        f"the work of {dependency.name} ({dependency.branch or dependency.commit}) is not in this "
        "repository: it was merged under another commit, lives in another repository, or was never pushed"
    )


def _merge(mirror: Mirror, *, path: Path, dependency: DependencyResult, commit: str) -> None:
    message = f"Merge the work of {dependency.name}"
    try:
        mirror.git.run("merge", "--quiet", "--no-edit", "-m", message, commit, cwd=path)
    except GitError as error:
        files = mirror.git.run("diff", "--name-only", "--diff-filter=U", "-z", cwd=path).split("\0")[:-1]
        if not files:
            raise
        shown = ", ".join(files[:10]) + (" ..." if len(files) > 10 else "")
        raise WorkspaceError(
            Reason.MERGE_CONFLICT,
            f"the work of {dependency.name} does not merge: conflict in {shown}. "
            "Merge the two by hand on a branch and name that in repository.ref, "
            "or let one bead depend on the other",
        ) from error
