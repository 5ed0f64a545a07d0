"""The agent's part of an iteration: run it, listen to people meanwhile, go on with its conversation.

Words of people reach an agent that can be gone on with at its next turn: between two tool calls the run is
ended and its conversation resumed with them. Others are told at the next iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ringmaster_cli.agents.run import AgentResult, AgentRun, run_agent
from ringmaster_cli.loop import conversation
from ringmaster_cli.loop.asks import FOLDER, Asks
from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.heart import Heart
from ringmaster_cli.loop.merge import added, merged
from ringmaster_cli.loop.sealed import sealed
from ringmaster_cli.loop.tools import Wishes, agent_run
from ringmaster_cli.state import Held
from ringmaster_operator.resources.protocol import Claimed, Progress, Question

STEERED = "a person has something to say"
LEAST_SECONDS = 30.0
"""Of time for a run that goes on with a conversation."""
Prompts = Callable[[bool], Path]
"""The file with the prompt; True: for a conversation that goes on."""


class Running:
    """One iteration's runs of the agent."""

    def __init__(
        self, context: Context, held: Held, claimed: Claimed, heart: Heart, *, wishes: Wishes
    ) -> None:
        self._context = context
        self._held = held
        self._claimed = claimed
        self._heart = heart
        self._wishes = wishes
        self._progress = self._before = Progress()
        self._steerable = False
        self._asks = Asks()
        self.over = ""
        """Which limit of the bead the agent has exceeded."""
        self.question: Question | None = None
        """What it asked and was not answered yet."""

    def run(self, folder: Path, prompt: Prompts) -> AgentResult:
        """Run the agent to its end in the worktree. Raises ProfileError."""
        try:
            with sealed(self._context):
                result = self._first(folder, prompt)
                while result.stop_reason == STEERED and self._heart.ending is None and not self.over:
                    result = self._again(folder, result, prompt)
        finally:
            asked = self._asks.question()
            if self._asks.fault:
                self._context.say(f"the agent's question cannot be read: {self._asks.fault}")
            self.question = asked if self._heart.answer is None else None
            self._asks.close()
        return result

    def _first(self, folder: Path, prompt: Prompts) -> AgentResult:
        home = self._context.settings.home
        run = self._prepared(folder, prompt(False))
        known = conversation.recall(home, self._claimed)
        goes_on = (
            known is not None
            and (known.profile, known.folder) == (run.profile.name, str(folder))
            and bool(run.profile.resume_args)
        )
        if known is not None and goes_on:
            resumed = replace(run, prompt_file=prompt(True), resume=known.agent_session)
            self._context.say(f"going on with conversation {known.agent_session}")
            result = self._play(resumed)
            if not _in_vain(result):
                return result
            self._context.say(f"that conversation is gone ({result.error_text}): beginning a new one")
            conversation.forget(home, self._claimed)
            return merged(result, self._play(replace(run, prompt_file=prompt(False), transcript=_next(run))))
        return self._play(run)

    def _again(self, folder: Path, before: AgentResult, prompt: Prompts) -> AgentResult:
        """Tell the agent what a person has to say, in the conversation that was ended for it."""
        session = before.agent_session
        run = self._prepared(folder, prompt(bool(session)))
        seconds = max(LEAST_SECONDS, run.timeout - before.seconds)
        run = replace(run, timeout=seconds, transcript=_next(run), resume=session or None)
        self._context.say("telling the agent what a person has to say")
        return merged(before, self._play(run))

    def _prepared(self, folder: Path, prompt: Path) -> AgentRun:
        run = agent_run(
            self._context, self._held, self._claimed, wishes=self._wishes, cwd=folder, prompt=prompt
        )
        return replace(run, env={**run.env, FOLDER: str(self._asks.folder)})

    def _play(self, run: AgentRun) -> AgentResult:
        self._context.say(f"running {run.profile.name} in {run.cwd}; transcript: {run.transcript}")
        self._steerable = bool(run.profile.resume_args)
        self._before = self._progress
        self._heart.tell()
        self._mark(True)
        try:
            result = run_agent(
                run, on_progress=self._progressed, on_line=self._context.say, should_stop=self._should_stop
            )
        finally:
            self._mark(False)
        if result.agent_session and self._steerable:
            said = conversation.keep(
                self._context.settings.home,
                self._claimed,
                agent_session=result.agent_session,
                profile=run.profile.name,
                folder=run.cwd,
                session=self._context.settings.session,
            )
            if said:
                self._context.say(f"the conversation cannot be gone on with later: {said}")
        return result

    def _mark(self, running: bool) -> None:
        self._held.running = running
        self._context.state.hold(self._held)

    def _progressed(self, progress: Progress) -> None:
        progress = added(self._before, progress)
        self._progress = progress
        self._heart.note(progress)
        bead = self._claimed.bead
        if bead.tokens is not None and bead.spent_tokens + progress.tokens > bead.tokens:
            self.over = f"the bead's limit of {bead.tokens} tokens is exceeded"
        elif bead.cost_usd is not None and bead.spent_usd + (progress.usd or 0.0) > bead.cost_usd:
            self.over = f"the bead's limit of ${bead.cost_usd:.2f} is exceeded"

    def _should_stop(self) -> str | None:
        if ending := self._heart.should_stop() or self.over:
            return ending
        if (question := self._asks.question()) is not None:
            self._heart.ask(question, self._asks)
        between_turns = self._progress.turns > 0 and not self._progress.open_tool_calls
        if self._steerable and between_turns and self._heart.untold():
            return STEERED
        return None


def _in_vain(result: AgentResult) -> bool:
    """Whether a conversation that was to be gone on with is not known to the agent any more."""
    failed = result.ended == "exit" and (result.is_error or bool(result.exit_code))
    return failed and not result.progress.output_tokens and not result.progress.tool_calls


def _next(run: AgentRun) -> Path:
    """A transcript of its own for each run."""
    number = 2
    while (path := run.transcript.with_name(f"{run.transcript.stem}-{number}.log")).exists():
        number += 1
    return path
