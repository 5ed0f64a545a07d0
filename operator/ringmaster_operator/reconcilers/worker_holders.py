"""Which session holds which bead, kept in step with the store: looked up per Worker without a walk of all."""

from __future__ import annotations

from dataclasses import dataclass

from ringmaster_operator.reconcilers.session_plan import Busy
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.store import Key


@dataclass(frozen=True, kw_only=True)
class _Claim:
    worker: Key
    session: str
    busy: Busy


class Holders:
    """The claims of all beads."""

    def __init__(self) -> None:
        self._claims: dict[Key, _Claim] = {}

    def note(self, key: Key, bead: Bead | None) -> set[Key]:
        """Take in a bead as it is now (None: gone); returns the Workers that it makes a difference to."""
        before, after = self._claims.pop(key, None), _claim(bead)
        if after is not None:
            self._claims[key] = after
        return {claim.worker for claim in (before, after) if claim is not None} if before != after else set()

    def busy(self, worker: Key) -> dict[str, Busy]:
        """The Worker's busy sessions by name."""
        return {claim.session: claim.busy for claim in self._claims.values() if claim.worker == worker}


def _claim(bead: Bead | None) -> _Claim | None:
    claim = bead.status.claim if bead is not None else None
    if bead is None or claim is None:
        return None
    return _Claim(
        worker=(bead.metadata.namespace, claim.worker),
        session=claim.session,
        busy=Busy(bead=bead.metadata.name, iteration=bead.status.iteration),
    )
