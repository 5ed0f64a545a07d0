"""What a person's program knows of beads and Workers: lists and changes made one. Nothing is taken twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ringmaster_cli.people.stream import Event
from ringmaster_operator.resources.bead_api import BeadInfo
from ringmaster_operator.resources.worker import Worker

Thing = BeadInfo | Worker


@dataclass(frozen=True)
class Step:
    """How one object changed; before or after is None where it was not there."""

    kind: str
    """bead or worker."""
    name: str
    before: Thing | None
    after: Thing | None


@dataclass
class Known:
    """One namespace."""

    beads: dict[str, BeadInfo] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    """Uids of what was deleted: a list that was made before must not bring it back."""

    def take(self, event: Event) -> Step | None:
        """A change as it was sent; None where it is known already."""
        kind, data = event.name, event.data
        name, uid = str(data["name"]), str(data.get("uid", ""))
        if data["type"] == "DELETED":
            self._gone.add(uid)
            held = self._of(kind, name)
            return self._put(kind, name, None) if held is not None and _uid(held) == uid else None
        body = data["object"]
        return self._newer(kind, name, BeadInfo.read(body) if kind == "bead" else Worker.read(body))

    def listed(self, kind: str, found: Iterable[Thing]) -> list[Step]:
        """All there are of a kind, as just listed: what that changes."""
        things = {_name(thing): thing for thing in found}
        known = dict(self.beads) if kind == "bead" else dict(self.workers)
        steps = [self._put(kind, name, None) for name in known if name not in things]
        steps += [step for name, thing in things.items() if (step := self._newer(kind, name, thing))]
        return steps

    def _newer(self, kind: str, name: str, thing: Thing) -> Step | None:
        held = self._of(kind, name)
        if _uid(thing) in self._gone:
            return None
        if held is not None and _uid(held) == _uid(thing) and _version(held) >= _version(thing):
            return None
        return self._put(kind, name, thing)

    def _put(self, kind: str, name: str, thing: Thing | None) -> Step:
        before = self._of(kind, name)
        if isinstance(thing, BeadInfo):
            self.beads[name] = thing
        elif thing is not None:
            self.workers[name] = thing
        else:
            (self.beads if kind == "bead" else self.workers).pop(name, None)
        return Step(kind, name, before, thing)

    def _of(self, kind: str, name: str) -> Thing | None:
        return self.beads.get(name) if kind == "bead" else self.workers.get(name)


def _name(thing: Thing) -> str:
    return thing.name if isinstance(thing, BeadInfo) else thing.metadata.name


def _uid(thing: Thing) -> str:
    return thing.uid if isinstance(thing, BeadInfo) else thing.metadata.uid


def _version(thing: Thing) -> int:
    text = thing.resource_version if isinstance(thing, BeadInfo) else thing.metadata.resource_version
    return int(text or 0)
