"""tmux commands on one socket. Blocking: call it in a thread.

Only validated names reach tmux, targets are exact (`=name:`), and what Ringmaster knows of a session is
kept in the session's own user options, so that any later operator finds and adopts it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
from libtmux import Server
from libtmux.exc import LibTmuxException, TmuxCommandNotFound

from ringmaster_operator.runtimes.protocol import RuntimeUnavailable, SessionFault

HERE = Path(__file__).parent
COMMAND_SECONDS = 30.0
REAP_SECONDS = 0.02
CREATE_TRIES = 10
COLUMNS, ROWS = 200, 50
LOG_BYTES = 5 * 1024 * 1024
LOG_GENERATIONS = 3
OPTIONS = ("owner", "namespace", "worker", "fingerprint", "run")
FIELDS = (
    "#{session_name}",
    "#{pane_pid}",
    "#{pane_dead}",
    "#{pane_dead_status}",
    "#{pane_dead_signal}",
    "#{session_created}",
    "#{pid}",
    "#{pane_id}",
    "#{@ringmaster_pane}",
    *(f"#{{@ringmaster_{option}}}" for option in OPTIONS),
)
SHOWN = (
    *("#{pane_width}", "#{pane_height}", "#{history_size}"),
    *("#{cursor_x}", "#{cursor_y}", "#{cursor_flag}", "#{alternate_on}"),
)
SERVER_ENV = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMUX_TMPDIR")
"""All that a tmux server of ours inherits: a shell that a person opens in it sees no operator's secret."""


@dataclass(frozen=True)
class Row:
    """One session of ours or of a stranger, with the pane of its program (strangers': any pane)."""

    name: str
    pane: str
    pid: int
    dead: bool
    status: int | None
    signal: int | None
    created: datetime
    owner: str
    namespace: str
    worker: str
    fingerprint: str
    run: str


@dataclass(frozen=True)
class Screen:
    """A pane as it is drawn."""

    lines: tuple[str, ...]
    above: int
    columns: int
    rows: int
    cursor: tuple[int, int] | None


def socket_directory() -> Path:
    """Where tmux keeps the sockets of this user."""
    return Path(os.environ.get("TMUX_TMPDIR") or "/tmp") / f"tmux-{os.getuid()}"  # noqa: S108


class TmuxServer:
    """The tmux server behind one socket name; it need not run."""

    def __init__(self, socket: str, *, log_bytes: int = LOG_BYTES) -> None:
        self.socket = socket
        self._log_bytes = log_bytes
        self._tmux = Server(socket_name=socket)

    def rows(self) -> list[Row]:
        """All sessions of the server, strangers' too; none when it does not run."""
        answer = self._run("list-panes", "-a", "-F", "|".join(FIELDS))
        if any(_unreaped(line) for line in answer):
            time.sleep(REAP_SECONDS)
            answer = self._run("list-panes", "-a", "-F", "|".join(FIELDS))
        found: dict[str, Row] = {}
        for row, programs in filter(None, map(_row, answer)):
            if programs:
                found[row.name] = row
            else:  # a pane that a person opened; alone, it means that the program's pane was closed
                found.setdefault(row.name, replace(row, dead=True, status=None, signal=None))
        return list(found.values())

    def create(self, name: str, directory: Path, options: Mapping[str, str]) -> None:
        """A shell first, marked and logged, then the real program in its place: one tmux call, all or none.

        remain-on-exit is set before the program starts, so that even one that ends at once leaves its status.
        """
        target = f"={name}:"
        marks = [("set-option", "-t", target, f"@ringmaster_{key}", value) for key, value in options.items()]
        launch = (sys.executable, "-I", "-S", str(HERE / "launch.py"), str(directory / "launch.json"))
        self._create(
            ("new-session", "-d", "-s", name, "-x", str(COLUMNS), "-y", str(ROWS), "/bin/sh"),
            *marks,
            ("set-option", "-p", "-t", target, "@ringmaster_pane", "yes"),
            ("set-option", "-w", "-t", target, "remain-on-exit", "on"),
            ("pipe-pane", "-t", target, self._log_command(directory / "log")),
            ("respawn-pane", "-k", "-t", target, "--", *launch),
        )

    def capture(self, pane: str, lines: int) -> str:
        """The pane's screen and what scrolled off it, the last `lines` lines."""
        answer = self._run("capture-pane", "-p", "-J", "-t", pane, "-S", str(-lines))
        while answer and not answer[-1].strip():
            answer.pop()
        return "\n".join(answer[-lines:])

    def screen(self, pane: str, lines: int) -> Screen | None:
        """The pane as it is drawn, with its colours, and of what scrolled off as much as lines leaves."""
        found = self._run("display-message", "-p", "-t", pane, "|".join(SHOWN))
        if len(found) != 1 or not (words := found[0].split("|"))[-1]:
            return None
        columns, rows, history, column, row, visible, alternate = (int(word or 0) for word in words)
        above = 0 if alternate else max(0, min(lines - rows, history))
        shown = self._run("capture-pane", "-p", "-e", "-t", pane, "-S", str(-above))
        shown += [""] * (above + rows - len(shown))
        return Screen(
            lines=tuple(shown[: above + rows]),
            above=above,
            columns=columns,
            rows=rows,
            cursor=(above + row, column) if visible else None,
        )

    def type(self, pane: str, text: str, special: str) -> None:
        """As if a person pressed these keys. A semicolon at the end would end tmux's command."""
        if text:
            literal = text.removesuffix(";") + "\\;" if text.endswith(";") else text
            self._run("send-keys", "-t", pane, "-l", "--", literal)
        if special:
            self._run("send-keys", "-t", pane, special)

    def kill(self, name: str) -> None:
        self._run("kill-session", "-t", f"={name}")

    def attach_command(self, name: str) -> list[str]:
        # in one word: zsh would take "=name" alone for a program
        return ["tmux", "-L", self.socket, "attach-session", f"-t={name}"]

    def _run(self, *args: str) -> list[str]:
        try:
            # -u: without it tmux spoils everything but ASCII when the operator's locale is C
            return list(self._tmux.cmd("-u", *args).stdout)
        except TmuxCommandNotFound as error:
            raise _missing() from error
        except (LibTmuxException, OSError) as error:
            raise RuntimeUnavailable(f"tmux on socket {self.socket}: {error}") from error

    def _create(self, *commands: tuple[str, ...]) -> None:
        # not by libtmux, which gives the new server the whole environment of this process
        line = ["tmux", "-u", f"-L{self.socket}", f"-f{HERE / 'tmux.conf'}"]
        for command in commands:
            line += [*command, ";"]
        done = self._call(line[:-1])
        for _ in range(CREATE_TRIES):
            if "server exited" not in done.stderr:
                break
            time.sleep(REAP_SECONDS)  # the old server was just ending, its last session gone
            done = self._call(line[:-1])
        if done.returncode != 0:
            raise SessionFault(f"tmux on socket {self.socket}: {done.stderr.strip() or 'no reason given'}")

    def _call(self, line: list[str]) -> subprocess.CompletedProcess[str]:
        env = {name: os.environ[name] for name in SERVER_ENV if name in os.environ}
        try:
            return subprocess.run(
                line, env=env, capture_output=True, timeout=COMMAND_SECONDS, check=False, text=True
            )
        except FileNotFoundError as error:
            raise _missing() from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RuntimeUnavailable(f"tmux on socket {self.socket}: {error}") from error

    def _log_command(self, path: Path) -> str:
        program = (sys.executable, "-I", "-S", str(HERE / "logpipe.py"))
        command = shlex.join([*program, str(path), str(self._log_bytes), str(LOG_GENERATIONS)])
        # pipe-pane expands formats and strftime in its command
        return "exec " + command.replace("#", "##").replace("%", "%%")


def _missing() -> RuntimeUnavailable:
    return RuntimeUnavailable("tmux is not installed on this host: install it (apt install tmux)")


def _unreaped(line: str) -> bool:
    """Remind tmux of a child that it did not notice to have ended; True when there was one.

    Debian's tmux loses SIGCHLD while libutempter has its own handler in place (tmux issue 311).
    """
    parts = line.split("|")
    if len(parts) != len(FIELDS) or parts[2:5] != ["1", "", ""]:
        return False
    with contextlib.suppress(psutil.Error, OSError):
        if psutil.Process(int(parts[1])).status() == psutil.STATUS_ZOMBIE:
            os.kill(int(parts[6]), signal.SIGCHLD)
            return True
    return False


def _row(line: str) -> tuple[Row, bool] | None:
    """The row, and whether its pane is the one that the program was put into."""
    parts = line.split("|")
    if len(parts) != len(FIELDS):
        return None
    name, pid, dead, status, killed_by, created, _, pane, own, *marks = parts
    owner, namespace, worker, fingerprint, run = marks
    row = Row(
        name=name,
        pane=pane,
        pid=int(pid),
        # dead alone only says that its terminal is closed: the status comes when it is reaped
        dead=dead == "1" and bool(status or killed_by),
        status=int(status) if status else None,
        signal=int(killed_by) if killed_by else None,
        created=datetime.fromtimestamp(int(created), UTC),
        owner=owner,
        namespace=namespace,
        worker=worker,
        fingerprint=fingerprint,
        run=run,
    )
    return row, own == "yes"
