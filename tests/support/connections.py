"""Connections of this process: with TLS they close a while after their pool, and must not outlive a loop."""

from __future__ import annotations

import asyncio

import psutil

LONGEST_SECONDS = 60.0
LAST_TURNS = 10


def connections() -> set[tuple[object, object]]:
    """Both ends of each TCP connection."""
    found = psutil.Process().net_connections("tcp")
    return {(each.laddr, each.raddr) for each in found if each.raddr}


async def closed_since(before: set[tuple[object, object]]) -> None:
    """Wait until there are none but these; AssertionError after a minute."""
    for _ in range(int(LONGEST_SECONDS / 0.1)):
        if connections() <= before:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError(f"still open: {connections() - before}")
    for _ in range(LAST_TURNS):
        await asyncio.sleep(0)  # who closed them is told
