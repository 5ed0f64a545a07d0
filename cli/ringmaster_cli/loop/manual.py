"""A report that a person or a script words itself, in part or as a whole."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ringmaster_cli.agents.profiles import ProfileError, load_profile
from ringmaster_cli.agents.readers import make_reader
from ringmaster_cli.agents.readers.base import Context as ReaderContext
from ringmaster_cli.client import Body
from ringmaster_cli.cost import price_usage
from ringmaster_cli.exits import UsageError
from ringmaster_cli.loop.context import Context, now
from ringmaster_cli.loop.report import fit, redactor
from ringmaster_cli.state import Held, Spooled
from ringmaster_operator.resources.protocol import ReportRequest, Usage

LONGEST_LINE = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options of report-result; None where nothing was given."""

    outcome: str | None
    reason: str | None
    summary: str | None
    branch: str | None
    commit: str | None
    usage: Path | None
    agent_result: Path | None


def spool(context: Context, held: Held, given: Given) -> None:
    """Put the report on disk: what run-agent found, with what was given in its place. Raises UsageError."""
    found = [item for item in context.state.spooled() if item.claim_id == held.claim_id]
    if not found and given.outcome is None:
        raise UsageError(f"nothing is known of the work on {held.bead}: give --outcome")
    body = found[-1].report if found else _empty(held)
    outcome = {**body["outcome"]}
    if given.outcome is not None:
        outcome = {"kind": given.outcome}  # another verdict: what was said for the old one is void
    outcome |= _set(reason=given.reason, summary=given.summary)
    body = {**body, "outcome": outcome, **_set(branch=given.branch, commit=given.commit)}
    if given.agent_result is not None:
        body |= _read_agent(context, held, given.agent_result)
    if given.usage is not None:
        body["usage"] = _load(given.usage)
    try:
        request = ReportRequest.model_validate(body)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"the report would not be valid: {where}: {first['msg']}") from fault
    item = Spooled(claim_id=held.claim_id, bead=held.bead, report=redactor(held).report(fit(request)))
    if said := context.state.spool(item):
        context.say(said)


def _set(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _empty(held: Held) -> Body:
    return {
        "reportId": str(uuid.uuid4()),
        "fence": held.fence,
        "iteration": held.iteration,
        "outcome": {},
        "startedAt": now(),
        "finishedAt": now(),
    }


def _load(path: Path) -> Any:
    try:
        return Usage.model_validate(json.loads(path.read_bytes())).body()
    except (OSError, ValueError, RecursionError) as fault:
        raise UsageError(f"--usage: {path} does not hold the protocol's Usage as JSON: {fault}") from fault


def _read_agent(context: Context, held: Held, path: Path) -> Body:
    """Usage and last words, from what the agent of the Worker's profile printed."""
    agent = held.claimed.get("agent", {})
    try:
        profile = load_profile(str(agent.get("profile", "generic")), folders=context.profiles)
    except ProfileError as fault:
        raise UsageError(str(fault)) from fault
    known = ReaderContext(
        provider=profile.provider, model=str(agent.get("model") or ""), started_at=datetime.now(UTC)
    )
    reader = make_reader(profile.events, known)
    with open(path, encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(LONGEST_LINE):
            reader.line(line.rstrip("\n"))
    reader.close()
    facts = reader.facts
    usage = price_usage(facts.spent.values(), reported_usd=facts.reported_usd, at=datetime.now(UTC))
    found: Body = {"usage": usage.body(), "finalText": facts.final_text[:65536]}
    return found | ({"agentSession": facts.session[:256]} if facts.session else {})
