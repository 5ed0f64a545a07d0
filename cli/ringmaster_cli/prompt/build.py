"""The prompt of one iteration, put together from sources that each have a budget. Same input, same prompt."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ringmaster_cli.prompt.fit import assembled, chosen, fit
from ringmaster_cli.prompt.model import NOTHING, Git, Material, Part, Piece, Prompt, Source
from ringmaster_cli.prompt.plugins import plugged_in
from ringmaster_cli.prompt.sources import SOURCES
from ringmaster_operator.resources.prompt import DEFAULT_BUDGET, PromptRules, PromptSource
from ringmaster_operator.resources.protocol import Claimed

BUDGETS = {source.name: source.tokens for source in SOURCES}
"""Estimated tokens that each built-in source may take, where the project says nothing else."""
OFF = "switched off"


def build_prompt(
    claimed: Claimed,
    *,
    workspace: Path,
    git: Git | None = None,
    budget_tokens: int | None = None,
    resumed: bool = False,
    without: Collection[str] = (),
) -> Prompt:
    """The prompt for the claim's next iteration, with what is found in workspace.

    The sizes are estimates (four characters a token). The parts that say what to do and how to end are never
    left out, so a very small budget may be exceeded. resumed: the agent's conversation goes on, so that it
    knows already what cannot have changed since. without: sources that are switched off, besides those that
    the project switches off.
    """
    material = Material(claimed=claimed, workspace=workspace, git=git)
    rules = claimed.bead.prompt
    plugins, notes = plugged_in(frozenset(BUDGETS))
    sources = [_settled(source, rules) for source in _ordered([*SOURCES, *plugins])]
    off = {name for name, said in rules.sources.items() if not said.enabled} | set(without)
    parts: list[Part] = []
    for source in sources:
        parts += chosen(source, _pieces(source, material, resumed=resumed, off=source.name in off))
    budget = budget_tokens or rules.budget_tokens
    by_name = {source.name: source for source in sources}
    parts = fit(parts, by_name, budget)
    unknown = sorted((set(rules.sources) | set(without)) - set(by_name))
    notes += [f"there is no prompt source {name}" for name in unknown]
    return Prompt(
        text=assembled(parts, by_name), parts=tuple(parts), budget_tokens=budget, notes=tuple(notes)
    )


def _ordered(sources: Sequence[Source]) -> list[Source]:
    """What people say and how to finish stand last, where models heed them most."""
    last = ("steering", "finish")
    return [*(s for s in sources if s.name not in last), *(s for s in sources if s.name in last)]


def _settled(source: Source, rules: PromptRules) -> Source:
    """With what the project says of it."""
    said = rules.sources.get(source.name, PromptSource())
    tokens = source.tokens if said.tokens is None else said.tokens
    each = source.each if source.each is None or said.tokens is None else min(source.each, said.tokens)
    relevance = source.relevance if said.relevance is None else said.relevance
    return replace(source, tokens=tokens, each=each, relevance=relevance)


def _pieces(source: Source, material: Material, *, resumed: bool, off: bool) -> Iterable[Piece]:
    if off and not source.fixed:
        return [Piece(origin="", left_out_reason=OFF)]
    if resumed and source.known:
        return [Piece(origin="", left_out_reason="the conversation goes on")]
    return list(source.gather(material)) or [Piece(origin="", left_out_reason=NOTHING)]


__all__ = ["BUDGETS", "DEFAULT_BUDGET", "build_prompt"]
