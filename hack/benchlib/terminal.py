"""`hack/bench terminal`: what `ringmaster top` costs with thousands of beads, at rest and while they change.

The operator is a stand-in that serves lists and changes; the terminal is a pseudo-terminal of 200x60.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import random
import select
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import psutil
import typer

SESSIONS = 50
COLUMNS, LINES = 200, 60
PAGE = 500
SUMS = {"usd": 0, "tokens": 0}
Body = dict[str, Any]


class StandIn(ThreadingHTTPServer):
    """The calls that top makes; beads change so many times a second."""

    daemon_threads = True

    def __init__(self, beads: int, rate: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rate = rate
        self.beads = [info(number, number + 1) for number in range(beads)]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A watcher that goes away is no error."""


class Handler(BaseHTTPRequestHandler):
    """Answers in HTTP/1.1, so that connections are kept as the operator keeps them."""

    protocol_version = "HTTP/1.1"
    server: StandIn

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        name, query = place.path.rpartition("/")[2], parse_qs(place.query)
        if name == "watch":
            self._watch()
            return
        if name == "beads":
            at, beads = int(query.get("cursor", ["0"])[0]), self.server.beads
            body: Body = {"items": beads[at : at + PAGE]}
            body |= {"next": str(at + PAGE)} if at + PAGE < len(beads) else {}
        else:
            lists: dict[str, Body] = {"workers": {"items": [fleet()]}, "order": {"items": []}}
            body = lists.get(name) or overview()
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _watch(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self._event("ready", 0, {})
        version = len(self.server.beads)
        while True:
            time.sleep(1 / self.server.rate if self.server.rate else 15)
            if not self.server.rate:
                self.wfile.write(b": still here\n\n")
                continue
            version += 1
            bead = info(random.randrange(len(self.server.beads)), version)
            bead["phase"] = random.choice(["Ready", "Running", "Blocked"])
            change = {"type": "MODIFIED", "name": bead["name"], "uid": bead["uid"], "object": bead}
            self._event("bead", version, change)

    def _event(self, name: str, number: int, data: Body) -> None:
        self.wfile.write(f"event: {name}\nid: e-{number}\ndata: {json.dumps(data)}\n\n".encode())


def info(number: int, version: int) -> Body:
    """A bead as lists show it, with a title of wide characters."""
    name, priority = f"bead-{number:05}", f"P{number % 5}"
    return {
        "name": name,
        "uid": name,
        "resourceVersion": str(version),
        "title": f"日本 {number}",
        "type": "task",
        "phase": "Ready",
        "priority": priority,
        "effectivePriority": priority,
        "createdAt": "2026-01-01T00:00:00Z",
    }


def fleet() -> Body:
    """A Worker whose sessions all work."""
    sessions = [
        {"name": f"w-{number}", "state": "Working", "bead": f"bead-{number:05}"} for number in range(SESSIONS)
    ]
    meta = {"name": "w", "namespace": "team", "uid": "w", "resourceVersion": "1"}
    return {"metadata": meta, "spec": {"runtime": "Tmux"}, "status": {"sessions": sessions}}


def overview() -> Body:
    """Next to nothing: it comes every ten seconds alone."""
    month = {"spent": 0, "method": "", "month": "2026-01"}
    empty: Body = {"phases": {}, "needs": [], "needed": {}, "running": [], "sessions": [], "done": []}
    spend = {"today": SUMS, "running": SUMS, "month": month}
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {**empty, "at": at, "version": "0", "ready": 0, "spend": spend, "backup": {}}


def main(
    beads: Annotated[int, typer.Option(help="Beads in the queue.", min=10)] = 10_000,
    seconds: Annotated[float, typer.Option(help="Measured for so long.", min=1)] = 20,
) -> None:
    """Run `ringmaster top` at rest and at 20 changes a second."""
    for rate in (0.0, 20.0):
        server = StandIn(beads, rate)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            print(measured(server.server_address[1], beads, rate, seconds), flush=True)
        finally:
            server.shutdown()
            server.server_close()


def measured(port: int, beads: int, rate: float, seconds: float) -> str:
    """The figures of one run. Raises RuntimeError where top does not come up."""
    with _top(port) as (process, terminal):
        began = time.monotonic()
        while b"live" not in _drained(terminal, 0.2):
            if time.monotonic() - began > 120:
                raise RuntimeError("ringmaster top shows nothing")
        first = time.monotonic() - began
        os.write(terminal, b"3")
        _drained(terminal, 12)  # its first look at the overview is over
        before, at = _cpu(process), time.monotonic()
        sent = len(_drained(terminal, seconds))
        passed = time.monotonic() - at
        used = (_cpu(process) - before) / passed
        size = process.memory_info().rss / 2**20
    return (
        f"{beads} beads, {SESSIONS} sessions, {rate:g} changes/s: {used:.1%} of a processor,"
        f" {sent / passed / 1024:.1f} KiB/s to the terminal, {size:.0f} MB; all listed after {first:.1f} s"
    )


@contextmanager
def _top(port: int) -> Iterator[tuple[psutil.Process, int]]:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(
            TERM="xterm-256color", RINGMASTER_URL=f"http://127.0.0.1:{port}", RINGMASTER_TOKEN="none"
        )
        os.execv(sys.executable, [sys.executable, "-m", "ringmaster_cli", "top", "-n", "team"])
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    try:
        yield psutil.Process(pid), terminal
    finally:
        with contextlib.suppress(OSError):
            os.write(terminal, b"q")
            _drained(terminal, 0.5)
        with contextlib.suppress(OSError):
            os.close(terminal)
        os.waitpid(pid, 0)


def _drained(terminal: int, seconds: float) -> bytes:
    """What it writes meanwhile."""
    found, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                found += os.read(terminal, 65536)
            except OSError:
                break
    return found


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    typer.run(main)
