"""Work that no remote has, carried from one session's mirror to another's as a git bundle.

A bundle keeps the commits as they are, so whoever goes on finds the bead's own branch, whatever was in it.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from pathlib import Path

from ringmaster_cli.workspace.errors import GitError
from ringmaster_cli.workspace.mirror import REMOTE, Mirror
from ringmaster_cli.workspace.names import check_ref
from ringmaster_operator.resources.saved import MAX_BUNDLE, SavedWork

ARRIVED = "refs/ringmaster/arrived"


def pack(mirror: Mirror, branch: str) -> SavedWork | None:
    """What the branch has and the remote has not; None when that is nothing, or too much (which is said)."""
    ref = f"refs/heads/{branch}"
    commit = mirror.commit_of(ref)
    if commit is None or (mirror.url is not None and not mirror.unpushed(commit)):
        return None
    with tempfile.TemporaryDirectory(prefix="ringmaster-saved-") as folder:
        file = Path(folder) / "bundle"
        mirror.run("bundle", "create", "--quiet", str(file), ref, "--not", f"--glob={REMOTE}")
        content = file.read_bytes()
    if len(content) > MAX_BUNDLE:
        mirror.git.on_line(
            f"the unpublished work on {branch} has {len(content)} bytes, and {MAX_BUNDLE} can be handed on: "
            "it stays on this worker"
        )
        return None
    return SavedWork(branch=branch, commit=commit, bundle=base64.b64encode(content).decode("ascii"))


def unpack(mirror: Mirror, saved: SavedWork) -> None:
    """Put it on the branch here, unless it is there already. What cannot be used is said, and left out."""
    branch = check_ref(saved.branch)
    ref = f"refs/heads/{branch}"
    local = mirror.commit_of(ref)
    known = mirror.commit_of(saved.commit)
    if known and ((local and mirror.contains(known, local)) or (mirror.url and not mirror.unpushed(known))):
        return
    try:
        with tempfile.TemporaryDirectory(prefix="ringmaster-saved-") as folder:
            file = Path(folder) / "bundle"
            file.write_bytes(base64.b64decode(saved.bundle, validate=True))
            mirror.run("fetch", "--quiet", "--no-tags", "--force", "--", str(file), f"{ref}:{ARRIVED}")
    except (GitError, binascii.Error) as trouble:
        mirror.git.on_line(f"work that another session saved cannot be used here: {trouble}")
        return
    arrived = mirror.commit_of(ARRIVED)
    mirror.run("update-ref", "-d", ARRIVED)
    if arrived is None:
        return
    if local and not mirror.contains(local, arrived):
        mirror.keep(local, branch)
    mirror.free_branch(branch)
    mirror.run("update-ref", ref, arrived)
    mirror.git.on_line(f"has the work that another session saved on {branch}")
