"""A claim whose prompt is built, and a small repository that it is about."""

from __future__ import annotations

from typing import Any

from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Acceptance, BeadType
from ringmaster_operator.resources.protocol import BeadWork, Claimed
from ringmaster_operator.resources.worker import AgentSpec

FILES = {
    "AGENTS.md": "Use unittest.",
    "README.md": "A parser.",
    "docs/adr/0001-tokens-carry-lines.md": "# Tokens carry lines\nSo that the parser can say where.",
    "docs/adr/0002-no-database.md": "# No database\nFiles are enough.",
    "src/parser.py": "def parse(text):\n    return text.split()\n",
    "src/lexer.py": "KEYWORDS = ()\n",
    "src/deep/er/still.txt": "x",
    "logo.png": "\0\1",
}


def made(*, agent: AgentSpec | None = None, **bead: Any) -> Claimed:
    values: dict[str, Any] = {
        "namespace": "default", "name": "fix-parser", "uid": "1234", "generation": 1,
        "title": "Fix the parser", "description": "src/parser.py fails on empty tokens.",
        "type": BeadType.TASK, "priority": Priority.P2, "effective_priority": Priority.P2,
        "acceptance": Acceptance(), "max_iterations": 5, "max_attempts": 3, "timeout_seconds": 60,
    }  # fmt: skip
    return Claimed(
        claim_id="12345678",
        fence=1,
        lease_seconds=60,
        attempt=1,
        iteration=1,
        bead=BeadWork(**{**values, **bead}),
        agent=agent or AgentSpec(),
    )
