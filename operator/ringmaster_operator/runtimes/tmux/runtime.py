"""Sessions in tmux on this machine: the Runtime protocol over private tmux servers.

Each namespace has its own socket, so that a session keeps its plain name and a fallen tmux server takes
few with it. tmux is slow to ask (a process a question), hence every call runs in a thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import uuid
from collections import defaultdict
from pathlib import Path

import psutil

from ringmaster_operator.runtimes.protocol import (
    KEYS,
    SOCKET,
    WORD,
    Key,
    SessionFault,
    SessionInfo,
    SessionSpec,
    SessionState,
    StopResult,
    View,
    check_key,
    check_spec,
)
from ringmaster_operator.runtimes.tmux import processes
from ringmaster_operator.runtimes.tmux.files import Marker, SessionFiles, known_keys
from ringmaster_operator.runtimes.tmux.server import LOG_BYTES, Row, TmuxServer, socket_directory

PASSED_ENV = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
    *("SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""What a session inherits of the operator's environment: nothing that holds a secret."""
LAUNCH_SECONDS = 15.0
LEFTOVER_SECONDS = 2.0
SCREEN_LINES = 1000
LONGEST_SOCKET = 72


class TmuxRuntime:
    """`owner` marks this host's sessions; `state_directory` holds their folders.

    Sessions whose spec names no socket are on `<socket_prefix>-<namespace>`.
    """

    def __init__(
        self, *, owner: str, state_directory: Path, socket_prefix: str, log_bytes: int = LOG_BYTES
    ) -> None:
        if not WORD.fullmatch(owner) or not SOCKET.fullmatch(socket_prefix):
            raise SessionFault(f"tmux host {owner!r}, socket {socket_prefix!r}: only letters, digits, -, _")
        self._owner = owner
        self._root = state_directory.expanduser().resolve()
        self._prefix = socket_prefix
        self._log_bytes = log_bytes
        self._locks: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sessions(self) -> list[SessionInfo]:
        return await asyncio.to_thread(self._sessions)

    async def start(self, spec: SessionSpec) -> SessionInfo:
        check_spec(spec)
        async with self._locks[spec.key]:
            known = await asyncio.to_thread(self._find, spec.key, spec.place)
            if known is not None and known.state is SessionState.RUNNING:
                if known.fingerprint == spec.fingerprint:
                    return known
                raise SessionFault(f"session {spec.name} runs with other settings: stop it first")
            await self._stop(spec.key, grace_seconds=LEFTOVER_SECONDS, keep_screen=True)
            return await asyncio.to_thread(self._start, spec)

    async def stop(self, key: Key, *, grace_seconds: float = 10.0, keep_screen: bool = True) -> StopResult:
        check_key(key)
        async with self._locks[key]:
            return await self._stop(key, grace_seconds=grace_seconds, keep_screen=keep_screen)

    async def screen(self, key: Key, *, lines: int = 200) -> str:
        check_key(key)
        return await asyncio.to_thread(self._capture, key, lines)

    async def view(self, key: Key, *, lines: int = 200) -> View:
        check_key(key)
        return await asyncio.to_thread(self._view, key, lines)

    async def type(self, key: Key, *, text: str = "", special: str = "") -> None:
        check_key(key)
        if special and special not in KEYS:
            raise SessionFault(f"there is no key {special!r}")
        await asyncio.to_thread(self._type, key, text, special)

    @property
    def no_typing(self) -> str:
        return ""

    async def logs(self, key: Key, *, lines: int = 200) -> str:
        check_key(key)
        return await asyncio.to_thread(self.files(key).tail, lines)

    async def discard(self, key: Key) -> None:
        check_key(key)
        async with self._locks[key]:
            await asyncio.to_thread(self.files(key).discard)
        self._locks.pop(key, None)

    def attach_command(self, key: Key) -> list[str]:
        check_key(key)
        return self._server(key).attach_command(key[1])

    def files(self, key: Key) -> SessionFiles:
        """The session's folder on this host."""
        return SessionFiles(self._root, key)

    def _server(self, key: Key, place: str = "") -> TmuxServer:
        if not place:
            marked = self.files(key).marker()
            place = marked[0].socket if marked else self._default_socket(key[0])
        return TmuxServer(place, log_bytes=self._log_bytes)

    def _default_socket(self, namespace: str) -> str:
        name = f"{self._prefix}-{namespace}"
        if len(name) <= LONGEST_SOCKET:
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return f"{name[: LONGEST_SOCKET - 9]}-{digest}"

    def _mine(self, row: Row, key: Key) -> bool:
        return row.owner == self._owner and (row.namespace, row.name) == key

    def _row(self, key: Key, place: str = "") -> tuple[TmuxServer, Row | None]:
        server = self._server(key, place)
        return server, next((row for row in server.rows() if self._mine(row, key)), None)

    def _find(self, key: Key, place: str) -> SessionInfo | None:
        _, row = self._row(key)
        if row is None and place:
            _, row = self._row(key, place)
        return self._info(row) if row is not None else self._lost(key)

    def _sessions(self) -> list[SessionInfo]:
        keys = known_keys(self._root)
        marks = [marked[0].socket for key in keys if (marked := self.files(key).marker())]
        sockets = {path.name for path in socket_directory().glob(f"{self._prefix}-*")} | set(marks)
        rows = [row for socket in sorted(sockets) for row in TmuxServer(socket).rows()]
        found = {(row.namespace, row.name): self._info(row) for row in rows if row.owner == self._owner}
        for key in keys:
            if key not in found and (lost := self._lost(key)) is not None:
                found[key] = lost
        return [found[key] for key in sorted(found)]

    def _info(self, row: Row) -> SessionInfo:
        files = self.files((row.namespace, row.name))
        state, message, code = SessionState.RUNNING, "", None
        if row.dead:
            code = 128 + row.signal if row.signal else row.status
            message = files.failure()
            state = SessionState.UNSTARTABLE if message else SessionState.EXITED
            message = message or _ending(row)
        return SessionInfo(
            namespace=row.namespace,
            name=row.name,
            worker=row.worker,
            state=state,
            fingerprint=row.fingerprint,
            run=row.run,
            pid=None if row.dead else row.pid,
            started_at=row.created,
            exit_code=code,
            message=message,
            last_output_at=files.last_output_at(),
        )

    def _lost(self, key: Key) -> SessionInfo | None:
        files = self.files(key)
        marked = files.marker()
        if marked is None:
            return None
        return SessionInfo(
            namespace=key[0],
            name=key[1],
            worker=marked[0].worker,
            state=SessionState.LOST,
            fingerprint=marked[0].fingerprint,
            run=marked[0].run,
            started_at=marked[1],
            message="its tmux session is gone: killed from outside, or the machine was restarted",
            last_output_at=files.last_output_at(),
        )

    def _start(self, spec: SessionSpec) -> SessionInfo:
        files = self.files(spec.key)
        run = uuid.uuid4().hex
        socket = spec.place or self._default_socket(spec.namespace)
        server = TmuxServer(socket, log_bytes=self._log_bytes)
        inherited = {name: os.environ[name] for name in PASSED_ENV if name in os.environ}
        env = {**inherited, **spec.env, processes.MARKER: f"{self._process_mark(spec.key)}{run}"}
        marker = Marker(socket=socket, worker=spec.worker, fingerprint=spec.fingerprint, run=run)
        options = {
            "owner": self._owner,
            "namespace": spec.namespace,
            "worker": spec.worker,
            "fingerprint": spec.fingerprint,
            "run": run,
        }
        try:
            files.prepare(spec, marker, env)
            server.create(spec.name, files.directory, options)
        except SessionFault:
            files.end()
            raise
        except OSError as error:
            files.end()
            raise SessionFault(f"session {spec.name}: cannot write {error.filename}: {error}") from error
        return self._launched(spec, files, server)

    def _launched(self, spec: SessionSpec, files: SessionFiles, server: TmuxServer) -> SessionInfo:
        """Wait until the program has taken the launcher's place, or could not."""
        until = time.monotonic() + LAUNCH_SECONDS
        while time.monotonic() < until:
            row = next((row for row in server.rows() if self._mine(row, spec.key)), None)
            if row is None or row.dead or (not files.launching() and _launched(row.pid)):
                break
            time.sleep(0.01)
        info = self._find(spec.key, spec.place)
        if info is None:
            raise SessionFault(f"session {spec.name} was removed while it started")
        return info

    def _process_mark(self, key: Key) -> str:
        return f"{self._owner}/{key[0]}/{key[1]}/"

    async def _stop(self, key: Key, *, grace_seconds: float, keep_screen: bool) -> StopResult:
        files = self.files(key)
        marked = files.marker() is not None
        server, row = await asyncio.to_thread(self._row, key)
        screen = ""
        if row is not None and keep_screen:
            screen = await asyncio.to_thread(server.capture, row.pane, SCREEN_LINES)
            await asyncio.to_thread(files.save_screen, screen)
        root = row.pid if row is not None and not row.dead else None
        forced = await processes.end(root, self._process_mark(key), grace_seconds)
        if row is not None:
            await asyncio.to_thread(server.kill, key[1])
        await asyncio.to_thread(files.end)
        return StopResult(existed=row is not None or marked or forced > 0, screen=screen, forced=forced)

    def _view(self, key: Key, lines: int) -> View:
        server, row = self._row(key)
        if row is not None and (screen := server.screen(row.pane, lines)) is not None:
            return View(state=self._info(row).state, **vars(screen))
        info, saved = self._lost(key), self.files(key).saved_screen()
        if info is None and not saved:
            raise SessionFault(f"there is no session {key[1]}")
        state = info.state if info is not None else SessionState.EXITED
        return View(state=state, lines=tuple(saved.split("\n")[-lines:]) if saved else ())

    def _type(self, key: Key, text: str, special: str) -> None:
        server, row = self._row(key)
        if row is None or row.dead:
            raise SessionFault(f"session {key[1]} does not run")
        server.type(row.pane, text, special)

    def _capture(self, key: Key, lines: int) -> str:
        server, row = self._row(key)
        return server.capture(row.pane, lines) if row is not None else self.files(key).saved_screen()


def _ending(row: Row) -> str:
    if row.signal:
        return f"ended by signal {row.signal}"
    return "its tmux pane was closed" if row.status is None else f"exit code {row.status}"


def _launched(pid: int) -> bool:
    """Whether a program lives in the launcher's place: neither the launcher itself nor its remains."""
    try:
        words = psutil.Process(pid).cmdline()  # empty once the process is ending
    except psutil.Error:
        return False
    return bool(words) and not any(word.endswith("launch.py") for word in words)
