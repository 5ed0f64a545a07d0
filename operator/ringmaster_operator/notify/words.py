"""What people read, made of notices. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ringmaster_operator.resources.notify_api import NoticeKind

SHOWN = 30
"""Notices that a message spells out; of the others it says how many there are."""
MOST_TITLE = 150
KINDS = {
    NoticeKind.DECISION: ("decision to make", "decisions to make"),
    NoticeKind.ESCALATION: ("bead stuck", "beads stuck"),
    NoticeKind.FAILED: ("bead failed", "beads failed"),
    NoticeKind.FINISHED: ("epic finished", "epics finished"),
    NoticeKind.BUDGET: ("budget", "budgets"),
    NoticeKind.BACKUP: ("backup problem", "backup problems"),
    NoticeKind.WORKER: ("Worker without sessions", "Workers without sessions"),
    NoticeKind.OPERATOR: ("fault", "faults"),
}
NEEDED = tuple(KINDS)
_MENTION = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@#])", re.IGNORECASE)

Notice = dict[str, Any]


def title(notices: Sequence[Notice]) -> str:
    """One line: where, and what; of several, how many of which."""
    places = {notice["namespace"] for notice in notices}
    place = next(iter(places)) if len(places) == 1 else ""
    if len(notices) == 1:
        told = notices[0]["what"]
    else:
        counts = Counter(notice["kind"] for notice in notices)
        told = ", ".join(f"{counts[kind]} {KINDS[kind][counts[kind] > 1]}" for kind in KINDS if counts[kind])
    text = _tame(f"[{place or 'Ringmaster'}] {told}")
    return text if len(text) <= MOST_TITLE else f"{text[: MOST_TITLE - 1]}…"


def text(notices: Sequence[Notice], web_url: str) -> str:
    """All else: why, where to look, what to type."""
    alone = len(notices) == 1
    parts = [_part(notice, web_url, alone=alone) for notice in notices[:SHOWN]]
    if len(notices) > SHOWN:
        parts.append(f"... and {len(notices) - SHOWN} more.")
    return "\n\n".join(part for part in parts if part) or notices[0]["what"]


def linked(notice: Notice, web_url: str) -> Notice:
    """The notice with the address of its page, where that is known."""
    page = notice.get("page")
    return {**notice, "url": f"{web_url.rstrip('/')}{page}"} if web_url and page else notice


def _part(notice: Notice, web_url: str, *, alone: bool) -> str:
    lines = []
    if not alone:
        lines.append(f"{notice['what']} [{notice['namespace'] or 'Ringmaster'}]")
    lines += [notice.get("why", ""), linked(notice, web_url).get("url", ""), notice.get("command", "")]
    return "\n".join(_tame(line) for line in lines if line)


def _tame(words: str) -> str:
    """Beads are written by agents too: their words must not call a whole room."""
    return _MENTION.sub(lambda match: f"{match[0]}\N{ZERO WIDTH SPACE}", words)
