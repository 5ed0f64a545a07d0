"""Gemini CLI, the real program, against a stand-in of its API."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ringmaster_cli.agents.model import AgentResult
from ringmaster_cli.outcome import Changes, judge
from ringmaster_operator.resources.bead import OutcomeKind, Reason
from support.agents import Room, make_bead
from support.standin import Mode, StandIn

pytestmark = pytest.mark.agents

MODEL = "gemini-2.5-pro"


@pytest.fixture
def gemini(program: Callable[[str], Path], room: Room) -> Callable[[StandIn], AgentResult]:
    """Runs Gemini CLI against a stand-in."""
    path = program("gemini")
    settings = room.path / "home" / ".gemini" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}))

    def run(stand_in: StandIn) -> AgentResult:
        env = {"GEMINI_API_KEY": "fake", "GOOGLE_GEMINI_BASE_URL": stand_in.url}
        return room.run(profile="gemini", command=[path], model=MODEL, env=env)

    return run


def test_does_the_work(gemini: Callable[[StandIn], AgentResult], room: Room) -> None:
    with StandIn(command="echo hello > made.txt", final="Made it.\n\nRINGMASTER: done") as stand_in:
        result = gemini(stand_in)
    assert (room.work / "made.txt").read_text() == "hello\n"
    assert (result.ended, result.exit_code, result.is_error) == ("exit", 0, False)
    assert result.final_text == "Made it.\n\nRINGMASTER: done"
    assert (result.progress.turns, result.progress.tool_calls) == (2, 1)
    (row,) = result.usage.requests
    assert (row.model, row.input_tokens, row.cache_read_tokens) == (MODEL, 10_000, 8_000)
    assert (row.output_tokens, row.reasoning_tokens, row.requests) == (120, 20, 2)
    assert row.computed_usd == pytest.approx((2000 * 1.25 + 8000 * 0.125 + 120 * 10) / 1e6)


def test_an_expired_key(gemini: Callable[[StandIn], AgentResult]) -> None:
    with StandIn(mode=Mode.UNAUTHORIZED) as stand_in:
        result = gemini(stand_in)
    outcome, _ = judge(result=result, changes=Changes(files=0, commits=0), verify=[], bead=make_bead())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.FAILED, Reason.CREDENTIALS)
