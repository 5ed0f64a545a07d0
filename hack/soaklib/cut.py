"""A session in a network of its own, whose only link can be taken down. Needs root; leaves nothing behind.

The network has no name: it is one thread's, and goes with it, as the link does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Coroutine
from typing import Any

CLONE_NEWNET = 0x40000000
HOST, GUEST = "10.231.77.1", "10.231.77.2"


class Apart:
    """Runs a coroutine in a thread that has a network of its own; from there the operator is at `url`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._link = f"soak{os.getpid() % 100_000}"
        self._ready = threading.Event()
        self._linked = threading.Event()
        self._error = ""
        self._tid = 0
        self._relay: asyncio.Server | None = None
        self.url = ""

    async def start(self, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        """Make the network and run `work(url)` in it; RuntimeError when the machine does not let us."""
        self._thread = threading.Thread(target=self._run, args=(work,), name="apart", daemon=True)
        self._thread.start()
        await asyncio.to_thread(self._ready.wait)
        if self._error:
            raise RuntimeError(self._error)
        guest = f"{self._link}g"
        inside = ("nsenter", f"--net=/proc/{self._tid}/ns/net", "ip")
        for command in (
            ("ip", "link", "add", self._link, "type", "veth", "peer", "name", guest),
            ("ip", "link", "set", guest, "netns", str(self._tid)),
            ("ip", "address", "add", f"{HOST}/30", "dev", self._link),
            ("ip", "link", "set", self._link, "up"),
            (*inside, "address", "add", f"{GUEST}/30", "dev", guest),
            (*inside, "link", "set", guest, "up"),
        ):
            await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
        self._relay = await asyncio.start_server(self._forward, HOST, 0)
        self.url = f"http://{HOST}:{self._relay.sockets[0].getsockname()[1]}"
        self._linked.set()

    def link(self, state: str) -> None:
        """Take the link `down` or `up`: nothing tells either side."""
        subprocess.run(["ip", "link", "set", self._link, state], check=True, capture_output=True)

    async def end(self) -> None:
        """After the work has ended: the network goes."""
        await asyncio.to_thread(self._thread.join, 60.0)
        if self._relay is not None:
            self._relay.close()
        gone = ["ip", "link", "delete", self._link]
        await asyncio.to_thread(subprocess.run, gone, check=False, capture_output=True)

    def _run(self, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            self._error = f"no network of its own: {os.strerror(ctypes.get_errno())}"
        self._tid = threading.get_native_id()
        self._ready.set()
        if not self._error:
            self._linked.wait(30.0)
            asyncio.run(work(self.url))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_pipe(reader, forth), _pipe(back, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
