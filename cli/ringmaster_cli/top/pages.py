"""Whole pages: help, a bead's detail, a question with its options. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from ringmaster_cli.cells import clip, wrapped
from ringmaster_cli.people.spans import ago, dollars, short
from ringmaster_cli.top.canvas import Canvas
from ringmaster_cli.top.ui import Ui
from ringmaster_operator.resources.bead import Bead, Decision, Phase
from ringmaster_operator.resources.bead_api import IterationInfo
from ringmaster_operator.resources.order_api import Explanation

HINTS = {
    "": "Tab  Enter open  d decide  h hold  p prio  r retry  s steer  a attach  ? help",
    "detail": "j/k scroll  d decide  h hold  p priority  r retry  s steer  a attach  Esc back",
    "help": "Esc back",
}
HELP = (
    "Tab, 1 2 3       the next pane, or that one",
    "j k, arrows      up and down; PageUp PageDown, g G: far",
    "Enter            all about a bead",
    "d                answer its question",
    "h                hold it, or let it go on",
    "p                change its priority",
    "r                run a failed or cancelled bead again",
    "s                say something to the agent that works on it",
    "a                look at its session as it works; leave tmux with Ctrl-b d",
    "/                filter the queue: words, or a phase (succeeded, failed ...)",
    "Esc              no filter; back from a page",
    "Ctrl-l           draw the screen anew;  Ctrl-z: to the shell, fg comes back",
    "q, Ctrl-c        quit",
    "",
    "What is asked of you comes first, then what broke. All is live; progress, money and",
    "ranks are as of the last 10 seconds. Acts you have no right to are refused in words.",
)


def draw_page(canvas: Canvas, ui: Ui) -> None:
    """The page in place of the panes."""
    room = page_rows(canvas.rows)
    if ui.prompt is not None and ui.prompt.lines:
        lines: Sequence[str] = [
            row for text in ui.prompt.lines for row in (wrapped(text, canvas.columns - 2) or [""])
        ]
        first = 0
    elif ui.page == "help":
        lines, first = HELP, 0
    else:
        lines, first = ui.detail, ui.scroll
    for at, text in enumerate(lines[first : first + room]):
        style = "bold" if text and not text.startswith(" ") and ui.page == "detail" else ""
        canvas.put(1 + at, 1, clip(text, canvas.columns - 2), style)


def page_rows(rows: int) -> int:
    """Lines of a page on a screen of so many."""
    return max(1, rows - 2)


def asked(bead: Bead, decision: Decision, now: datetime) -> list[str]:
    """A decision, with its options numbered."""
    meta = bead.metadata
    lines = [
        f"{meta.name}, asked {ago(meta.creation_timestamp, now)} ago",
        "",
        *decision.question.splitlines(),
        "",
    ]
    for number, option in enumerate(decision.options, start=1):
        follows = f": {option.consequence}" if option.consequence else ""
        lines.append(f"  {number}  {option.name}{follows}")
    if decision.recommendation:
        lines += ["", f"The asker would choose: {decision.recommendation}"]
    if decision.deadline is not None and decision.default is not None:
        lines += [
            "",
            f"Without an answer, {decision.default} holds from {decision.deadline:%Y-%m-%d %H:%M} UTC",
        ]
    return lines


def answer(decision: Decision, text: str) -> str:
    """What was typed as an answer: a number stands for its option."""
    number = int(text) if text.isdecimal() and len(text) < 4 else 0
    return decision.options[number - 1].name if 0 < number <= len(decision.options) else text


def detail(
    bead: Bead, why: Explanation | None, runs: Sequence[IterationInfo], columns: int, now: datetime
) -> list[str]:
    """All about a bead, lines as wide as they may be."""
    return [row for text in _detail(bead, why, runs, now) for row in wrapped(text, columns - 2)]


def _detail(
    bead: Bead, why: Explanation | None, runs: Sequence[IterationInfo], now: datetime
) -> Iterator[str]:
    spec, status = bead.spec, bead.status
    yield f"{bead.metadata.name}: {spec.title}"
    priority = status.effective_priority or spec.priority
    lent = f" (own {spec.priority}, lent by {status.inherited_from})" if status.inherited_from else ""
    yield f"  {spec.type}, {status.phase or Phase.PENDING}, {priority}{lent}"
    if why is not None:
        place = f", {why.rank} of {why.of} that may be claimed" if why.rank else ""
        yield f"  {why.readiness}: {why.message}{place}"
        if why.waited_for_by:
            yield f"  waited for by {', '.join(why.waited_for_by[:12])}"
    if status.claim is not None:
        since = ago(status.claim.since, now)
        yield f"  {status.claim.session} works on it for {since}, iteration {status.iteration}"
    tokens = status.cost.input_tokens + status.cost.output_tokens
    yield f"  {status.attempts} attempts, {dollars(status.cost.usd)}, {short(tokens)} tokens"
    if status.outcome is not None:
        reason = f" ({status.outcome.reason})" if status.outcome.reason else ""
        yield f"  last: {status.outcome.kind}{reason}: {status.outcome.summary}"
    if status.branch:
        yield f"  branch {status.branch} {(status.commit or '')[:12]}"
    yield from _asked(bead, now)
    yield from ("", "What is to be done", *(f"  {row}" for row in spec.description.splitlines() or ["-"]))
    if spec.acceptance.criteria or spec.acceptance.verify:
        yield from ("", "Done when")
        yield from (f"  {item}" for item in spec.acceptance.criteria)
        yield from (f"  $ {command}" for command in spec.acceptance.verify)
    if runs:
        yield from ("", "Iterations, the newest first")
    for run in runs:
        yield (
            f"  {ago(run.at, now)} ago, attempt {run.attempt}, iteration {run.iteration}, {run.worker}:"
            f" {run.outcome.kind}"
        )
        yield from (f"    {row}" for row in run.outcome.summary.splitlines()[:6])
        yield from (f"    $ {check.command}: exit {check.exit_code}" for check in run.verify)


def _asked(bead: Bead, now: datetime) -> Iterator[str]:
    if bead.spec.decision is not None:
        yield from ("", "Question", *(f"  {row}" for row in asked(bead, bead.spec.decision, now)[2:]))
        if bead.status.decision is not None:
            made = bead.status.decision
            yield f"  answered: {made.answer} ({made.by}, {ago(made.at, now)} ago)"
