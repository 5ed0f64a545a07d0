"""Records of iterations on disk and on their way to the operator: after their report, never in its way."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ringmaster_cli.client import Body
from ringmaster_cli.exits import LostClaim, Refused, Unauthenticated, Unreachable
from ringmaster_cli.loop.context import Context
from ringmaster_cli.state import load, write

FOLDER = "records"
"""In the session's folder."""
CALL = 900_000
"""Characters of packed records in one call."""
PATIENCE_SECONDS = 3.0
"""How long a call is repeated now; after that it waits for the next report."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What one iteration left."""

    claim_id: str
    report_id: str
    fence: int
    bead: str
    records: list[Body]
    """The protocol's RecordUploads."""
    saved_at: float = field(default_factory=time.time)


def keep(context: Context, item: Kept) -> None:
    """Put records on disk. Raises CliError."""
    write(_path(context, item.report_id), json.dumps(asdict(item)).encode())


def drop(context: Context, report_id: str) -> None:
    """The operator has them, or will never take them."""
    with contextlib.suppress(OSError):
        _path(context, report_id).unlink()


def send(context: Context, *, waiting: Sequence[str] = ()) -> None:
    """Send what is on disk, oldest first, but for that of reports that wait themselves."""
    for item in _all(context):
        if item.report_id in waiting:
            continue
        try:
            for part in _calls(item.records):
                context.api.keep_records(
                    item.claim_id, item.report_id, item.fence, part, patience=PATIENCE_SECONDS
                )
        except (Unreachable, Unauthenticated) as trouble:
            context.say(f"records of bead {item.bead} are sent later: {trouble}")
            return
        except (LostClaim, Refused) as fault:
            context.say(f"records of bead {item.bead} are not taken: {fault}")
        drop(context, item.report_id)


def _path(context: Context, report_id: str) -> Path:
    return context.state.folder / FOLDER / f"{report_id}.json"


def _all(context: Context) -> list[Kept]:
    """All on disk; a file that no version of ours wrote is removed."""
    found = []
    for path in (context.state.folder / FOLDER).glob("*.json"):
        try:
            found.append(Kept(**(load(path) or {})))
        except TypeError:
            path.unlink(missing_ok=True)
    return sorted(found, key=lambda item: item.saved_at)


def _calls(records: Sequence[Body]) -> list[list[Body]]:
    """In as few calls as their sizes allow."""
    calls: list[list[Body]] = []
    for record in records:
        size = len(str(record["data"]))
        if calls and sum(len(str(known["data"])) for known in calls[-1]) + size <= CALL:
            calls[-1].append(record)
        else:
            calls.append([record])
    return calls
