"""Watches for facts while somebody wants to know any, keeps them in the outbox, and has that sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

from ringmaster_operator.auth.roles import Access
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events, Note
from ringmaster_operator.history import History, HistoryError, Message, StoredSubscription, Subscribers
from ringmaster_operator.kinds import BACKUP_SCHEDULES, BEADS, USERS, WORKERS, Kind
from ringmaster_operator.notify import conditions, facts
from ringmaster_operator.notify.channels import NAMESPACE
from ringmaster_operator.notify.facts import Fact
from ringmaster_operator.notify.outbox import Outbox
from ringmaster_operator.notify.plan import plan
from ringmaster_operator.notify.rooms import Declared, Rooms
from ringmaster_operator.notify.sending import TEST, Outgoing, Sending
from ringmaster_operator.resources.base import Metadata
from ringmaster_operator.resources.budget_api import BudgetState
from ringmaster_operator.resources.notify_api import NoticeKind
from ringmaster_operator.settings import Settings
from ringmaster_operator.store import Key, Resource, Store

log = logging.getLogger(__name__)

GATHER_SECONDS = 2.0
"""What happens within it goes together; and a bead's own status has caught up with its decision by then."""
LOOK_SECONDS = 30.0
"""Between looks at budgets and at the operator itself: at what is in memory."""
RETRY_SECONDS = 10.0
TIDY_SECONDS = 3600.0
KEPT = timedelta(days=60)
"""Longer than the longest budget's period, so that none is told of twice."""
MOST_TOLD = 50_000
KINDS: dict[str, Kind] = {
    NoticeKind.BACKUP: BACKUP_SCHEDULES,
    NoticeKind.BUDGET: WORKERS,
    NoticeKind.WORKER: WORKERS,
}
"""What one must be allowed to get, to be told; Beads for all other kinds."""
PASSING = frozenset({NoticeKind.DECISION, NoticeKind.ESCALATION, NoticeKind.FAILED})
"""What is not told any more once it is not so any more."""


class Notifier:
    """Tells people, for one operator."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        history: History,
        events: Events,
        clock: Clock,
        access: Access,
        budgets: Callable[[str], list[BudgetState]],
        trouble: Callable[[], str],
        declared: Callable[[], Declared],
    ) -> None:
        """budgets are those of a namespace; trouble is empty while all is well; declared: by settings."""
        self.sending = Sending(settings.notify_file, clock=clock, web_url=settings.web)
        self._store = store
        self._history = history
        self._clock = clock
        self._access = access
        self._budgets = budgets
        self._trouble = conditions.Trouble(trouble)
        self._outbox = Outbox(
            history=history, sending=self.sending, events=events, clock=clock, valid=self._valid
        )
        self._rooms = Rooms(
            history=history,
            sending=self.sending,
            events=events,
            clock=clock,
            declared=declared,
            namespace=settings.namespace,
        )
        self._in_step = False
        """Whether what projects declare is as they have it."""
        self._dirty: set[tuple[str, Key]] = set()
        self._noted: dict[str, Fact] = {}
        self._told: set[str] = set()
        """Sources that the outbox knows, for all who are there now."""
        self._wanted = True
        """Whether there is any subscription; taken for true until that is known."""
        self._known = False
        """Whether that is known."""
        self._wake = asyncio.Event()
        store.listen(self._listen)
        events.listen(self._hear)

    def changed(self) -> None:
        """Subscriptions are not what they were."""
        self._told.clear()
        self._wanted, self._known = True, False
        self._wake.set()

    def settings_changed(self) -> None:
        """A project's settings are not what they were."""
        self._in_step = False
        self._wake.set()

    async def test(self, subscription: StoredSubscription) -> str:
        """Send a message at once, whatever the hour; its id. Raises SendError."""
        message = Outgoing(id=str(uuid4()), notices=[TEST])
        await self.sending.send(subscription.channel, subscription.address, message)
        return message.id

    async def look(self) -> float | None:
        """Plan, and begin to send; seconds until the next look, None: until something happens.

        Raises HistoryError.
        """
        await self._keep_step()
        if self._wanted and not await self._plan():
            self._wanted = False
            self._dirty.clear()
            self._noted.clear()
        if not self._wanted:
            return None if self._in_step else LOOK_SECONDS
        due = await self._outbox.deliver()
        return LOOK_SECONDS if due is None else min(due, LOOK_SECONDS)

    async def _keep_step(self) -> None:
        if self._in_step:
            return
        self._in_step, done = True, False  # what is set meanwhile is looked at again
        try:
            changed, done = await self._rooms.keep()
        finally:
            self._in_step = self._in_step and done
        if changed:
            self.changed()

    async def idle(self) -> None:
        """Wait until nothing is being sent."""
        await self._outbox.idle()

    async def run(self) -> None:
        """Until cancelled."""
        tidied = float("-inf")
        try:
            while True:
                try:
                    wait = await self.look()
                    if self._clock.monotonic() - tidied > TIDY_SECONDS:
                        await self._history.forget_notices(before=self._clock.now() - KEPT)
                        tidied = self._clock.monotonic()
                except HistoryError as error:
                    log.warning("notifications wait: %s", error)
                    wait = RETRY_SECONDS
                await self._pause(wait)
        finally:
            await self._outbox.close()
            await self.sending.close()

    async def _pause(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
        except TimeoutError:
            pass
        self._wake.clear()

    async def _plan(self) -> bool:
        """Keep what is new in the outbox; whether there are subscriptions."""
        dirty, noted = set(self._dirty), dict(self._noted)
        fresh = [fact for fact in self._facts(dirty, noted) if fact.source not in self._told]
        if fresh or not self._known:
            found = await self._history.subscribers()
            if not found.items:
                return False
            self._known = True
            told = plan(fresh, found.items, self._clock.now(), lambda sub, fact: self._may(sub, fact, found))
            if told:
                await self._history.add_notices(notices=told)
            if len(self._told) > MOST_TOLD:
                self._told.clear()
            self._told |= {self._mark(fact) for fact in fresh}
        self._dirty -= dirty
        self._noted = {source: fact for source, fact in self._noted.items() if source not in noted}
        return True

    @staticmethod
    def _mark(fact: Fact) -> str:
        """A decision may turn out to be an escalation's: it is looked at each time."""
        return "" if fact.kind is NoticeKind.DECISION else fact.source

    def _facts(self, dirty: set[tuple[str, Key]], noted: dict[str, Fact]) -> Iterator[Fact]:
        now = self._clock.now()
        for kind, key in dirty:
            yield from self._of_object(kind, key)
        yield from noted.values()
        for namespace in {worker.metadata.namespace for worker in self._store.workers()}:
            yield from conditions.of_budgets(namespace, self._budgets(namespace), now)
        trouble = self._trouble.look(now)
        if trouble is not None:
            yield trouble

    def _of_object(self, kind: str, key: Key) -> list[Fact]:
        found: Fact | None = None
        if kind == "BackupSchedule":
            schedule = self._store.backup_schedule(key)
            return facts.of_backups(schedule) if schedule is not None else []
        if kind == "Worker":
            worker = self._store.worker(key)
            found = facts.of_worker(worker) if worker is not None else None
        else:
            found = self._of_bead(key)
        return [found] if found is not None else []

    def _of_bead(self, key: Key) -> Fact | None:
        bead = self._store.bead(key)
        if bead is None:
            return None
        parent = self._store.bead((key[0], bead.spec.parent)) if bead.spec.parent else None
        return facts.of_bead(bead, parent)

    def _may(self, subscription: StoredSubscription, fact: Fact, found: Subscribers) -> bool:
        return self._allowed(subscription.owner, str(fact.kind), fact.namespace, found)

    def _allowed(self, owner: str, kind: str, namespace: str, found: Subscribers) -> bool:
        """Whether the owner may know of such a thing there."""
        if owner.startswith(NAMESPACE):
            return namespace == owner.removeprefix(NAMESPACE)
        known = found.people.get(owner)
        if known is None:
            return False
        wanted = KINDS.get(kind, BEADS) if namespace else USERS
        return self._access.may(known, verb="get", kind=wanted, namespace=namespace)

    def _valid(self, message: Message, found: Subscribers) -> set[str]:
        owner = message.subscription.owner
        good = set()
        for notice, source in zip(message.notices, message.sources, strict=True):
            if not self._allowed(owner, notice["kind"], notice["namespace"], found):
                continue
            if notice["kind"] in PASSING:
                present = self._of_bead((notice["namespace"], notice["name"]))
                if present is None or present.source != source:
                    continue
            good.add(source)
        return good

    def _listen(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        if not self._wanted or new is None:
            return
        self._dirty.add((kind, key))
        if kind == "Bead":
            bead = self._store.bead(key)
            step = bead.status.escalation if bead is not None else None
            if step is not None and step.decision is not None:
                self._dirty.add((kind, (key[0], step.decision)))
        self._wake.set()

    def _hear(self, kind: str, meta: Metadata, note: Note) -> None:
        fact = conditions.of_note(kind, meta, note, self._clock.now()) if self._wanted else None
        if fact is not None:
            self._noted[fact.source] = fact
            self._wake.set()
