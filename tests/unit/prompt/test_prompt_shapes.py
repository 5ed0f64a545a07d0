"""Text that is made to keep a worker busy is read in time that grows with its size alone."""

from __future__ import annotations

import time

import pytest

from ringmaster_cli.agents.markers import read_markers, read_question
from ringmaster_cli.prompt.documents import READ_BYTES
from ringmaster_cli.prompt.text import cut, data

SECONDS = 5.0
"""Generous: what goes over its letters again and again takes hours."""


def shapes(size: int) -> dict[str, str]:
    lead = "RINGMASTER: needs-decision: x\n"
    return {
        "empty lines": "a" + "\n" * size + "b",
        "blanks": "a" + " " * size + "b",
        "an open fence": "<" + " " * size + "x",
        "many open fences": "< " * (size // 2),
        "a fence with slashes": "<" + " /" * (size // 2),
        "a marker far out": " " * size + "RINGMASTER" + " " * size,
        "quotes of quotes": ">" * size + "RINGMASTER",
        "an option with blanks": lead + "- a" + " " * size + "b",
        "no option": lead + "-" + " " * size,
        "dashes": lead + "- a" + " -" * (size // 2),
        "a recommendation": lead + "Recommendation" + " " * size,
        "dots": "." * size,
        "tabs and quotes": "\t>" * (size // 2),
    }


@pytest.mark.parametrize("name", shapes(1))
def test_no_shape_of_a_text_holds_a_worker_up(name: str) -> None:
    text = shapes(READ_BYTES)[name]
    began = time.monotonic()
    cut(data(text, text[:300]), 3000)
    for marker in read_markers(text[:65_536]):
        read_question(marker)
    assert time.monotonic() - began < SECONDS
