"""What must hold, whatever happens, judged from outside: the API server's changes, rows, answers.

Every report carries a power of two as its tokens, so the sum in a bead's status tells which reports were
applied to it, and how often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.resources.protocol import ClaimAnswer, ProblemCode, ReportAnswer, ReportRequest
from support.model.sessions import OVER, UNFORESEEN, Call

if TYPE_CHECKING:
    from support.model.apiserver import Body, Where
    from support.model.world import World

DONE = ("Succeeded", "Failed", "Cancelled")


class Broken(AssertionError):
    """A law was broken."""


def _status(body: Body | None) -> dict[str, Any]:
    return (body or {}).get("status") or {}


class Laws:
    """Watches one run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._claims: dict[str, tuple[str, int]] = {}
        """Claim ids that were ever in a status, with uid and fence."""
        self._answers: dict[str, ReportAnswer] = {}
        self._refused: set[str] = set()
        self.applied: list[str] = []
        world.api.listeners.append(self._changed)

    def _changed(self, event: str, where: Where, old: Body | None, new: Body | None) -> None:
        if where[0] != "beads" or old is None or new is None:
            return
        uid, before, after = new["metadata"]["uid"], _status(old), _status(new)
        claim, next_claim = before.get("claim"), after.get("claim")
        if after.get("fence", 0) < before.get("fence", 0):
            raise Broken(f"{where[2]}: the fence went back")
        if before.get("phase") == "Succeeded" and (after.get("phase") != "Succeeded" or next_claim):
            raise Broken(f"{where[2]}: it was done and is not any more")
        if next_claim and (claim is None or claim["id"] != next_claim["id"]):
            self._begun(where, uid, before, next_claim)
        gained = _tokens(after) - _tokens(before)
        if gained:
            self._gained(where, uid, before, gained)

    def _begun(self, where: Where, uid: str, before: dict[str, Any], claim: dict[str, Any]) -> None:
        if before.get("claim"):
            raise Broken(f"{where[2]}: claim {before['claim']['id']} was overwritten by {claim['id']}")
        former = self._claims.get(claim["id"])
        if former is not None and any(body["metadata"]["uid"] == former[0] for body in self._world.beads()):
            raise Broken(f"{where[2]}: claim {claim['id']} began twice")
        if claim["fence"] <= before.get("fence", 0):
            raise Broken(f"{where[2]}: fence {claim['fence']} was used before")
        self._claims[claim["id"]] = (uid, claim["fence"])

    def _gained(self, where: Where, uid: str, before: dict[str, Any], gained: int) -> None:
        report = self._world.by_weight.get(gained)
        if report is None:
            raise Broken(f"{where[2]}: tokens {gained:#x} are of no single report")
        if report in self.applied:
            raise Broken(f"{where[2]}: {report} was applied twice")
        rows = self._world.database.rows(
            "SELECT bead_uid, claim_id, fence, json_extract(body, '$.iteration') FROM report"
            " WHERE report_id = ? AND NOT refused",
            report,
        )
        if not rows:
            raise Broken(f"{where[2]}: {report} was applied and never accepted")
        claim = before.get("claim") or {}
        held = (uid, claim.get("id"), claim.get("fence"), max(1, before.get("iteration", 0)))
        if held != rows[0]:
            raise Broken(f"{where[2]}: {report} speaks of {rows[0]} and was applied to {held}")
        self.applied.append(report)

    def answered(self, call: Call) -> None:
        """The operator has answered, whether anybody heard it or not."""
        result = call.task.exception() or call.task.result()
        request = call.wish.request
        if isinstance(result, BaseException) and not isinstance(result, (Refused, *UNFORESEEN)):
            raise Broken(f"{call.wish.verb}: {result!r}") from result
        if isinstance(result, Refused) and result.code is ProblemCode.INVALID:
            raise Broken(f"{call.wish.verb}: {result}")
        if isinstance(result, ClaimAnswer) and result.claimed is not None:
            claimed = result.claimed
            if self._claims.get(claimed.claim_id) != (claimed.bead.uid, claimed.fence):
                raise Broken(f"{claimed.claim_id} was told a claim on {claimed.bead.name} that never was")
            if claimed.claim_id != call.wish.claim_id:
                raise Broken(f"{call.wish.claim_id} was told the claim {claimed.claim_id}")
        if isinstance(request, ReportRequest):
            self._reported(request, result)

    def _reported(self, request: ReportRequest, result: object) -> None:
        report = request.report_id
        if isinstance(result, Refused) and result.code in OVER:
            self._refused.add(report)
        if not isinstance(result, ReportAnswer):
            return
        if self._answers.setdefault(report, result) != result:
            raise Broken(f"{report} was answered {self._answers[report]}, and then {result}")
        if report not in self._accepted():
            raise Broken(f"{report} was acknowledged and is not in the database")

    def _accepted(self) -> dict[str, str]:
        rows = self._world.database.rows("SELECT report_id, bead_uid FROM report WHERE NOT refused")
        return dict(rows)

    def ended(self) -> None:
        """All is quiet: nothing is lost, nothing counted twice, nothing left over."""
        database, accepted = self._world.database, self._accepted()
        beads = self._world.beads()
        for body in beads:
            name, uid, status = body["metadata"]["name"], body["metadata"]["uid"], _status(body)
            if status.get("phase") not in DONE or status.get("claim"):
                raise Broken(f"{name} is {status.get('phase')}, and nothing happens any more")
            mine = {report for report, owner in accepted.items() if owner == uid}
            if missing := mine - set(self.applied):
                raise Broken(f"{name}: acknowledged and lost: {', '.join(sorted(missing))}")
            total = sum(self._world.weights[report] for report in mine)
            if total != _tokens(status):
                raise Broken(
                    f"{name}: its reports used {total:#x} tokens, its status says {_tokens(status):#x}"
                )
            [(counted,)] = database.rows(
                "SELECT count(*) FROM attempt WHERE bead_uid = ? AND counted AND ended_at IS NOT NULL", uid
            )
            if counted != status.get("attempts", 0):
                raise Broken(f"{name}: {counted} attempts count, its status says {status.get('attempts')}")
        if wrong := self._refused & set(self.applied):
            raise Broken(f"refused and applied: {', '.join(sorted(wrong))}")
        if lost := self._answers.keys() - accepted.keys():
            raise Broken(f"acknowledged and gone: {', '.join(sorted(lost))}")
        for what, query in LEFT_OVER.items():
            if rows := database.rows(query):
                raise Broken(f"{what}: {rows}")


LEFT_OVER = {
    "reports in the outbox": "SELECT report_id FROM report WHERE NOT applied",
    "attempts that never ended": "SELECT bead, fence FROM attempt WHERE ended_at IS NULL",
    "iterations that were counted twice": "SELECT report_id FROM iteration GROUP BY 1 HAVING count(*) > 1",
}


def _tokens(status: dict[str, Any]) -> int:
    return int((status.get("cost") or {}).get("inputTokens", 0))
