"""The agent's conversation about a bead: where it was left, so that the next run goes on with it.

An agent keeps its conversations on this machine, by the folder that it ran in. So the note of one lies in the
home that all sessions of the machine share, and holds only for the same folder, the same profile, and as long
as the bead is not started anew.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ringmaster_cli.exits import CliError
from ringmaster_cli.state import load, write
from ringmaster_operator.resources.protocol import Claimed

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@=+-]{0,255}")
"""An agent's id of a conversation that is no option of its program."""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One that can be gone on with."""

    agent_session: str
    """The agent's own id of it."""
    profile: str
    folder: str
    """The worktree that the agent ran in."""
    session: str
    """The session whose worktree that was."""
    attempt: int
    fresh_from: int


def _path(home: Path, claimed: Claimed) -> Path:
    bead = claimed.bead
    return home / "transcripts" / f"{bead.name[:120]}-{bead.uid[:36]}.conversation.json"


def recall(home: Path, claimed: Claimed) -> Conversation | None:
    """The conversation of this attempt at the bead, if this machine had one."""
    data = load(_path(home, claimed))
    try:
        known = Conversation(**(data or {}))
    except TypeError:
        return None
    if not isinstance(known.agent_session, str) or not SAFE.fullmatch(known.agent_session):
        return None  # as an argument it would be read as something else
    same = (known.attempt, known.fresh_from) == (claimed.attempt, claimed.bead.fresh_from)
    return known if same else None


def keep(
    home: Path, claimed: Claimed, *, agent_session: str, profile: str, folder: Path, session: str
) -> str:
    """Note it; returns why that could not be done, else nothing. Without it the next run begins anew."""
    known = Conversation(
        agent_session=agent_session,
        profile=profile,
        folder=str(folder),
        session=session,
        attempt=claimed.attempt,
        fresh_from=claimed.bead.fresh_from,
    )
    try:
        write(_path(home, claimed), json.dumps(asdict(known)).encode())
    except CliError as fault:
        return str(fault)
    return ""


def forget(home: Path, claimed: Claimed) -> None:
    """The next run begins a conversation of its own."""
    _path(home, claimed).unlink(missing_ok=True)
