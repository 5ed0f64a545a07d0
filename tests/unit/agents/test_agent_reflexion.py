"""What an agent says that it learned, read from its last words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.agents.markers import read_markers
from ringmaster_cli.agents.reflexion import read_reflexion
from ringmaster_operator.resources.reflexion import ReflexionSource

FULL = """I could not finish.

RINGMASTER: lesson: Run `make generate` before the tests of the parser
Tried: Patched the lexer by hand
  and ran the tests.
Happened: Two tests fail
Cause: The tables are generated
Paths: src/lexer.py, `tools/gen`
Confidence: 80 %
Wrong lessons: 3, 7
RINGMASTER: incomplete: the tables
"""


def test_all_that_is_said_is_read() -> None:
    told = read_reflexion(FULL)
    assert told is not None
    assert told.lesson == "Run `make generate` before the tests of the parser"
    assert told.tried == "Patched the lexer by hand and ran the tests."
    assert (told.happened, told.cause) == ("Two tests fail", "The tables are generated")
    assert told.applies.paths == ["src/lexer.py", "tools/gen"]
    assert (told.confidence, told.contradicts) == (0.8, [3, 7])
    assert told.source is ReflexionSource.AGENT
    assert [marker.kind for marker in read_markers(FULL)] == ["incomplete"]


def test_an_answer_to_the_question_has_its_fields_before_the_lesson_too() -> None:
    text = "Tried: a\nHappened: b\nCause: c\nRINGMASTER: lesson: d\nConfidence: 0.3"
    told = read_reflexion(text, source=ReflexionSource.ASKED)
    assert told is not None
    assert (told.tried, told.happened, told.cause, told.lesson, told.confidence) == ("a", "b", "c", "d", 0.3)
    own = read_reflexion(text)
    assert own is not None
    assert own.tried == "", "before its lesson an agent's words are prose"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RINGMASTER: done",
        "RINGMASTER: lesson: none",
        "RINGMASTER: lesson:",
        "RINGMASTER: lesson: None.\nConfidence: 1",
        "```\nRINGMASTER: lesson: in a code block\n```",
        "The lesson: always test",
        "> RINGMASTER: lesson: someone else's words",
    ],
)
def test_what_is_no_lesson(text: str) -> None:
    assert read_reflexion(text) is None


def test_the_last_one_counts_and_odd_figures_do_no_harm() -> None:
    told = read_reflexion(
        "RINGMASTER: lesson: a\n**RINGMASTER: lesson**: b c\nConfidence: 17000\nPaths: none"
    )
    assert told is not None
    assert (told.lesson, told.confidence, told.applies.paths) == ("b c", 0.5, [])


@given(st.text(max_size=400))
def test_no_text_is_too_odd(text: str) -> None:
    read_reflexion(text)
    read_reflexion(f"RINGMASTER: lesson: x\n{text}\nConfidence: {text}\nWrong lessons: {text}\nPaths: {text}")
