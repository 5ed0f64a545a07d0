"""What an agent is told: the bead, its surroundings, what was tried, and how to end."""

from __future__ import annotations

from ringmaster_cli.prompt.build import BUDGETS, DEFAULT_BUDGET, Part, Prompt, build_prompt

__all__ = ["BUDGETS", "DEFAULT_BUDGET", "Part", "Prompt", "build_prompt"]
