"""Who is told what, and when at the earliest: facts by subscriptions by the clock. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from pydantic import ValidationError

from ringmaster_operator.history import NewNotice, StoredSubscription
from ringmaster_operator.notify.channels import NAMESPACE
from ringmaster_operator.notify.facts import Fact
from ringmaster_operator.notify.timing import due
from ringmaster_operator.resources.notify_api import SubscriptionRequest

OLD = timedelta(days=3)
"""What happened longer ago is not told any more: the operator was away so long, or the history restored."""

May = Callable[[StoredSubscription, Fact], bool]
"""Whether the owner of a subscription may know of a fact, as far as rights go."""


def wishes_of(subscription: StoredSubscription) -> SubscriptionRequest:
    """What was asked for; raises ValidationError where a newer version wrote it."""
    told = {**subscription.wishes, "channel": subscription.channel, "address": subscription.address}
    return SubscriptionRequest.read(told)


def plan(
    facts: Iterable[Fact], subscriptions: Iterable[StoredSubscription], now: datetime, may: May
) -> list[NewNotice]:
    """A notice for everyone who asked to be told, may know, and asked before it happened."""
    recent = [fact for fact in facts if now - fact.at <= OLD]
    found = []
    for subscription in subscriptions:
        try:
            wishes = wishes_of(subscription)
        except ValidationError:
            continue
        # Kubernetes keeps times to the second.
        since = subscription.created_at.replace(microsecond=0)
        wanted = [fact for fact in recent if fact.at >= since and _wants(subscription, wishes, fact)]
        told = [fact for fact in wanted if may(subscription, fact)]
        if not told:
            continue
        moment = due(wishes, now)
        found += [_notice(subscription, fact, moment) for fact in told]
    return found


def _wants(subscription: StoredSubscription, wishes: SubscriptionRequest, fact: Fact) -> bool:
    if wishes.kinds and fact.kind not in wishes.kinds:
        return False
    if subscription.owner.startswith(NAMESPACE):
        return fact.namespace == subscription.owner.removeprefix(NAMESPACE)
    return not wishes.namespaces or not fact.namespace or fact.namespace in wishes.namespaces


def _notice(subscription: StoredSubscription, fact: Fact, moment: datetime) -> NewNotice:
    return NewNotice(
        subscription_id=subscription.id,
        source=fact.source,
        content=fact.content(),
        at=fact.at,
        due_at=moment,
    )
