"""The bodies of the people's API about what sessions show, and what people type into them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.scalars import Natural, Time


class ScreenRun(Model):
    """A stretch of a line in one style."""

    text: str
    color: str | None = None
    """black, red, green, yellow, blue, magenta, cyan, white, the same with bright- before it, or #rrggbb."""
    background: str | None = None
    bold: bool | None = None
    dim: bool | None = None
    italic: bool | None = None
    underline: bool | None = None
    strike: bool | None = None
    reverse: bool | None = None


class ScreenCursor(Model):
    line: Natural
    """Index into the screen's lines."""
    column: Natural


class Typing(Model):
    """Whether the caller may type into the session."""

    allowed: bool
    why: str = ""
    """Why not."""


class Screen(Model):
    """What a session shows. Of one in a pod it is the end of what it wrote, without a cursor."""

    worker: str
    session: str
    runtime: str
    """tmux or pod."""
    state: str
    """starting, running, exited, unstartable or lost."""
    live: bool
    """Whether more may come."""
    typing: Typing
    columns: Natural
    rows: Natural
    """Size of the terminal; 0 where there is none."""
    above: Natural
    """How many of the lines have scrolled off."""
    cursor: ScreenCursor | None = None
    lines: list[list[ScreenRun]]
    at: Time


class KeysRequest(Model):
    """POST keys: a text, a special key, or both in this order."""

    text: Annotated[str, StringConstraints(max_length=4096)] = ""
    """Typed as it is; a newline is the character, not the key."""
    key: Annotated[str, StringConstraints(max_length=16, pattern=r"^[A-Za-z0-9-]*$")] = ""
    """Enter, Escape, Tab, BSpace, Delete, Up, Down, Left, Right, Home, End, F1 to F12, C-a to C-z ..."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.text and not self.key:
            raise PydanticCustomError("keys", "give text, key or both")
        return self


class Typed(Model):
    typed: bool = True
