"""Bytes of a terminal as names of keys. Pure."""

from __future__ import annotations

import codecs
import re

NAMES = {
    "[A": "up",
    "[B": "down",
    "[C": "right",
    "[D": "left",
    "[H": "home",
    "[F": "end",
    "[Z": "backtab",
    "OA": "up",
    "OB": "down",
    "OC": "right",
    "OD": "left",
    "OH": "home",
    "OF": "end",
    "[1~": "home",
    "[4~": "end",
    "[5~": "pageup",
    "[6~": "pagedown",
    "[7~": "home",
    "[8~": "end",
}
PLAIN = {"\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace", "\x08": "backspace", "\x1b": "esc"}
PASTE = ("\x1b[200~", "\x1b[201~")
PASTED = "paste:"
"""What comes after it was pasted."""
LONGEST = 1 << 16
_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.)", re.DOTALL)
_BEGUN = re.compile(r"\x1b(\[[0-?]*[ -/]*|O)?\Z")


class Keys:
    """Keeps what has begun and not ended."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    @property
    def waits(self) -> bool:
        """Whether an Esc is held back, because it may begin something longer."""
        return bool(self._rest) and not self._rest.startswith(PASTE[0])

    def take(self, data: bytes) -> list[str]:
        """Names, single characters, and paste:TEXT."""
        self._rest += self._decoder.decode(data)
        keys: list[str] = []
        while self._rest:
            if self._rest.startswith(PASTE[0]):
                text, end, after = self._rest[len(PASTE[0]) :].partition(PASTE[1])
                if not end and len(text) < LONGEST:
                    break
                keys.append(PASTED + text)
                self._rest = after
                continue
            found = _SEQUENCE.match(self._rest)
            if found is not None:
                self._rest = self._rest[found.end() :]
                keys += [NAMES[found[1]]] if found[1] in NAMES else []
            elif _BEGUN.match(self._rest):
                break
            else:
                keys.append(self._one())
        return keys

    def flush(self) -> list[str]:
        """Nothing more came: what was held back was an Esc, or an Esc and keys."""
        held, self._rest = self._rest, ""
        return [name(char) for char in held]

    def _one(self) -> str:
        char, self._rest = self._rest[0], self._rest[1:]
        return name(char)


def name(char: str) -> str:
    """The key of one character."""
    if char in PLAIN:
        return PLAIN[char]
    return f"ctrl-{chr(ord(char) + 96)}" if char < " " and char else char
