"""The outbox of notices, in both databases: each thing once for each subscription, one message at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ringmaster_operator.history import History, Message, NameTaken, NewNotice, StoredSubscription
from ringmaster_operator.history.notice_records import FAILED, SENT, SETTLED
from ringmaster_operator.history.users import create_user, set_disabled

from .conftest import NOON

HOUR = timedelta(hours=1)


async def subscribe(history: History, owner: str = "user:ada", **fields: Any) -> StoredSubscription:
    asked: dict[str, Any] = {"channel": "ops", "address": "", "wishes": {}, "created_by": owner} | fields
    return await history.add_subscription(owner=owner, now=NOON, **asked)


def notice(to: StoredSubscription, source: str = "failed/1", **fields: Any) -> NewNotice:
    told: dict[str, Any] = {"content": {"what": source}, "at": NOON, "due_at": NOON} | fields
    return NewNotice(subscription_id=to.id, source=source, **told)


async def take(history: History) -> Message:
    [message] = await history.take_due_notices(now=NOON)
    return message


async def test_nobody_is_told_twice(history: History) -> None:
    ada, bob = await subscribe(history), await subscribe(history, "user:bob")
    assert await history.add_notices(notices=[notice(ada), notice(bob), notice(ada)]) == 2
    assert await history.add_notices(notices=[notice(ada), notice(ada, "failed/2")]) == 1
    for message in await history.take_due_notices(now=NOON):
        await history.settle_notices(batch=message.id, state=SENT, sources=None, now=NOON)
    assert await history.add_notices(notices=[notice(ada), notice(bob)]) == 0
    assert await history.waiting_notices() == 0


async def test_what_was_begun_goes_as_it_was_and_before_all_else(history: History) -> None:
    ada = await subscribe(history)
    await history.add_notices(notices=[notice(ada, "one"), notice(ada, "two")])
    first = await take(history)
    assert first.sources == ["one", "two"]
    await history.begin_delivery(batch=first.id, now=NOON)
    await history.add_notices(notices=[notice(ada, "three")])
    again = await take(history)
    assert (again.id, again.sources, again.tries, again.first_try_at) == (first.id, first.sources, 1, NOON)
    await history.deliver_later(batch=first.id, due_at=NOON + HOUR)
    assert await history.take_due_notices(now=NOON) == []
    assert await history.take_due_notices(now=NOON + HOUR, not_of=[ada.id]) == []
    [late] = await history.take_due_notices(now=NOON + HOUR)
    assert late.id == first.id
    await history.settle_notices(batch=first.id, state=FAILED, sources=None, now=NOON)
    following = await take(history)
    assert following.sources == ["three"]
    assert following.id != first.id
    [shown] = await history.subscriptions()
    assert (shown.waiting, shown.given_up) == (1, 2)


async def test_a_part_of_a_message_that_came_to_an_end_is_left_out(history: History) -> None:
    ada = await subscribe(history)
    await history.add_notices(notices=[notice(ada, "one"), notice(ada, "two")])
    message = await take(history)
    await history.settle_notices(batch=message.id, state=SETTLED, sources=["one"], now=NOON)
    assert (await take(history)).sources == ["two"]


async def test_what_waits_moves_with_new_hours_and_what_was_begun_does_not(history: History) -> None:
    ada = await subscribe(history)
    await history.add_notices(notices=[notice(ada, "one")])
    begun = await take(history)
    await history.add_notices(notices=[notice(ada, "two", due_at=NOON + HOUR)])
    assert await history.next_notice_due() == NOON
    await history.put_off_notices(subscription_id=ada.id, due_at=NOON + 2 * HOUR)
    assert (await take(history)).sources == begun.sources
    await history.settle_notices(batch=begun.id, state=SENT, sources=None, now=NOON)
    assert await history.next_notice_due() == NOON + 2 * HOUR


async def test_a_subscription_goes_with_its_notices(history: History) -> None:
    ada, bob = await subscribe(history), await subscribe(history, "user:bob")
    await history.add_notices(notices=[notice(ada), notice(bob)])
    assert await history.remove_subscription(id=ada.id, owner="user:bob") is None
    assert await history.remove_subscription(id=ada.id, owner="user:ada") == ada
    assert await history.add_notices(notices=[notice(ada, "two")]) == 0
    assert await history.waiting_notices() == 1


async def test_a_channel_and_address_once_for_each_owner(history: History) -> None:
    await subscribe(history, address="a")
    other = await subscribe(history, address="b")
    await subscribe(history, "namespace:shop", address="a")
    with pytest.raises(NameTaken):
        await subscribe(history, address="a")
    with pytest.raises(NameTaken):
        await history.change_subscription(
            id=other.id, owner="user:ada", channel="ops", address="a", wishes={}
        )
    changed = await history.change_subscription(
        id=other.id, owner="user:ada", channel="ops", address="b", wishes={"digest": "daily"}
    )
    assert changed is not None
    assert changed.wishes == {"digest": "daily"}
    assert (
        await history.change_subscription(id=99, owner="user:ada", channel="x", address="", wishes={}) is None
    )


async def test_results_are_told_on_the_subscription(history: History) -> None:
    ada = await subscribe(history)
    await history.note_delivery(subscription_id=ada.id, error="answered 500", now=NOON)
    failed = await history.subscription(id=ada.id, owner="user:ada")
    assert failed is not None
    assert (failed.last_error, failed.last_error_at, failed.last_sent_at) == ("answered 500", NOON, None)
    await history.note_delivery(subscription_id=ada.id, error="", now=NOON + HOUR)
    good = await history.subscription(id=ada.id, owner="user:ada")
    assert good is not None
    assert (good.last_error, good.last_error_at, good.last_sent_at) == ("", None, NOON + HOUR)


async def test_people_without_an_account_are_told_nothing(history: History) -> None:
    await history.write(lambda db: create_user(db, name="ada", now=NOON).name)
    await subscribe(history)
    await subscribe(history, "user:gone")
    await subscribe(history, "namespace:shop")
    found = await history.subscribers()
    assert [item.owner for item in found.items] == ["user:ada", "namespace:shop"]
    await history.write(lambda db: set_disabled(db, name="ada", disabled=True, spare=True, now=NOON))
    assert [item.owner for item in (await history.subscribers()).items] == ["namespace:shop"]


async def test_old_notices_are_forgotten_and_waiting_ones_never(history: History) -> None:
    ada = await subscribe(history)
    await history.add_notices(notices=[notice(ada, "one")])
    message = await take(history)
    await history.settle_notices(batch=message.id, state=SENT, sources=None, now=NOON)
    await history.add_notices(notices=[notice(ada, "two")])
    await history.forget_notices(before=NOON + HOUR)
    assert await history.waiting_notices() == 1
    assert await history.add_notices(notices=[notice(ada, "one")]) == 1
