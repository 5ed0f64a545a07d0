"""One iteration: a worktree, a prompt, the agent, the checks, the verdict, the branch, the report on disk.

The claim is asked for again before the agent starts and before anything is published: a session that lost
its bead meanwhile stops its agent and publishes nothing.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ringmaster_cli.agents.profiles import ProfileError
from ringmaster_cli.agents.run import AgentResult
from ringmaster_cli.agents.tape import Played
from ringmaster_cli.exits import LostClaim
from ringmaster_cli.loop import conversation, reflect
from ringmaster_cli.loop.context import Context
from ringmaster_cli.loop.heart import Ending, Heart
from ringmaster_cli.loop.publish import committed, handed_on, pushed
from ringmaster_cli.loop.records import Left, keep
from ringmaster_cli.loop.report import SUCCESSES, Findings, Published, as_report, cost_of
from ringmaster_cli.loop.running import Running
from ringmaster_cli.loop.sealed import sealed
from ringmaster_cli.loop.telling import Told, drafted, tell
from ringmaster_cli.loop.tools import Wishes, environment, verdict_is_open
from ringmaster_cli.outcome import judge
from ringmaster_cli.output import money
from ringmaster_cli.plan.verdict import judge_plan
from ringmaster_cli.prompt import Prompt
from ringmaster_cli.state import Held, Spooled
from ringmaster_cli.verify import run_verify
from ringmaster_cli.workspace import Workspace, WorkspaceError
from ringmaster_operator.resources.bead import Outcome, OutcomeKind, Reason
from ringmaster_operator.resources.protocol import Claimed, Question, SavedWork, VerifyResult

PUBLISH_PATIENCE_SECONDS = 3600.0
"""How long a finished iteration waits in its worktree for an operator that is away."""
UNFINISHED = (OutcomeKind.INCOMPLETE, OutcomeKind.NEEDS_DECISION)
NOT_THE_AGENT = (Reason.INFRASTRUCTURE, Reason.PROVIDER, Reason.CREDENTIALS)
"""Reasons after which the agent's conversation is as good as before."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """How an iteration ended. Its report, if it has one, is spooled."""

    workspace: Workspace | None = None
    """Still open, for the next iteration."""
    outcome: Outcome | None = None
    give_back: str = ""
    """Why the bead is to be released after the report; empty when it is not."""


class Iteration:
    """The work on one held bead, once."""

    def __init__(self, context: Context, held: Held, *, wishes: Wishes | None = None) -> None:
        self._context = context
        self._held = held
        self._wishes = wishes or Wishes()
        self._claimed = Claimed.read(held.claimed)
        self._space: Workspace | None = None
        self._heart = Heart(context, held)
        self._result: AgentResult | None = None
        self._over = ""
        """Which limit the agent has exceeded."""
        self._asked: Question | None = None
        """What the agent asked a person, and was not answered yet."""
        self._told: Told | None = None

    def run(self, workspace: Workspace | None = None) -> Round:
        """Work, judge, publish, and spool the report. workspace: the open one of the iteration before.

        Raises LostClaim, with nothing kept or published, when the bead is not ours any more.
        """
        self._space = workspace
        with self._heart:
            try:
                return self._run()
            except (WorkspaceError, ProfileError) as fault:
                if (ending := self._heart.ending) is not None:
                    return self._interrupted(ending)
                reason = fault.reason if isinstance(fault, WorkspaceError) else Reason.CONFIGURATION
                return self._reported(_failed(reason, str(fault)), Findings(result=self._result))
            except LostClaim as lost:
                self._context.say(f"bead {self._held.bead} is not ours any more: {lost}")
                self._context.state.let_go()
                self.close()
                raise
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Let the worktree go, and what was not committed in it."""
        if self._space is not None:
            with contextlib.suppress(WorkspaceError):
                self._space.close()
                self._context.state.worktree_gone()

    def draft(self, *, budget_tokens: int | None = None, without: Collection[str] = ()) -> Prompt | Round:
        """Only the prompt, or how the work ended before there was one.

        Its worktree is made for the context files in it, and goes again: setup commands are not run.
        """
        with self._heart:
            try:
                space = self._prepare(setup=False)
                if (ending := self._heart.ending) is not None:
                    return self._interrupted(ending)
                return drafted(self._claimed, space, budget_tokens=budget_tokens, without=without)
            except WorkspaceError as fault:
                if (ending := self._heart.ending) is not None:
                    return self._interrupted(ending)
                return self._reported(_failed(fault.reason, fault.message), Findings())
            except LostClaim:
                self._context.state.let_go()
                raise
            finally:
                self.close()

    def _prepare(self, *, setup: bool) -> Workspace:
        """The worktree, with the claim checked once it stands."""
        if self._space is None:
            known = conversation.recall(self._context.settings.home, self._claimed)
            self._space = Workspace.prepare(
                home=self._context.settings.home,
                work=self._claimed.bead,
                attempt=self._held.attempt,
                # An agent finds its conversation by the folder that it ran in.
                session=known.session if known is not None else self._context.settings.session,
                setup=self._claimed.agent.setup if setup else (),
                env=environment(self._held, self._claimed),
                should_stop=self._heart.should_stop,
                resumed_branch=self._claimed.resumed_branch,
                saved=self._claimed.saved,
                on_line=self._context.say,
            )
            self._context.state.works_in(self._space.path.name)
        self._recheck()
        return self._space

    def _run(self) -> Round:
        space = self._prepare(setup=True)
        if (ending := self._heart.ending) is not None:
            return self._interrupted(ending)
        result = self._agent(space)
        self._heart.check()
        if (ending := self._heart.ending) is not None:
            return self._interrupted(ending)
        changes = space.changes()
        self._context.say(
            f"agent ended ({result.ended}, {result.seconds:.0f} s), {changes.files} files changed, "
            f"{result.progress.output_tokens} output tokens, {money(cost_of(result))}"
        )
        if self._claimed.bead.plan:
            outcome, proposal = judge_plan(result, self._claimed.bead)
            return self._reported(outcome, Findings(result=result, proposal=proposal))
        verify = self._verify(space, result, changed=bool(changes.files or changes.commits))
        self._heart.check()
        if (ending := self._heart.ending) is not None:
            return self._interrupted(ending)
        outcome, question = judge(result=result, changes=changes, verify=verify, bead=self._claimed.bead)
        if self._over:
            outcome, question = _failed(Reason.BUDGET, self._over), None
        elif self._asked is not None and outcome.kind is not OutcomeKind.CANCELLED:
            question = self._asked
            outcome = Outcome(
                kind=OutcomeKind.NEEDS_DECISION, confidence=0.9, summary=question.question[:1000]
            )
        findings = Findings(result=result, verify=verify, question=question, changed_files=changes.files)
        findings = reflect.after(self._context, self._held, self._heart, self._wishes, outcome, findings)
        return self._reported(outcome, findings)

    def _agent(self, space: Workspace) -> AgentResult:
        running = Running(self._context, self._held, self._claimed, self._heart, wishes=self._wishes)
        self._result = running.run(space.path, lambda resumed: self._prompt(space, resumed=resumed))
        self._over, self._asked = running.over, running.question
        return self._result

    def _prompt(self, space: Workspace, *, resumed: bool) -> Path:
        given, notes = self._wishes.prompt, self._heart.notes()
        self._told = tell(self._context, self._claimed, space, notes=notes, given=given, resumed=resumed)
        return self._told.path

    def _verify(self, space: Workspace, result: AgentResult, *, changed: bool) -> list[VerifyResult]:
        """The acceptance commands, where their verdict can matter."""
        acceptance = self._claimed.bead.acceptance
        if not acceptance.verify or not verdict_is_open(result, changed=changed):
            return []
        say = self._context.say
        with sealed(self._context):
            results = run_verify(
                acceptance.verify,
                cwd=space.path,
                timeout_seconds=acceptance.timeout_seconds,
                env=environment(self._held, self._claimed),
                should_stop=self._heart.should_stop,
                on_line=say,
            )
        for check in results:
            say(f"verify: {check.command!r} exited {check.exit_code} after {check.seconds:.1f} s")
        return results

    def _recheck(self, *, patience: float | None = None) -> None:
        """Whether the bead is still ours and still to be done; the spec may have changed meanwhile."""
        self._heart.check()
        answer = self._context.api.work(self._held.claim_id, self._held.fence, patience=patience)
        self._heart.obey(answer.get("order"), answer.get("reason"))
        self._held.claimed = answer["claimed"]
        self._claimed = Claimed.read(self._held.claimed)
        self._heart.take(self._held.claimed)
        self._context.state.hold(self._held)

    def _interrupted(self, ending: Ending) -> Round:
        """Cancelled, called back, or this process is to stop: what there is, is saved on the branch."""
        self._heart.check()
        result = self._result
        self._context.say(f"stopping work on {self._held.bead}: {ending.reason}")
        if ending.kind == "cancel":
            outcome = Outcome(kind=OutcomeKind.CANCELLED, reason=Reason.CANCELLED, summary=ending.reason)
            return self._reported(outcome, Findings(result=result))
        if result is None or not result.usage.requests:
            if committed(self._context, self._space, self._held, "saved before stopping")[0]:
                self._recheck()
                pushed(self._context, self._space)
            return Round(workspace=self._space, give_back=ending.reason)
        # What was spent so far must be counted, so there is a report before the release.
        outcome = Outcome(kind=OutcomeKind.INCOMPLETE, reason=Reason.INFRASTRUCTURE, summary=ending.reason)
        done = self._reported(outcome, Findings(result=result))
        return Round(workspace=done.workspace, outcome=done.outcome, give_back=ending.reason)

    def _reported(self, outcome: Outcome, findings: Findings) -> Round:
        """Put the report on disk, publish, and put what came of that on disk as well."""
        report_id, branch = str(uuid.uuid4()), self._space.branch if self._space else None
        commit, trouble = committed(self._context, self._space, self._held, outcome.kind.value)

        def spool(done: bool, *, unpublished: bool = False, saved: SavedWork | None = None) -> None:
            body = as_report(
                self._held,
                outcome,
                findings,
                Published(branch=branch if commit else None, commit=commit, pushed=done, saved=saved),
                report_id=report_id,
                steered=self._heart.steered,
                prompt=self._told.record if self._told else None,
            )
            item = Spooled(
                claim_id=self._held.claim_id, bead=self._held.bead, report=body, unpublished=unpublished
            )
            if said := self._context.state.spool(item):
                self._context.say(said)

        # From here on neither a crash nor an operator that stays away costs the result.
        spool(False, unpublished=commit is not None and trouble is None)
        self._recheck(patience=PUBLISH_PATIENCE_SECONDS)
        published = False
        if commit and trouble is None:
            published, trouble = pushed(self._context, self._space)
        if trouble is not None and outcome.kind in SUCCESSES:
            outcome = _failed(trouble.reason, f"the work is done, but not published: {trouble.message}")
        ending = self._heart.ending
        if ending is not None and ending.kind == "cancel":
            outcome = Outcome(kind=OutcomeKind.CANCELLED, reason=Reason.CANCELLED, summary=ending.reason)
        needless = published or outcome.kind in SUCCESSES
        spool(published, saved=None if needless else handed_on(self._context, self._space))
        self._leave(report_id, findings.result, commit)
        words = f"{outcome.kind.value} ({outcome.confidence:.0%})"
        self._context.say(f"outcome of {self._held.bead}: {words}: {outcome.summary}")
        if outcome.kind not in UNFINISHED and outcome.reason not in NOT_THE_AGENT:
            conversation.forget(self._context.settings.home, self._claimed)
        return Round(workspace=self._space, outcome=outcome)

    def _leave(self, report_id: str, result: AgentResult | None, commit: str | None) -> None:
        """For people to look at: sent after the report."""
        played = result.played if result is not None else Played()
        text = self._told.text if self._told is not None else None
        keep(
            self._context,
            self._held,
            report_id,
            Left(prompt=text, played=played, space=self._space, commit=commit),
        )


def _failed(reason: Reason, message: str) -> Outcome:
    return Outcome(kind=OutcomeKind.FAILED, reason=reason, summary=message[:4096])
