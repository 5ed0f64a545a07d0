"""What an agent is told: the bead, its surroundings, what was tried, and how to end."""

from __future__ import annotations

from ringmaster_cli.prompt.build import BUDGETS, DEFAULT_BUDGET, build_prompt
from ringmaster_cli.prompt.model import Git, Material, Part, Piece, Prompt, Source

__all__ = [
    "BUDGETS",
    "DEFAULT_BUDGET",
    "Git",
    "Material",
    "Part",
    "Piece",
    "Prompt",
    "Source",
    "build_prompt",
]
