"""What a planning run came to: a proposal that can be used, or why there is none."""

from __future__ import annotations

from ringmaster_cli.agents.run import AgentResult
from ringmaster_cli.outcome import Changes, judge
from ringmaster_operator.resources.bead import BeadType, Outcome, OutcomeKind, Reason
from ringmaster_operator.resources.proposal import Proposal, read_proposal
from ringmaster_operator.resources.protocol import BeadWork


def judge_plan(result: AgentResult, bead: BeadWork) -> tuple[Outcome, Proposal | None]:
    """The verdict on a planning run, and what it proposes."""
    asked = bead.model_copy(update={"type": BeadType.QUESTION})
    outcome, _ = judge(result=result, changes=Changes(files=0, commits=0), verify=(), bead=asked)
    if result.ended != "exit" or result.is_error or result.refused or result.exit_code != 0:
        return outcome, None
    try:
        proposal = read_proposal(result.final_text)
    except ValueError as fault:
        words = f"the planning run proposed nothing usable: {fault}"[:1000]
        return Outcome(kind=OutcomeKind.FAILED, summary=words, reason=Reason.AGENT_ERROR), None
    names = ", ".join(item.name for item in proposal.beads)
    words = f"proposes {len(proposal.beads)} beads: {names}"[:1000]
    return Outcome(kind=OutcomeKind.SUCCESS, confidence=0.8, summary=words), proposal
