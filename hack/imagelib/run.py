"""Running the programs that build: what they say goes to a log, and is shown only when they fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubecluster.files import cache_dir, last_lines, private_dir, say


class ImageError(Exception):
    """Something went wrong; the message says what to do. The command ends with 1."""


def images_dir() -> Path:
    """Archives, the local base and the layers: all can be made again."""
    return private_dir(cache_dir().parent / "images")


def run(
    command: Sequence[str], *, title: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run to the end, telling how long it takes. Raises ImageError with the end of what it said."""
    log, started = images_dir() / "last.log", time.monotonic()
    on_terminal = sys.stderr.isatty()
    if not on_terminal:
        say(f"{title} ...")
    with log.open("w") as output:
        builder = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            while builder.poll() is None:
                try:
                    builder.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    if on_terminal:
                        print(f"{title}: {time.monotonic() - started:.0f} s", end="\r", file=sys.stderr)
        except BaseException:
            os.killpg(builder.pid, signal.SIGKILL)
            builder.wait()
            raise
    if builder.returncode:
        raise ImageError(f"{title} failed; the end of {log}:\n{last_lines(log, 25)}")
    if on_terminal:
        say(f"{title}: {time.monotonic() - started:.0f} s" + " " * 10)


def ask(*command: str) -> str | None:
    """What a program prints; None when it is missing or fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
