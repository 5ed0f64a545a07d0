"""What a run of an agent is known to have done, whatever the agent: readers fill it, the run judges by it.

Activity is progress in the strict sense: a turn begun or ended, a tool call begun or ended, tokens written.
It is a counter, not a time, so that readers need no clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ringmaster_cli.agents.terminal import one_line, plain
from ringmaster_cli.cost import Spent
from ringmaster_operator.resources.bead import Reason

MAX_FINAL_TEXT = 65_536
MAX_ERROR_TEXT = 4_096
MAX_REQUESTS = 5_000
MORE = "earlier requests"


@dataclass
class Facts:
    """Gathered so far."""

    activity: int = 0
    turns: int = 0
    tool_calls: int = 0
    output_tokens: int = 0
    open_tools: dict[str, str] = field(default_factory=dict)
    note: str = ""
    spent: dict[str, Spent] = field(default_factory=dict)
    reported_usd: float | None = None
    final_text: str = ""
    session: str = ""
    stop_reason: str = ""
    finished: bool = False
    """The agent said itself that the run is over."""
    is_error: bool = False
    refused: bool = False
    error_text: str = ""
    error_reason: Reason | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    """The last lines outside the event stream (standard error, noise): the cause when nothing else tells."""

    def turn(self) -> None:
        """A turn of the model began."""
        self.turns += 1
        self.activity += 1

    def begin_tool(self, key: str, name: str) -> bool:
        """A tool call began; False when it was known already."""
        if key in self.open_tools:
            return False
        self.open_tools[key] = name
        self.tool_calls += 1
        self.activity += 1
        self.note = one_line(name, 200)
        return True

    def end_tool(self, key: str) -> None:
        """A tool call ended."""
        if self.open_tools.pop(key, None) is not None:
            self.activity += 1

    def end_all_tools(self) -> None:
        """No tool call is open any more."""
        for key in list(self.open_tools):
            self.end_tool(key)

    def say(self, text: str) -> None:
        """The agent's latest words; the last ones said become its final text."""
        if text.strip():
            self.final_text = plain(clip(text, MAX_FINAL_TEXT))
            self.note = one_line(text, 200)
            self.activity += 1

    def spend(self, spent: Spent) -> None:
        """Usage of one position: a repeated reading of the same position keeps the largest figures."""
        known = self.spent.get(spent.position)
        row = spent if known is None else known.largest(spent)
        self.spent[spent.position] = row
        written = row.output - (known.output if known else 0)
        if written > 0:
            self.output_tokens += written
            self.activity += 1
        if len(self.spent) > MAX_REQUESTS:
            # The oldest are summed up: only the newest are still being repeated.
            first, second, *_ = self.spent
            both = self.spent.pop(first).named(MORE).plus(self.spent.pop(second))
            self.spent = {MORE: both, **self.spent}

    def suspect(self, text: str, reason: Reason | None) -> None:
        """An error that the agent may still get over: the cause if nothing follows."""
        self.error_text = plain(clip(text, MAX_ERROR_TEXT))
        self.error_reason = reason

    def recover(self) -> None:
        """The agent got on: what it told of before is no cause any more."""
        self.is_error, self.error_text, self.error_reason = False, "", None

    def fail(self, text: str, reason: Reason | None) -> None:
        """The agent told of an error of its own (not of a tool's) that ends the run."""
        self.suspect(text, reason)
        self.is_error = True


def clip(text: str, limit: int) -> str:
    """The end of a text that is too long: the last words say how it ended."""
    return text if len(text) <= limit else "…" + text[-(limit - 1) :]
