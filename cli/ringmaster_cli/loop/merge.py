"""Two runs of one iteration as one result: what they used adds up, how it ended is the last one's."""

from __future__ import annotations

from dataclasses import replace

from ringmaster_cli.agents.run import AgentResult
from ringmaster_cli.cost import bounded
from ringmaster_operator.resources.protocol import ModelUsage, Progress, Usage


def merged(first: AgentResult, last: AgentResult) -> AgentResult:
    """The result of both."""
    return replace(
        last,
        usage=_usage(first.usage, last.usage),
        progress=added(first.progress, last.progress),
        played=first.played.then(last.played),
        seconds=first.seconds + last.seconds,
        started_at=first.started_at,
        agent_session=last.agent_session or first.agent_session,
    )


def _usage(first: Usage, last: Usage) -> Usage:
    """An equal reading is the same one again; another of the same position is another request."""
    known = {row.position: row for row in first.requests}
    rows: list[ModelUsage] = list(first.requests)
    for row in last.requests:
        if known.get(row.position) == row:
            continue
        position = f"{row.position[:120]}#{len(rows)}" if row.position in known else row.position
        rows.append(row.model_copy(update={"position": position}))
    totals = [usd for usd in (first.reported_usd, last.reported_usd) if usd is not None]
    return Usage(
        requests=rows[:5000],
        reported_usd=bounded(sum(totals)) if totals else None,
        price_version=last.price_version or first.price_version,
    )


def added(first: Progress, last: Progress) -> Progress:
    """The counts of both; what goes on now is the last one's."""
    usd = [item.usd for item in (first, last) if item.usd is not None]
    return last.model_copy(
        update={
            "turns": first.turns + last.turns,
            "tool_calls": first.tool_calls + last.tool_calls,
            "output_tokens": first.output_tokens + last.output_tokens,
            "tokens": first.tokens + last.tokens,
            "usd": bounded(sum(usd)) if usd else None,
        }
    )
