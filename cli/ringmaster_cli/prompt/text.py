"""Text of others on its way into a prompt: bounded, visible, and unable to end its own fence.

What other agents wrote, what commands printed and what lies in a repository is data. It is fenced, and it
can neither close the fence, nor carry invisible letters, nor speak the marker lines by which an agent ends.
"""

from __future__ import annotations

import re

from ringmaster_cli.agents.terminal import plain

CHARACTERS_PER_TOKEN = 4
"""An estimate that holds for English and code; other scripts use more tokens."""
# Possessive (++), so that no file can make the search go over the same letters again and again.
FENCE = re.compile(r"<(?=\s*+/?\s*+(?:data|task)\b)", re.I)
HALF = re.compile(r"</?(?:d(?:a(?:t(?:a(?: [^>\n]*)?)?)?)?)?$")
REPAIR = 40
"""Characters for closing and opening a fence that was cut."""
MARKER = re.compile(r"^([ \t\r\f\v\xa0>*`#-]*+)RINGMASTER(\s*+:)", re.I | re.M)
INVISIBLE = re.compile(r"[\u200b\u200c\u2060-\u2064\ufeff\U000e0000-\U000e007f]")


def tokens(text: str) -> int:
    """Estimated tokens of a text: one for every four characters, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def visible(text: str) -> str:
    """Without escape sequences, invisible letters and what turns the direction of text."""
    return INVISIBLE.sub("", plain(text)).strip("\n")


def quoted(text: str) -> str:
    """As the inside of a fence."""
    return FENCE.sub("&lt;", visible(text))


def data(text: str, source: str) -> str:
    """Text of others as a fenced block that names where it is from."""
    inside = MARKER.sub("\\1RINGMASTER\N{MIDDLE DOT}\\2", quoted(text))
    return f'<data source="{attribute(source)}">\n{inside}\n</data>'


def attribute(text: str) -> str:
    """As the value of an attribute, one line."""
    return " ".join(visible(text).split()).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def one_line(text: str) -> str:
    """A title or a statement on one line."""
    return " ".join(quoted(text).split())


def cut(text: str, budget: int) -> tuple[str, bool]:
    """The text within a budget of tokens: its beginning and its end, and whether something was left out."""
    room = budget * CHARACTERS_PER_TOKEN
    if len(text) <= room:
        return text, False
    note = f"\n[... {len(text)} characters, shortened ...]\n"
    room = max(0, room - len(note) - REPAIR)
    tail = room // 3
    return _closed(text[: room - tail]) + note + _opened(text[-tail:] if tail else ""), True


def _closed(head: str) -> str:
    """With the fence closed that the cut left open, and without a part of a fence at its end."""
    head = HALF.sub("", head)
    opened = head.rfind("<data source=")
    return head if opened < 0 or "</data>" in head[opened:] else head + "\n</data>"


def _opened(tail: str) -> str:
    """With the fence opened that the cut took the beginning of."""
    closing, opening = tail.find("</data>"), tail.find("<data source=")
    return tail if closing < 0 or 0 <= opening < closing else f'<data source="the rest">\n{tail}'
