"""An operator with a Worker of scripted agents, and a Chromium, for all browser tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from support.browsing import Desk, chromium
from support.fleet import Fleet
from support.front import PASSWORD
from support.manifests import account, bead
from support.payloads import BLOCK, LINES, NAME
from support.strange import CHANNELS, DOUBTED, PROJECT, SCHEDULE, TOLD, WORKER, settings

expect.set_options(timeout=20_000)  # milliseconds: what is slow is not wrong


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def fleet(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """An operator that is a tmux host, with a Worker that is to be scaled up by who needs it."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "channels.toml").write_text(CHANNELS)
    settings = {"RINGMASTER_NOTIFY_FILE": str(folder / "channels.toml")}
    made = Fleet(cluster, folder, RINGMASTER_TOKEN_CACHE_SECONDS="2", **settings)
    made.operator.start()
    made.apply(account("w"), made.worker(replicas=0))
    yield made
    made.clean()


@pytest.fixture(scope="session")
def office(fleet: Fleet, browser: Browser) -> Iterator[Desk]:
    """Its people: ada manages, bob contributes, eve looks, mallory may nothing."""
    made = Desk(fleet.operator, fleet.namespace, browser)
    for name, role in (("bob", "contributor"), ("eve", "viewer"), ("mallory", None)):
        made.user(name, role)
    yield made
    made.close()


@pytest.fixture
def desk(office: Desk) -> Iterator[Desk]:
    """The same, for one test: the browsers that it opened are closed, and nothing went wrong in them."""
    yield office
    faults = [fault for person in office.people for fault in person.faults]
    for person in office.people:
        person.page.context.close()
    office.people.clear()
    assert faults == []


def conditions(fleet: Fleet) -> list[str]:
    """Their messages, of the strange BackupSchedule."""
    found = fleet.get("backupschedule", "strange").get("status", {}).get("conditions", [])
    return [item["message"] for item in found]


@pytest.fixture(scope="session")
def evil(office: Desk, fleet: Fleet) -> None:
    """All that strangers may write is markup: beads, agents, checks, files, notes, lessons, users, groups."""
    shown = bead(
        "shown",
        title=LINES[0],
        description=BLOCK,
        desired="Hold",
        acceptance={"criteria": list(LINES), "verify": [f"true # {line}" for line in LINES]},
        repository={"url": f"https://127.0.0.1:1/{'x'.join(LINES[0].split())}"},
    )
    shown["metadata"]["annotations"] = {"ringmaster.dev/requested-by": LINES[1]}
    titles = [
        bead(f"line-{at}", title=line, dependsOn=["shown"], type="task") for at, line in enumerate(LINES)
    ]
    options = [{"name": line[:128], "consequence": BLOCK} for line in LINES[:5]]
    asked = {"question": BLOCK, "options": options, "recommendation": BLOCK}
    checks = {"criteria": [LINES[0]], "verify": ["cat a*.txt", f"true # {LINES[1]}"]}
    written = {"write": {"path": NAME, "text": BLOCK + "\n"}}
    question = {"question": LINES[1], "options": [{"name": LINES[2], "consequence": LINES[4]}]}
    fleet.apply(
        shown,
        *titles,
        bead("asked", title=LINES[1], type="decision", decision=asked),
        fleet.bead("told", {"say": BLOCK}, written, {"done": BLOCK}, title=LINES[2], acceptance=checks),
        fleet.bead("asks", {"ask": {**question, "recommendation": LINES[3]}}, title=LINES[3]),
        fleet.bead("lost", {"failed": BLOCK}, title=LINES[4], limits={"maxAttempts": 1}),
    )
    fleet.apply(settings(TOLD))
    fleet.until(lambda: "InvalidSettings" in fleet.events("ringmaster-project"), "its fault is told")
    fleet.apply(settings(PROJECT), WORKER, SCHEDULE)
    for kind, status in (
        ("worker/strange", WORKER["status"]),
        ("backupschedule/strange", SCHEDULE["status"]),
    ):
        patch = ("--subresource=status", "--type=merge", f"-p={json.dumps({'status': status})}")
        fleet.cluster.kubectl("patch", kind, "-n", office.namespace, *patch)
    fleet.until(lambda: DOUBTED in conditions(fleet), "the operator says what it makes of the trial restore")
    at = f"namespaces/{office.namespace}"
    office.call("POST", "me/notifications", {"channel": "me"})
    for line in LINES[:4]:
        office.call("POST", f"{at}/lessons", {"lesson": line, "cause": BLOCK})
        office.call("POST", f"{at}/beads/shown/steer", {"text": BLOCK})
    office.call("POST", "users", {"name": "evil", "displayName": LINES[0], "password": PASSWORD})
    role = {"subject": f"group:{LINES[1]}", "namespace": office.namespace, "role": "viewer"}
    office.call("PUT", "roles", role)
    fleet.patch(replicas=1)
    fleet.done("told")
    fleet.until(lambda: fleet.status("lost").get("phase") == "Failed", "the other one fails")
    fleet.until(lambda: fleet.status("asks").get("phase") == "NeedsDecision", "the third one asks")
    fleet.patch(replicas=0)
