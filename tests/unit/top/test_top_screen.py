"""The colours of `ringmaster top`: readable on the ground that a terminal says it has."""

from __future__ import annotations

import pytest

from ringmaster_cli.top.screen import COLOURS, DARK, SAFE, colours

LEVELS = (0, 95, 135, 175, 215, 255)
ANSI = {"31": (205, 0, 0), "35": (205, 0, 205)}
"""xterm's own; others have darker ones."""
NORMAL = 4.5
"""WCAG's contrast of text; 3 is that of large text and of what is not text alone."""


def luminance(colour: tuple[int, ...]) -> float:
    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(value) for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def on_white(colour: tuple[int, ...]) -> float:
    return 1.05 / (luminance(colour) + 0.05)


@pytest.mark.parametrize("meaning", DARK)
def test_on_a_light_ground_all_colours_can_be_read(meaning: str) -> None:
    code = colours({"COLORFGBG": "0;15", "TERM": "xterm-256color"})[meaning]
    number = int(code.removeprefix("38;5;")) - 16
    assert on_white(tuple(LEVELS[number // size % 6] for size in (36, 6, 1))) >= NORMAL


def test_of_sixteen_colours_only_those_are_used_that_can_be_read_on_white() -> None:
    found = colours({"COLORFGBG": "0;default;7", "TERM": "xterm"})
    assert found == SAFE
    assert all(on_white(ANSI[code]) >= 3 for code in found.values())


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, COLOURS),
        ({"COLORFGBG": "15;0", "TERM": "xterm-256color"}, COLOURS),
        ({"COLORFGBG": "12;8"}, COLOURS),
        ({"COLORFGBG": "nonsense"}, COLOURS),
        ({"COLORFGBG": "0;15", "TERM": "xterm", "COLORTERM": "truecolor"}, DARK),
        ({"COLORFGBG": "0;15", "TERM": "xterm-256color", "NO_COLOR": "1"}, {}),
        ({"NO_COLOR": ""}, COLOURS),
    ],
)
def test_the_environment_says_which(env: dict[str, str], wanted: dict[str, str]) -> None:
    assert colours(env) == wanted
