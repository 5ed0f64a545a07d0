"""What a run of an agent means for its bead: the verdict, its class of failure, and how sure it is.

The order of the evidence, the strongest first:

1. How the run ended: stopped, missing program, timeout, stall. Verify commands don't make a success of these.
2. The agent's own error (bad key, provider down, refusal): failed, unless the work verifiably holds.
3. A question to a person: needs_decision; a bead handed back as too large: failed; whatever the exit code.
4. Verify commands: they decide. All exit 0: success; one fails: incomplete while the agent gets on.
5. Without verify commands: the agent's marker, its exit code, and whether anything changed.

What the agent writes in prose is never searched for words such as "error", "0 failed" or "should I".

Confidence, 0 to 1: 1.0 a fact that Ringmaster saw itself (ended by it, missing program); 0.95 verify
commands; 0.9 the agent's own error or question; 0.8 its marker without a check; 0.7 where two of these
disagree; 0.6 changes and a clean end, but no marker; 0.5 anything weaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ringmaster_cli.agents.markers import Marker, MarkerKind, read_question
from ringmaster_cli.agents.run import AgentResult
from ringmaster_cli.agents.terminal import one_line
from ringmaster_operator.resources.bead import BeadType, Outcome, OutcomeKind, Reason
from ringmaster_operator.resources.protocol import BeadWork, Question, VerifyResult

SUMMARY = 1000


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What the worktree has beyond what the iteration started from."""

    files: int
    commits: int

    def __bool__(self) -> bool:
        return bool(self.files or self.commits)


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    result: AgentResult
    changes: Changes
    verify: Sequence[VerifyResult]
    bead: BeadWork

    @property
    def marker(self) -> Marker | None:
        return self.result.markers[-1] if self.result.markers else None

    @property
    def failed_command(self) -> VerifyResult | None:
        return next((check for check in self.verify if check.exit_code != 0), None)

    @property
    def verified(self) -> bool:
        """Every acceptance command ran, and exited 0."""
        wanted = len(self.bead.acceptance.verify)
        return bool(self.verify) and len(self.verify) >= wanted and self.failed_command is None

    @property
    def worked(self) -> bool:
        """The agent did something at all: a run of no tokens, no tool calls and no changes did not."""
        progress = self.result.progress
        return bool(self.changes or progress.tool_calls or progress.output_tokens)


def judge(
    *, result: AgentResult, changes: Changes, verify: Sequence[VerifyResult], bead: BeadWork
) -> tuple[Outcome, Question | None]:
    """The verdict on one iteration, with the question when it is needs_decision.

    verify holds the results of the commands that ran, in order; none when there are none or none was run.
    """
    seen = _Evidence(result=result, changes=changes, verify=verify, bead=bead)
    for rule in (_ended, _agent_error, _question):
        if (verdict := rule(seen)) is not None:
            return verdict
    return (_by_verify(seen) if verify else _by_word(seen)), None


def _ended(seen: _Evidence) -> tuple[Outcome, Question | None] | None:
    result = seen.result
    match result.ended:
        case "stopped":
            return _say(OutcomeKind.CANCELLED, 1.0, result.stop_reason, Reason.CANCELLED), None
        case "missing":
            return _say(OutcomeKind.FAILED, 1.0, result.stop_reason, Reason.CONFIGURATION), None
        case "timeout" | "stalled":
            reason = Reason.TIMEOUT if result.ended == "timeout" else Reason.STALLED
            words = result.stop_reason
            if not seen.changes and result.error_reason in (Reason.PROVIDER, Reason.CREDENTIALS):
                reason = result.error_reason
                words = f"{words}; the last it told of: {result.error_text}"
            kind = OutcomeKind.INCOMPLETE if seen.changes else OutcomeKind.FAILED
            return _say(kind, 1.0, words, reason), None
        case "exit":
            return None


def _agent_error(seen: _Evidence) -> tuple[Outcome, Question | None] | None:
    """The agent's own error. Verify commands overrule it only when something was changed."""
    result = seen.result
    if not (result.is_error or result.refused or result.exit_code != 0):
        return None
    if seen.verified and seen.changes and not result.refused:
        words = "every acceptance command passes, though the agent ended with an error"
        return _say(OutcomeKind.LIKELY_SUCCESS, 0.7, f"{words}: {result.error_text or _exit(result)}"), None
    reason = Reason.REFUSED if result.refused else result.error_reason or Reason.AGENT_ERROR
    words = result.error_text or result.final_text or _exit(result)
    if result.refused and not result.error_text:
        words = f"the model refused: {words}"
    # An error of the agent itself after real work leaves something to go on from; a refusal does not.
    partial = bool(seen.changes) and reason is Reason.AGENT_ERROR
    return _say(OutcomeKind.INCOMPLETE if partial else OutcomeKind.FAILED, 0.9, words, reason), None


def _question(seen: _Evidence) -> tuple[Outcome, Question | None] | None:
    marker = seen.marker
    if marker is not None and marker.kind is MarkerKind.TOO_LARGE:
        words = marker.text or "the agent says that it must be split into smaller beads"
        return _say(OutcomeKind.FAILED, 0.9, words, Reason.TOO_LARGE), None
    if marker is None or marker.kind is not MarkerKind.NEEDS_DECISION:
        return None
    question = read_question(marker)
    return _say(OutcomeKind.NEEDS_DECISION, 0.9, question.question), question


def _by_verify(seen: _Evidence) -> Outcome:
    failed, marker = seen.failed_command, seen.marker
    if failed is None:
        if marker is not None and marker.kind is not MarkerKind.DONE:
            words = f"the acceptance commands pass, but the agent says {marker.kind}: {marker.text}"
            return _say(OutcomeKind.INCOMPLETE, 0.6, words)
        if not seen.verified:
            return _say(OutcomeKind.INCOMPLETE, 0.5, "not all acceptance commands ran")
        if not seen.worked:
            return _say(
                OutcomeKind.LIKELY_SUCCESS, 0.7, "the acceptance commands pass without any work of the agent"
            )
        return _say(OutcomeKind.SUCCESS, 0.95, _summary(seen))
    words = f"`{one_line(failed.command, 200)}` exited {failed.exit_code}: {_tail(failed.output)}"
    if not seen.worked:
        return _say(OutcomeKind.FAILED, 0.95, f"the agent did nothing, and {words}", Reason.EMPTY_SUCCESS)
    if marker is not None and marker.kind is MarkerKind.FAILED:
        return _say(OutcomeKind.FAILED, 0.9, f"{marker.text}; {words}", Reason.AGENT_ERROR)
    return _say(OutcomeKind.INCOMPLETE, 0.95, words, Reason.VERIFICATION_FAILED)


def _by_word(seen: _Evidence) -> Outcome:
    """Without acceptance commands."""
    marker, text = seen.marker, seen.result.final_text.strip()
    if not seen.worked and not (text and _answers(seen)):
        words = "the agent exited 0, but used no tokens, called no tool and changed nothing"
        return _say(OutcomeKind.FAILED, 0.95, words, Reason.EMPTY_SUCCESS)
    if marker is not None and marker.kind is MarkerKind.FAILED:
        return _say(OutcomeKind.FAILED, 0.8, marker.text or "the agent gave up", Reason.AGENT_ERROR)
    if marker is not None and marker.kind is MarkerKind.INCOMPLETE:
        return _say(OutcomeKind.INCOMPLETE, 0.8, marker.text or "the agent says that work is left")
    if _answers(seen):
        if answer := _words(seen):
            return _say(OutcomeKind.SUCCESS, 0.8 if marker else 0.6, answer)
        return _say(OutcomeKind.FAILED, 0.9, "the agent gave no answer", Reason.EMPTY_SUCCESS)
    if seen.changes:
        if marker is not None:
            return _say(OutcomeKind.SUCCESS, 0.8, _summary(seen))
        return _say(OutcomeKind.LIKELY_SUCCESS, 0.6, _summary(seen))
    if marker is not None:
        return _say(OutcomeKind.LIKELY_SUCCESS, 0.5, f"done without a change: {_summary(seen)}")
    words = f"the agent ended without a change and without saying that it is done: {text}"
    return _say(OutcomeKind.LIKELY_FAILED, 0.5, words, Reason.EMPTY_SUCCESS)


def _answers(seen: _Evidence) -> bool:
    """Whether the bead asks for words, not for changes."""
    return seen.bead.type is BeadType.QUESTION


def _say(kind: OutcomeKind, confidence: float, summary: str, reason: Reason | None = None) -> Outcome:
    words = one_line(summary, SUMMARY)
    return Outcome(kind=kind, confidence=confidence, summary=words, reason=reason)


def _summary(seen: _Evidence) -> str:
    """The agent's last words without the marker, else what was changed."""
    return _words(seen) or f"{seen.changes.files} files changed in {seen.changes.commits} commits"


def _words(seen: _Evidence) -> str:
    """The agent's last words without the marker."""
    lines = seen.result.final_text.splitlines()
    return " ".join(line for line in lines if not line.lstrip().startswith("RINGMASTER:")).strip()


def _exit(result: AgentResult) -> str:
    return f"the agent exited with {result.exit_code}"


def _tail(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return " / ".join(lines[-5:]) or "(no output)"
