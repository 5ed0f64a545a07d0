"""Objects in which all that their kind lets anybody write is markup."""

from __future__ import annotations

import json
from typing import Any

from support.manifests import worker
from support.payloads import BLOCK, LINES
from support.receivers import SECRET

AT = "2026-11-24T12:00:00Z"
CHANNELS = f"""
[channels.me]
people = true
about = {json.dumps(LINES[0])}
webhook = "http://127.0.0.1:9/"
secrets = ["{SECRET}"]
local = true
[channels.room]
about = {json.dumps(LINES[2])}
webhook = "http://127.0.0.1:9/"
secrets = ["{SECRET}"]
local = true
"""
"""Nobody takes their messages."""
PROJECT = f"""
rules = {json.dumps([line[:1024] for line in LINES], ensure_ascii=False)}
[capabilities]
python = {json.dumps(LINES[0])}
[[budgets]]
name = "strange"
usd = 5
user = {json.dumps(LINES[1])}
[fairness]
label = {json.dumps(LINES[2])}
[fairness.weights]
{json.dumps(LINES[0])} = 2
[[notifications]]
channel = "room"
"""
TOLD = f"{json.dumps(LINES[0])} = 1\n"
"""Settings with a fault: what the Event says of it repeats what was written."""


def settings(text: str) -> dict[str, Any]:
    """The project's settings."""
    meta = {"name": "ringmaster-project"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"project.toml": text}}


def _conditions(kind: str) -> list[dict[str, Any]]:
    told = {"type": kind, "status": "False", "reason": "Strange", "message": BLOCK[:4096]}
    return [{**told, "lastTransitionTime": AT}]


_SESSION = {"name": "strange-0", "state": "Crashed", "message": LINES[0], "restarts": 2}
WORKER: dict[str, Any] = {
    **worker(
        "strange",
        replicas=1,
        tmux={"host": "elsewhere"},
        agent={"profile": "generic", "command": list(LINES), "model": LINES[1]},
    ),
    "status": {"conditions": _conditions("Strange"), "sessions": [_SESSION]},
}
"""On another machine: nobody starts its sessions, and its status stays as it is written."""
SAVED, FAILED, TRIED = f"saved {LINES[4][:200]}", f"failed: {LINES[0]}", f"tried: {BLOCK}"
"""What its status says of a backup's name, of a failure and of a trial restore."""
DOUBTED = f"the trial restore of {AT} failed: {TRIED}"
"""What the operator makes of that in the message of the condition Verified: others it takes away."""
BUCKET: dict[str, Any] = {
    "bucket": "strange",
    "prefix": LINES[2],
    "endpoint": f"https://127.0.0.1:1/{LINES[2]}",
    "region": LINES[0],
    "secretRef": {"name": "none"},
}
GOES = f"s3://strange/{LINES[2]} at {BUCKET['endpoint']}, {LINES[0]}"
"""How the page says where its backups go."""
SCHEDULE: dict[str, Any] = {
    "apiVersion": "ringmaster.dev/v1alpha1",
    "kind": "BackupSchedule",
    "metadata": {"name": "strange"},
    "spec": {
        "executor": "Host",
        "suspend": True,
        "hourly": {},
        "destination": {"s3": BUCKET},
    },
    "status": {
        "lastSuccess": {
            **{
                "name": SAVED,
                "mode": "daily",
                "time": "2026-11-24T11:00:00Z",
                "bytes": 1,
                "sha256": "0" * 64,
            },
            "verified": True,
        },
        "lastFailure": {"time": AT, "mode": "hourly", "message": FAILED},
        "lastRehearsal": {"time": AT, "succeeded": False, "message": TRIED},
    },
}
