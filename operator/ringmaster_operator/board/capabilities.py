"""How sure is it that a Worker can do what it declares? Learned from outcomes, unless a person overrides.

Pure: what is known is put in, time is an argument. The weights fade, so that a Worker that once failed gets
another chance, and praise of a model of last year does not last for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ringmaster_operator.evidence import Evidence, Subject, Verdict, posterior
from ringmaster_operator.resources.bead import Bead, Outcome, OutcomeKind, Reason
from ringmaster_operator.resources.project import ConfidenceRules
from ringmaster_operator.resources.protocol import Next
from ringmaster_operator.resources.worker import Worker

SUCCESS = frozenset({OutcomeKind.SUCCESS, OutcomeKind.LIKELY_SUCCESS})
_FAILURE = frozenset({OutcomeKind.FAILED, OutcomeKind.LIKELY_FAILED, OutcomeKind.INCOMPLETE})
ABOUT_THE_AGENT = frozenset(
    {
        None,
        Reason.AGENT_ERROR,
        Reason.VERIFICATION_FAILED,
        Reason.EMPTY_SUCCESS,
        Reason.REFUSED,
        Reason.STALLED,
        Reason.TIMEOUT,
        Reason.ITERATIONS,
    }
)
"""Failures that speak against the agent. Others are the surroundings', a person's, or a limit's."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one capability of a Worker now."""

    declared: float
    learned: float
    """The posterior: declared confidence and outcomes together."""
    override: float | None
    evidence: Evidence
    """As of the time that was asked for."""

    @property
    def confidence(self) -> float:
        """What counts: the override, else what was learned."""
        return self.learned if self.override is None else self.override


Standings = Mapping[str, Standing]
"""By capability; one that the Worker does not declare is not in it."""


class Registry:
    """All evidence of all namespaces. Not thread-safe: one event loop owns it."""

    def __init__(self) -> None:
        self._known: dict[Subject, Evidence] = {}

    def put(self, subject: Subject, evidence: Evidence) -> bool:
        """Take in a newer copy; False when it says nothing new."""
        known = self._known.get(subject)
        if known is not None and known.version >= evidence.version:
            return False
        self._known[subject] = evidence
        return True

    def evidence(self, subject: Subject) -> Evidence:
        """What is known; empty when nothing is."""
        return self._known.get(subject, Evidence())

    def items(self) -> Iterable[tuple[Subject, Evidence]]:
        """Everything that is known."""
        return self._known.items()

    def standings(
        self, worker: Worker, rules: ConfidenceRules, now: datetime, *, model: str | None = None
    ) -> Standings:
        """Each declared capability; `model` is the bead's wish, if it has one."""
        return {
            item.name: standing(
                self.evidence(subject_of(worker, item.name, model=model)),
                declared=item.confidence,
                override=item.override,
                rules=rules,
                now=now,
            )
            for item in worker.spec.capabilities
        }


def subject_of(worker: Worker, capability: str, *, model: str | None = None) -> Subject:
    """Whose evidence it is: the Worker's, with the agent that it runs now."""
    agent = worker.spec.agent
    return (*worker.key, agent.profile, model or agent.model or "", capability)


def standing(
    evidence: Evidence, *, declared: float, override: float | None, rules: ConfidenceRules, now: datetime
) -> Standing:
    """What evidence and declaration make of a capability."""
    faded = evidence.faded(now, rules.half_life_days)
    learned = posterior(faded, prior=declared, strength=rules.prior_strength)
    return Standing(declared, learned, override, faded)


def verdicts(
    bead: Bead, outcome: Outcome, *, after: Next, counted: bool, standings: Standings
) -> list[Verdict]:
    """What a report says of the capabilities that its bead requires; nothing while the attempt goes on.

    counted: whether the attempt counts against the agent. A success speaks for every capability; the blame
    for a failure is shared out by doubt, so that a sure one does not suffer for its companion.
    """
    required = bead.spec.capabilities
    if not required or after is Next.ITERATE:
        return []
    learned = {name: standings[name].learned if name in standings else 0.5 for name in required}
    declared = {name: standings[name].declared if name in standings else 0.5 for name in required}
    if outcome.kind in SUCCESS:
        shares = dict.fromkeys(required, 1.0)
    elif outcome.kind in _FAILURE and counted and outcome.reason in ABOUT_THE_AGENT:
        doubt = sum(1.0 - value for value in learned.values())
        shares = {
            name: (1.0 - value) / doubt if doubt else 1.0 / len(required) for name, value in learned.items()
        }
    else:
        return []
    return [
        Verdict(
            capability=name,
            success=outcome.kind in SUCCESS,
            weight=share * outcome.confidence,
            prior=declared[name],
        )
        for name, share in shares.items()
    ]
