"""The one way a bead's status is written: a merge patch of the difference, on the version it was judged from.

Reconciles, claims and reports all go through here, so a status is never written when nothing changed, a stale
writer always gets Conflict, and every transition is noted once.

Others may write on a bead all the time: labels, annotations, who manages which field. Where everything that a
status is judged from is as it was, a patch that says so does as well as one that names the version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ringmaster_operator import json_patches, metrics
from ringmaster_operator.events import Events, Note
from ringmaster_operator.kube import BEADS, Body, Conflict, Kube, KubeError
from ringmaster_operator.resources.base import ConditionStatus
from ringmaster_operator.resources.bead import Bead, BeadStatus, Phase
from ringmaster_operator.store import Key, Store

SHOWN = 20
UNPROCESSABLE = 422
TROUBLE = frozenset({"DependencyMissing", "DependencyFailed", "DependencyCycle", "ParentBlocked"})


def difference(old: Body, new: Body) -> Body:
    """The JSON merge patch (RFC 7396) that turns old into new; empty when they are equal."""
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = difference(before, value)
            if inner:
                patch[key] = inner
        elif value != before or key not in old:
            patch[key] = value
    return patch


class Statuses:
    """Writes bead statuses, and tells the events that follow from them."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        events: Events,
        released: Callable[[Key], list[str]],
        weighed: Callable[[str], frozenset[str]],
    ) -> None:
        """`released` names what a bead that has just succeeded leaves to be worked.

        `weighed` gives the keys of labels and annotations that matter in a namespace.
        """
        self._kube = kube
        self._store = store
        self._events = events
        self._released = released
        self._weighed = weighed

    async def write(self, bead: Bead, status: BeadStatus) -> Bead:
        """Patch what differs; the bead as it is then.

        Raises Conflict when what it was judged from changed meanwhile, NotFound when it is gone.
        """
        if status == bead.status:
            return bead
        patch = difference(bead.status.lean(), status.lean())
        if not patch:
            return bead
        written = await self._patched(bead, patch)
        for note in notes(bead.status, written.status):
            self._events.tell("Bead", written.metadata, note)
        done = written.status.phase is Phase.SUCCEEDED and bead.status.phase is not Phase.SUCCEEDED
        if done and (names := self._released(bead.key)):
            note = Note("Released", f"released: {', '.join(names[:SHOWN])}{' ...' if names[SHOWN:] else ''}")
            self._events.tell("Bead", written.metadata, note)
        return written

    async def _patched(self, bead: Bead, patch: Body) -> Bead:
        metrics.api_writes.labels("Bead").inc()
        try:
            body = await self._kube.patch_status(
                BEADS, *bead.key, patch, version=bead.metadata.resource_version
            )
        except Conflict:
            keys = self._weighed(bead.metadata.namespace)
            if not _alike(bead, self._store.bead(bead.key), keys):
                raise
            fresh = await self._kube.get(BEADS, *bead.key)
            operations = json_patches.of_status(fresh, patch, keys)
            if operations is None or not _alike(bead, self._store.taken(fresh), keys):
                raise
            metrics.api_writes.labels("Bead").inc()
            try:
                body = await self._kube.patch_status_where(BEADS, *bead.key, operations)
            except KubeError as error:
                if error.status == UNPROCESSABLE:
                    raise Conflict(error.status, str(error)) from error
                raise
        return self._store.taken(body)


def _alike(judged: Bead, fresh: Bead | None, keys: Iterable[str]) -> bool:
    """Whether it is the bead that was judged, but for what nobody judges by."""
    if fresh is None:
        return False
    old, new = judged.metadata, fresh.metadata
    return (
        (old.uid, old.generation, old.deletion_timestamp) == (new.uid, new.generation, new.deletion_timestamp)
        and judged.status == fresh.status
        and all(old.labels.get(key) == new.labels.get(key) for key in keys)
        and all(old.annotations.get(key) == new.annotations.get(key) for key in keys)
    )


def notes(old: BeadStatus, new: BeadStatus) -> list[Note]:
    """What the change from old to new should tell people."""
    found: list[Note] = []
    if new.claim and (old.claim is None or old.claim.id != new.claim.id):
        why = f": {new.claim.reason}" if new.claim.reason else ""
        text = f"{new.claim.session} works on it, attempt {new.attempts}{why}"
        found.append(Note("Claimed", text, public=bool(why)))
    step = new.escalation
    if step is not None and new.escalation_level > old.escalation_level:
        found.append(Note("Escalated", step.message, warning=True))
    if old.claim and new.claim is None and new.phase not in (Phase.SUCCEEDED, Phase.FAILED):
        found.append(_ended(new))
    if new.decision and old.decision is None:
        found.append(Note("Decided", f"{new.decision.by}: {new.decision.answer}", public=True))
    if new.phase != old.phase:
        found.extend(_arrived(new))
    ready = {item.type: item for item in new.conditions}.get("Ready")
    before = {item.type: item for item in old.conditions}.get("Ready")
    troubled = ready and ready.status is ConditionStatus.FALSE and ready.reason in TROUBLE
    if ready and troubled and (before is None or before.message != ready.message):
        found.append(Note(ready.reason, ready.message, warning=True))
    return found


def _ended(new: BeadStatus) -> Note:
    outcome = new.outcome
    reason = outcome.reason if outcome and outcome.reason else None
    summary = outcome.summary if outcome else "given back"
    return Note("AttemptEnded", f"{reason}: {summary}" if reason else summary, warning=reason is not None)


def _arrived(new: BeadStatus) -> list[Note]:
    summary = new.outcome.summary if new.outcome else ""
    match new.phase:
        case Phase.SUCCEEDED:
            return [Note("Succeeded", summary or "done")]
        case Phase.FAILED:
            reason = new.outcome.reason if new.outcome else None
            return [Note("Failed", f"{reason or 'failed'}: {summary}", warning=True)]
        case Phase.CANCELLED:
            return [Note("Cancelled", summary or "cancelled")]
        case Phase.NEEDS_DECISION:
            return [Note("NeedsDecision", "waits for a person's answer", public=True)]
        case _:
            return []
