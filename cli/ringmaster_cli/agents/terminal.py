"""Text of strangers on its way to a person's terminal: nothing in it may steer the terminal."""

from __future__ import annotations

import json
import re

ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles, clipboard, links
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """Without escape sequences; other control and text-direction characters are shown as U+FFFD."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", ESCAPES.sub("", text).replace("\r\n", "\n"))


def data(value: object) -> str:
    """JSON on one line; what may steer a terminal is escaped, so that programs read the same."""
    text = json.dumps(value, ensure_ascii=False)
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str, width: int) -> str:
    """The first words of a text on one line of at most width characters."""
    words = " ".join(plain(text[: width * 8]).split())
    return words if len(words) <= width else words[: width - 1] + "…"
