"""Notifications on the real API server: a real operator, a real HTTP receiver and a real SMTP server."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.receivers import SECRET, Mailbox, Post, Receiver, mailbox, receiver
from support.sessions import Session, make_worker, seeded, usage
from support.tenants import Person, Tenants

pytestmark = pytest.mark.cluster

QUESTION = {"question": "Which queue?", "options": [{"name": "postgres"}, {"name": "redis"}]}
PROJECT = '[budget]\nusdPerDay = 1.0\n[[notifications]]\nchannel = "team"\nkinds = ["failed"]\n'


class Place:
    """An operator of one namespace, what takes its messages, and its administrator."""

    def __init__(self, cluster: Any, namespace: str, folder: Path, there: Receiver, box: Mailbox) -> None:
        self.cluster, self.namespace, self.there, self.box = cluster, namespace, there, box
        file = folder / "channels.toml"
        hook = f'local = true\nsecrets = ["{SECRET}"]\nwebhook = "{there.url}'
        file.write_text(
            f'[channels.me]\npeople = true\n{hook}/me"\n[channels.room]\n{hook}/room"\n'
            f'[channels.team]\n{hook}/team"\n'
            f'[channels.mail]\nlocal = true\nurl = "mailto://127.0.0.1:{box.port}?from=ringmaster@example.com&to={{address}}"\n'
            "address = '[a-z]+@example\\.com'\n"
        )
        settings = {
            "RINGMASTER_NOTIFY_FILE": str(file),
            "RINGMASTER_WEB_URL": "https://ringmaster.example.com",
        }
        self.operator = OperatorProcess(cluster.kubeconfig, namespace, folder, settings)
        self.operator.start()
        self.root: Person = Tenants(cluster, self.operator, (namespace, namespace)).root()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.root.call(method, f"/api/v1{path}", body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def create(self, *objects: dict[str, Any]) -> None:
        self.cluster.kubectl("create", "-n", self.namespace, "-f-", stdin=listed(objects))

    def until(self, holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"{what}: {self.there.told()}"
            time.sleep(0.1)

    def kept(self) -> bytes:
        """All that the operator has written."""
        database = Path(self.operator.database.removeprefix("sqlite:///"))
        return database.read_bytes() + self.operator.log.read_bytes()

    def mine(self, number: int) -> dict[str, Any]:
        """A notification of the administrator's own."""
        items: list[dict[str, Any]] = self.ask("GET", "/me/notifications")["items"]
        return next(item for item in items if item["id"] == number)

    def told(self, path: str) -> list[str]:
        posts = [post for post in self.there.posts if post.path == path]
        return [f"{notice['kind']} {notice['name']}" for post in posts for notice in post.notices]


@pytest.fixture
def place(cluster: Any, namespace: str, tmp_path: Path) -> Iterator[Place]:
    with receiver() as there, mailbox() as box:
        made = Place(cluster, namespace, tmp_path, there, box)
        try:
            yield made
        finally:
            made.operator.stop()
            print(made.operator.tail())


def stays_as_declared(place: Place, shared: str) -> None:
    """What the settings say is changed nowhere else."""
    [declared] = [item for item in place.ask("GET", shared)["items"] if item["declared"]]
    for method, body in (("PUT", {"channel": "team"}), ("DELETE", None)):
        answer = place.root.call(method, f"/api/v1{shared}/{declared['id']}", body)
        assert answer.status_code == 409
        assert "is set in project.toml" in answer.json()["detail"]


async def test_people_and_namespaces_are_told_what_needs_them(place: Place) -> None:
    shared = f"/namespaces/{place.namespace}/notifications"
    channels = {item["name"] for item in place.ask("GET", "/me/notifications")["channels"]}
    assert channels == {"me", "mail"}
    mine = place.ask("POST", "/me/notifications", {"channel": "me"})
    mail = {"channel": "mail", "address": "ada@example.com", "kinds": ["failed"]}
    place.ask("POST", "/me/notifications", mail)
    place.ask("POST", shared, {"channel": "room", "kinds": ["finished", "budget"]})
    place.ask("POST", f"/me/notifications/{mine['id']}/test")
    assert place.there.posts.pop().body

    settings = {"project.toml": PROJECT}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ringmaster-project"}}
    token = make_worker(place.cluster, place.namespace)
    place.create({**config, "data": settings})
    place.until(lambda: len(place.ask("GET", shared)["items"]) == 2, "what the settings say is there")
    place.create(
        bead("ask", type="decision", decision=QUESTION),
        bead("all", type="epic"),
        bead("part", parent="all"),
        bead("hard", limits={"maxAttempts": 1}),
    )
    session = Session(place.operator.url, token)
    for name, kind, cost in (("part", "success", 0.1), ("hard", "failed", 2.0)):
        claimed = await session.pull(wait=20, bead=name)
        assert claimed is not None
        status, said = await session.report(claimed, kind, usage=usage(usd=cost))
        assert status == 200, said
    await session.close()

    wanted = {"decision ask", "finished all", "failed hard", "budget the project"}
    place.until(lambda: wanted <= set(place.told("/me")), "one person is told all of it")
    place.until(lambda: len(place.told("/room")) == 2, "the room is told what it asked for")
    place.until(lambda: len(place.box.mails) == 1, "an e-mail came")
    place.until(lambda: place.told("/team") == ["failed hard"], "the team is told what failed")
    stays_as_declared(place, shared)
    assert sorted(place.told("/room")) == ["budget the project", "finished all"]
    assert f"https://ringmaster.example.com/ui/{place.namespace}/beads/hard" in place.box.text()
    assert len(place.told("/me")) == len(set(place.told("/me"))) == len(wanted)
    place.until(lambda: bool(place.mine(mine["id"])["lastSentAt"]), "it is known to be sent")
    assert place.mine(mine["id"])["lastError"] == ""
    sent = len(wanted) + 2 + 1 + 1
    place.until(lambda: place.operator.metric("ringmaster_notices_total") >= sent, "all are counted")
    assert place.operator.metric("ringmaster_notices_total") == sent

    secrets = json.dumps(
        [place.ask("GET", "/audit"), place.ask("GET", "/me/notifications"), place.ask("GET", shared)]
    )
    assert SECRET.encode() not in place.kept()
    assert SECRET not in secrets
    assert "notification.add" in secrets


def test_a_terminal_does_it_all(place: Place) -> None:
    def ringmaster(*words: str, code: int = 0) -> str:
        environment = {"RINGMASTER_URL": place.operator.url, "RINGMASTER_TOKEN": place.root.token}
        command = [sys.executable, "-m", "ringmaster_cli", "notify", *words]
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    assert "--to ADDRESS" in ringmaster("list")
    address = ("--to", "ada@example.com")
    id = ringmaster("add", "mail", *address, "--kind", "failed", "--quiet", "22:00-07:00").split()[0]
    assert "there is one by mail already" in ringmaster("add", "mail", *address, code=4)
    assert "does not take that address" in ringmaster("add", "mail", "--to", "root@elsewhere.example", code=4)
    assert "there is no channel room" in ringmaster("add", "room", code=4)
    assert "no such time zone" in ringmaster("change", id, "--time-zone", "Nowhere", code=4)
    ringmaster("change", id, "--time-zone", "Europe/Berlin", "--digest", "daily", "--daily-at", "08:30")
    ringmaster("mute", id, "--for", "8h")
    shown = ringmaster("list")
    assert "mail ada@example.com" in shown
    assert "daily 08:30, quiet 22:00-07:00 Europe/Berlin, muted until" in shown
    assert "sent: " in ringmaster("test", id)
    place.until(lambda: len(place.box.mails) == 1, "the test message came")
    room = ringmaster("add", "room", "--shared", "-n", place.namespace, "--json")
    assert json.loads(room)["channel"] == "room"
    ringmaster("remove", id)
    assert "there is no notification" in ringmaster("mute", id, code=2)
    assert "nobody is told anything yet" in ringmaster("list")


def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_told_twice(place: Place) -> None:
    """A message may come again, under the id that it had; no thing is ever in two messages."""
    chance = seeded(int(os.environ.get("RINGMASTER_SEED", str(random.randrange(10**9)))))
    own = place.ask("POST", "/me/notifications", {"channel": "me"})["id"]
    rounds = 8 if os.environ.get("RINGMASTER_LONG") else 3
    first: list[Post] = []
    lethal: list[Post] = []

    def kill_while_it_comes(post: Post) -> None:
        if not first:
            first.append(post)
            place.operator.kill()
            lethal.append(post)  # the operator is gone

    def came() -> int:
        return [post.id for post in place.there.posts].count(lethal[0].id)

    for number in range(rounds):
        place.create(*(bead(f"ask-{number}-{part}", type="decision", decision=QUESTION) for part in range(3)))
        if number == 0:
            # Sent, and not known to be: it has to come again.
            place.there.came = kill_while_it_comes
            place.until(lambda: bool(lethal), "the first message comes")
            place.operator.start()
            place.until(lambda: came() == 2, "it comes again")
            place.until(lambda: bool(place.mine(own)["lastSentAt"]), "it is known to be sent")
        else:
            time.sleep(chance.uniform(0.0, 4.0))
            place.operator.kill()
            place.operator.start()
    wanted = {f"decision ask-{number}-{part}" for number in range(rounds) for part in range(3)}
    place.until(lambda: wanted <= set(place.told("/me")), "all decisions are told", 90)
    messages: dict[str, set[str]] = {}
    for post in place.there.posts:
        said = {f"{notice['kind']} {notice['name']}" for notice in post.notices}
        assert messages.setdefault(post.id, said) == said
    assert sum(len(said) for said in messages.values()) == len(set.union(*messages.values())) == len(wanted)
    assert came() == 2
