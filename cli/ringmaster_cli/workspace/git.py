"""Git as a careful program: no prompts, no strangers' hooks, stoppable, its errors as exceptions."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ringmaster_cli.workspace.errors import GitError, WorkspaceError, of_os
from ringmaster_operator.resources.bead import Reason

SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.filesRefLockTimeout=5000",
    "core.packedRefsTimeout=10000",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "protocol.ext.allow=never",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "fetch.writeCommitGraph=false",
    "merge.conflictStyle=merge",
    "rerere.enabled=false",
)
KEPT = frozenset(
    {
        "GIT_SSH_COMMAND",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
        "GIT_PROXY_COMMAND",
    }
)
SSH = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15"
SLOW_SECONDS = 2.0
NETWORK_SECONDS = 1800.0
LOCAL_SECONDS = 600.0
TAIL = 20_000
NO_SPACE = 65_536
"""Bytes below which a disk counts as full."""


def nothing(_: str) -> None:
    """Where nobody wants the lines."""


def never() -> str | None:
    """Nobody asks to stop."""
    return None


def clean_environment(env: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """The environment for git: the caller's, without what changes git's mind."""
    clean = {key: value for key, value in env.items() if not key.startswith("GIT_") or key in KEPT}
    clean.setdefault("PATH", os.defpath)
    clean.setdefault("GIT_SSH_COMMAND", SSH)
    clean.update(
        LC_ALL="C",
        GIT_CONFIG_GLOBAL=str(write_config(home, env)),
        GIT_CEILING_DIRECTORIES=f"{home / 'mirrors'}:{home / 'worktrees'}",
        GIT_TERMINAL_PROMPT="0",
        GIT_ASKPASS="",
        SSH_ASKPASS="",
        GIT_EDITOR="true",
        GIT_PAGER="cat",
        GIT_OPTIONAL_LOCKS="0",
        GIT_NO_REPLACE_OBJECTS="1",
        GIT_ALLOW_PROTOCOL="file:git:http:https:ssh",
    )
    return clean


def write_config(home: Path, env: Mapping[str, str]) -> Path:
    """The git settings of this home: an identity that the person's own settings override, nothing else."""
    path = home / "gitconfig"
    user = Path(env.get("HOME") or "~").expanduser()
    xdg = Path(env.get("XDG_CONFIG_HOME") or user / ".config") / "git" / "config"
    lines = ["[user]", "\tname = Ringmaster worker", "\temail = worker@ringmaster.invalid"]
    for theirs in (xdg, user / ".gitconfig"):
        if theirs.is_file():
            escaped = str(theirs).replace("\\", "\\\\").replace('"', '\\"')
            lines += ["[include]", f'\tpath = "{escaped}"']
    lines += ["[safe]", "\tdirectory = *", ""]
    text = "\n".join(lines)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        fresh = path.with_name(f"gitconfig.{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    return path


@dataclass(frozen=True, kw_only=True)
class Git:
    """Runs git commands in one environment."""

    env: Mapping[str, str]
    should_stop: Callable[[], str | None] = never
    on_line: Callable[[str], None] = nothing
    holding: tuple[int, ...] = field(default=())
    """Lock files that a running git keeps locked even when this process is killed."""

    def patient(self) -> Git:
        """The same for cleaning up, which no wish to stop leaves half done."""
        return replace(self, should_stop=never)

    def run(
        self, *args: str, cwd: Path, remote: bool = False, stdin: str = "", settings: tuple[str, ...] = ()
    ) -> str:
        """What it prints; raises GitError, or WorkspaceError when stopped or out of time."""
        code, out, err = self._run(args, cwd=cwd, remote=remote, stdin=stdin, settings=settings)
        if code:
            raise GitError(args, code, err, full=_full(cwd))
        return out

    def ok(self, *args: str, cwd: Path) -> bool:
        """Whether it exits 0; raises GitError when it fails rather than says no."""
        code, _, err = self._run(args, cwd=cwd, remote=False, stdin="", settings=())
        if code not in (0, 1):
            raise GitError(args, code, err, full=_full(cwd))
        return code == 0

    def commit_of(self, name: str, *, cwd: Path) -> str | None:
        """The full id of a commit, None when there is none by that name."""
        code, out, err = self._run(
            ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"),
            cwd=cwd, remote=False, stdin="", settings=(),
        )  # fmt: skip
        if code and err.strip():
            error = GitError(("rev-parse",), code, err)
            if error.damaged:
                raise error
        return out.strip() or None if code == 0 else None

    def _run(
        self, args: tuple[str, ...], *, cwd: Path, remote: bool, stdin: str, settings: tuple[str, ...]
    ) -> tuple[int, str, str]:
        options = [word for setting in (*SETTINGS, *settings) for word in ("-c", setting)]
        try:
            process = subprocess.Popen(
                ["git", *options, *args], cwd=cwd, env=dict(self.env), start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=self.holding,
                encoding="utf-8", errors="surrogateescape",
            )  # fmt: skip
        except FileNotFoundError as error:
            if error.filename == "git":
                raise WorkspaceError(
                    Reason.CONFIGURATION, "git is not installed here; install it for the worker"
                ) from None
            raise of_os(error) from error
        with process:
            try:
                out, err = self._wait(process, args[0], stdin, NETWORK_SECONDS if remote else LOCAL_SECONDS)
            except BaseException:
                _end(process)
                raise
        return process.returncode, out, err[-TAIL:]

    def _wait(self, process: subprocess.Popen[str], name: str, stdin: str, limit: float) -> tuple[str, str]:
        begun = time.monotonic()
        said = False
        wanted: str | None = stdin
        while True:
            try:
                return process.communicate(wanted, timeout=0.25)
            except subprocess.TimeoutExpired:
                wanted = None
            seconds = time.monotonic() - begun
            if reason := self.should_stop():
                raise WorkspaceError(Reason.CANCELLED, reason)
            if seconds > limit:
                raise WorkspaceError(Reason.INFRASTRUCTURE, f"git {name} was ended after {limit:.0f} s")
            if seconds > SLOW_SECONDS and not said:
                said = True
                self.on_line(f"git {name} is still running ...")


def _full(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize < NO_SPACE or (disk.f_files > 0 and disk.f_favail == 0)
    return False


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
