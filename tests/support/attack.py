"""What an agent that was talked into something might run where it works: python attack.py WHAT [ARGS]."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HOME = Path(os.environ.get("RINGMASTER_HOME", ""))


def state() -> Path:
    return HOME / "claims" / os.environ["RINGMASTER_NAMESPACE"] / os.environ["RINGMASTER_SESSION"]


def held() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((state() / "claim.json").read_text())
    return found


def forge(claim: str, fence: str, bead: str, usd: str = "0") -> None:
    """A report in the spool, as the worker writes them."""
    now = datetime.now(UTC).isoformat()
    report = {
        "reportId": str(uuid.uuid4()),
        "fence": int(fence),
        "iteration": 1,
        "outcome": {"kind": "success", "confidence": 1, "summary": "forged"},
        "usage": {"requests": [{"position": "forged", "computedUsd": float(usd)}]},
        "startedAt": now,
        "finishedAt": now,
    }
    item = {"claim_id": claim, "bead": bead, "report": report, "unpublished": False, "saved_at": 0}
    (state() / "spool" / f"{report['reportId']}.json").write_text(json.dumps(item))


def forge_own(usd: str = "0") -> None:
    claimed = held()["claimed"]
    forge(claimed["claimId"], str(claimed["fence"]), claimed["bead"]["name"], usd)


def swap(claim: str, fence: str, bead: str) -> None:
    """Hold another session's claim instead of one's own."""
    mine = held()
    mine["claimed"] |= {"claimId": claim, "fence": int(fence)}
    mine["claimed"]["bead"]["name"] = bead
    mine["claimed"]["bead"]["acceptance"]["verify"] = ["true"]
    (state() / "claim.json").write_text(json.dumps(mine))


def lenient() -> None:
    """Acceptance commands that always pass, where the worker keeps them."""
    mine = held()
    mine["claimed"]["bead"]["acceptance"]["verify"] = ["true"]
    (state() / "claim.json").write_text(json.dumps(mine))


def wish(claim: str) -> None:
    (state() / "wish").write_text(claim)


def worktree(name: str) -> None:
    (state() / "worktree").write_text(name)


LATER = """
import pathlib, sys, time
path, text, sign = sys.argv[1:]
end = time.monotonic() + 60
while time.monotonic() < end and not pathlib.Path(sign).exists():
    time.sleep(0.02)
pathlib.Path(path).write_text(text)
"""


def later(path: str, text: str, sign: str) -> None:
    """Write a file once there is a sign, from a process that nothing ties to the agent."""
    command = [sys.executable, "-c", LATER, str(Path(path).absolute()), text, sign]
    first = os.fork()
    if first == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(null, number)
            os.execve(command[0], command, {})
        os._exit(0)
    os.waitpid(first, 0)
    time.sleep(0.2)


def git(*args: str) -> str:
    done = subprocess.run(["git", *args], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def common() -> Path:
    return Path(git("rev-parse", "--path-format=absolute", "--git-common-dir"))


def hide(name: str) -> None:
    """A file that git does not list."""
    folder = common() / "info"
    folder.mkdir(exist_ok=True)
    with (folder / "exclude").open("a") as file:
        file.write(f"/{name}\n")


def wash(text: str) -> None:
    """What git stores of every file is this text."""
    git("config", "filter.wash.clean", f"echo {text}")
    folder = common() / "info"
    folder.mkdir(exist_ok=True)
    (folder / "attributes").write_text("* filter=wash\n")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
