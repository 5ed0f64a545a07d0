"""Reports: what one iteration found, within the bounds of the protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ringmaster_cli.agents.reflexion import read_reflexion
from ringmaster_cli.agents.run import AgentResult
from ringmaster_cli.client import Body
from ringmaster_cli.cost import bounded
from ringmaster_cli.loop.tools import environment
from ringmaster_cli.state import Held
from ringmaster_operator.resources.bead import Outcome, OutcomeKind
from ringmaster_operator.resources.protocol import (
    Claimed,
    ModelUsage,
    PromptRecord,
    Proposal,
    Question,
    Reflexion,
    ReportRequest,
    SavedWork,
    Usage,
    VerifyResult,
)
from ringmaster_operator.resources.redaction import Redactor, secret_values
from ringmaster_operator.resources.reflexion import Applies, EvidenceFact

MAX_BYTES = 900_000
"""The operator takes 1 MiB; the rest is for the envelope and for escapes."""
LOG_CHARACTERS = 1000
"""Of a failed command's output, as evidence."""
SUCCESSES = (OutcomeKind.SUCCESS, OutcomeKind.LIKELY_SUCCESS)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What is known of an iteration besides its outcome."""

    result: AgentResult | None = None
    verify: Sequence[VerifyResult] = ()
    question: Question | None = None
    proposal: Proposal | None = None
    changed_files: int = 0
    reflexion: Reflexion | None = None
    """What the agent said when it was asked what it learned."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """Where the work is."""

    branch: str | None = None
    commit: str | None = None
    pushed: bool = False
    saved: SavedWork | None = None


def as_report(
    held: Held,
    outcome: Outcome,
    findings: Findings,
    published: Published,
    *,
    report_id: str,
    steered: Sequence[str] = (),
    prompt: PromptRecord | None = None,
) -> Body:
    """The ReportRequest, as JSON-ready dict."""
    result, moment = findings.result, datetime.now(UTC)
    request = ReportRequest(
        report_id=report_id,
        fence=held.fence,
        iteration=held.iteration,
        outcome=outcome,
        usage=result.usage if result else Usage(),
        verify=list(findings.verify)[:20],
        question=findings.question,
        proposal=findings.proposal,
        reflexion=_reflexion(held, outcome, findings, published.commit),
        final_text=result.final_text[:65536] if result else "",
        branch=published.branch,
        commit=published.commit,
        pushed=published.pushed,
        saved=published.saved,
        changed_files=findings.changed_files,
        exit_code=result.exit_code if result else None,
        started_at=result.started_at if result else moment,
        finished_at=moment,
        agent_session=result.agent_session[:256] if result else "",
        steered=list(steered),
        prompt=prompt,
    )
    return redactor(held).report(fit(request))


def redactor(held: Held) -> Redactor:
    """Takes out what the agent's environment says is secret, and all that looks like a credential."""
    claimed = Claimed.read(held.claimed)
    # A variable without a value in the Worker's spec comes from a Secret.
    named = [item.name for item in claimed.agent.env if item.value is None]
    return Redactor(secret_values(environment(held, claimed), named=named))


def fit(request: ReportRequest) -> Body:
    """The body, made smaller until the operator takes it: a report that is too large would be no report."""
    body = request.body()
    if size(body) <= MAX_BYTES:
        return body
    merged = Usage(
        requests=merge(request.usage.requests),
        reported_usd=request.usage.reported_usd,
        price_version=request.usage.price_version,
    )
    body["usage"] = merged.body()
    if size(body) > MAX_BYTES:
        body["finalText"] = str(body.get("finalText", ""))[:4096]
        for check in body.get("verify", []):
            check["output"] = str(check.get("output", ""))[-2048:]
    if size(body) > MAX_BYTES:
        body.pop("saved", None)
    return body


def size(body: Body) -> int:
    """Bytes on the wire."""
    return len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))


def merge(rows: Sequence[ModelUsage]) -> list[ModelUsage]:
    """One row for each model, with the same sums; a model with an unpriced request keeps those apart."""
    groups: dict[tuple[str, str, bool], list[ModelUsage]] = {}
    for row in rows:
        groups.setdefault((row.provider, row.model, row.computed_usd is None), []).append(row)
    return [_sum(group) for group in groups.values()]


def _sum(rows: Sequence[ModelUsage]) -> ModelUsage:
    first = rows[0]
    computed = [row.computed_usd for row in rows if row.computed_usd is not None]
    reported = [row.reported_usd for row in rows if row.reported_usd is not None]
    return ModelUsage(
        position=f"{first.position[:110]}+{len(rows) - 1}",
        provider=first.provider,
        model=first.model,
        input_tokens=sum(row.input_tokens for row in rows),
        cache_read_tokens=sum(row.cache_read_tokens for row in rows),
        cache_write_tokens=sum(row.cache_write_tokens for row in rows),
        cache_write_hour_tokens=sum(row.cache_write_hour_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        reasoning_tokens=sum(row.reasoning_tokens for row in rows),
        requests=sum(row.requests for row in rows),
        computed_usd=bounded(sum(computed)) if computed else None,
        reported_usd=bounded(sum(reported)) if reported else None,
    )


def cost_of(result: AgentResult) -> float | None:
    """US dollars of a run, as far as they are known."""
    known = [row.computed_usd for row in result.usage.requests if row.computed_usd is not None]
    if known:
        return sum(known)
    return result.usage.reported_usd


def _reflexion(held: Held, outcome: Outcome, findings: Findings, commit: str | None) -> Reflexion | None:
    """What is to be learned: the agent's own words, else, where it did not succeed, what the facts say."""
    if findings.result is None:
        return None
    failing = next((check for check in findings.verify if check.exit_code != 0), None)
    evidence = EvidenceFact(
        attempt=held.attempt,
        iteration=held.iteration,
        commit=commit,
        log=failing.output.strip()[-LOG_CHARACTERS:] if failing else "",
    )
    own = read_reflexion(findings.result.final_text) or findings.reflexion
    if own is not None:
        applies = own.applies.model_copy(update={"failure_class": outcome.reason})
        return own.model_copy(update={"evidence": evidence, "applies": applies})
    if outcome.kind in SUCCESSES:
        return None
    lesson = f"`{failing.command}` still exits {failing.exit_code}" if failing else outcome.summary
    return Reflexion(
        tried=findings.result.final_text[:1000],
        happened=outcome.summary[:4096],
        cause=outcome.reason.value if outcome.reason else "",
        lesson=lesson[:4096],
        applies=Applies(failure_class=outcome.reason),
        evidence=evidence,
        confidence=outcome.confidence,
    )
