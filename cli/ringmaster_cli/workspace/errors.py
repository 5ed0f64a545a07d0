"""What can go wrong with a workspace, in words for the person who reads the bead's status.

Git says why it failed only in English prose, so its words are matched here, in one place.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence

from ringmaster_operator.resources.bead import Reason

DISK_FULL = re.compile(
    r"No space left on device|Disk quota exceeded|unable to write .*: File too large", re.I
)
REFUSED = re.compile(
    r"Authentication failed|could not read (Username|Password)|Permission denied \(|terminal prompts disabled"
    r"|returned error: 40[13]|Host key verification failed|Invalid username or token",
    re.I,
)
UNREACHABLE = re.compile(
    r"Could not resolve host|Connection (refused|timed out|reset)|does not appear to be a git repository"
    r"|repository .* not found|Repository not found|unable to access|Could not read from remote repository"
    r"|unable to connect|not a git repository|early EOF|transport '.*' not allowed",
    re.I,
)
DAMAGED = re.compile(
    r"is corrupt|corrupted|object file .* is empty|bad (object|tree|signature|config|ref|line|packed)"
    r"|index file smaller|unable to (read|find) (tree|sha1|object|current)|missing (blob|tree|commit|object)"
    r"|not a git repository|unable to (parse|unpack)|packfile .* cannot be|inflate|invalid object"
    r"|could not parse|loose object|packed-refs|failed to traverse|broken ref|unresolved deltas"
    r"|did not send all necessary objects",
    re.I,
)
CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")


class WorkspaceError(Exception):
    """The worktree cannot be made or used; reason is the failure class, message says what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class GitError(Exception):
    """A git command failed; out and err are what it printed."""

    def __init__(self, args: Sequence[str], code: int, err: str, *, full: bool = False) -> None:
        super().__init__(f"git {args[0] if args else ''}: {last_line(err) or f'exit code {code}'}")
        self.code = code
        self.err = err
        self.full = full or bool(DISK_FULL.search(err))
        """The disk has no space: git does not always say that this is why."""

    @property
    def damaged(self) -> bool:
        """Whether it reads as if the repository's own files were broken."""
        own = "\n".join(line for line in self.err.splitlines() if not line.startswith("remote:"))
        return bool(DAMAGED.search(own)) and not self.full


def masked(text: str) -> str:
    """Without user names and passwords in addresses."""
    return CREDENTIALS_IN_URL.sub("***@", text)


def last_line(err: str) -> str:
    """The line of git's output that says the cause (the first fatal or error one, else the last)."""
    lines = [masked(line.strip()) for line in err.splitlines() if line.strip()]
    for line in lines:
        if line.startswith(("fatal:", "error:")):
            return line
    return lines[-1] if lines else ""


def of_git(error: GitError, *, remote: str = "") -> WorkspaceError:
    """What a failed git command means; remote is the address when it talked to one."""
    where = masked(remote)
    if error.full:
        return disk_full(last_line(error.err))
    if remote and REFUSED.search(error.err):
        return WorkspaceError(
            Reason.CREDENTIALS,
            f"repository {where} refuses this worker's credentials ({last_line(error.err)}); "
            "give the worker a key or token that may read it",
        )
    if remote and UNREACHABLE.search(error.err):
        return WorkspaceError(
            Reason.REPOSITORY,
            f"repository {where} cannot be reached: {last_line(error.err)}; "
            "check repository.url and the network",
        )
    if remote:
        return WorkspaceError(Reason.REPOSITORY, f"repository {where}: {error}")
    return WorkspaceError(Reason.INFRASTRUCTURE, str(error))


def of_os(error: OSError) -> WorkspaceError:
    """What a failed file operation means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(str(error))
    return WorkspaceError(
        Reason.INFRASTRUCTURE, f"workspace: {error.strerror or error}: {error.filename or ''}"
    )


def disk_full(detail: str) -> WorkspaceError:
    """The disk of the worker's home is full."""
    return WorkspaceError(
        Reason.INFRASTRUCTURE, f"disk full: {detail}; free space where the worker keeps its home"
    )
