"""What the lines of the panes stand for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ringmaster_cli.top.model import Prefix, Ref, World
from ringmaster_cli.top.rows import NeedRow, SessionRow
from ringmaster_cli.top.ui import Item, Pane, Ui
from ringmaster_operator.resources.bead_api import BeadInfo


@dataclass(frozen=True)
class Rows:
    """The lines of all panes, made anew for each picture."""

    needs: Sequence[NeedRow]
    fleet: Sequence[SessionRow]
    queue: Sequence[Ref]

    @classmethod
    def of(cls, world: World, ui: Ui) -> Rows:
        """As they are now."""
        return cls(world.needs(), world.fleet(), world.queue(ui.filter))

    def items(self, world: World, pane: Pane) -> Sequence[Item]:
        """What the lines of a pane stand for."""
        if pane is Pane.NEEDS:
            return [_need_item(world, row) for row in self.needs]
        if pane is Pane.FLEET:
            return [_session_item(row) for row in self.fleet]
        return Queue(world, self.queue)


class Queue(Sequence[Item]):
    """Items of thousands of beads, made when they are looked at."""

    def __init__(self, world: World, refs: Sequence[Ref]) -> None:
        self._world, self._refs = world, refs

    def __len__(self) -> int:
        return len(self._refs)

    def __getitem__(self, place: Any) -> Any:
        ref = self._refs[place]
        return _bead_item(ref, self._world.beads[ref])

    def find(self, key: str) -> int | None:
        """The place of an item, found without making all of them."""
        namespace, _, name = key.partition("/")
        if isinstance(self._refs, Prefix):
            place = self._world.place((namespace, name))
            return place if place is not None and place < len(self._refs) else None
        return next((at for at, ref in enumerate(self._refs) if ref == (namespace, name)), None)


def _bead_item(ref: Ref, bead: BeadInfo) -> Item:
    return Item(f"{ref[0]}/{ref[1]}", *ref, worker=bead.worker or "", session=bead.session or "")


def _need_item(world: World, row: NeedRow) -> Item:
    need, key = row.need, f"{row.need.kind} {row.namespace}/{row.need.name}"
    ref = (row.namespace, need.name)
    if ref in world.beads and need.kind not in ("worker", "budget", "stalled"):
        bead = world.beads[ref]
        return Item(key, *ref, worker=bead.worker or "", session=bead.session or "")
    if need.kind == "stalled":
        for found in world.fleet():
            if (found.namespace, found.info.name) == ref:
                info = found.info
                return Item(key, row.namespace, info.bead or "", info.worker, info.name)
    return Item(key, row.namespace)


def _session_item(row: SessionRow) -> Item:
    info = row.info
    key = f"{row.namespace}/{info.worker}/{info.name}"
    return Item(key, row.namespace, info.bead or "", info.worker, info.name)
