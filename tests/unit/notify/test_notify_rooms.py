"""Notifications that a project's settings ask for: kept as declared, told once, changed where they stand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from ringmaster_operator.auth.roles import Access
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events
from ringmaster_operator.history import History, StoredSubscription
from ringmaster_operator.kube import Kube
from ringmaster_operator.notify.notifier import LOOK_SECONDS, Notifier
from ringmaster_operator.notify.rooms import DECLARED, Declared
from ringmaster_operator.resources.project import Project
from ringmaster_operator.settings import Settings
from ringmaster_operator.store import Store
from support.receivers import SECRET, Receiver, receiver

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OPS = '[[notifications]]\nchannel = "ops"\n'


@dataclass
class Place:
    """The settings of namespaces, channels, a history, and an operator on them."""

    history: History
    there: Receiver
    file: Path
    projects: dict[str, Project | None] = field(default_factory=dict)
    now: datetime = NOON
    told: list[str] = field(default_factory=list)
    namespace: str = ""

    def __post_init__(self) -> None:
        self.operator()

    def operator(self) -> None:
        """One that has just started."""
        clock = Clock(now=lambda: self.now, monotonic=lambda: self.now.timestamp())
        events = Events(cast(Kube, None), self.history, clock)
        events.listen(
            lambda _, meta, note: self.told.append(f"{meta.namespace} {note.reason}: {note.message}")
        )
        self.store = Store()
        self.notifier = Notifier(
            settings=Settings(notify_file=self.file, namespace=self.namespace),
            store=self.store,
            history=self.history,
            events=events,
            clock=clock,
            access=Access(),
            budgets=lambda _: [],
            trouble=lambda: "",
            declared=self.declared,
        )

    def declared(self) -> Declared:
        return {name: item.notifications if item else None for name, item in self.projects.items()}

    def channels(self, **namespaces: str) -> None:
        hook = f'webhook = "{self.there.url}"\nsecrets = ["{SECRET}"]\nlocal = true\n'
        told = [f"[channels.{name}]\n{hook}namespaces = {value}\n" for name, value in namespaces.items()]
        self.file.write_text("[channels]\n" + "".join(told))

    async def settings(self, text: str | None, namespace: str = "shop") -> float | None:
        """They are changed; seconds until the next look."""
        self.projects.pop(namespace, None)
        if text is not None:
            self.projects[namespace] = Project.from_toml(text)
        self.notifier.settings_changed()
        return await self.look()

    async def look(self, seconds: float = 0) -> float | None:
        self.now += timedelta(seconds=seconds)
        found = await self.notifier.look()
        await self.notifier.idle()
        return found

    async def rooms(self) -> list[StoredSubscription]:
        return await self.history.subscriptions()

    def fails(self, name: str, at: datetime | None = None) -> None:
        stamp = (at or self.now).isoformat().replace("+00:00", "Z")
        meta = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"}
        status = {"phase": "Failed", "finishedAt": stamp, "outcome": {"kind": "failed", "summary": "no"}}
        spec = {"title": "Fix the login", "type": "task"}
        meta["creationTimestamp"] = stamp
        self.store.observe({"kind": "Bead", "metadata": meta, "status": status, "spec": spec})


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    history = await History.open(f"sqlite:///{tmp_path}/ringmaster.db")
    with receiver() as there:
        made = Place(history, there, tmp_path / "channels.toml")
        made.channels(ops='["shop", "bank"]', hook='["shop"]')
        yield made
    await history.close()


async def test_what_the_settings_say_is_told_once_over_restarts_and_edits(place: Place) -> None:
    await place.settings(OPS)
    place.fails("one")
    await place.look()
    assert place.there.told() == ["failed one"]
    for text in (OPS, OPS + 'kinds = ["failed"]\n', OPS + 'digest = "hourly"\n'):
        place.operator()
        place.fails("one", NOON)
        await place.settings(text)
        await place.look(7200)
    assert place.there.told() == ["failed one"]
    [found] = await place.rooms()
    assert (found.owner, found.created_by, found.created_at) == ("namespace:shop", DECLARED, NOON)
    assert found.wishes == {"digest": "hourly"}


async def test_kinds_and_hours_are_those_of_the_settings(place: Place) -> None:
    quiet = 'quiet = {start = 11:00:00, end = "13:00"}\n'  # without quotes it is a time of TOML's own
    await place.settings(OPS + 'kinds = ["budget"]\n[[notifications]]\nchannel = "hook"\n' + quiet)
    place.fails("one")
    await place.look()
    assert place.there.posts == []
    await place.look(3600)
    assert place.there.told() == ["failed one"]  # by hook, at the end of its quiet hours
    place.fails("two")
    await place.settings(OPS + 'kinds = ["budget"]\n')
    await place.look(60)
    assert place.there.told() == ["failed one"]


async def test_taken_out_of_the_settings_it_is_gone_and_what_people_set_up_stays(place: Place) -> None:
    by_hand: dict[str, Any] = {
        "owner": "namespace:shop",
        "address": "",
        "created_by": "user:ada",
        "now": NOON,
    }
    await place.history.add_subscription(channel="ops", wishes={"kinds": ["budget"]}, **by_hand)
    await place.history.add_subscription(channel="hook", wishes={}, **by_hand)
    await place.settings(OPS)
    ops, hook = await place.rooms()
    assert (ops.channel, ops.created_by, ops.wishes) == ("ops", DECLARED, {})
    assert (hook.channel, hook.created_by) == ("hook", "user:ada")
    await place.settings(None)
    assert [item.channel for item in await place.rooms()] == ["hook"]


async def test_a_channel_that_is_not_there_or_not_open_is_said_once_and_looked_for_again(
    place: Place,
) -> None:
    assert await place.settings('[[notifications]]\nchannel = "hook"\n', "bank") == LOOK_SECONDS
    await place.look(LOOK_SECONDS)
    fault = "there is no channel hook for this; there is: ops"
    assert place.told == [f"bank InvalidSettings: project.toml: notifications: {fault}"]
    assert await place.rooms() == []
    place.channels(hook='["bank"]')
    await place.look(LOOK_SECONDS)
    assert [item.owner for item in await place.rooms()] == ["namespace:bank"]
    await place.settings('[[notifications]]\nchannel = "hook"\naddress = "x"\n', "bank")
    assert place.told[1:] == [
        "bank InvalidSettings: project.toml: notifications: channel hook takes no address"
    ]


async def test_a_channel_that_is_closed_to_a_namespace_is_not_sent_to(place: Place) -> None:
    await place.settings(OPS)
    place.channels(ops='["bank"]')
    place.fails("one")
    await place.look()
    assert place.there.posts == []
    assert [item.last_error for item in await place.rooms()] == ["channel ops is not open to this any more"]
    place.channels(ops='["shop"]')
    await place.look(60)
    assert place.there.told() == ["failed one"]


async def test_settings_and_channels_that_cannot_be_read_change_nothing(place: Place) -> None:
    await place.settings(OPS)
    place.operator()
    place.projects["shop"] = None
    await place.look()
    assert len(await place.rooms()) == 1
    place.file.write_text("not TOML")
    assert await place.settings(None) is not None
    assert len(await place.rooms()) == 1
    place.channels()
    await place.look(LOOK_SECONDS)
    assert await place.rooms() == []


async def test_an_operator_of_one_namespace_leaves_those_of_others(place: Place) -> None:
    await place.settings(OPS, "bank")
    place.namespace, place.projects = "shop", {}
    place.operator()
    await place.settings(OPS, "shop")
    assert [item.owner for item in await place.rooms()] == ["namespace:bank", "namespace:shop"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OPS + OPS, "is given twice"),
        (OPS + 'kinds = ["all"]', "notifications.0.kinds.0"),
        (OPS + 'quiet = {start = "25:00", end = "07:00"}', "written like 07:30"),
        (OPS + 'timeZone = "Nowhere"', "no such time zone"),
        (OPS + 'namespaces = ["bank"]', "notifications.0.namespaces"),
    ],
)
def test_faults_of_the_settings_are_named(text: str, words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Project.from_toml(text)
    faults = raised.value.errors()
    told = "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in faults)
    assert words in told
