"""What strangers write steers no terminal: as text and as data, in every command that shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session, make_worker, usage
from support.strange import AT, SCHEDULE, TOLD, WORKER, settings
from support.tenants import Person, Tenants
from support.terminals import terminal

pytestmark = [pytest.mark.cluster, pytest.mark.tmux]

STEERING = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b]8;;http://127.0.0.1:1/\x07\x9b31mmore\x7f\u202eover\u2066 \x08end"
)
"""Title, clearing, colours, a link, C1, delete, text that runs backwards."""
STRANGE = "\x1b\x07\x9b\x7f\u202e\u2066\x08"
LINE = f"a line of strangers' words {STEERING}"
TURNED = "a line of strangers' words \u202eover\u2066 end"
"""What the API server takes where it refuses control characters: no pattern of a definition names these."""
COMMANDS = {
    "status -n {}": "a line",
    "events -n {} -o wide": "InvalidSettings",
    "timeline worked -n {}": "a line",
    "decisions -n {}": "a line",
    "explain worked -n {}": "worked",
    "cost --by user -n {}": "a line",
    "lessons list -n {}": "a line",
    "user list": "a line",
    "notify list": "a line",
    "prompt worked -n {}": "a line",
    "status -n {} --json": "a line",
    "timeline worked -n {} --json": "a line",
}
"""What is asked, and what of the strangers' words must be in the answer: nothing is hidden away."""


@dataclass
class Place:
    """An operator of a namespace in which all text steers terminals."""

    operator: OperatorProcess
    namespace: str
    root: Person

    def env(self) -> dict[str, str]:
        return {
            "RINGMASTER_URL": self.operator.url,
            "RINGMASTER_TOKEN": self.root.token,
            "KUBECONFIG": str(self.operator.kubeconfig),
            "LC_ALL": "C.UTF-8",
        }

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.root.call(method, f"/api/v1{path}", body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def tell(self, path: str, body: dict[str, str]) -> None:
        """Words that are taken out of what steers, or refused, and then given without what is refused."""
        answer = self.root.call("POST", f"/api/v1{path}", body)
        if answer.status_code == 422:
            tamed = {key: value.replace(LINE, TURNED) for key, value in body.items()}
            self.ask("POST", path, tamed)

    def run(self, words: str) -> str:
        command = [sys.executable, "-m", "ringmaster_cli", *words.split()]
        done = subprocess.run(
            command, env=os.environ | self.env(), capture_output=True, timeout=60, check=False
        )
        text = (done.stdout + done.stderr).decode()
        assert "Traceback" not in text, text
        return text


def _channels(folder: Path) -> Path:
    file = folder / "channels.toml"
    hook = 'webhook = "http://127.0.0.1:9/"\nsecrets = ["whsec_c2VjcmV0LW9mLWEtd2ViaG9vay0wMTIzNDU2Nzg5"]\n'
    told = f"about = {json.dumps('a line of the channel')}\nlocal = true\npeople = true\n{hook}"
    file.write_text(f"[channels.room]\n{told}")
    return file


@pytest.fixture
async def place(cluster: Any, namespace: str, tmp_path: Path) -> AsyncIterator[Place]:
    def apply(*items: dict[str, Any]) -> None:
        cluster.kubectl("apply", "-n", namespace, "-f-", stdin=listed(items))

    operator = OperatorProcess(
        cluster.kubeconfig, namespace, tmp_path, {"RINGMASTER_NOTIFY_FILE": str(_channels(tmp_path))}
    )
    operator.start()
    made = Place(operator, namespace, Tenants(cluster, operator, (namespace, namespace)).root())
    try:
        token = make_worker(cluster, namespace, capabilities=[{"name": "python"}])
        apply(settings(TOLD))
        asked = {"question": TURNED, "options": [{"name": TURNED, "consequence": TURNED}]}
        worked = bead("worked", title=TURNED, description=TURNED, capabilities=["python"])
        worked["metadata"]["annotations"] = {"ringmaster.dev/requested-by": LINE}
        apply(worked, bead("asked", title=TURNED, type="decision", decision=asked))
        apply(bead("stuck", title=TURNED, dependsOn=["nowhere"]))
        await _work(operator.url, token)
        apply(settings('[[budgets]]\nname = "strange"\nusd = 5\n'), WORKER, SCHEDULE)
        told = {"type": "Strange", "status": "False", "reason": "Strange", "message": TURNED}
        status = json.dumps({"status": {"conditions": [{**told, "lastTransitionTime": AT}]}})
        for name in ("worker/strange", "backupschedule/strange"):
            patch = ("--subresource=status", "--type=merge", f"-p={status}")
            cluster.kubectl("patch", name, "-n", namespace, *patch)
        at = f"/namespaces/{namespace}"
        made.tell(f"{at}/lessons", {"lesson": LINE, "cause": LINE})
        made.tell(f"{at}/beads/stuck/steer", {"text": LINE})
        made.tell("/users", {"name": "evil", "displayName": LINE, "password": "correct horse battery"})
        made.ask("POST", "/me/notifications", {"channel": "room"})
        yield made
    finally:
        operator.stop()


async def _work(url: str, token: str) -> None:
    """A session that says what its agent was talked into."""
    session = Session(url, token)
    claimed = await session.pull(wait=30, bead="worked")
    assert claimed is not None
    await session.heartbeat(claimed, progress={"note": LINE})
    said: dict[str, Any] = {
        "outcome": {"kind": "incomplete", "summary": LINE},
        "reflexion": {"tried": LINE, "lesson": LINE},
    }
    status, told = await session.report(claimed, report_id="strange-report", usage=usage(), **said)
    assert status == 200, told
    prompt = {"segments": [{"text": LINE}], "digest": "0" * 64}
    status, told = await session.keep(claimed, "strange-report", prompt)
    assert status == 200, told
    await session.close()


def test_no_command_hands_on_what_steers_a_terminal(place: Place) -> None:
    shown = {words: place.run(words.format(place.namespace)) for words in COMMANDS}
    for words, text in shown.items():
        assert [sign for sign in STRANGE if sign in text] == [], f"{words}: {text!r}"
    missing = {words: text for words, text in shown.items() if COMMANDS[words] not in text}
    assert missing == {}


def test_top_and_watch_show_it_as_text(place: Place) -> None:
    command = [sys.executable, "-m", "ringmaster_cli"]
    with terminal("strange-top") as top, terminal("strange-watch") as watch:
        where = ["-n", place.namespace]
        watch.start([*command, "watch", *where], place.env(), columns=160)
        top.start([*command, "top", *where], place.env(), columns=120, lines=30)
        top.until("live", "NEEDS YOU", "a line")
        for act in ("hold", "resume") * 20:  # until it has begun to watch, which it shows by a change alone
            place.ask("POST", f"/namespaces/{place.namespace}/beads/stuck/{act}")
            time.sleep(1)
            if "stuck" in watch.screen() and "Held" in watch.screen():
                break
        watch.until("stuck", "Held")
        assert top.title() == watch.title() != "owned"
        top.keys("q")
        top.until("ENDED 0")
