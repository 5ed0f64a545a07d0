"""The one way in which routes tell the audit log what a person has changed."""

from __future__ import annotations

import logging
from typing import Any

from ringmaster_operator.api.people import Person
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import Change, History, HistoryUnavailable
from ringmaster_operator.resources.protocol import ProblemCode

log = logging.getLogger(__name__)


class Audit:
    """Adds lines to the audit log."""

    def __init__(self, *, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock

    async def note(
        self,
        person: Person,
        action: str,
        *,
        kind: str,
        name: str,
        namespace: str = "",
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        undo_of: int | None = None,
    ) -> int:
        """Keep that a person changed something, once it is changed; the line's id.

        `action` is kind and verb (bead.hold); before and after hold what differs, for an object of the
        cluster as a merge patch does (None: absent). Nothing secret goes in. Raises Refused (UNAVAILABLE)
        where it cannot be kept; the log has the line then.
        """
        change = Change(
            action=action,
            kind=kind,
            namespace=namespace,
            name=name,
            before=before,
            after=after,
            undo_of=undo_of,
        )
        actor = person.actor
        try:
            return await self._history.record_audit(actor=actor, change=change, now=self._clock.now())
        except HistoryUnavailable as error:
            log.error("not kept in the audit log: %s: %s", actor, change)
            detail = f"the change was made, but the audit log cannot keep it: {error}"
            raise Refused(ProblemCode.UNAVAILABLE, detail) from error
