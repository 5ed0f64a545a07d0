"""Codex, the real program, against a stand-in of its API."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
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
MODEL = "gpt-5.1-codex"
CONFIG = """
model_provider = "standin"
[model_providers.standin]
name = "stand-in"
base_url = "{url}"
env_key = "STANDIN_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""


@pytest.fixture
def codex(program: Callable[[str], Path], room: Room) -> Iterator[Callable[..., AgentResult]]:
    """Runs Codex against a stand-in."""
    path = program("codex")
    # Its home may not lie in the folder for temporary files.
    home = Path(tempfile.mkdtemp(prefix=".codex-test-", dir=Path.home()))

    def run(stand_in: StandIn, **more: Any) -> AgentResult:
        (home / "config.toml").write_text(CONFIG.format(url=stand_in.url))
        env = {"CODEX_HOME": str(home), "STANDIN_KEY": "fake"}
        return room.run(profile="codex", command=[path], model=MODEL, env=env, **more)

    yield run
    shutil.rmtree(home)


def test_does_the_work(codex: Callable[..., AgentResult], room: Room) -> None:
    with StandIn(command="echo hello > made.txt", final="Made it.\n\nRINGMASTER: done") as stand_in:
        result = codex(stand_in)
    assert (room.work / "made.txt").read_text() == "hello\n"
    assert (result.ended, result.exit_code, result.is_error) == ("exit", 0, False)
    assert result.final_text == "Made it.\n\nRINGMASTER: done"
    assert (result.progress.turns, result.progress.tool_calls, result.progress.open_tool_calls) == (1, 1, 0)
    rows = result.usage.requests
    assert [
        (row.model, row.input_tokens, row.cache_read_tokens, row.output_tokens, row.reasoning_tokens)
        for row in rows
    ] == [(MODEL, 5000, 4000, 60, 10)] * 2
    # Two requests of 1000 fresh, 4000 cached and 60 written tokens, at list price.
    expected = 2 * (1000 * 1.25 + 4000 * 0.125 + 60 * 10) / 1e6
    assert sum(row.computed_usd or 0 for row in rows) == pytest.approx(expected)
    assert result.usage.reported_usd is None
    outcome, _ = judge(
        result=result,
        changes=Changes(files=1, commits=0),
        verify=checks(0),
        bead=make_bead(verify=["check 0"]),
    )
    assert outcome.kind is OutcomeKind.SUCCESS


def test_a_resumed_thread_costs_only_its_own(codex: Callable[..., AgentResult]) -> None:
    with StandIn(command="true") as stand_in:
        first = codex(stand_in)
        again = codex(stand_in, resume=first.agent_session)
    assert again.agent_session == first.agent_session
    assert [row.input_tokens for row in again.usage.requests] == [5000]
    assert len({row.position for row in (*first.usage.requests, *again.usage.requests)}) == 3


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.OVERLOADED, Reason.PROVIDER),
        (Mode.UNAUTHORIZED, Reason.CREDENTIALS),
        (Mode.EMPTY, Reason.EMPTY_SUCCESS),
    ],
)
def test_names_what_failed(codex: Callable[..., AgentResult], mode: Mode, reason: Reason) -> None:
    with StandIn(mode=mode) as stand_in:
        result = codex(stand_in)
    outcome, _ = judge(result=result, changes=NOTHING, verify=[], bead=make_bead())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.FAILED, reason), result


def test_a_refusal_is_no_success(codex: Callable[..., AgentResult]) -> None:
    """Codex drops the model's words and exits 0: only that nothing came of it can be told."""
    with StandIn(mode=Mode.REFUSAL) as stand_in:
        result = codex(stand_in)
    outcome, _ = judge(result=result, changes=NOTHING, verify=[], bead=make_bead())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.LIKELY_FAILED, Reason.EMPTY_SUCCESS)


def test_silence_is_a_stall(codex: Callable[..., AgentResult], room: Room) -> None:
    with StandIn(mode=Mode.HANG) as stand_in:
        result = codex(stand_in, stall=3)
    outcome, _ = judge(result=result, changes=NOTHING, verify=[], bead=make_bead())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.FAILED, Reason.STALLED)
    assert marked(str(room.path)) == []


def test_a_long_tool_call_is_no_stall_but_is_bounded(codex: Callable[..., AgentResult], room: Room) -> None:
    with StandIn(command=f"echo started > made.txt; sleep 300 # {room.path}") as stand_in:
        # Less than the ten seconds after which Codex lets a command run on in the background.
        result = codex(stand_in, stall=3, timeout=8)
    assert result.ended == "timeout"
    # What was used until then is known, though the turn never ended.
    assert [row.input_tokens for row in result.usage.requests] == [5000]
    assert marked(str(room.path)) == []


def test_fifty_megabytes_of_output(codex: Callable[..., AgentResult], room: Room) -> None:
    command = "head -c 50000000 /dev/zero | tr '\\0' x; echo hello > made.txt"
    with StandIn(command=command, final="Made it.\n\nRINGMASTER: done") as stand_in:
        result = codex(stand_in)
    assert (room.work / "made.txt").exists()
    assert (result.ended, result.exit_code, result.progress.open_tool_calls) == ("exit", 0, 0)
    assert room.transcript.stat().st_size < 17_000_000
    assert result.final_text == "Made it.\n\nRINGMASTER: done"
