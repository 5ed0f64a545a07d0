"""The subscriptions of a person or of a namespace: kept, checked against the channels, audited, tried."""

from __future__ import annotations

from typing import Any

from ringmaster_operator.api.auditing import Audit
from ringmaster_operator.api.people import Person
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, NameTaken, StoredSubscription
from ringmaster_operator.notify import channels
from ringmaster_operator.notify.channels import NAMESPACE, ChannelsError
from ringmaster_operator.notify.notifier import Notifier
from ringmaster_operator.notify.plan import wishes_of
from ringmaster_operator.notify.rooms import DECLARED, kept
from ringmaster_operator.notify.sending import SendError
from ringmaster_operator.notify.timing import due
from ringmaster_operator.resources.notify_api import (
    MOST_SUBSCRIPTIONS,
    Subscription,
    SubscriptionList,
    SubscriptionRequest,
    TestSent,
)
from ringmaster_operator.resources.project import CONFIG_KEY, CONFIG_MAP
from ringmaster_operator.resources.protocol import ProblemCode

TEST_SECONDS = 10.0
"""Between test messages of one owner."""
_SHOWN = (
    "id",
    "created_at",
    "created_by",
    "waiting",
    "given_up",
    "last_sent_at",
    "last_error",
    "last_error_at",
)


def shown(found: StoredSubscription) -> Subscription:
    """A subscription as the API tells it."""
    fields = {name: getattr(found, name) for name in _SHOWN}
    declared = found.created_by == DECLARED
    return Subscription.model_validate(wishes_of(found).model_dump() | fields | {"declared": declared})


class Notifications:
    """The subscriptions of one owner: user:NAME, or namespace:NAME. Raises Refused, HistoryError."""

    def __init__(self, *, history: History, notifier: Notifier, audit: Audit, clock: Clock) -> None:
        self._history = history
        self._notifier = notifier
        self._audit = audit
        self._clock = clock
        self._tested: dict[str, float] = {}

    async def listed(self, owner: str) -> SubscriptionList:
        found = [shown(item) for item in await self._history.subscriptions(owner=owner)]
        try:
            known = await self._notifier.sending.channels()
        except ChannelsError:
            trouble = "the operator cannot read its channels: its log says why"
            return SubscriptionList(items=found, channels=[], trouble=trouble)
        usable = {name: item for name, item in known.items() if item.serves(owner)}
        return SubscriptionList(
            items=found,
            channels=[item.info(name) for name, item in sorted(usable.items())],
            trouble="" if known else "no channels are set up: see RINGMASTER_NOTIFY_FILE",
        )

    async def add(self, owner: str, request: SubscriptionRequest, person: Person) -> Subscription:
        await self._check(owner, request)
        if len(await self._history.subscriptions(owner=owner)) >= MOST_SUBSCRIPTIONS:
            raise Refused(ProblemCode.CONFLICT, f"there are {MOST_SUBSCRIPTIONS} already: remove one")
        try:
            made = await self._history.add_subscription(
                owner=owner,
                channel=request.channel,
                address=request.address,
                wishes=kept(request),
                created_by=person.name,
                now=self._clock.now(),
            )
        except NameTaken as error:
            raise Refused(ProblemCode.CONFLICT, str(error)) from error
        self._notifier.changed()
        await self._note(person, "add", owner, made.id, after=request)
        return shown(made)

    async def change(self, owner: str, id: int, request: SubscriptionRequest, person: Person) -> Subscription:
        before = await self._by_hand(owner, id)
        await self._check(owner, request)
        try:
            made = await self._history.change_subscription(
                id=id,
                owner=owner,
                channel=request.channel,
                address=request.address,
                wishes=kept(request),
            )
        except NameTaken as error:
            raise Refused(ProblemCode.CONFLICT, str(error)) from error
        if made is None:
            raise _missing(id)
        moment = due(request, self._clock.now())
        await self._history.put_off_notices(subscription_id=id, due_at=moment)
        self._notifier.changed()
        await self._note(person, "change", owner, id, before=wishes_of(before), after=request)
        return shown(await self._of(owner, id))

    async def remove(self, owner: str, id: int, person: Person) -> None:
        await self._by_hand(owner, id)
        gone = await self._history.remove_subscription(id=id, owner=owner)
        if gone is None:
            raise _missing(id)
        self._notifier.changed()
        await self._note(person, "remove", owner, id, before=wishes_of(gone))

    async def test(self, owner: str, id: int, person: Person) -> TestSent:
        found = await self._of(owner, id)
        moment = self._clock.monotonic()
        self._tested = {key: at for key, at in self._tested.items() if moment - at < TEST_SECONDS}
        if owner in self._tested:
            detail = f"one test message in {TEST_SECONDS:.0f} s: wait a little"
            raise Refused(ProblemCode.THROTTLED, detail)
        self._tested[owner] = moment
        await self._check(owner, wishes_of(found))
        try:
            sent = await self._notifier.test(found)
        except SendError as error:
            raise Refused(ProblemCode.UNAVAILABLE, f"channel {found.channel}: {error}") from error
        await self._note(person, "test", owner, id)
        return TestSent(id=sent)

    async def _of(self, owner: str, id: int) -> StoredSubscription:
        found = await self._history.subscription(id=id, owner=owner)
        if found is None:
            raise _missing(id)
        return found

    async def _by_hand(self, owner: str, id: int) -> StoredSubscription:
        found = await self._of(owner, id)
        if found.created_by == DECLARED:
            detail = f"notification {id} is set in {CONFIG_KEY} of ConfigMap {CONFIG_MAP}: change it there"
            raise Refused(ProblemCode.CONFLICT, detail)
        return found

    async def _check(self, owner: str, request: SubscriptionRequest) -> None:
        try:
            known = await self._notifier.sending.channels()
        except ChannelsError as error:
            detail = "the operator cannot read its channels: its log says why"
            raise Refused(ProblemCode.UNAVAILABLE, detail) from error
        if fault := channels.fault(known, owner, *request.target):
            raise Refused(ProblemCode.INVALID, fault)

    async def _note(
        self,
        person: Person,
        verb: str,
        owner: str,
        id: int,
        *,
        before: SubscriptionRequest | None = None,
        after: SubscriptionRequest | None = None,
    ) -> None:
        """Addresses are nobody else's business."""
        namespace = owner.removeprefix(NAMESPACE) if owner.startswith(NAMESPACE) else ""
        await self._audit.note(
            person,
            f"notification.{verb}",
            kind="Notification",
            namespace=namespace,
            name=str(id),
            before=_told(before),
            after=_told(after),
        )


def _told(request: SubscriptionRequest | None) -> dict[str, Any] | None:
    return (
        None if request is None else {**request.lean(), "address": "" if not request.address else "(given)"}
    )


def _missing(id: int) -> Refused:
    return Refused(ProblemCode.NOT_FOUND, f"there is no notification {id} here")
