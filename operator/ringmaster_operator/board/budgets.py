"""Daily budgets: at the limit nothing new is begun until the day (UTC) ends; what runs is finished."""

from __future__ import annotations

from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.worker import Worker


def worker_within_budget(worker: Worker, spent_usd: float, spent_tokens: int) -> tuple[bool, str]:
    """Whether a Worker may begin another bead, and for people why not. Spent: dollars and tokens today."""
    budget = worker.spec.budget
    return _within(
        f"Worker {worker.metadata.name}",
        "spec.budget",
        usd=(spent_usd, budget.usd_per_day),
        tokens=(spent_tokens, budget.tokens_per_day),
    )


def project_within_budget(project: Project | None, spent_usd: float, spent_tokens: int) -> tuple[bool, str]:
    """The same for all Workers of a namespace together."""
    if project is None:
        return True, ""
    budget = project.budget
    return _within(
        "the project",
        "budget in its settings",
        usd=(spent_usd, budget.usd_per_day),
        tokens=(spent_tokens, budget.tokens_per_day),
    )


def _within(
    who: str, where: str, *, usd: tuple[float, float | None], tokens: tuple[int, int | None]
) -> tuple[bool, str]:
    spent = None
    if usd[1] is not None and usd[0] >= usd[1]:
        spent = f"${usd[0]:.2f} of ${usd[1]:.2f}"
    elif tokens[1] is not None and tokens[0] >= tokens[1]:
        spent = f"{tokens[0]} of {tokens[1]} tokens"
    if spent is None:
        return True, ""
    return False, f"{who} has spent {spent} today; it goes on tomorrow (UTC), or once {where} is raised"
