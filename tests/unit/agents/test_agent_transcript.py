"""Transcripts for people: the same words for every agent, in bounded memory, whatever an agent prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.agents.events import understood
from ringmaster_cli.agents.profiles import Events
from ringmaster_cli.agents.tape import MOST, SLOT, Played, Tape, fitted
from ringmaster_operator.resources.records import EventKind, Transcript, TranscriptEvent

FIXTURES = Path(__file__).parent / "fixtures"
LAST = {"gemini.jsonl": "All done."}
RECORDED = [
    (Events.CLAUDE, "claude_code.jsonl"),
    (Events.CODEX, "codex.jsonl"),
    (Events.GEMINI, "gemini.jsonl"),
    (Events.GOOSE, "goose.jsonl"),
    (Events.OPENCODE, "opencode.jsonl"),
]


def played(events: Events, name: str, **bounds: int) -> Played:
    tape = Tape("an-agent", events, **bounds)
    for line in (FIXTURES / name).read_text().splitlines():
        tape.hear(line, error=False)
    return tape.played()


@pytest.mark.parametrize(("events", "name"), RECORDED, ids=[name for _, name in RECORDED])
def test_what_real_agents_said_and_did(events: Events, name: str) -> None:
    found = played(events, name)
    kinds = [event.kind for event in found.events]
    assert EventKind.TOOL in kinds
    assert EventKind.RESULT in kinds or events is Events.GOOSE  # whose tool said nothing there
    assert kinds.index(EventKind.TOOL) < len(kinds) - 1 - kinds[::-1].index(EventKind.TEXT)
    last = [event for event in found.events if event.kind is EventKind.TEXT][-1]
    assert last.text == LAST.get(name, "Made it.\n\nRINGMASTER: done")
    assert all(event.tool for event in found.events if event.kind is EventKind.TOOL)
    assert not found.truncated
    assert EventKind.NOTE not in kinds[1:]  # every line was understood


@pytest.mark.parametrize(
    ("events", "name", "words"),
    [
        (Events.CLAUDE, "claude_code_unauthorized.jsonl", "Invalid API key"),
        (Events.CODEX, "codex_unauthorized.jsonl", "401"),
        (Events.GEMINI, "gemini_unauthorized.jsonl", "API key"),
        (Events.OPENCODE, "opencode_unauthorized.jsonl", "key"),
    ],
)
def test_what_went_wrong_is_there(events: Events, name: str, words: str) -> None:
    errors = [event.text for event in played(events, name).events if event.kind is EventKind.ERROR]
    assert any(words.lower() in text.lower() for text in errors), errors


def test_plain_text_is_kept_as_lines(tmp_path: Path) -> None:
    tape = Tape("generic", Events.TEXT)
    for line in ("first \x1b[31mred\x1b[0m", "", "second"):
        tape.hear(line, error=False)
    tape.hear("a warning", error=True)
    [text, note] = tape.played().events
    assert (text.kind, text.text) == (EventKind.TEXT, "first red\n\nsecond")
    assert (note.kind, note.text) == (EventKind.NOTE, "a warning")


def test_the_middle_goes_and_it_says_so() -> None:
    tape = Tape("claude-code", Events.CLAUDE, head=2000, tail=3000)
    for number in range(1000):
        tape.hear(
            f'{{"type":"assistant","message":{{"content":[{{"type":"text","text":"word {number}"}}]}}}}',
            error=False,
        )
    found = tape.played()
    texts = [event.text for event in found.events]
    assert found.truncated
    assert (texts[0], texts[-1]) == ("word 0", "word 999")
    [gap] = [number for number, event in enumerate(found.events) if event.kind is EventKind.OMITTED]
    assert texts[gap] == f"{1000 - len(texts) + 1} events are left out here"
    assert sum(map(len, texts)) < 5000


def test_one_long_event_keeps_both_ends() -> None:
    tape = Tape("generic", Events.TEXT)
    tape.hear("begin " + "x" * 100_000 + " end", error=False)
    [event] = tape.played().events
    assert event.text.startswith("begin ")
    assert event.text.endswith(" end")
    assert len(event.text) < MOST + 100


def test_runs_of_one_iteration_fit_together() -> None:
    many = tuple(
        TranscriptEvent(kind=EventKind.TEXT, text=f"{number} " + "y" * 500) for number in range(SLOT * 5)
    )
    both = fitted(Played("a", many[: SLOT * 2]).then(Played("b", many[SLOT * 2 :])), 512 * 1024)
    assert both.truncated
    assert sum(len(event.text) for event in both.events) <= 512 * 1024
    assert both.events[0].text.startswith("0 ")
    assert both.events[-1].text.startswith(f"{SLOT * 5 - 1} ")
    Transcript(profile=both.profile, events=list(both.events))  # the operator takes it


@given(
    st.sampled_from(list(Events)),
    st.one_of(
        st.text(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=10),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["type", "message", "content", "item", "part", "state", "error", "text", "role"]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=20,
        ).map(lambda value: json.dumps({"type": "assistant", "item": value, "message": value})),
    ),
)
def test_nothing_that_is_printed_breaks_it(events: Events, line: str) -> None:
    understood(events, line)
    tape = Tape("any", events)
    tape.hear(line, error=False)
    Transcript(events=list(tape.played().events))
