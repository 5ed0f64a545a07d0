"""The acceptance commands: they decide whether a bead is done, so the worker itself runs them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from ringmaster_cli.agents.process import end_family, start
from ringmaster_cli.agents.terminal import plain
from ringmaster_operator.resources.protocol import VerifyResult

OUTPUT = 16_000
"""Characters of output that are kept: the end, where the failure stands."""
TIMED_OUT = 124
STOPPED = 130
GRACE_SECONDS = 3.0
POLL_SECONDS = 0.05


def run_verify(
    commands: Sequence[str],
    *,
    cwd: Path,
    timeout_seconds: float,
    env: Mapping[str, str],
    should_stop: Callable[[], str | None],
    on_line: Callable[[str], None],
) -> list[VerifyResult]:
    """Run shell commands in order, up to and including the first that fails.

    Each may take timeout_seconds; then its whole process tree is ended and the exit code is 124. When
    should_stop gives a reason, the running command is ended with 130 and no other is started. Whatever a
    command leaves running in the background ends with it.
    """
    results: list[VerifyResult] = []
    for command in commands:
        if should_stop():
            break
        on_line(f"$ {command}")
        result = _run(
            command, cwd=cwd, limit=timeout_seconds, env=env, should_stop=should_stop, on_line=on_line
        )
        results.append(result)
        on_line(f"exit code {result.exit_code} after {result.seconds:.1f} s")
        if result.exit_code:
            break
    return results


class _Tail:
    """The last characters of a stream, while a thread reads it."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._bytes = bytearray()
        self.cut = False

    def read(self, fd: int) -> None:
        """Until the end of the stream."""
        rest = b""
        while block := os.read(fd, 65536):
            self._bytes += block
            if len(self._bytes) > 8 * OUTPUT:
                del self._bytes[: -4 * OUTPUT]
                self.cut = True
            *lines, rest = (rest + block).split(b"\n")
            rest = rest[-65536:]
            for line in lines[-200:]:
                self._on_line(plain(line.decode("utf-8", "replace"))[:500])

    def text(self, note: str = "") -> str:
        """What is kept of it, with a note of what happened to the command."""
        whole = plain(bytes(self._bytes).decode("utf-8", "replace"))
        if note:
            whole = f"{whole.rstrip()}\n[{note}]\n".lstrip("\n")
        if self.cut or len(whole) > OUTPUT:
            return "[...]\n" + whole[-(OUTPUT - 6) :]
        return whole


def _run(
    command: str,
    *,
    cwd: Path,
    limit: float,
    env: Mapping[str, str],
    should_stop: Callable[[], str | None],
    on_line: Callable[[str], None],
) -> VerifyResult:
    run_id = f"verify-{os.getpid()}-{time.monotonic_ns()}"
    begun = time.monotonic()
    tail = _Tail(on_line)
    note = ""
    argv = ["/bin/sh", "-c", 'exec /bin/sh -c "$1" 2>&1', "sh", command]
    with start(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, run_id=run_id) as process:
        assert process.stdout is not None  # noqa: S101 - start() gives pipes
        root = psutil.Process(process.pid)
        reader = threading.Thread(target=tail.read, args=(process.stdout.fileno(),), daemon=True)
        reader.start()
        try:
            while process.poll() is None and not note:
                if reason := should_stop():
                    note = f"stopped: {reason}"
                elif time.monotonic() - begun > limit:
                    note = f"ended after {limit:g} s, its limit"
                else:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(POLL_SECONDS)
        finally:
            # Also what it left in the background: it would hold the pipe open, and go on changing files.
            end_family(root, run_id, grace=GRACE_SECONDS)
            process.wait()
            reader.join(GRACE_SECONDS)
    code = process.returncode
    if note:
        code = STOPPED if note.startswith("stopped") else TIMED_OUT
    return VerifyResult(
        command=command,
        exit_code=code if code >= 0 else 128 - code,
        seconds=round(time.monotonic() - begun, 3),
        output=tail.text(note),
    )
