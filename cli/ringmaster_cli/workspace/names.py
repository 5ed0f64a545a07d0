"""Names that git and the file system take: branches, folders, addresses, refs.

Bead names go up to 253 characters and file names end at 255 bytes, of which git needs some for its lock
files: long names are shortened and carry a hash, so that two of them never meet.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from ringmaster_cli.workspace.errors import WorkspaceError, masked
from ringmaster_operator.resources.bead import Reason

PREFIX = "ringmaster/"
REF_LENGTH = 200
FOLDER_LENGTH = 80
SCHEMES = ("file", "git", "http", "https", "ssh")
SCP_LIKE = re.compile(r"^(?:[A-Za-z0-9._~+][A-Za-z0-9._~+-]*@)?[A-Za-z0-9.\[][A-Za-z0-9.:\]-]*:(?!//|:).+$")
REF = re.compile(r"^[A-Za-z0-9_.][A-Za-z0-9_./@+-]*$")
SAFE = re.compile(r"[^A-Za-z0-9._-]+")


def digest(text: str, length: int = 10) -> str:
    """A short hash of the text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def short(text: str, limit: int) -> str:
    """The text as one file name of at most limit bytes; changed texts end in a hash of the original."""
    clean = SAFE.sub("-", text).replace("..", "-").strip("-.")
    if clean == text and len(clean) <= limit and not clean.endswith(".lock"):
        return clean
    return f"{clean[: limit - 11].rstrip('-.')}-{digest(text)}"


def branch_name(bead: str, fresh_from: int = 0) -> str:
    """The branch of a bead: ringmaster/<bead>, shortened with a hash where a ref cannot be that long.

    One that was started from scratch has a new branch, ringmaster/<bead>_<fence>; no bead's name has a _.
    """
    return PREFIX + short(bead, REF_LENGTH) + (f"_{fresh_from}" if fresh_from else "")


def folder_name(*, namespace: str, bead: str, attempt: int, session: str, uid: str) -> str:
    """Folder of one attempt's worktree: readable, and of its own for every session."""
    return f"{short(bead, FOLDER_LENGTH)}-{attempt}-{digest(f'{namespace}/{uid}/{session}', 8)}"


def mirror_name(url: str) -> str:
    """Folder of the mirror of an address: its last part, to be readable, and a hash of all of it."""
    tail = masked(url).rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".git")
    return f"{short(tail or 'repository', 40)}-{digest(url, 12)}.git"


def local_path(url: str) -> Path | None:
    """The folder that an address means, if it is one on this machine."""
    if url.startswith("file://"):
        return Path(url.removeprefix("file://").removeprefix("localhost"))
    if url.startswith(("/", "~/")):
        return Path(url).expanduser()
    return None


def check_url(url: str) -> str:
    """The address as git takes it; raises WorkspaceError for what git would read as option or command."""
    problem = ""
    if not url or url.startswith("-") or re.search(r"[\s\x00-\x1f\x7f]", url):
        problem = "is not an address"
    elif "::" in url.split("/", 1)[0]:
        problem = "names a transport helper, which is not allowed"
    elif "://" in url:
        scheme = url.split("://", 1)[0]
        if scheme not in SCHEMES:
            problem = f"uses {scheme}://, which is not allowed; use one of {', '.join(SCHEMES)}"
        elif url.split("://", 1)[1].startswith("-"):
            problem = "names a host that looks like an option"
    elif local_path(url) is None and not SCP_LIKE.match(url):
        problem = "is neither an address nor an absolute path (or one that starts with ~/)"
    if problem:
        raise WorkspaceError(Reason.REPOSITORY, f"repository.url {masked(url)!r} {problem}")
    path = local_path(url)
    return str(path) if path is not None and not url.startswith("file://") else url


def check_ref(ref: str) -> str:
    """A branch, tag or commit; raises WorkspaceError for what git would read as something else."""
    if not REF.match(ref) or ".." in ref or "@{" in ref or ref.endswith((".lock", ".", "/")) or "//" in ref:
        raise WorkspaceError(Reason.REPOSITORY, f"repository.ref {ref!r} is not a branch, tag or commit")
    return ref
