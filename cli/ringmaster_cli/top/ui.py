"""Keys and what they ask for: which pane, which line, which question to the person. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol, runtime_checkable

from ringmaster_cli.cells import line
from ringmaster_cli.top.model import Ref

PRIORITIES = "01234"
MOST_TEXT = 4096
"""Characters of what is typed."""


class Pane(IntEnum):
    """What tab goes through."""

    NEEDS = 0
    FLEET = 1
    QUEUE = 2


@dataclass(frozen=True)
class Item:
    """What a line stands for."""

    key: str
    """Tells it from others, also after it has moved."""
    namespace: str
    bead: str = ""
    worker: str = ""
    session: str = ""

    @property
    def ref(self) -> Ref:
        return self.namespace, self.bead


@runtime_checkable
class Finds(Protocol):
    """A list that knows where its items are."""

    def find(self, key: str) -> int | None:
        """The place of the item with that key."""


@dataclass(frozen=True)
class Intent:
    """What is to be done."""

    what: str
    """quit, pause, redraw, open, ask, attach, or an act: hold, priority, retry, scratch, steer, decide."""
    item: Item | None = None
    text: str = ""


@dataclass
class Prompt:
    """A question to the person, answered in the last line."""

    what: str
    label: str
    item: Item
    text: str = ""
    lines: Sequence[str] = ()
    """What is shown while it is asked: the decision and its options."""
    options: Sequence[str] = ()
    keys: str = ""
    """One of these answers at once."""


@dataclass
class Ui:
    """Where the person is."""

    pane: Pane = Pane.NEEDS
    chosen: dict[Pane, str] = field(default_factory=dict)
    """Key of the chosen line."""
    places: dict[Pane, int] = field(default_factory=lambda: dict.fromkeys(Pane, 0))
    tops: dict[Pane, int] = field(default_factory=lambda: dict.fromkeys(Pane, 0))
    filter: str = ""
    filtering: bool = False
    prompt: Prompt | None = None
    page: str = ""
    """detail or help; empty: the panes."""
    detail: Sequence[str] = ()
    shown: Item | None = None
    """The bead of the detail."""
    scroll: int = 0
    message: str = ""
    trouble: bool = False

    def say(self, message: str, *, trouble: bool = False) -> None:
        """Tell the person in the last line."""
        self.message, self.trouble = line(message), trouble

    def settle(self, pane: Pane, items: Sequence[Item]) -> int:
        """The chosen line's place, now that these are there; what is gone gives way to its neighbour."""
        place, key = min(self.places[pane], max(0, len(items) - 1)), self.chosen.get(pane)
        if key is not None and not (place < len(items) and items[place].key == key):
            found = _place_of(items, key)
            place = place if found is None else found
        self.places[pane] = place
        if items:
            self.chosen[pane] = items[place].key
        return place

    def handle(self, key: str, items: Sequence[Item], height: int) -> Intent | None:
        """One key; items are those of the pane in hand, height the lines that a page has."""
        if key == "ctrl-c":
            return Intent("quit")
        if key == "ctrl-z":
            return Intent("pause")
        if key == "ctrl-l":
            return Intent("redraw")
        if self.prompt is not None:
            return self._prompted(self.prompt, key)
        if self.filtering:
            return self._filter(key)
        self.message = ""
        if self.page:
            return self._paged(key, height)
        item = items[self.places[self.pane]] if items else None
        return self._moved(key, items, height) or self._act(key, item)

    # -- panes ----------------------------------------------------------------------------------

    def _moved(self, key: str, items: Sequence[Item], height: int) -> Intent | None:
        place, last = self.places[self.pane], max(0, len(items) - 1)
        target = {
            "j": place + 1,
            "down": place + 1,
            "k": place - 1,
            "up": place - 1,
            "pagedown": place + height,
            "ctrl-d": place + height // 2,
            "pageup": place - height,
            "ctrl-u": place - height // 2,
            "g": 0,
            "home": 0,
            "G": last,
            "end": last,
        }.get(key)
        if target is not None:
            place = max(0, min(target, last))
            self.places[self.pane] = place
            if items:
                self.chosen[self.pane] = items[place].key
        elif key in ("tab", "right", "l"):
            self.pane = Pane((self.pane + 1) % len(Pane))
        elif key in ("backtab", "left"):
            self.pane = Pane((self.pane - 1) % len(Pane))
        elif key in ("1", "2", "3"):
            self.pane = Pane(int(key) - 1)
        return None

    def _act(self, key: str, item: Item | None) -> Intent | None:
        if key == "q":
            return Intent("quit")
        if key == "?":
            self.page, self.scroll = "help", 0
        elif key == "/":
            self.pane, self.filtering = Pane.QUEUE, True
        elif key == "esc":
            self.filter = ""
        elif key in ("enter", "d", "h", "p", "r", "s", "a"):
            return self._on(key, item)
        return None

    def _on(self, key: str, item: Item | None) -> Intent | None:
        """An act on a line, or the question that must come before it."""
        if item is None:
            self.say("nothing is chosen")
            return None
        if key == "a":
            if not item.session:
                self.say("nobody works on it: there is no session to attach to", trouble=True)
                return None
            return Intent("attach", item)
        if not item.bead:
            self.say("this line is no bead", trouble=True)
            return None
        if key in ("enter", "d", "h"):
            return Intent({"enter": "open", "d": "ask", "h": "hold"}[key], item)
        if key == "p":
            self.prompt = Prompt(
                "priority", f"priority of {item.bead}, 0 (now) to 4: ", item, keys=PRIORITIES
            )
        elif key == "r":
            label = f"retry {item.bead}? y: with its work so far, s: from scratch, n: no "
            self.prompt = Prompt("retry", label, item, keys="ysn")
        elif key == "s":
            self.prompt = Prompt("steer", f"tell the agent of {item.bead}: ", item)
        return None

    def _paged(self, key: str, height: int) -> Intent | None:
        last = max(0, len(self.detail) - height) if self.page == "detail" else 0
        step = {
            "j": 1,
            "down": 1,
            "k": -1,
            "up": -1,
            "pagedown": height,
            " ": height,
            "pageup": -height,
            "g": -len(self.detail),
            "G": len(self.detail),
        }.get(key)
        if step is not None:
            self.scroll = max(0, min(self.scroll + step, last))
        elif key in ("q", "esc", "backspace", "?", "left"):
            self.page = ""
        elif self.page == "detail" and key in ("d", "h", "p", "r", "s", "a"):
            return self._on(key, self.shown)
        return None

    # -- what is typed --------------------------------------------------------------------------

    def _filter(self, key: str) -> Intent | None:
        if key == "enter":
            self.filtering = False
        elif key == "esc":
            self.filtering, self.filter = False, ""
        else:
            self.filter = typed(self.filter, key)
        return None

    def _prompted(self, prompt: Prompt, key: str) -> Intent | None:
        if key == "esc":
            self.prompt = None
            self.say("nothing is changed")
            return None
        if prompt.keys:
            return self._choice(prompt, key)
        if key != "enter":
            prompt.text = typed(prompt.text, key)
            return None
        answer = prompt.text.strip()
        if not answer:
            return None
        self.prompt = None
        return Intent(prompt.what, prompt.item, answer)

    def _choice(self, prompt: Prompt, key: str) -> Intent | None:
        if key not in prompt.keys or len(key) != 1:
            return None
        self.prompt = None
        if prompt.what == "priority":
            return Intent("priority", prompt.item, f"P{key}")
        if key == "n":
            self.say("nothing is changed")
            return None
        return Intent("scratch" if key == "s" else "retry", prompt.item)

    def paste(self, text: str) -> None:
        """Pasted text is text, whatever it looks like; where none is asked for it is dropped."""
        words = line(text)
        if self.prompt is not None and not self.prompt.keys:
            self.prompt.text = (self.prompt.text + words)[:MOST_TEXT]
        elif self.filtering:
            self.filter = (self.filter + words)[:MOST_TEXT]


def _place_of(items: Sequence[Item], key: str) -> int | None:
    """Where an item is; long lists know it themselves."""
    if isinstance(items, Finds):
        return items.find(key)
    return next((at for at, item in enumerate(items) if item.key == key), None)


def typed(text: str, key: str) -> str:
    """A text after one more key."""
    if key == "backspace":
        return text[:-1]
    if key == "ctrl-u":
        return ""
    if key == "ctrl-w":
        return text.rstrip().rpartition(" ")[0]
    return (text + key)[:MOST_TEXT] if len(key) == 1 and key.isprintable() else text
