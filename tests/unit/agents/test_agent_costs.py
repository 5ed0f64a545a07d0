"""What agents really print, priced by hand: per request, by the public list, into the history's sums.

Claude Code, Codex, opencode and Gemini CLI are recordings of the real programs; aider and gemini.json are
after their documentation (fixtures/README). The rates by hand are the providers', in dollars a million.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from ringmaster_cli.agents.profiles import Events
from ringmaster_cli.agents.readers import make_reader
from ringmaster_cli.agents.readers.base import Context
from ringmaster_cli.cost import price_usage
from ringmaster_operator.history import History, Question
from ringmaster_operator.resources.protocol import Next, ReportAnswer, ReportRequest, Usage
from support.agents import WHEN

FIXTURES = Path(__file__).parent / "fixtures"
MILLION = 1_000_000


@dataclass(frozen=True)
class Rates:
    input: float
    read: float
    write: float
    output: float

    def price(self, fresh: int, read: int, write: int, output: int) -> float:
        """Each token once: fresh are those that no cache had."""
        parts = fresh * self.input + read * self.read + write * self.write + output * self.output
        return parts / MILLION


SONNET = Rates(3.0, 0.3, 3.75, 15.0)
CODEX = Rates(1.25, 0.125, 0.0, 10.0)
GEMINI = Rates(1.25, 0.125, 0.0, 10.0)
ONE = SONNET.price(100, 4000, 500, 80)
TWO = SONNET.price(100, 4000, 500, 20)
CASES = [
    (Events.CLAUDE, "claude_code.jsonl", ONE + TWO, (8000, 1000, 100, 0)),
    (Events.CODEX, "codex.jsonl", 3 * CODEX.price(1000, 4000, 0, 60), (12000, 0, 180, 30)),
    (Events.GEMINI, "gemini.jsonl", GEMINI.price(2000, 8000, 0, 120), (8000, 0, 120, 20)),
    (Events.GEMINI, "gemini.json", GEMINI.price(2000, 8000, 0, 120), (8000, 0, 120, 20)),
    (Events.OPENCODE, "opencode.jsonl", ONE + TWO, (8000, 1000, 100, 0)),
    (Events.AIDER, "aider.txt", ONE + SONNET.price(600, 4000, 0, 20), (8000, 500, 100, 0)),
]


def read(events: Events, name: str, folder: Path) -> Usage:
    context = Context()
    if events is Events.CODEX:  # tells models and single requests in the record that it keeps
        first = json.loads((FIXTURES / "codex_rollout.jsonl").read_text().splitlines()[0])
        place = folder / "sessions" / "2026" / "11" / "24"
        place.mkdir(parents=True)
        thread = first["payload"]["id"]
        shutil.copy(FIXTURES / "codex_rollout.jsonl", place / f"rollout-2026-11-24T12-00-00-{thread}.jsonl")
        began = datetime.fromisoformat(first["timestamp"])
        context = Context(env={"CODEX_HOME": str(folder)}, started_at=began)
    reader = make_reader(events, context)
    for line in (FIXTURES / name).read_text().splitlines():
        reader.line(line)
    reader.close()
    facts = reader.facts
    return price_usage(facts.spent.values(), reported_usd=facts.reported_usd, at=WHEN)


@pytest.mark.parametrize(("events", "name", "usd", "tokens"), CASES, ids=[case[1] for case in CASES])
async def test_an_agents_run_costs_what_it_costs_by_hand(
    events: Events, name: str, usd: float, tokens: tuple[int, int, int, int], tmp_path: Path
) -> None:
    usage = read(events, name, tmp_path)
    history = await History.open(f"sqlite:///{tmp_path}/history.db")
    request = ReportRequest.read(
        {
            "reportId": "report-1",
            "fence": 1,
            "iteration": 1,
            "outcome": {"kind": "success", "summary": ""},
            "startedAt": WHEN.isoformat(),
            "finishedAt": WHEN.isoformat(),
            "usage": usage.body(),
        }
    )
    await history.commit_report(
        bead_uid="uid",
        namespace="team",
        bead="bead",
        claim_id="claim-1",
        request=request,
        answer=ReportAnswer(next=Next.DONE, iteration=1),
        now=WHEN,
    )
    [whole] = await history.roll_up(question=Question(namespace="team"))
    await history.close()
    sums = whole.figures
    assert sums["usd"] == pytest.approx(usd, abs=1e-9)
    kinds = ("cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    assert tuple(int(sums[kind]) for kind in kinds) == tokens
    assert sums["unpriced_requests"] == 0
    if sums["compared_usd"]:
        assert sums["agent_usd"] == pytest.approx(usd, rel=0.01), "the agent's own figure"
