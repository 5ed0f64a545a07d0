"""One bounded turn after a run that failed: the agent is asked, in its conversation, what it learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ringmaster_cli.agents.model import AgentResult, AgentRun
from ringmaster_cli.agents.profiles import ProfileError
from ringmaster_cli.agents.reflexion import QUESTION, read_reflexion
from ringmaster_cli.agents.run import run_agent
from ringmaster_cli.exits import CliError
from ringmaster_cli.loop import conversation
from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.heart import Heart
from ringmaster_cli.loop.merge import added, merged
from ringmaster_cli.loop.report import Findings
from ringmaster_cli.loop.sealed import sealed
from ringmaster_cli.loop.tools import Wishes, agent_run
from ringmaster_cli.prompt.text import quoted
from ringmaster_cli.state import Held, write
from ringmaster_operator.resources.bead import Outcome, OutcomeKind, Reason
from ringmaster_operator.resources.protocol import Claimed, Progress
from ringmaster_operator.resources.reflexion import ReflexionSource

SECONDS = 120.0
TOKENS = 4000
"""Output tokens of the answer."""
TOOL_CALLS = 2
TEACHING = (None, Reason.VERIFICATION_FAILED, Reason.AGENT_ERROR)
"""Failures of which an agent that ended by itself can say something."""
UNFINISHED = (OutcomeKind.INCOMPLETE, OutcomeKind.FAILED, OutcomeKind.LIKELY_FAILED)


def after(
    context: Context, held: Held, heart: Heart, wishes: Wishes, outcome: Outcome, findings: Findings
) -> Findings:
    """Ask where it is worth it: the findings with what the answer used, and the reflexion if there is one.

    The work has been judged before: what the agent does now changes nothing of the outcome. Raises LostClaim
    when the bead is not ours any more.
    """
    claimed, result = Claimed.read(held.claimed), findings.result
    folder = context.state.folder
    try:
        known = conversation.recall(context.settings.home, claimed)
        cwd = Path(known.folder) if known is not None else None
        if result is None or cwd is None or heart.ending is not None:
            return findings
        if not _says_nothing(claimed, result, outcome):
            return findings
        question = QUESTION.format(result=quoted(outcome.summary))
        write(folder / "reflexion.md", question.encode("utf-8", "replace"))
        run = agent_run(context, held, claimed, wishes=wishes, cwd=cwd, prompt=folder / "reflexion.md")
    except (CliError, ProfileError) as fault:
        context.say(f"the agent is not asked what it learned: {fault}")
        return findings
    if not run.profile.resume_args:
        return findings
    context.say("asking the agent what it learned")
    answer = _answer(context, heart, run, result)
    told = read_reflexion(answer.final_text, source=ReflexionSource.ASKED)
    if told is None:
        context.say("it names nothing that it learned")
    heart.check()
    both = merged(result, answer)
    result = replace(
        result, usage=both.usage, progress=both.progress, seconds=both.seconds, played=both.played
    )
    return replace(findings, result=result, reflexion=told)


def _says_nothing(claimed: Claimed, result: AgentResult, outcome: Outcome) -> bool:
    """Whether the agent is to be asked: it may be, it failed by itself, and it has said nothing."""
    clean = result.ended == "exit" and result.exit_code == 0 and not (result.is_error or result.refused)
    return (
        claimed.bead.reflect
        and bool(result.agent_session)
        and clean
        and outcome.kind in UNFINISHED
        and outcome.reason in TEACHING
        and read_reflexion(result.final_text) is None
    )


def _answer(context: Context, heart: Heart, run: AgentRun, result: AgentResult) -> AgentResult:
    used = Progress()

    def progressed(progress: Progress) -> None:
        nonlocal used
        used = progress
        heart.note(added(result.progress, progress))

    def enough() -> str | None:
        if heart.ending is not None:
            return heart.ending.reason
        too_much = used.output_tokens > TOKENS or used.tool_calls > TOOL_CALLS
        return "it does other things than answering" if too_much else None

    again = replace(
        run,
        resume=result.agent_session,
        timeout=SECONDS,
        stall=SECONDS,
        transcript=run.transcript.with_name(f"{run.transcript.stem}-reflexion.log"),
    )
    with sealed(context):
        return run_agent(again, on_progress=progressed, on_line=context.say, should_stop=enough)
