"""The rows of a report: what it and its claim come to in each table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import PydanticSerializationError

from ringmaster_operator.evidence import Verdict
from ringmaster_operator.history.attempts import Attempt, Told
from ringmaster_operator.history.booking import Entry
from ringmaster_operator.history.capabilities import Judged
from ringmaster_operator.history.costs import Claim, describe
from ringmaster_operator.history.lesson_uses import Learned
from ringmaster_operator.history.prepared import Written
from ringmaster_operator.history.report_lookup import Seen
from ringmaster_operator.history.spending import Account
from ringmaster_operator.history.usage import Added, Used, cleaned
from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.bead import Outcome
from ringmaster_operator.resources.costs import readings
from ringmaster_operator.resources.project import ConfidenceRules
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest

_INT32 = 2**31 - 1
_NONE = Written("[]")
_NOBODY = Account()
_NEVER, _SAVED = frozenset[str](), frozenset({"saved"})


@dataclass(slots=True, kw_only=True)
class Report:
    """A report to be kept, with all that follows from it."""

    bead_uid: str
    namespace: str
    bead: str
    claim_id: str
    request: ReportRequest
    answer: ReportAnswer
    counted: bool = True
    granted: tuple[float, int] | None = None
    """What the next iteration may use: dollars, tokens."""
    verdicts: Sequence[Verdict] = ()
    """What it says of capabilities."""
    rules: ConfidenceRules | None = None
    """Of its project, for them."""
    account: Account | None = None
    infrastructure_usd: float = 0.0
    """What the session's time cost."""
    learned: Learned | None = None
    """What it says of lessons."""
    now: datetime

    @property
    def goes_on(self) -> bool:
        return self.answer.next is Next.ITERATE


def report_row(report: Report, seen: Seen) -> dict[str, Any]:
    request = report.request
    return {
        "id": seen.report_id,
        "report_id": request.report_id,
        "claim_id": report.claim_id,
        "bead_uid": report.bead_uid,
        "fence": request.fence,
        "namespace": report.namespace,
        "bead": report.bead,
        "body": _written(request, without=_NEVER if request.saved is None else _SAVED),
        "answer": _written(report.answer),
        "received_at": report.now,
    }


def unseen_row(report: Report) -> dict[str, Any]:
    """What a report tells of an attempt that was never recorded."""
    known = {name: getattr(report, name) for name in ("bead_uid", "namespace", "bead", "claim_id")}
    request = report.request
    return known | {
        "fence": request.fence,
        "iteration": request.iteration,
        "started_at": request.started_at,
    }


def told_of(report: Report, seen: Seen, attempt: Attempt) -> Told:
    request, (usd, tokens) = report.request, report.granted or (None, None)
    told = Told(attempt.id, seen.ended, request.branch, request.commit)
    if report.goes_on:
        iteration = report.answer.iteration
        told.goes_on = {"to_iteration": iteration, "to_granted_usd": usd, "to_granted_tokens": tokens}
    else:
        told.ends = _end(request.outcome, counted=report.counted, now=report.now)
    return told


def _end(outcome: Outcome, *, counted: bool, now: datetime) -> dict[str, Any]:
    return {
        "to_ended_at": now,
        "to_kind": outcome.kind.value,
        "to_confidence": outcome.confidence,
        "to_reason": outcome.reason.value if outcome.reason else None,
        "to_summary": outcome.summary,
        "to_counted": counted,
    }


def iteration_row(report: Report, seen: Seen, attempt: Attempt) -> tuple[dict[str, Any], Used]:
    """The row of the iteration, and what it used."""
    request, code, usage = report.request, report.request.exit_code, cleaned(report.request.usage)
    told = readings(usage)
    iteration: dict[str, Any] = {
        "id": seen.iteration_id,
        "attempt_id": attempt.id,
        "report_id": request.report_id,
        "bead_uid": attempt.bead_uid,
        "namespace": attempt.namespace,
        "worker": attempt.worker,
        "iteration": request.iteration,
        "outcome": _written(request.outcome),
        "exit_code": code if code is None else max(-_INT32, min(code, _INT32)),
        "verify": [result.body() for result in request.verify] if request.verify else _NONE,
        "reflexion": request.reflexion.body() if request.reflexion else None,
        "final_text": request.final_text,
        "branch": request.branch,
        "commit": request.commit,
        "agent_session": request.agent_session,
        "started_at": request.started_at,
        "finished_at": request.finished_at,
        "at": report.now,
        "reported_usd": usage.reported_usd,
    }
    infrastructure_usd, model = report.infrastructure_usd, attempt.model or ""
    describe(iteration, usage, told.values(), model=model, infrastructure_usd=infrastructure_usd)
    lump_usd = iteration["lump_usd"]
    return iteration, Used(attempt, seen.iteration_id, report.now, told, usage.price_version, lump_usd)


def entry_of(report: Report, seen: Seen, attempt: Attempt, added: Added) -> Entry:
    account = report.account or _NOBODY
    place = (report.claim_id, report.bead_uid, report.namespace, report.bead)
    claim = Claim(*place, attempt.worker, account, attempt.profile)
    source = report.request.report_id
    return Entry(source, claim, added.usd, added.tokens, added.sums, report.now, seen.work, seen.work_id)


def judged_of(report: Report, attempt: Attempt) -> Judged:
    """What it says of capabilities."""
    rules = report.rules or ConfidenceRules()
    return Judged(attempt, report.request.report_id, report.verdicts, rules, report.now)


def _written(model: Model, *, without: Collection[str] = _NEVER) -> Written | dict[str, Any]:
    """Its body as JSON; as a dict where it has text that only escapes can write."""
    try:
        return Written(model.model_dump_json(by_alias=True, exclude_none=True, exclude=set(without) or None))
    except PydanticSerializationError:
        return model.model_copy(update=dict.fromkeys(without)).body()
