"""What every place that runs sessions can do, in the same words for tmux and for pods.

The reconciler plans in these words only, and one conformance suite holds every runtime to them, so that
the same manifests work on a laptop and on a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

Key = tuple[str, str]
"""(namespace, name) of a session."""

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
WORD = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,127}", re.ASCII)
SOCKET = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9_]{0,79}", re.ASCII)
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


KEYS = frozenset(
    {
        *("Enter", "Escape", "Tab", "BTab", "Space", "BSpace", "Delete", "Insert", "Home", "End"),
        *("PageUp", "PageDown", "Up", "Down", "Left", "Right"),
        *(f"F{number}" for number in range(1, 13)),
        *(f"C-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
    }
)
"""Special keys, in tmux's words."""


class SessionFault(Exception):
    """The session cannot be started or stopped as asked; the text says why and what to do.

    reason: the same as one CamelCase word, where there is one.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class RuntimeUnavailable(SessionFault):
    """The runtime as a whole does not work here (tmux not installed, no rights)."""


class SessionState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    EXITED = "exited"
    UNSTARTABLE = "unstartable"
    """The program is missing or may not be run: trying again without a change is of no use."""
    LOST = "lost"
    """It ran, and its surroundings are gone (tmux server ended, machine restarted, node lost)."""


@dataclass(frozen=True, kw_only=True)
class SessionSpec:
    """What is to run.

    fingerprint stands for everything whose change must replace the session. env may hold secrets: it never
    reaches a command line, a log or repr(). place is the runtime's own word for where (tmux: the socket).
    """

    namespace: str
    name: str
    worker: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    working_directory: str | None = None
    fingerprint: str
    place: str = ""

    @property
    def key(self) -> Key:
        return self.namespace, self.name


@dataclass(frozen=True, kw_only=True)
class SessionInfo:
    """What is there. exit_code is 128 + n after signal n, None while unknown; times are UTC.

    run tells this run of the session from those before and after it. pid is the program's, where it is a
    process of this machine. last_output_at is as of the last look at the output. reason is one CamelCase word
    for what ended it or keeps it from running, where its surroundings and not its program did.
    """

    namespace: str
    name: str
    worker: str
    state: SessionState
    fingerprint: str
    run: str = ""
    pid: int | None = None
    started_at: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    last_output_at: datetime | None = None

    @property
    def key(self) -> Key:
        return self.namespace, self.name


@dataclass(frozen=True, kw_only=True)
class StopResult:
    """existed: there was something to stop. forced: processes that had to be killed after the grace."""

    existed: bool
    screen: str = ""
    forced: int = 0


@dataclass(frozen=True, kw_only=True)
class View:
    """What a session shows at this moment.

    lines may hold sequences of colour; `above` of them have scrolled off. cursor is (line, column) where it
    can be seen. Columns and rows are 0 where there is no terminal.
    """

    state: SessionState
    lines: tuple[str, ...]
    above: int = 0
    columns: int = 0
    rows: int = 0
    cursor: tuple[int, int] | None = None


class Runtime(Protocol):
    """All calls but type() are safe to repeat, and touch only sessions that this runtime's owner started."""

    async def wait(self, seconds: float) -> None:
        """Until something may have changed, or for so long at most."""
        ...

    async def sessions(self) -> list[SessionInfo]:
        """All sessions of this owner, of every namespace, also those that ended."""
        ...

    async def start(self, spec: SessionSpec) -> SessionInfo:
        """Start it, or leave it as it is when it runs with the same fingerprint.

        Raises SessionFault when it runs with another one, when a stranger's session has the name, or when
        the spec is not valid. A program that cannot be run is no exception but the state UNSTARTABLE.
        """
        ...

    async def stop(self, key: Key, *, grace_seconds: float = 10.0, keep_screen: bool = True) -> StopResult:
        """End every process of it: asked first, killed after grace_seconds. Keeps the log.

        With keep_screen the last screen is saved before, and returned.
        """
        ...

    async def screen(self, key: Key, *, lines: int = 200) -> str:
        """The last lines of the screen; of an ended session the one that was saved."""
        ...

    async def view(self, key: Key, *, lines: int = 200) -> View:
        """What it shows now, at most so many lines. Raises SessionFault when there is no such session."""
        ...

    async def type(self, key: Key, *, text: str = "", special: str = "") -> None:
        """Type a text, and then a special key (KEYS), as a person at its terminal does.

        Raises SessionFault where the session does not run or takes no input.
        """
        ...

    @property
    def no_typing(self) -> str:
        """Why nobody can type into sessions here; empty where people can."""
        ...

    async def logs(self, key: Key, *, lines: int = 200) -> str:
        """The last lines of all that it wrote, as far as it is kept."""
        ...

    async def discard(self, key: Key) -> None:
        """Drop what a stopped session left: log, screen, files."""
        ...

    def attach_command(self, key: Key) -> list[str]:
        """What a person runs to see and use the session."""
        ...


def check_key(key: Key) -> None:
    """Raises SessionFault unless both parts are DNS labels: nothing else ever reaches a command line."""
    for what, value in zip(("namespace", "name"), key, strict=True):
        _check(LABEL, f"session {what}", value, "lower-case letters, digits and dashes, at most 63")


def check_spec(spec: SessionSpec) -> None:
    """Raises SessionFault for names, variables and commands that cannot be passed on as they are."""
    check_key(spec.key)
    _check(LABEL, "worker", spec.worker, "lower-case letters, digits and dashes, at most 63")
    _check(WORD, "fingerprint", spec.fingerprint, "letters, digits, dots and dashes, at most 128")
    if spec.place:
        _check(SOCKET, "socket name", spec.place, "letters, digits, dashes and underscores, at most 80")
    if not spec.command or not spec.command[0]:
        raise SessionFault(f"session {spec.name}: the command is empty")
    if any("\0" in part for part in (*spec.command, *spec.env.values(), spec.working_directory or "")):
        raise SessionFault(f"session {spec.name}: a NUL character in the command or a variable")
    for name in spec.env:
        _check(ENV_NAME, "variable name", name, "letters, digits and underscores")


def _check(pattern: re.Pattern[str], what: str, value: str, allowed: str) -> None:
    if not pattern.fullmatch(value):
        shown = value if len(value) <= 80 else value[:77] + "..."
        raise SessionFault(f"{what} {shown!r} is not allowed: only {allowed}")
