"""The notifier with a real history and a real receiver: once each, whenever it ends, whoever is silent."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from ringmaster_operator.auth.roles import Access
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events, Note
from ringmaster_operator.history import History
from ringmaster_operator.history.users import create_user, grant_role
from ringmaster_operator.kube import Kube
from ringmaster_operator.notify.notifier import Notifier
from ringmaster_operator.notify.outbox import GIVE_UP
from ringmaster_operator.resources.base import Metadata
from ringmaster_operator.resources.budget_api import BudgetState, Sums
from ringmaster_operator.settings import Settings
from ringmaster_operator.store import Store
from support.receivers import SECRET, Receiver, receiver

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class KilledError(BaseException):
    """The operator is gone at this very moment."""


@dataclass
class World:
    """What outlives an operator: cluster, history, receiver, time."""

    history: History
    there: Receiver
    settings: Settings
    store: Store = field(default_factory=Store)
    now: datetime = NOON
    version: int = 0
    budgets: list[BudgetState] = field(default_factory=list)
    trouble: str = ""
    notes: list[tuple[str, Metadata, Note]] = field(default_factory=list)
    notifier: Notifier | None = None
    events: Events | None = None

    def operator(self) -> Notifier:
        """One that has just started, on what is there."""
        clock = Clock(now=lambda: self.now, monotonic=lambda: self.now.timestamp())
        self.events = Events(cast(Kube, None), self.history, clock)
        self.events.listen(lambda kind, meta, note: self.notes.append((kind, meta, note)))
        known, self.store = self.store, Store()
        self.notifier = Notifier(
            settings=self.settings,
            store=self.store,
            history=self.history,
            events=self.events,
            clock=clock,
            access=Access(),
            budgets=lambda _: self.budgets,
            trouble=lambda: self.trouble,
            declared=dict,
        )
        for item in (*known.beads(), *known.workers()):
            self.store.observe(item.body())
        return self.notifier

    async def look(self, seconds: float = 0) -> None:
        """One look, after so many seconds."""
        self.now += timedelta(seconds=seconds)
        notifier = self.notifier or self.operator()
        await notifier.look()
        await notifier.idle()

    def bead(self, name: str = "fix-it", phase: str = "Failed", **spec: Any) -> None:
        """A bead as it is now."""
        self.version += 1
        stamp = self.now.isoformat().replace("+00:00", "Z")
        meta = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": str(self.version)}
        status = {"phase": phase, "finishedAt": stamp, "outcome": {"kind": "failed", "summary": "tests fail"}}
        body = {"kind": "Bead", "metadata": meta | {"creationTimestamp": stamp}, "status": status}
        self.store.observe(body | {"spec": {"title": "Fix the login", "type": "task"} | spec})

    async def subscribe(self, owner: str = "namespace:shop", **wishes: Any) -> int:
        made = await self.history.add_subscription(
            owner=owner, channel="hook", address="", wishes=wishes, created_by="user:ada", now=self.now
        )
        assert self.notifier is not None
        self.notifier.changed()
        return made.id


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    file = tmp_path / "channels.toml"
    history = await History.open(f"sqlite:///{tmp_path}/ringmaster.db")
    with receiver() as there:
        file.write_text(
            f'[channels.hook]\nwebhook = "{there.url}"\nsecrets = ["{SECRET}"]\nlocal = true\npeople = true\n'
        )
        made = World(history, there, Settings(notify_file=file))
        made.operator()
        yield made
    await history.close()


STEPS = ["add_notices", "take_due_notices", "begin_delivery", "settle_notices", "note_delivery"]


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_each_step_it_is_told_once(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, late: bool
) -> None:
    await world.subscribe()
    world.bead()
    real: Callable[..., Any] = getattr(world.history, step)

    async def killed(**given: Any) -> Any:
        if late:
            await real(**given)
        raise KilledError

    monkeypatch.setattr(world.history, step, killed)
    with contextlib.suppress(KilledError):
        await world.look()
    monkeypatch.undo()
    world.operator()
    for _ in range(3):
        await world.look(60)
    assert {post.id for post in world.there.posts} == {world.there.posts[0].id}
    assert set(world.there.told()) == {"failed fix-it"}
    assert len(world.there.posts) == (2 if (step, late) == ("settle_notices", False) else 1)


async def test_what_is_over_is_not_told(world: World) -> None:
    await world.subscribe(quiet={"start": "11:00", "end": "13:00"})
    world.bead("one")
    world.bead("two")
    await world.look()
    world.bead("one", "Running")
    await world.look(3600)
    assert world.there.told() == ["failed two"]
    await world.look(3600)
    assert await world.history.waiting_notices() == 0


async def test_a_channel_that_does_not_answer_is_tried_for_a_day_and_not_longer(world: World) -> None:
    await world.subscribe()
    world.there.answers = [500] * 1000
    world.bead()
    await world.look()
    [found] = await world.history.subscriptions()
    assert found.last_error == "the webhook answered 500"
    waits = []
    while (due := await world.history.next_notice_due()) is not None:
        waits.append((due - world.now).total_seconds())
        await world.look(waits[-1])
    assert world.now - NOON >= GIVE_UP
    assert world.now - NOON <= GIVE_UP + timedelta(hours=2)
    assert 20 <= waits[0] <= 40
    assert all(later > sooner for sooner, later in itertools.pairwise(waits[:6]))
    assert max(waits) <= 3600 * 1.2
    assert len({post.id for post in world.there.posts}) == 1
    assert len(world.there.posts) < 40
    [found] = await world.history.subscriptions()
    assert found.given_up == 1
    assert found.last_error == "given up: the webhook answered 500"
    [(kind, meta, note)] = world.notes
    assert (kind, meta.namespace, note.reason, note.warning) == (
        "ConfigMap",
        "shop",
        "NotificationsLost",
        True,
    )
    world.there.answers = []
    world.bead("next")
    await world.look(60)
    assert world.there.told()[-1] == "failed next"


async def test_it_is_tried_again_outside_of_quiet_hours_only(world: World) -> None:
    world.now -= timedelta(seconds=10)
    await world.subscribe(quiet={"start": "12:00", "end": "18:00"})
    world.bead()
    world.there.answers = [503]
    await world.look()
    assert await world.history.next_notice_due() == NOON + timedelta(hours=6)
    await world.look(6 * 3600 + 10)
    assert len(world.there.posts) == 2


async def test_a_burst_comes_in_few_messages(world: World) -> None:
    await world.subscribe()
    for number in range(30):
        world.bead(f"bead-{number}")
        await world.look(1)
    await world.look(60)
    assert sorted(set(world.there.told())) == sorted(world.there.told())
    assert len(world.there.told()) == 30
    assert len(world.there.posts) <= 4


async def test_people_are_told_what_they_may_see_at_that_time(world: World) -> None:
    def people(db: Any) -> None:
        for name in ("ada", "eve"):
            create_user(db, name=name, now=NOON)
        grant_role(
            db, subject="user:ada", namespace="shop", role="viewer", granted_by="", spare=True, now=NOON
        )

    await world.history.write(people)
    await world.subscribe("user:ada")
    await world.subscribe("user:eve")
    world.bead()
    world.trouble = "the API server is away"
    await world.look()
    await world.look(120)
    assert world.there.told() == ["failed fix-it"]


async def test_administrators_hear_of_the_operator_s_own_trouble_once(world: World) -> None:
    def people(db: Any) -> None:
        create_user(db, name="root", now=NOON)
        grant_role(db, subject="user:root", namespace="*", role="admin", granted_by="", spare=True, now=NOON)

    await world.history.write(people)
    await world.subscribe("user:root")
    for _ in range(6):
        world.trouble = "the API server is away"
        await world.look(30)
    assert world.there.told() == ["operator operator"]
    assert world.events is not None
    fault = Note("InvalidSettings", "project.toml: nonsense", warning=True)
    world.events.tell("ConfigMap", Metadata(name="ringmaster-project", namespace="shop"), fault)
    await world.look(30)
    assert world.there.told()[1:] == ["operator ringmaster-project"]


async def test_a_budget_is_told_when_nearly_spent_when_spent_and_again_the_next_day(world: World) -> None:
    worker = {
        "kind": "Worker",
        "metadata": {"name": "w", "namespace": "shop", "uid": "w", "resourceVersion": "1"},
    }
    world.store.observe(worker | {"spec": {"runtime": "Tmux", "agent": {"profile": "generic"}}})
    await world.subscribe(kinds=["budget"])

    async def spend(usd: float, *, seconds: float = 60) -> None:
        sums = {"spent": Sums(usd=usd), "reserved": Sums(), "left": Sums()}
        state = BudgetState.model_validate(
            {
                "name": "the project",
                "per": "Day",
                "usd": 10.0,
                "warned": usd >= 8,
                "reached": usd >= 10,
                **sums,
            }
        )
        world.budgets = [state]
        await world.look(seconds)

    for usd in (1, 8, 9, 10, 11):
        await spend(usd)
    assert [post.notices[0]["what"] for post in world.there.posts] == [
        "Budget nearly spent: the project",
        "Budget spent: the project",
    ]
    world.operator()
    await spend(11)
    assert len(world.there.posts) == 2
    await spend(10, seconds=86_400)
    assert len(world.there.posts) == 3


async def test_without_subscriptions_nothing_is_kept_and_nothing_is_sent(world: World) -> None:
    world.bead()
    await world.look()
    await world.look(60)
    assert await world.history.waiting_notices() == 0
    id = await world.subscribe()
    await world.look(60)
    assert world.there.posts == []  # what happened before is not told
    await world.history.remove_subscription(id=id, owner="namespace:shop")
