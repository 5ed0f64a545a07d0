"""Programs that installing calls, with their failure as one line."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from ringmaster_cli.exits import CliError, Exit

SECONDS = 120.0


def call(*words: str, stdin: str | None = None, seconds: float = SECONDS) -> str:
    """Run it; what it printed. Raises CliError with its last words."""
    done = tried(words, stdin=stdin, seconds=seconds)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CliError(f"{' '.join(words[:3])}: {said[-1] if said else f'exit code {done.returncode}'}")
    return done.stdout


def tried(
    words: Sequence[str], *, stdin: str | None = None, seconds: float = SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run it, however it ends. Raises CliError when it is not there, or takes too long."""
    try:
        return subprocess.run(
            words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
        )
    except FileNotFoundError:
        raise CliError(f"{words[0]} is not installed", exit=Exit.USAGE) from None
    except subprocess.TimeoutExpired:
        raise CliError(f"{' '.join(words[:3])}: not done after {seconds:.0f} s") from None
