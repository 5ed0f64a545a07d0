"""Writes of what was told about objects; the same again in a row is counted, not added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import bindparam, func, update
from sqlalchemy import select as columns_of
from sqlmodel import Session

from ringmaster_operator.history.columns import clean
from ringmaster_operator.history.prepared import Prepared, columns, table
from ringmaster_operator.history.records import NewEvent, StoredEvent
from ringmaster_operator.history.tables import EventRow

_EVENT = table(EventRow)
_FIELDS = tuple(StoredEvent.__slots__)
_ADD = Prepared(lambda insert: insert(_EVENT).returning(_EVENT.c.id), gives=columns(_EVENT))
_COUNT = Prepared(
    lambda _: (
        update(_EVENT)
        .where(_EVENT.c.id == bindparam("its_id"))
        .values(count=bindparam("so_many"), at=bindparam("now", type_=_EVENT.c.at.type))
    )
)
_NEWEST = (
    columns_of(func.max(_EVENT.c.id))
    .where(_EVENT.c.uid.in_(bindparam("uids", expanding=True)))
    .group_by(_EVENT.c.uid)
)
_LAST = columns_of(*(_EVENT.c[name] for name in _FIELDS)).where(_EVENT.c.id.in_(_NEWEST))


def record_events(db: Session, *, events: Sequence[NewEvent]) -> list[StoredEvent]:
    """Add each, or count it up when the object's last one said the same; the events as they are kept."""
    last, counted, kept = _last(db, {event.uid for event in events}), dict[int, StoredEvent](), []
    for event in events:
        before, message = last.get(event.uid), clean(event.message)
        if before is not None and _says(before) == (event.type, event.reason, message):
            stored = counted[before.id] = replace(before, count=before.count + 1, at=event.at)
        else:
            row: dict[str, Any] = asdict(event) | {"message": message, "count": 1}
            stored = StoredEvent(id=_ADD.run(db, row).scalar_one(), **row)
        last[event.uid] = stored
        kept.append(stored)
    if counted:
        _COUNT.many(db, [{"its_id": e.id, "so_many": e.count, "now": e.at} for e in counted.values()])
    return kept


def _last(db: Session, uids: Iterable[str]) -> dict[str, StoredEvent]:
    """The last event of each object that has any."""
    found = db.connection().execute(_LAST, {"uids": list(uids)}).mappings()
    return {row["uid"]: StoredEvent(**row) for row in found}


def _says(event: StoredEvent) -> tuple[str, str, str]:
    return event.type, event.reason, event.message


def stored_event(row: EventRow) -> StoredEvent:
    """As a plain value."""
    return StoredEvent(**{name: getattr(row, name) for name in _FIELDS})
