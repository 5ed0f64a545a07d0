"""The workers' protocol in a small way: bodies are checked by the models, nothing is scheduled.

For tests of the worker's side. It keeps state over stop() and start(), as the operator does with its
database.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ringmaster_operator.resources.protocol import (
    AskRequest,
    ClaimAnswer,
    Claimed,
    ClaimRequest,
    HeartbeatRequest,
    PastIteration,
    ReleaseRequest,
    ReportAnswer,
    ReportRequest,
)
from ringmaster_operator.resources.records import RecordsRequest, unpacked
from support.served import Body, Refusal, Served

DONE = ("success", "likely_success")


@dataclass
class Grant:
    """A claim that was granted."""

    claim: Claimed
    session: str
    ended: bool = False


@dataclass
class Desk(Served):
    """Beads in, reports out."""

    token: str = "good-token"
    lease_seconds: float = 3.0
    beads: list[Body] = field(default_factory=list)
    """BeadWork bodies, the next one first."""
    agent: Body = field(default_factory=dict)
    """AgentSpec body."""
    stop_when_empty: bool = False
    order: tuple[str, str] = ("continue", "")
    allowance: Body | None = None
    prices: list[Body] = field(default_factory=list)
    """The project's own."""
    steering: list[Body] = field(default_factory=list)
    """Notes of people; told ones are not sent again."""
    questions: list[AskRequest] = field(default_factory=list)
    answer: str | None = None
    """What people say to the question."""
    reports: dict[str, ReportRequest] = field(default_factory=dict)
    answers: dict[str, ReportAnswer] = field(default_factory=dict)
    refused: list[ReportRequest] = field(default_factory=list)
    records: dict[str, dict[str, Body]] = field(default_factory=dict)
    """By report id and kind, as JSON."""
    heartbeats: list[HeartbeatRequest] = field(default_factory=list)
    released: list[tuple[str, str]] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    fence: int = 0
    attempts: dict[str, int] = field(default_factory=dict)

    def act(self, method: str, path: str, raw: bytes, auth: str) -> Body:
        if auth != f"Bearer {self.token}":
            raise Refusal(401, "unauthenticated", "the token is not valid")
        parts = urlsplit(path)
        names = parts.path.removeprefix("/api/v1/claims").strip("/").split("/")
        if names == [""]:
            return self.claim(ClaimRequest.model_validate_json(raw)).body()
        if names[1:2] == ["reports"] and names[3:] == ["records"]:
            return self.keep(names[0], names[2], RecordsRequest.model_validate_json(raw))
        claim_id, verb = names
        match verb:
            case "work":
                grant = self.grant(claim_id, int(parse_qs(parts.query)["fence"][0]))
                return {"order": self.order[0], "reason": self.order[1], "claimed": grant.claim.body()}
            case "heartbeat":
                beat = HeartbeatRequest.model_validate_json(raw)
                self.grant(claim_id, beat.fence)
                self.heartbeats.append(beat)
                told = {name for beat in self.heartbeats for name in beat.steered}
                body: Body = {
                    "order": self.order[0],
                    "reason": self.order[1],
                    "leaseSeconds": self.lease_seconds,
                    "steering": [note for note in self.steering if note["id"] not in told],
                }
                if self.allowance is not None:
                    body["allowance"] = self.allowance
                if self.questions and self.answer is not None:
                    body["answered"] = {"decision": "fix-it-q1-1", "answer": self.answer}
                return body
            case "question":
                asked = AskRequest.model_validate_json(raw)
                self.grant(claim_id, asked.fence)
                self.questions.append(asked)
                return {"decision": "fix-it-q1-1"}
            case "reports":
                return self.report(claim_id, ReportRequest.model_validate_json(raw)).body()
            case "release":
                wish = ReleaseRequest.model_validate_json(raw)
                grant = self.grant(claim_id, wish.fence)
                grant.ended = True
                self.released.append((grant.claim.bead.name, wish.reason))
                return {"ended": True}
        raise Refusal(404, "not_found", "no such path")

    def keep(self, claim_id: str, report_id: str, request: RecordsRequest) -> Body:
        with self._lock:
            report, grant = self.reports.get(report_id), self.grants.get(claim_id)
            if report is None or grant is None or report.fence != request.fence:
                raise Refusal(404, "not_found", "there is no such report")
            known = self.records.setdefault(report_id, {})
            kept = [item for item in request.records if item.kind not in known]
            for item in kept:
                known[item.kind] = json.loads(unpacked(item.data)[1])
            return {"kept": [item.kind for item in kept]}

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        until = time.monotonic() + request.wait_seconds
        while True:
            with self._lock:
                known = self.grants.get(request.claim_id)
                if known is not None:
                    if known.ended:
                        raise Refusal(409, "claim_ended", "this claim has ended; claim with a fresh id")
                    return ClaimAnswer(claimed=known.claim)
                wanted = [b for b in self.beads if request.bead in (None, b["name"])]
                if wanted:
                    self.beads.remove(wanted[0])
                    return ClaimAnswer(claimed=self._grant(request, wanted[0]))
            if self.stop_when_empty or time.monotonic() >= until or self._server is None:
                verdict = "stop" if self.stop_when_empty else "nothing"
                return ClaimAnswer.model_validate(
                    {"none": {"verdict": verdict, "reason": "no bead is ready"}}
                )
            time.sleep(0.02)

    def _grant(self, request: ClaimRequest, bead: Body) -> Claimed:
        self.fence += 1
        name = bead["name"]
        self.attempts[name] = self.attempts.get(name, 0) + 1
        claim = Claimed.model_validate(
            {
                "claimId": request.claim_id,
                "fence": self.fence,
                "leaseSeconds": self.lease_seconds,
                "attempt": self.attempts[name],
                "iteration": 1,
                "bead": bead,
                "agent": self.agent,
                "allowance": self.allowance,
                "prices": self.prices,
            }
        )
        self.grants[request.claim_id] = Grant(claim=claim, session=request.session)
        return claim

    def grant(self, claim_id: str, fence: int) -> Grant:
        grant = self.grants.get(claim_id)
        if grant is None:
            raise Refusal(404, "not_found", "there is no such claim")
        if grant.claim.fence != fence:
            raise Refusal(409, "fenced", f"fence {fence} is not the claim's fence {grant.claim.fence}")
        if grant.ended:
            raise Refusal(409, "claim_ended", "this claim has ended")
        return grant

    def take_away(self) -> None:
        """Every claim goes to someone else, as after a lease that ran out."""
        with self._lock:
            for grant in self.grants.values():
                grant.ended = True

    def report(self, claim_id: str, request: ReportRequest) -> ReportAnswer:
        with self._lock:
            if request.report_id in self.answers:
                return self.answers[request.report_id]
            try:
                grant = self.grant(claim_id, request.fence)
            except Refusal:
                self.refused.append(request)
                raise
            work = grant.claim.bead
            again = request.outcome.kind == "incomplete" and request.iteration < work.max_iterations
            again = again and request.outcome.reason != "Infrastructure"
            following = "done" if request.outcome.kind in DONE else "iterate" if again else "stop"
            answer = ReportAnswer.model_validate(
                {"next": following, "reason": "", "iteration": request.iteration + again}
            )
            grant.ended = not again
            past = PastIteration(
                attempt=grant.claim.attempt,
                iteration=request.iteration,
                outcome=request.outcome,
                lesson=request.reflexion.lesson if request.reflexion else "",
            )
            work = work.model_copy(update={"history": [*work.history, past]})
            grant.claim = grant.claim.model_copy(update={"iteration": answer.iteration, "bead": work})
            self.reports[request.report_id] = request
            self.answers[request.report_id] = answer
            return answer


@contextlib.contextmanager
def running(desk: Desk) -> Iterator[Desk]:
    desk.start()
    try:
        yield desk
    finally:
        desk.stop()


def bead(name: str = "fix-it", **more: Any) -> Body:
    """A BeadWork body."""
    return {
        "namespace": "demo",
        "name": name,
        "uid": f"uid-{name}",
        "generation": 1,
        "title": f"Do {name}",
        "description": "",
        "type": "task",
        "priority": "P2",
        "effectivePriority": "P2",
        "acceptance": {},
        "maxIterations": 3,
        "maxAttempts": 3,
        "timeoutSeconds": 60,
        **more,
    }
