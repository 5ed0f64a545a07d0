"""What projects say of notifications in their settings, kept as subscriptions of their namespaces.

They are in the history like those that people set up: so they survive a restart, and are told nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events, Note
from ringmaster_operator.history import History, StoredSubscription
from ringmaster_operator.notify import channels
from ringmaster_operator.notify.channels import NAMESPACE, ChannelsError
from ringmaster_operator.notify.sending import Sending
from ringmaster_operator.notify.timing import due
from ringmaster_operator.resources.base import Metadata
from ringmaster_operator.resources.notify_api import SubscriptionRequest, Telling
from ringmaster_operator.resources.project import CONFIG_KEY, CONFIG_MAP

DECLARED = f"settings:{CONFIG_KEY}"
"""Who made a subscription that a project's settings ask for."""
Declared = Mapping[str, Sequence[Telling] | None]
"""By namespace; None where the settings cannot be read, so that nothing is known."""


def kept(request: Telling) -> dict[str, Any]:
    """What the history keeps of a request besides channel and address."""
    return {key: value for key, value in request.lean().items() if key not in ("channel", "address")}


class Rooms:
    """Keeps them in step, for one operator."""

    def __init__(
        self,
        *,
        history: History,
        sending: Sending,
        events: Events,
        clock: Clock,
        declared: Callable[[], Declared],
        namespace: str,
    ) -> None:
        """namespace is the only one whose settings are known; empty: those of all are."""
        self._history = history
        self._sending = sending
        self._events = events
        self._clock = clock
        self._declared = declared
        self._namespace = namespace
        self._faults: dict[str, str] = {}
        """What was wrong at the last look, by namespace."""

    async def keep(self) -> tuple[bool, bool]:
        """Add, change and remove what is not as declared: whether any was, and whether all is so then.

        Raises HistoryError.
        """
        declared = self._declared()
        try:
            known = await self._sending.channels()
        except ChannelsError:
            return False, False  # the log says why
        stored: dict[str, list[StoredSubscription]] = {}
        for item in (await self._history.subscribers()).items:
            if item.owner.startswith(NAMESPACE):
                stored.setdefault(item.owner.removeprefix(NAMESPACE), []).append(item)
        changed = False
        faults: dict[str, str] = {}
        for namespace in sorted({*declared, *stored}):
            wanted = declared.get(namespace, ())
            if wanted is None or self._namespace not in ("", namespace):
                continue
            changed |= await self._clear(wanted, stored.get(namespace, []))
            for one in wanted:
                there = _same(one, stored.get(namespace, []))
                fault = channels.fault(known, NAMESPACE + namespace, *one.target)
                if fault:
                    faults.setdefault(namespace, fault)
                elif there is None or there.created_by != DECLARED or there.wishes != kept(one):
                    await self._put(NAMESPACE + namespace, one, there)
                    changed = True
        self._tell(faults)
        return changed, not faults

    async def _clear(self, wanted: Sequence[Telling], stored: Sequence[StoredSubscription]) -> bool:
        targets = {one.target for one in wanted}
        over = [item for item in stored if item.created_by == DECLARED]
        over = [item for item in over if (item.channel, item.address) not in targets]
        for item in over:
            await self._history.remove_subscription(id=item.id, owner=item.owner)
        return bool(over)

    async def _put(self, owner: str, one: Telling, there: StoredSubscription | None) -> None:
        now = self._clock.now()
        told: dict[str, Any] = {
            "owner": owner,
            "channel": one.channel,
            "address": one.address,
            "wishes": kept(one),
            "created_by": DECLARED,
        }
        if there is None:
            await self._history.add_subscription(**told, now=now)
            return
        await self._history.change_subscription(id=there.id, **told)
        moment = due(SubscriptionRequest.read(one.lean()), now)
        await self._history.put_off_notices(subscription_id=there.id, due_at=moment)

    def _tell(self, faults: dict[str, str]) -> None:
        """An Event for each that is not the same as before."""
        for namespace, fault in faults.items():
            if self._faults.get(namespace) != fault:
                note = Note("InvalidSettings", f"{CONFIG_KEY}: notifications: {fault}", warning=True)
                self._events.tell("ConfigMap", Metadata(name=CONFIG_MAP, namespace=namespace), note)
        self._faults = faults


def _same(one: Telling, stored: Sequence[StoredSubscription]) -> StoredSubscription | None:
    return next((item for item in stored if (item.channel, item.address) == one.target), None)
