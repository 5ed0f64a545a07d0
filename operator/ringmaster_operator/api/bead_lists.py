"""Lists of beads for people, page by page.

Everybody who opens a board asks for all of it, so what a page costs may not grow with the namespace: each
order that was ever asked for is kept sorted as beads change, and the text of a bead is made once a version.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from ringmaster_operator.api import paging
from ringmaster_operator.resources.base import Priority
from ringmaster_operator.resources.bead import Bead, BeadType, Phase
from ringmaster_operator.resources.bead_api import BeadInfo
from ringmaster_operator.store import Key, Resource, Store


class Sorting(StrEnum):
    """The order of a list of beads."""

    NAME = "name"
    PRIORITY = "priority"
    """Effective priority, then name."""
    NEWEST = "newest"


@dataclass(frozen=True)
class Wanted:
    """What a list is to show; empty fields ask for nothing."""

    phase: frozenset[Phase] = frozenset()
    priority: frozenset[Priority] = frozenset()
    type: frozenset[BeadType] = frozenset()
    labels: tuple[str, ...] = ()
    worker: str | None = None
    parent: str | None = None
    text: str = ""

    def __call__(self, bead: Bead) -> bool:
        """Whether the bead is one of these."""
        spec, status = bead.spec, bead.status
        return (
            (not self.phase or (status.phase or Phase.PENDING) in self.phase)
            and (not self.priority or (status.effective_priority or spec.priority) in self.priority)
            and (not self.type or spec.type in self.type)
            and (self.worker is None or (status.claim is not None and status.claim.worker == self.worker))
            and (self.parent is None or spec.parent == self.parent)
            and all(_labelled(bead, term) for term in self.labels)
            and (not self.text or self._says(bead))
        )

    def _says(self, bead: Bead) -> bool:
        text = self.text.casefold()
        return any(
            text in part.casefold() for part in (bead.metadata.name, bead.spec.title, bead.spec.description)
        )


def _labelled(bead: Bead, term: str) -> bool:
    key, equals, value = term.partition("=")
    found = bead.metadata.labels.get(key)
    return found is not None and (not equals or found == value)


_KEYS: dict[Sorting, tuple[Callable[[Bead], paging.Place], tuple[type[paging.Part], ...]]] = {
    Sorting.NAME: (lambda bead: (bead.metadata.name,), (str,)),
    Sorting.PRIORITY: (
        lambda bead: (str(bead.status.effective_priority or bead.spec.priority), bead.metadata.name),
        (str, str),
    ),
    Sorting.NEWEST: (lambda bead: (-_made(bead), bead.metadata.name), (int, str)),
}
"""Each place ends with the bead's name, so no two are alike."""


def _made(bead: Bead) -> int:
    made = bead.metadata.creation_timestamp
    return int(made.timestamp()) if made is not None else 0


@dataclass
class Order:
    """The beads of a namespace in one order."""

    place: Callable[[Bead], paging.Place]
    places: list[paging.Place] = field(default_factory=list)
    """Sorted."""

    def change(self, old: Bead | None, new: Bead | None) -> None:
        """Take in one change."""
        before = self.place(old) if old is not None else None
        after = self.place(new) if new is not None else None
        if before == after:
            return
        if before is not None:
            at = bisect_left(self.places, before)
            if self.places[at : at + 1] == [before]:
                del self.places[at]
        if after is not None:
            insort(self.places, after)

    def names(self, after: paging.Place | None) -> Iterator[str]:
        """In order, those after a place. It must be used up before anything changes."""
        first = bisect_right(self.places, after) if after is not None else 0
        for at in range(first, len(self.places)):
            yield str(self.places[at][-1])


class BeadLists:
    """Pages of lists, as JSON. Not thread-safe: one event loop owns it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._orders: dict[tuple[str, Sorting], Order] = {}
        self._texts: dict[Key, tuple[Bead, str]] = {}
        store.listen(self._change)

    def page(self, namespace: str, wanted: Wanted, *, sort: Sorting, limit: int, cursor: str | None) -> str:
        """A page of the namespace's beads: the JSON of a BeadList."""
        filters = [sorted(map(str, chosen)) for chosen in (wanted.phase, wanted.priority, wanted.type)]
        scope = f"beads {namespace} {sort} {filters}"
        scope += f" {(wanted.labels, wanted.worker, wanted.parent, wanted.text)}"
        place, types = _KEYS[sort]
        after = paging.decoded(cursor, scope, *types)
        found: list[Bead] = []
        for name in self._order(namespace, sort).names(after):
            bead = self._store.bead((namespace, name))
            if bead is not None and wanted(bead):
                found.append(bead)
                if len(found) > limit:
                    break
        items, following = paging.rest(found, key=place, limit=limit, scope=scope)
        tail = f',"next":"{following}"' if following is not None else ""
        return f'{{"items":[{",".join(map(self._text, items))}]{tail}}}'

    def _order(self, namespace: str, sort: Sorting) -> Order:
        known = self._orders.get((namespace, sort))
        if known is None:
            known = self._orders[namespace, sort] = Order(_KEYS[sort][0])
            known.places = sorted(
                known.place(bead) for bead in self._store.beads() if bead.metadata.namespace == namespace
            )
        return known

    def _text(self, bead: Bead) -> str:
        known = self._texts.get(bead.key)
        if known is None or known[0] is not bead:
            known = self._texts[bead.key] = (
                bead,
                BeadInfo.of(bead).model_dump_json(by_alias=True, exclude_none=True),
            )
        return known[1]

    def _change(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        if kind != "Bead":
            return
        if new is None:
            self._texts.pop(key, None)
        before = old if isinstance(old, Bead) else None
        after = new if isinstance(new, Bead) else None
        for sort in Sorting:
            if (order := self._orders.get((key[0], sort))) is not None:
                order.change(before, after)
