"""A session's own files while strangers' code runs: what it changed in them is put back.

An agent works as the user of its worker, so it can write where the worker keeps its reports. What was not
written by the worker is no report.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ringmaster_cli.loop.context import Context
from ringmaster_cli.state import write

WATCHED = ("wish", "worktree")
SPOOLS = ("spool", "records")


@contextlib.contextmanager
def sealed(context: Context) -> Iterator[None]:
    """Run with the session's files remembered; at the end they are what they were."""
    folder = context.state.folder
    before = _files(folder)
    try:
        yield
    finally:
        after = _files(folder)
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        for path in changed:
            _put_back(folder, path, before.get(path))
        if changed:
            names = ", ".join(str(path.relative_to(folder)) for path in changed)
            context.say(f"files of this session were changed while the agent ran, and are put back: {names}")


def _files(folder: Path) -> dict[Path, bytes]:
    found = [folder / name for name in WATCHED]
    found += [path for name in SPOOLS for path in sorted((folder / name).glob("*"))]
    files = {}
    for path in found:
        with contextlib.suppress(OSError):
            files[path] = path.read_bytes()
    return files


def _put_back(folder: Path, path: Path, content: bytes | None) -> None:
    """As it was; what was not there is kept for people, where it does nothing."""
    if path.parent.name in SPOOLS and path.exists():
        kept = folder / "refused"
        kept.mkdir(exist_ok=True, mode=0o700)
        path.replace(kept / f"{path.name}.not-ours")
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write(path, content)
