"""Claude Code, the real program, against a stand-in of its API."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ringmaster_cli.agents.model import AgentResult
from ringmaster_cli.outcome import Changes, judge
from ringmaster_operator.resources.bead import OutcomeKind, Reason
from support.agents import Room, checks, make_bead, marked
from support.standin import Mode, StandIn

pytestmark = pytest.mark.agents

NOTHING = Changes(files=0, commits=0)
MODEL = "claude-sonnet-4-5"


@pytest.fixture
def claude(program: Callable[[str], Path], room: Room) -> Callable[..., AgentResult]:
    """Runs Claude Code against a stand-in."""
    path = program("claude-code")

    def run(stand_in: StandIn, **more: Any) -> AgentResult:
        env = {
            "ANTHROPIC_BASE_URL": stand_in.url,
            "ANTHROPIC_API_KEY": "fake",
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }
        return room.run(command=[path], model=MODEL, env=env, **more)

    return run


def test_does_the_work(claude: Callable[..., AgentResult], room: Room) -> None:
    with StandIn(command="echo hello > made.txt", final="Made it.\n\nRINGMASTER: done") as stand_in:
        result = claude(stand_in)
    assert (room.work / "made.txt").read_text() == "hello\n"
    assert (result.ended, result.exit_code, result.is_error) == ("exit", 0, False)
    assert result.final_text == "Made it.\n\nRINGMASTER: done"
    assert result.agent_session
    assert (result.progress.turns, result.progress.tool_calls, result.progress.open_tool_calls) == (2, 1, 0)
    rows = result.usage.requests
    assert [(row.model, row.input_tokens, row.cache_read_tokens, row.output_tokens) for row in rows] == [
        (MODEL, 4600, 4000, 80),
        (MODEL, 4600, 4000, 20),
    ]
    # 2 x (100 fresh + 500 written + 4000 read) + 100 written by the model, at list price.
    expected = 2 * (100 * 3 + 500 * 3.75 + 4000 * 0.3) / 1e6 + 100 * 15 / 1e6
    assert sum(row.computed_usd or 0 for row in rows) == pytest.approx(expected)
    assert result.usage.reported_usd == pytest.approx(expected)
    outcome, question = judge(
        result=result,
        changes=Changes(files=1, commits=0),
        verify=checks(0),
        bead=make_bead(verify=["check 0"]),
    )
    assert (outcome.kind, outcome.reason, question) == (OutcomeKind.SUCCESS, None, None)
    assert "> Bash echo hello > made.txt" in room.lines
    assert stand_in.requests[0][1]["model"] == MODEL


def test_a_resumed_conversation_costs_only_its_own(claude: Callable[..., AgentResult]) -> None:
    with StandIn(command="true") as stand_in:
        first = claude(stand_in)
        again = claude(stand_in, resume=first.agent_session)
    assert again.agent_session == first.agent_session
    assert [row.output_tokens for row in again.usage.requests] == [20]
    computed = sum(row.computed_usd or 0 for row in again.usage.requests)
    assert again.usage.reported_usd == pytest.approx(computed)
    positions = {row.position for row in (*first.usage.requests, *again.usage.requests)}
    assert len(positions) == 3


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.OVERLOADED, Reason.PROVIDER),
        (Mode.UNAUTHORIZED, Reason.CREDENTIALS),
        (Mode.REFUSAL, Reason.REFUSED),
        (Mode.EMPTY, Reason.EMPTY_SUCCESS),
    ],
)
def test_names_what_failed(claude: Callable[..., AgentResult], mode: Mode, reason: Reason) -> None:
    with StandIn(mode=mode) as stand_in:
        result = claude(stand_in)
    outcome, _ = judge(result=result, changes=NOTHING, verify=[], bead=make_bead())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.FAILED, reason), result


def test_an_unknown_conversation_is_a_matter_of_configuration(claude: Callable[..., AgentResult]) -> None:
    with StandIn() as stand_in:
        result = claude(stand_in, resume="00000000-0000-4000-8000-000000000000")
    outcome, _ = judge(result=result, changes=NOTHING, verify=[], bead=make_bead())
    assert outcome.reason is Reason.CONFIGURATION
    assert "No conversation found" in outcome.summary


def test_silence_is_a_stall(claude: Callable[..., AgentResult], room: Room) -> None:
    with StandIn(mode=Mode.HANG) as stand_in:
        result = claude(stand_in, stall=3)
    outcome, _ = judge(result=result, changes=NOTHING, verify=[], bead=make_bead())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.FAILED, Reason.STALLED)
    assert marked(str(room.path)) == []


def test_a_long_tool_call_is_no_stall_but_is_bounded(claude: Callable[..., AgentResult], room: Room) -> None:
    command = f"echo started > made.txt; sleep 300 # {room.path}"
    with StandIn(command=command) as stand_in:
        result = claude(stand_in, stall=5, timeout=12)
    outcome, _ = judge(result=result, changes=Changes(files=1, commits=0), verify=[], bead=make_bead())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.INCOMPLETE, Reason.TIMEOUT)
    assert result.seconds >= 12
    # What was used until then is known, though the agent told no total.
    assert [row.output_tokens for row in result.usage.requests] == [80]
    assert marked(str(room.path)) == []


def test_stops_when_told(claude: Callable[..., AgentResult], room: Room) -> None:
    asked = threading.Event()
    with StandIn(mode=Mode.HANG) as stand_in:

        def stop() -> str | None:
            if stand_in.requests:
                asked.set()
            return "the bead was cancelled" if asked.is_set() else None

        result = claude(stand_in, should_stop=stop)
    outcome, _ = judge(result=result, changes=NOTHING, verify=[], bead=make_bead())
    assert (outcome.kind, outcome.summary) == (OutcomeKind.CANCELLED, "the bead was cancelled")
    assert marked(str(room.path)) == []


def test_fifty_megabytes_of_words(claude: Callable[..., AgentResult], room: Room) -> None:
    final = "The end.\n\nRINGMASTER: done"
    with StandIn(mode=Mode.HUGE, command="echo hello > made.txt", final=final, size=50_000_000) as stand_in:
        result = claude(stand_in)
    assert (room.work / "made.txt").exists()
    assert (result.ended, result.exit_code) == ("exit", 0)
    assert len(result.final_text) <= 65_536
    assert room.transcript.stat().st_size < 17_000_000
    assert room.transcript.stat().st_mode & 0o777 == 0o600
    outcome, _ = judge(
        result=result,
        changes=Changes(files=1, commits=0),
        verify=checks(0),
        bead=make_bead(verify=["check 0"]),
    )
    assert outcome.kind is OutcomeKind.SUCCESS
