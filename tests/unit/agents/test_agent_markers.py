"""What an agent says of its end counts only where it says it itself, on a line of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_cli.agents.markers import INSTRUCTIONS, MarkerKind, read_markers, read_question


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("All good.\nRINGMASTER: done", MarkerKind.DONE, ""),
        ("**RINGMASTER: done**", MarkerKind.DONE, ""),
        ("`RINGMASTER: done`\n", MarkerKind.DONE, ""),
        ("RINGMASTER: Done.", MarkerKind.DONE, ""),
        ("RINGMASTER: done | incomplete | failed", None, ""),
        ("RINGMASTER: incomplete: the docs", MarkerKind.INCOMPLETE, "the docs"),
        ("RINGMASTER: incomplete \u2014 the docs", MarkerKind.INCOMPLETE, "the docs"),
        ("ringmaster: failed: no network", MarkerKind.FAILED, "no network"),
        ("RINGMASTER: needs decision: A or B?", MarkerKind.NEEDS_DECISION, "A or B?"),
        ("RINGMASTER: failed: first\nRINGMASTER: done", MarkerKind.DONE, ""),
        ("> RINGMASTER: done", None, ""),
        ("    RINGMASTER: done", None, ""),
        ("The log says RINGMASTER: done", None, ""),
        ("```\nRINGMASTER: failed: quoted\n```\n", None, ""),
        ("~~~text\nRINGMASTER: failed: quoted\n~~~\nRINGMASTER: done", MarkerKind.DONE, ""),
        ("RINGMASTER: donee", None, ""),
        ("I am done. 12 passed, 0 failed. Should I go on?", None, ""),
        ("", None, ""),
    ],
)
def test_markers(text: str, kind: MarkerKind | None, words: str) -> None:
    found = read_markers(text)
    assert (found[-1].kind if found else None) is kind
    assert not found or found[-1].text == words


def test_a_question_with_its_options() -> None:
    (marker,) = read_markers(
        "I looked at both.\n\n"
        "RINGMASTER: needs-decision: Which database?\n"
        "The old one is full.\n\n"
        "- sqlite: one file, no server\n"
        "- **postgres** \u2014 more than one writer\n"
        "2. mysql\n\n"
        "Recommendation: sqlite, as it is small\n"
    )
    question = read_question(marker)
    assert question.question == "Which database?\nThe old one is full."
    assert [(option.name, option.consequence) for option in question.options] == [
        ("sqlite", "one file, no server"),
        ("postgres", "more than one writer"),
        ("mysql", ""),
    ]
    assert question.recommendation == "sqlite"


def test_a_question_without_words_is_still_one() -> None:
    (marker,) = read_markers("RINGMASTER: needs-decision")
    assert "without saying" in read_question(marker).question


@given(st.text(max_size=300))
def test_any_text_below_makes_a_valid_question(below: str) -> None:
    markers = read_markers(f"RINGMASTER: needs-decision: {below}\n- {below}\nRecommendation: {below}\n")
    for marker in markers:
        if marker.kind is MarkerKind.NEEDS_DECISION:
            assert read_question(marker).question


def test_the_instructions_show_what_is_read() -> None:
    kinds = {marker.kind for marker in read_markers(INSTRUCTIONS)}
    assert kinds == set(MarkerKind)
