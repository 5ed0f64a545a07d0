"""What the operator knows of the cluster: one newest copy of each object, whoever brought it.

Watch events, the answers to our own patches and periodic lists arrive in any order; the newest
resourceVersion wins (they are comparable integers by the API conventions). Deleted objects leave a
tombstone, so that a late echo cannot bring one back: kopf gives no DELETED event for what vanished
during a relist, hence `sweep`.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from ringmaster_operator.resources.backup import BackupSchedule
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.compact import compact
from ringmaster_operator.resources.worker import Worker

log = logging.getLogger(__name__)

Key = tuple[str, str]
Resource = Bead | Worker | BackupSchedule
Listener = Callable[[str, Key, Resource | None, Resource | None], None]
"""Called with kind, key, the old and the new object (None: gone)."""

MODELS: dict[str, type[Bead] | type[Worker] | type[BackupSchedule]] = {
    "Bead": Bead,
    "Worker": Worker,
    "BackupSchedule": BackupSchedule,
}
TOMBSTONES = 20_000


class Store:
    """In-memory copies by kind and (namespace, name). Not thread-safe: one event loop owns it."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[Key, Resource]] = {kind: {} for kind in MODELS}
        self._dead: OrderedDict[str, None] = OrderedDict()
        self._listeners: list[Listener] = []
        self.unreadable: dict[tuple[str, Key], str] = {}

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def bead(self, key: Key) -> Bead | None:
        found = self._objects["Bead"].get(key)
        return found if isinstance(found, Bead) else None

    def worker(self, key: Key) -> Worker | None:
        found = self._objects["Worker"].get(key)
        return found if isinstance(found, Worker) else None

    def backup_schedule(self, key: Key) -> BackupSchedule | None:
        found = self._objects["BackupSchedule"].get(key)
        return found if isinstance(found, BackupSchedule) else None

    def beads(self) -> Iterator[Bead]:
        return (item for item in list(self._objects["Bead"].values()) if isinstance(item, Bead))

    def workers(self) -> Iterator[Worker]:
        return (item for item in list(self._objects["Worker"].values()) if isinstance(item, Worker))

    def backup_schedules(self) -> Iterator[BackupSchedule]:
        found = list(self._objects["BackupSchedule"].values())
        return (item for item in found if isinstance(item, BackupSchedule))

    def observe(self, body: dict[str, Any]) -> bool:
        """Take in an object; False when what is known is newer, or it is known to be deleted."""
        kind = body["kind"]
        meta = body["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        known = self._objects[kind].get(key)
        if meta["uid"] in self._dead or (known is not None and not _newer(meta, known)):
            return False
        try:
            fresh: Resource = compact(MODELS[kind].read(body))
        except ValidationError as error:
            self._unreadable(kind, key, error)
            return False
        self.unreadable.pop((kind, key), None)
        if known is not None and known.metadata.uid != meta["uid"]:
            self._bury(known.metadata.uid)
        self._objects[kind][key] = fresh
        self._tell(kind, key, known, fresh)
        return True

    def taken(self, body: dict[str, Any]) -> Bead:
        """A bead as the API server answered it, taken in unless a newer one is known.

        Raises ValidationError.
        """
        self.observe(body)
        meta = body["metadata"]
        known = self.bead((meta["namespace"], meta["name"]))
        if known is not None and known.metadata.resource_version == meta["resourceVersion"]:
            return known
        return Bead.read(body)

    def forget(self, kind: str, key: Key, uid: str) -> None:
        """The object with this uid is gone; one made anew under its name stays."""
        if uid:
            self._bury(uid)
        known = self._objects[kind].get(key)
        if known is not None and known.metadata.uid == uid:
            del self._objects[kind][key]
            self._tell(kind, key, known, None)

    def sweep(self, kind: str, listed: Iterable[str], known_before: Iterable[tuple[Key, str]]) -> list[Key]:
        """Drop what a full list of uids no longer has; known_before was taken before the list began."""
        present = set(listed)
        gone = [(key, uid) for key, uid in known_before if uid not in present]
        for key, uid in gone:
            self.forget(kind, key, uid)
        return [key for key, _ in gone]

    def is_stale(self, kind: str, meta: dict[str, Any]) -> bool:
        """Whether a listed object is newer than the copy here."""
        known = self._objects[kind].get((meta.get("namespace", ""), meta["name"]))
        return meta["uid"] not in self._dead and (known is None or _newer(meta, known))

    def uids(self, kind: str) -> list[tuple[Key, str]]:
        return [(key, item.metadata.uid) for key, item in self._objects[kind].items()]

    def _bury(self, uid: str) -> None:
        self._dead[uid] = None
        while len(self._dead) > TOMBSTONES:
            self._dead.popitem(last=False)

    def _tell(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        for listener in self._listeners:
            listener(kind, key, old, new)

    def _unreadable(self, kind: str, key: Key, error: ValidationError) -> None:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        message = f"{where}: {fault['msg']}"
        if self.unreadable.get((kind, key)) != message:
            log.error("%s %s/%s cannot be read: %s", kind, *key, message)
        self.unreadable[(kind, key)] = message


def _newer(meta: dict[str, Any], known: Resource) -> bool:
    """One that was made anew under the name is newer than all that was said of the one before."""
    return int(meta["resourceVersion"]) > int(known.metadata.resource_version)
