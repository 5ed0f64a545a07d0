"""Each agent's stream gives the right facts; nothing that a stream may contain breaks its reader."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.agents.profiles import Events
from ringmaster_cli.agents.readers import make_reader
from ringmaster_cli.agents.readers.base import Context, Reader
from ringmaster_operator.resources.bead import Reason

FIXTURES = Path(__file__).parent / "fixtures"
FINAL = "Made it.\n\nRINGMASTER: done"
SONNET = "claude-sonnet-4-5"


def read(events: Events, name: str, **context: Any) -> Reader:
    return feed(make_reader(events, Context(**context)), (FIXTURES / name).read_text().splitlines())


def feed(reader: Reader, lines: Iterable[str]) -> Reader:
    for line in lines:
        reader.line(line)
    reader.close()
    return reader


def tokens(reader: Reader) -> list[tuple[int, int, int, int, int]]:
    return [
        (row.input, row.cache_read, row.cache_write, row.output, row.reasoning)
        for row in reader.facts.spent.values()
    ]


ONE = (4600, 4000, 500)
CASES = [
    (Events.CLAUDE, "claude_code.jsonl", SONNET, 2, [(*ONE, 80, 0), (*ONE, 20, 0)]),
    (Events.CODEX, "codex.jsonl", "", 1, [(10000, 8000, 0, 120, 20)]),
    (Events.GEMINI, "gemini.jsonl", "gemini-2.5-pro", 2, [(10000, 8000, 0, 120, 20)]),
    (Events.GEMINI, "gemini.json", "gemini-2.5-pro", 0, [(10000, 8000, 0, 120, 20)]),
    (Events.OPENCODE, "opencode.jsonl", "", 2, [(*ONE, 80, 0), (*ONE, 20, 0)]),
    (Events.GOOSE, "goose.jsonl", "", 2, [(10000, 0, 0, 120, 0)]),
    (Events.AIDER, "aider.txt", "anthropic/claude-sonnet-4-5", 2, [(*ONE, 80, 0), (4600, 4000, 0, 20, 0)]),
]


@pytest.mark.parametrize(
    ("events", "name", "model", "turns", "usage"), CASES, ids=[case[1] for case in CASES]
)
def test_golden(events: Events, name: str, model: str, turns: int, usage: list[Any]) -> None:
    facts = (reader := read(events, name)).facts
    assert tokens(reader) == usage
    assert {row.model for row in facts.spent.values()} == {model}
    assert facts.output_tokens == sum(row[3] for row in usage)
    assert (facts.turns, facts.open_tools, facts.is_error, facts.error_text) == (turns, {}, False, "")
    # Gemini's was recorded with other words, aider's answer is its whole output.
    assert facts.final_text == {"gemini.jsonl": "All done."}.get(name, facts.final_text)
    assert name == "gemini.jsonl" or FINAL in facts.final_text
    assert facts.tool_calls == (0 if name == "gemini.json" else 1)
    assert facts.session or events in (Events.GOOSE, Events.AIDER)


EVENT_CASES = [case for case in CASES if case[1].endswith(".jsonl")]


@pytest.mark.parametrize("case", EVENT_CASES, ids=[case[1] for case in EVENT_CASES])
def test_reading_all_twice_changes_no_figure(case: tuple[Events, str, str, int, list[Any]]) -> None:
    events, name, _, _, usage = case
    lines = (FIXTURES / name).read_text().splitlines()
    assert tokens(feed(make_reader(events, Context()), [*lines, *lines])) == usage


@pytest.mark.parametrize(
    ("events", "name", "reason", "words"),
    [
        (Events.CLAUDE, "claude_code_overloaded.jsonl", Reason.PROVIDER, "529 Overloaded"),
        (Events.CLAUDE, "claude_code_unauthorized.jsonl", Reason.CREDENTIALS, "Invalid API key"),
        (Events.CLAUDE, "claude_code_refusal.jsonl", None, "can't help with this"),
        (Events.CODEX, "codex_overloaded.jsonl", Reason.PROVIDER, "503 Service Unavailable"),
        (Events.CODEX, "codex_unauthorized.jsonl", Reason.CREDENTIALS, "401 Unauthorized"),
        (Events.OPENCODE, "opencode_unauthorized.jsonl", Reason.CREDENTIALS, "invalid x-api-key"),
        (Events.GEMINI, "gemini_unauthorized.jsonl", Reason.CREDENTIALS, "API key not valid"),
    ],
)
def test_golden_errors(events: Events, name: str, reason: Reason | None, words: str) -> None:
    facts = read(events, name).facts
    assert facts.is_error
    assert words in facts.error_text
    assert facts.refused == ("refusal" in name)
    assert facts.refused or facts.error_reason is reason


def test_claude_counts_a_repeated_usage_block_once() -> None:
    """Each content block carries its request's usage again, at first with a placeholder."""
    blocks: list[dict[str, Any]] = [
        {"type": "text"},
        {"type": "tool_use", "id": "t", "name": "Bash", "input": {}},
    ]
    usage = {"input_tokens": 10, "cache_read_input_tokens": 900, "output_tokens": 1}
    lines = [assistant("m1", usage | {"output_tokens": n * 7 + 1}, block) for n, block in enumerate(blocks)]
    assert tokens(feed(make_reader(Events.CLAUDE, Context()), lines)) == [(910, 900, 0, 8, 0)]


def test_claude_adds_what_only_the_result_knows() -> None:
    """Requests in the background are in no message, only in the totals."""
    usage = {"input_tokens": 100, "output_tokens": 50}
    totals = {
        SONNET: {"inputTokens": 100, "outputTokens": 50, "costUSD": 0.00105},
        "claude-haiku-4-5": {"inputTokens": 300, "outputTokens": 9, "costUSD": 0.000345},
    }
    lines = [
        assistant("m1", usage, {"type": "text", "text": "hi"}),
        json.dumps({"type": "result", "subtype": "success", "result": "hi", "modelUsage": totals}),
    ]
    reader = feed(make_reader(Events.CLAUDE, Context()), lines)
    assert [(row.model, row.input, row.output) for row in reader.facts.spent.values()] == [
        (SONNET, 100, 50),
        ("claude-haiku-4-5", 300, 9),
    ]


def test_claude_tells_this_runs_share_of_a_resumed_conversation() -> None:
    first = read(Events.CLAUDE, "claude_code.jsonl").facts
    again = read(Events.CLAUDE, "claude_code_resumed.jsonl", resumed=True).facts
    assert [row.output for row in again.spent.values()] == [20]
    assert first.reported_usd is not None
    assert again.reported_usd is not None
    assert again.reported_usd < first.reported_usd
    assert not set(first.spent) & set(again.spent)


def test_claude_claims_no_total_that_may_be_another_runs() -> None:
    """Older versions tell only the whole conversation's total."""
    result = {"type": "result", "subtype": "success", "result": "hi", "total_cost_usd": 5.0}
    result["modelUsage"] = {SONNET: {"inputTokens": 10**6, "outputTokens": 10**5}}
    lines = [assistant("m1", {"input_tokens": 7, "output_tokens": 3}, {"type": "text", "text": "hi"})]
    reader = feed(make_reader(Events.CLAUDE, Context(resumed=True)), [*lines, json.dumps(result)])
    assert tokens(reader) == [(7, 0, 0, 3, 0)]
    assert reader.facts.reported_usd is None


def test_claude_subagents_do_not_speak_for_it() -> None:
    inner = json.loads(assistant("m2", {}, {"type": "text", "text": "RINGMASTER: failed: from within"}))
    lines = [
        assistant("m1", {}, {"type": "text", "text": "RINGMASTER: done"}),
        json.dumps(inner | {"parent_tool_use_id": "toolu_1"}),
    ]
    assert feed(make_reader(Events.CLAUDE, Context()), lines).facts.final_text == "RINGMASTER: done"


def test_claude_retries_are_no_progress_but_the_cause() -> None:
    reader = make_reader(Events.CLAUDE, Context())
    retry = {"type": "system", "subtype": "api_retry", "error_status": 529, "error": "overloaded"}
    shown = [reader.line(json.dumps(retry | {"attempt": n})).show for n in range(5)]
    assert reader.facts.activity == 0
    assert reader.facts.error_reason is Reason.PROVIDER
    assert [len(lines) for lines in shown] == [1, 0, 0, 0, 0]


def test_codex_reads_each_request_from_its_record(tmp_path: Path) -> None:
    first = json.loads((FIXTURES / "codex_rollout.jsonl").read_text().splitlines()[0])
    thread, began = first["payload"]["id"], datetime.fromisoformat(first["timestamp"])
    folder = tmp_path / "sessions" / "2026" / "11" / "24"
    folder.mkdir(parents=True)
    shutil.copy(FIXTURES / "codex_rollout.jsonl", folder / f"rollout-2026-11-24T12-00-00-{thread}.jsonl")
    env = {"CODEX_HOME": str(tmp_path)}
    one = (5000, 4000, 0, 60, 10)
    both = read(Events.CODEX, "codex.jsonl", env=env, started_at=began)
    assert tokens(both) == [one] * 3
    assert {row.model for row in both.facts.spent.values()} == {"gpt-5.1-codex"}
    resumed = second_run(folder)
    again = read(Events.CODEX, "codex_resumed.jsonl", env=env, started_at=resumed, resumed=True)
    assert tokens(again) == [one]
    assert set(again.facts.spent) < set(both.facts.spent)


def second_run(folder: Path) -> datetime:
    """When the second run of the recorded thread began: at its last turn."""
    entries = [json.loads(line) for line in next(folder.iterdir()).read_text().splitlines()]
    turns = [entry for entry in entries if entry["type"] == "turn_context"]
    return datetime.fromisoformat(turns[-1]["timestamp"]).astimezone(UTC)


def test_text_counts_an_error_once_however_its_numbers_change() -> None:
    reader = make_reader(Events.TEXT, Context())
    for attempt in range(50):
        reader.line(f"12:00:{attempt:02} Error: request {attempt} failed, trying again")
    assert reader.facts.activity == 1
    for number in range(50):
        reader.line(f"compiled module {number}")
    assert reader.facts.activity == 51


def test_aider_that_never_reached_its_model_has_failed() -> None:
    lines = ["litellm.AuthenticationError: AnthropicException - invalid x-api-key"]
    facts = feed(make_reader(Events.AIDER, Context()), lines).facts
    assert (facts.is_error, facts.error_reason) == (True, Reason.CREDENTIALS)


def assistant(key: str, usage: dict[str, int], block: dict[str, Any]) -> str:
    message = {"id": key, "role": "assistant", "model": SONNET, "content": [block], "usage": usage}
    return json.dumps({"type": "assistant", "message": message})


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
GOLDEN = sorted(path for path in FIXTURES.iterdir() if path.suffix == ".jsonl")
KINDS = sorted({json.loads(line)["type"] for path in GOLDEN for line in path.read_text().splitlines()})


@given(
    events=st.sampled_from(Events),
    lines=st.lists(
        st.text(max_size=200)
        | st.builds(
            lambda kind, body: json.dumps(body | {"type": kind}),
            st.sampled_from(KINDS),
            st.dictionaries(
                st.sampled_from(
                    ["message", "item", "part", "event", "stats", "usage", "error", "result", "id"]
                ),
                values,
                max_size=4,
            ),
        ),
        max_size=8,
    ),
)
def test_survives_whatever_comes(events: Events, lines: list[str]) -> None:
    reader = make_reader(events, Context())
    for line in lines:
        for shown in (*reader.line(line).show, *reader.error_line(line).show):
            assert "\n" not in shown
            assert "\x1b" not in shown
    reader.cut_line("x" * 100, 10**8)
    reader.close()
    assert all(row.input >= 0 and row.output >= 0 for row in reader.facts.spent.values())


@given(events=st.sampled_from(Events), data=st.data())
def test_survives_golden_lines_with_anything_in_any_place(events: Events, data: st.DataObject) -> None:
    """Recorded events, one value of which is something else."""
    path = data.draw(st.sampled_from(GOLDEN))
    reader = make_reader(events, Context())
    for line in path.read_text().splitlines():
        event = json.loads(line)
        spots = list(places(event))
        owner, key = data.draw(st.sampled_from(spots))
        owner[key] = data.draw(values)
        reader.line(json.dumps(event))
    reader.close()


def places(value: Any) -> Iterable[tuple[Any, Any]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])
