"""Sends what is due: each message is begun in the history, sent, and settled there, in this order.

An operator that ends before the settling sends again, under the same id; one that ends before the sending
has lost nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from ringmaster_operator import metrics
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events, Note
from ringmaster_operator.history import History, HistoryError, Message, Subscribers
from ringmaster_operator.history.notice_records import FAILED, SENT, SETTLED
from ringmaster_operator.notify.channels import NAMESPACE
from ringmaster_operator.notify.plan import wishes_of
from ringmaster_operator.notify.sending import Outgoing, SendError, Sending
from ringmaster_operator.notify.timing import quiet_end
from ringmaster_operator.resources.base import Metadata
from ringmaster_operator.resources.project import CONFIG_MAP

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Messages that are being sent at the same time."""
FIRST_WAIT, LONGEST_WAIT = 30.0, 3600.0
"""Seconds until a message is tried again: doubled each time, and never more than that."""
GIVE_UP = timedelta(hours=24)
"""From the first try on."""
AGAIN_SECONDS = 2.0
"""Between looks while something is due that must wait its turn."""
SPACING = 20.0
"""Seconds between messages of a subscription: what comes in a burst comes in few pieces."""

Valid = Callable[[Message, Subscribers], set[str]]
"""The sources of a message that are still so, and that its owner may still know of."""


class Outbox:
    """Delivers, for one operator."""

    def __init__(
        self, *, history: History, sending: Sending, events: Events, clock: Clock, valid: Valid
    ) -> None:
        self._history = history
        self._sending = sending
        self._events = events
        self._clock = clock
        self._valid = valid
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._rests: dict[int, float] = {}
        self._random = random.Random()  # noqa: S311 - spreads retries, guards nothing

    async def deliver(self) -> float | None:
        """Begin what is due; seconds until there may be more to do, None where nothing waits.

        Raises HistoryError.
        """
        self._under_way = {id: task for id, task in self._under_way.items() if not task.done()}
        moment = self._clock.monotonic()
        self._rests = {id: until for id, until in self._rests.items() if until > moment}
        room, due = AT_ONCE - len(self._under_way), await self._history.next_notice_due()
        if room > 0 and due is not None and due <= self._clock.now():
            not_of = [*self._under_way, *self._rests]
            found = await self._history.take_due_notices(now=self._clock.now(), not_of=not_of)
            for message in found[:room]:
                task = asyncio.create_task(self._one(message), name=f"notice {message.id}")
                self._under_way[message.subscription.id] = task
        metrics.notices_waiting.set(await self._history.waiting_notices())
        due = await self._history.next_notice_due()
        return None if due is None else max((due - self._clock.now()).total_seconds(), AGAIN_SECONDS)

    async def idle(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way.values())

    async def close(self) -> None:
        """Stop what is under way; what was not settled is sent by the next operator."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _one(self, message: Message) -> None:
        try:
            await self._try(message)
        except HistoryError as error:
            log.warning("a message stays in the outbox: %s", error)
        except Exception:
            log.exception("a message stays in the outbox")
            self._rests[message.subscription.id] = self._clock.monotonic() + FIRST_WAIT

    async def _try(self, message: Message) -> None:
        history, subscription = self._history, message.subscription
        now = self._clock.now()
        valid = self._valid(message, await history.subscribers())
        over = [source for source in message.sources if source not in valid]
        if over:
            await history.settle_notices(batch=message.id, state=SETTLED, sources=over, now=now)
            metrics.notices.labels("settled").inc(len(over))
        notices = [
            notice for notice, source in zip(message.notices, message.sources, strict=True) if source in valid
        ]
        if not notices:
            return
        await history.begin_delivery(batch=message.id, now=now)
        self._rests[subscription.id] = self._clock.monotonic() + SPACING
        try:
            outgoing = Outgoing(id=message.id, notices=notices)
            await self._sending.check(subscription)
            await self._sending.send(subscription.channel, subscription.address, outgoing)
        except SendError as error:
            await self._failed(message, error, len(notices))
            return
        now = self._clock.now()
        await history.settle_notices(batch=message.id, state=SENT, sources=None, now=now)
        metrics.notices.labels("sent").inc(len(notices))
        await history.note_delivery(subscription_id=subscription.id, error="", now=now)

    async def _failed(self, message: Message, error: SendError, count: int) -> None:
        history, subscription, now = self._history, message.subscription, self._clock.now()
        metrics.notices_failed.inc()
        first = message.first_try_at or now
        words = str(error)
        if error.final or now - first >= GIVE_UP:
            words = f"given up: {words}"
            await history.settle_notices(batch=message.id, state=FAILED, sources=None, now=now)
            metrics.notices.labels("given_up").inc(count)
            self._tell(message, words, count)
        else:
            await history.deliver_later(batch=message.id, due_at=self._again(message, now))
        log.warning("a message by channel %s of %s: %s", subscription.channel, subscription.owner, words)
        await history.note_delivery(subscription_id=subscription.id, error=words, now=now)

    def _again(self, message: Message, now: datetime) -> datetime:
        seconds = min(FIRST_WAIT * 2 ** min(message.tries, 20), LONGEST_WAIT)
        moment = now + timedelta(seconds=seconds * self._random.uniform(0.8, 1.2))
        try:
            wishes = wishes_of(message.subscription)
        except ValidationError:
            return moment
        return quiet_end(moment, ZoneInfo(wishes.time_zone), wishes.quiet) if wishes.quiet else moment

    def _tell(self, message: Message, words: str, count: int) -> None:
        """An Event where a namespace's message is lost; a person sees it in their own list."""
        owner = message.subscription.owner
        if owner.startswith(NAMESPACE):
            meta = Metadata(name=CONFIG_MAP, namespace=owner.removeprefix(NAMESPACE))
            text = f"{count} by channel {message.subscription.channel}: {words}"
            self._events.tell("ConfigMap", meta, Note("NotificationsLost", text, warning=True))
