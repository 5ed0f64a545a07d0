"""Several operators of one installation, and what stands before them: a Service, a network to be cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from support.operators import OperatorProcess


@dataclass
class Proxy:
    """TCP, passed on to whatever `target` names at that moment; None refuses."""

    target: Callable[[], tuple[str, int] | None]
    connections: set[asyncio.StreamWriter] = field(default_factory=set)
    handlers: set[asyncio.Task[None]] = field(default_factory=set)
    port: int = 0
    blocked: bool = False

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            for task in self.handlers:
                task.cancel()
            await asyncio.gather(*self.handlers, return_exceptions=True)
            self.cut()  # also what was accepted and never passed on
            await server.wait_closed()
            await asyncio.sleep(0.1)  # an aborted transport is closed in a later turn of the loop

    def cut(self) -> None:
        """End every connection."""
        for writer in list(self.connections):
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        task = asyncio.create_task(self._pass_on(reader, writer))
        self.handlers.add(task)
        task.add_done_callback(self.handlers.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = None if self.blocked else self.target()
        try:
            if to is None:
                raise ConnectionError
            far_reader, far_writer = await asyncio.open_connection(*to)
        except OSError:
            writer.transport.abort()
            return
        self.connections.add(far_writer)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, far_writer))
                both.create_task(_copy(far_reader, writer))
        finally:
            self.connections -= {writer, far_writer}
            for end in (writer, far_writer):
                end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass
class Service:
    """What a Kubernetes Service does: sends new connections to the one replica that says it is ready.

    `seen` has the replicas that were ready at the same look: never two, or two would lead.
    """

    replicas: list[OperatorProcess]
    ready: OperatorProcess | None = None
    together: list[list[int]] = field(default_factory=list)

    def target(self) -> tuple[str, int] | None:
        return ("127.0.0.1", self.ready.port) if self.ready else None

    async def watch(self, changed: Callable[[], None]) -> None:
        """Look at every replica's readiness four times a second, as a quick kubelet would."""
        async with httpx2.AsyncClient(timeout=0.5) as client:
            while True:
                ready = [r for r in self.replicas if await is_ready(client, r)]
                if len(ready) > 1:
                    self.together.append([r.port for r in ready])
                found = ready[0] if ready else None
                if found is not self.ready:
                    self.ready = found
                    changed()
                await asyncio.sleep(0.25)

    async def leader(self) -> OperatorProcess:
        while self.ready is None:
            await asyncio.sleep(0.05)
        return self.ready


async def is_ready(client: httpx2.AsyncClient, replica: OperatorProcess) -> bool:
    try:
        return (await client.get(f"{replica.url}/readyz")).status_code == 200
    except httpx2.HTTPError:
        return False


def kubeconfig_of(cluster: Any, folder: Path, user: str) -> Path:
    """A kubeconfig of a service account that may do anything, so that the audit log tells who did what."""
    cluster.kubectl("create", "serviceaccount", user, "--namespace", "default")
    cluster.kubectl(
        "create",
        "clusterrolebinding",
        user,
        "--clusterrole=cluster-admin",
        f"--serviceaccount=default:{user}",
    )
    token = cluster.kubectl("create", "token", user, "--namespace", "default", "--duration=2h").strip()
    view = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "--output=json"))
    view["users"][0]["user"] = {"token": token}
    path = folder / f"{user}.kubeconfig"
    path.write_text(json.dumps(view))
    return path


def server_of(kubeconfig: Path) -> tuple[str, int]:
    """Where the API server is."""
    address = urlsplit(json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
    return str(address.hostname), int(address.port or 443)


def rerouted(kubeconfig: Path, folder: Path, port: int) -> Path:
    """The same, by way of a port of this machine."""
    view = json.loads(kubeconfig.read_text())
    view["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    path = folder / "rerouted.kubeconfig"
    path.write_text(json.dumps(view))
    return path


def freeze(replica: OperatorProcess) -> None:
    """Stop it where it is, as a machine does that is out of memory or is being moved."""
    assert replica.process is not None
    replica.process.send_signal(signal.SIGSTOP)


def thaw(replica: OperatorProcess) -> None:
    if replica.process is not None:
        replica.process.send_signal(signal.SIGCONT)
