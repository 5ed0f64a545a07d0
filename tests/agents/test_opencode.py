"""opencode, the real program, against a stand-in of Anthropic's API."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ringmaster_cli.agents.model import AgentResult
from ringmaster_cli.outcome import Changes, judge
from ringmaster_operator.resources.bead import OutcomeKind, Reason
from support.agents import Room, checks, make_bead
from support.standin import Mode, StandIn

pytestmark = pytest.mark.agents


@pytest.fixture
def opencode(program: Callable[[str], Path], room: Room) -> Callable[[StandIn], AgentResult]:
    """Runs opencode against a stand-in."""
    path = program("opencode")

    def run(stand_in: StandIn) -> AgentResult:
        options = {"baseURL": f"{stand_in.url}/v1", "apiKey": "fake"}
        config = json.dumps({"provider": {"anthropic": {"options": options}}})
        return room.run(
            profile="opencode",
            command=[path],
            model="anthropic/claude-sonnet-4-5",
            env={"OPENCODE_CONFIG_CONTENT": config},
        )

    return run


def test_does_the_work(opencode: Callable[[StandIn], AgentResult], room: Room) -> None:
    with StandIn(command="echo hello > made.txt", final="Made it.\n\nRINGMASTER: done") as stand_in:
        result = opencode(stand_in)
    assert (room.work / "made.txt").read_text() == "hello\n"
    assert (result.ended, result.exit_code, result.is_error) == ("exit", 0, False)
    assert result.final_text == "Made it.\n\nRINGMASTER: done"
    assert (result.progress.turns, result.progress.tool_calls) == (2, 1)
    rows = result.usage.requests
    assert [(row.provider, row.model, row.input_tokens, row.output_tokens) for row in rows] == [
        ("anthropic", "claude-sonnet-4-5", 4600, 80),
        ("anthropic", "claude-sonnet-4-5", 4600, 20),
    ]
    # Its own figures are by the same list of prices.
    assert result.usage.reported_usd == pytest.approx(sum(row.computed_usd or 0 for row in rows))
    outcome, _ = judge(
        result=result,
        changes=Changes(files=1, commits=0),
        verify=checks(0),
        bead=make_bead(verify=["check 0"]),
    )
    assert outcome.kind is OutcomeKind.SUCCESS


def test_an_expired_key(opencode: Callable[[StandIn], AgentResult]) -> None:
    with StandIn(mode=Mode.UNAUTHORIZED) as stand_in:
        result = opencode(stand_in)
    outcome, _ = judge(result=result, changes=Changes(files=0, commits=0), verify=[], bead=make_bead())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.FAILED, Reason.CREDENTIALS)
