"""The answer of a decision: whose it is, since when, and what counts until it is written down.

A person's answer stands in the spec. The default becomes the answer when its deadline has passed; the spec is
a person's, so the answer in force stands in the status, whoever gave it.
"""

from __future__ import annotations

from datetime import datetime

from ringmaster_operator.board.facts import Readiness
from ringmaster_operator.resources.bead import Bead, DecisionMade

PERSON = "a person"
DEADLINE = "deadline"


def answer_of(bead: Bead) -> str | None:
    """What holds now; None while the question is open."""
    if bead.status.decision is not None:
        return bead.status.decision.answer
    return bead.spec.decision.answer if bead.spec.decision is not None else None


def made(bead: Bead, readiness: Readiness, now: datetime) -> DecisionMade | None:
    """The answer that is due; None while there is none.

    The default counts only while the question is ripe: not while it is held or waits for other beads.
    """
    decision = bead.spec.decision
    if decision is None:
        return None
    if decision.answer is not None:
        return DecisionMade(answer=decision.answer, by=decision.answered_by or PERSON, at=now)
    if decision.deadline is None or decision.default is None or readiness is not Readiness.NEEDS_DECISION:
        return None
    if decision.deadline > now:
        return None
    return DecisionMade(answer=decision.default, by=DEADLINE, at=now)
