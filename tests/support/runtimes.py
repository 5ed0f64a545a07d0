"""What the suites of all runtimes are told of a place, and how they wait for its sessions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from ringmaster_operator.runtimes.protocol import (
    Runtime,
    SessionInfo,
    SessionSpec,
    SessionState,
)

NAMESPACE = "work"


FOREVER = ("/bin/sh", "-c", "echo begun; while :; do sleep 1; done")


class Place(Protocol):
    """What the suite needs to know of the place that a runtime runs its sessions in."""

    python: str
    """A Python there."""

    def runtime(self, *, log_bytes: int | None = None) -> Runtime:
        """A new object for the same owner, as after a restart of the operator."""
        ...

    async def stranger(self, name: str) -> Callable[[], Awaitable[bool]]:
        """Start something of someone else under this name; the answer tells whether it still runs."""
        ...

    async def command_lines(self) -> list[str]:
        """Command lines of all processes there, zombies left out."""
        ...

    async def lose(self, name: str) -> None:
        """Take away what the session lives in, as a fallen server or a lost node does."""
        ...


def spec(name: str, *command: str, fingerprint: str = "f1", env: dict[str, str] | None = None) -> SessionSpec:
    return SessionSpec(
        namespace=NAMESPACE,
        name=name,
        worker=name.rpartition("-")[0] or "w",
        command=command or FOREVER,
        env=env or {},
        fingerprint=fingerprint,
    )


async def until(check: Callable[[], Awaitable[object]], what: str, seconds: float = 30.0) -> None:
    """Wait for a truth about another process; fails with `what` when it does not come."""
    deadline = time.monotonic() + seconds
    while not (met := await check()) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert met, f"not within {seconds} s: {what}"


async def logged(runtime: Runtime, name: str, text: str) -> None:
    async def check() -> bool:
        return text in await runtime.logs((NAMESPACE, name), lines=5000)

    await until(check, f"{text!r} in the log of {name}")


async def by_name(runtime: Runtime) -> dict[str, SessionInfo]:
    return {info.name: info for info in await runtime.sessions()}


async def ended(runtime: Runtime, name: str) -> SessionInfo:
    async def check() -> bool:
        return (await by_name(runtime))[name].state is not SessionState.RUNNING

    await until(check, f"{name} ends")
    return (await by_name(runtime))[name]
