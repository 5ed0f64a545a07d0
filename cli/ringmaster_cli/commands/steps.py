"""One command for each step of the loop, so that a plain script can be a worker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit, LostClaim, Refused, UsageError
from ringmaster_cli.loop.context import Context
from ringmaster_cli.state import NAME, Held, write

if TYPE_CHECKING:
    from ringmaster_cli.loop.work import Round

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
MAX_WAIT = 300.0


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("pull-bead")(pull_bead)
    app.command("build-prompt")(build_prompt)
    app.command("run-agent")(run_agent)
    app.command("report-result")(report_result)
    app.command("heartbeat")(heartbeat)
    app.command("release")(release)


def pull_bead(
    wait: Annotated[
        float, typer.Option(min=0, max=MAX_WAIT, help="Seconds to wait when there is nothing to do.")
    ] = 0,
    bead: Annotated[str | None, typer.Option(help="Take this bead and no other.")] = None,
    as_json: Json = False,
) -> None:
    """Claim the bead that matters most; one that is held already comes first.

    Reports that did not reach the operator are sent before anything else.
    """
    from ringmaster_cli.loop.pull import Nothing, describe, pull

    if bead is not None and not NAME.fullmatch(bead):
        raise UsageError(f"--bead: {bead!r} is not the name of a bead")
    context = _context()
    with context.state.alone():
        found = pull(context, wait=wait, bead=bead)
    if isinstance(found, Nothing):
        verdict = {"verdict": "stop" if found.stop else "nothing", "reason": found.reason}
        words = "told to stop" if found.stop else "nothing to do"
        output.result({"none": verdict}, f"{words}: {found.reason}", as_json=as_json)
        raise typer.Exit(Exit.STOP if found.stop else Exit.NOTHING)
    output.result({"claimed": found.claimed}, describe(found), as_json=as_json)


def build_prompt(
    out: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write it here instead of to stdout.")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(help="Say what went into it, from where, how large, and what was left out and why."),
    ] = False,
    without: Annotated[
        list[str] | None, typer.Option(help="A source to leave out, such as map; may be repeated.")
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(min=1000, max=1_000_000, help="Tokens of the whole, instead of the project's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The prompt for the bead that is held; run-agent uses it when it was written to a file."""
    from ringmaster_cli.loop.work import Iteration, Round

    context = _context(signals=True)
    _check_sources(without or [])
    with context.state.alone():
        held = _held(context)
        prompt = Iteration(context, held).draft(budget_tokens=budget, without=without or ())
        if isinstance(prompt, Round):
            _settle(context, prompt)
            raise CliError(
                f"the work cannot start: {prompt.outcome.summary if prompt.outcome else ''}; "
                "report-result tells the operator",
                exit=Exit.WORK_FAILED,
            )
        if out is not None:
            path = out.absolute()
            write(path, prompt.text.encode("utf-8", "replace"))
            held.prompt = str(path)
            context.state.hold(held)
    if explain:
        output.note(prompt.explain())
    if as_json:
        data = {"bead": held.bead, "file": str(out) if out else None, **prompt.body()}
        output.result(data if out else {**data, "text": prompt.text}, "", as_json=True)
    elif out is None:
        print(prompt.text, end="", flush=True)
    else:
        output.note(f"prompt of about {prompt.tokens} tokens in {out}")


def _check_sources(names: list[str]) -> None:
    """Raises UsageError for sources that no prompt can do without."""
    from ringmaster_operator.resources.prompt import ALWAYS

    if wrong := [name for name in names if name in ALWAYS]:
        raise UsageError(f"--without: {', '.join(wrong)} is part of every prompt")


def run_agent(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGUMENTS]", help="Added to the agent's arguments.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Agent profile instead of the Worker's.")] = None,
    model: Annotated[str | None, typer.Option(help="Model instead of the Worker's.")] = None,
    prompt: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Prompt instead of build-prompt's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Work on the bead that is held: worktree, agent, acceptance checks, verdict, commit, push.

    Heartbeats are sent meanwhile. The verdict is kept for report-result; it is no error of this command.
    """
    from ringmaster_cli.agents.process import adopt_orphans
    from ringmaster_cli.loop.tools import Wishes
    from ringmaster_cli.loop.work import Iteration

    context = _context(signals=True)
    adopt_orphans()
    with context.state.alone():
        held = _held(context)
        built = Path(held.prompt) if held.prompt and Path(held.prompt).is_file() else None
        wishes = Wishes(prompt=prompt or built, profile=profile, model=model, args=arguments or ())
        iteration = Iteration(context, held, wishes=wishes)
        try:
            done = iteration.run()
        finally:
            iteration.close()
        _settle(context, done)
    outcome = done.outcome
    if outcome is not None:
        output.result(
            {"bead": held.bead, "iteration": held.iteration, "outcome": outcome.body()},
            f"{held.bead}: {outcome.kind.value}: {outcome.summary}",
            as_json=as_json,
        )


def report_result(
    outcome: Annotated[str | None, typer.Option(help="success, incomplete, failed ...")] = None,
    reason: Annotated[str | None, typer.Option(help="Failure class, such as AgentError.")] = None,
    summary: Annotated[str | None, typer.Option(help="In a few sentences, for people.")] = None,
    branch: Annotated[str | None, typer.Option(help="Git branch with the work.")] = None,
    commit: Annotated[str | None, typer.Option(help="Git commit of the work.")] = None,
    usage: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON file of the protocol's Usage.")
    ] = None,
    agent_result: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="What the agent printed: usage and last words."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell the operator how the work ended: what run-agent found, or what the options say.

    The report is on disk before it is sent, and stays there until the operator has it.
    """
    from ringmaster_cli.loop.deliver import deliver

    context = _context()
    with context.state.alone():
        held = context.state.held()
        given = (outcome, reason, summary, branch, commit, usage, agent_result)
        if any(value is not None for value in given):
            from ringmaster_cli.loop.manual import Given, spool

            spool(
                context,
                _held(context),
                Given(
                    outcome=outcome,
                    reason=reason,
                    summary=summary,
                    branch=branch,
                    commit=commit,
                    usage=usage,
                    agent_result=agent_result,
                ),
            )
        reports = deliver(context)
    if not reports:
        if held is None:
            raise CliError("nothing to report: no bead is held", exit=Exit.NOTHING)
        raise UsageError(f"nothing to report on {held.bead} yet: run-agent first, or give --outcome")
    for report in reports:
        data = {"bead": report.bead, "next": report.next, "reason": report.reason}
        words = f"{report.bead}: {report.next}{': ' if report.reason else ''}{report.reason}"
        output.result({**data, "iteration": report.iteration}, words, as_json=as_json)
    last = reports[-1]
    if last.next == "lost":
        raise LostClaim(f"the report on {last.bead} was not taken: {last.reason}")
    if last.next == "refused":
        raise Refused(f"the report on {last.bead} was refused: {last.reason}")


def heartbeat(as_json: Json = False) -> None:
    """Tell the operator that the held bead is being worked on; prints its order."""
    context = _context()
    held = _held(context)
    answer = context.api.heartbeat(held.claim_id, {"fence": held.fence, "iteration": held.iteration})
    words = f"{held.bead}: {answer.get('order')} {answer.get('reason', '')}".rstrip()
    output.result({"bead": held.bead, **answer}, words, as_json=as_json)


def release(
    reason: Annotated[str, typer.Option(help="Why, for people.")] = "released by hand",
    as_json: Json = False,
) -> None:
    """Give the held bead back without a verdict."""
    from ringmaster_cli.loop.deliver import release as give_back

    context = _context()
    with context.state.alone():
        held = _held(context)
        give_back(context, held, reason)
    output.result({"bead": held.bead, "ended": True}, f"{held.bead}: released", as_json=as_json)


def _context(*, signals: bool = False) -> Context:
    context = Context.open()
    if signals:
        context.stop.install()
    return context


def _held(context: Context) -> Held:
    held = context.state.held()
    if held is None:
        raise CliError("no bead is held: run pull-bead first", exit=Exit.NOTHING)
    return held


def _settle(context: Context, done: Round) -> None:
    """Where the bead is to be given back, or the report could not be put on disk, do it now."""
    from ringmaster_cli.loop.worker import after

    if done.give_back:
        after(context, done)
        raise CliError(done.give_back, exit=Exit.STOP)
    if context.state.unsaved:
        after(context, done)
