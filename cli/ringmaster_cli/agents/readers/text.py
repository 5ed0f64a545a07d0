"""Any program that prints plain text: no usage, no tool calls.

New words are the only sign of progress, so a line counts when it has not been printed lately; an error line
counts once however its numbers and times change, so that a retry loop is not taken for work.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque

from ringmaster_cli.agents.readers.base import PANE_LINE, Context, Heard, Reader
from ringmaster_cli.agents.terminal import one_line, plain

TROUBLE = re.compile(r"error|exception|fail|retry|denied|refused|timed? ?out|unavailable", re.IGNORECASE)
REMEMBERED = 2048
FINAL_LINES = 200


class TextReader(Reader):
    """Reads lines of text; the last ones are the final text."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._last: deque[str] = deque(maxlen=FINAL_LINES)

    def line(self, text: str) -> Heard:
        words = plain(text).rstrip()
        self._last.append(words[:4000])
        if not words.strip():
            return Heard()
        self._progress(words)
        return Heard([one_line(words, PANE_LINE)])

    def error_line(self, text: str) -> Heard:
        heard = self.noise(text)
        for words in heard.show:
            self._progress(words)
        return heard

    def cut_line(self, head: str, size: int) -> Heard:
        self._last.append(plain(head[:4000]))
        return super().cut_line(head, size)

    def close(self) -> None:
        if text := "\n".join(self._last).strip():
            self.facts.say(text)

    def _progress(self, words: str) -> None:
        key = " ".join(words.split())[:500]
        if TROUBLE.search(key):
            key = re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", key)
        if key in self._seen:
            self._seen.move_to_end(key)
            return
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        self.facts.activity += 1
        self.facts.note = one_line(words, 200)
