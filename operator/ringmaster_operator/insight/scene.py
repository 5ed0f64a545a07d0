"""A namespace as it is now, on a board of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ringmaster_cli.exits import UsageError
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.facts import View
from ringmaster_operator.board.room import Room
from ringmaster_operator.clock import Clock
from ringmaster_operator.insight.waiting import Waiting
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.project import CONFIG_KEY, Project
from ringmaster_operator.resources.worker import Worker

if TYPE_CHECKING:
    from ringmaster_cli.people.cluster import Cluster


@dataclass
class Scene:
    """Beads, Workers and settings, with the board that follows from them."""

    namespace: str
    now: datetime
    beads: dict[str, Bead]
    workers: list[Worker] = field(default_factory=list)
    project: Project | None = None
    profiles: list[dict[str, Any]] = field(default_factory=list)
    """ConfigMaps with agent profiles."""
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """What could not be read, and why."""
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        self.board = Board()
        self.board.set_project(self.namespace, self.project)
        for worker in self.workers:
            self.board.put_worker(worker)
        for bead in self.beads.values():
            self.board.put(bead)
        self.board.refresh(self.now)
        self.board.rescore()

    @cached_property
    def waiting(self) -> Waiting:
        """Who waits for whom."""
        return Waiting(self.room.graph)

    @property
    def room(self) -> Room:
        """The board's inside, for its graph."""
        return self.board.room(self.namespace)

    def view(self, name: str) -> View:
        return self.board.view((self.namespace, name))

    def ranked(self) -> list[str]:
        """What may be claimed, best first."""
        return self.board.ranked(self.namespace)

    def named(self, name: str) -> Bead:
        """A bead by name; UsageError when there is none."""
        if name not in self.beads:
            close = sorted(other for other in self.beads if name in other or other in name)[:3]
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise UsageError(f"there is no bead {name} in namespace {self.namespace}{hint}")
        return self.beads[name]

    def open(self) -> list[str]:
        """Beads that have not come to their end, by name."""
        return sorted(name for name, facts in self.room.graph.facts.items() if facts.open)

    def takers(self, name: str) -> tuple[list[str], dict[str, str]]:
        """Workers that could take the bead once it may be claimed, and what each other one lacks."""
        bead, wanted, priority = self.beads[name], self.room.needs[name], self.view(name).effective_priority
        able, lacking = [], {}
        for worker in self.workers:
            why = self.board.fits(worker, self.now).why_not(bead, wanted, priority)
            if why:
                lacking[worker.metadata.name] = why
            else:
                able.append(worker.metadata.name)
        return able, lacking

    def with_beads(self, beads: dict[str, Bead]) -> Scene:
        """The same namespace with these beads instead."""
        return Scene(self.namespace, self.now, beads, self.workers, self.project)


def load(cluster: Cluster) -> Scene:
    """The cluster's namespace as it is; raises CliError with the server's words."""
    unreadable: list[tuple[str, str]] = []
    beads = _read(Bead, cluster.beads(), unreadable)
    workers = _read(Worker, cluster.workers(), unreadable)
    project = None
    text = cluster.project().get("data", {}).get(CONFIG_KEY, "")
    try:
        project = Project.from_toml(text) if text else None
    except ValueError as fault:
        unreadable.append(("ConfigMap ringmaster-project", f"{CONFIG_KEY}: {_words(fault)}"))
    return Scene(
        namespace=cluster.namespace,
        now=Clock().now(),
        beads={bead.metadata.name: bead for bead in beads},
        workers=[_as_learned(worker) for worker in workers],
        project=project,
        profiles=cluster.profiles(),
        unreadable=unreadable,
    )


def _as_learned(worker: Worker) -> Worker:
    """The Worker with the confidence that the operator has learned, which only its status tells here."""
    learned = {item.name: item.confidence for item in worker.status.capabilities}
    capabilities = [
        item.model_copy(update={"confidence": learned.get(item.name, item.confidence)})
        for item in worker.spec.capabilities
    ]
    return worker.model_copy(update={"spec": worker.spec.model_copy(update={"capabilities": capabilities})})


def _read(model: Any, bodies: Iterable[dict[str, Any]], unreadable: list[tuple[str, str]]) -> list[Any]:
    found = []
    for body in bodies:
        try:
            found.append(model.read(body))
        except ValidationError as fault:
            unreadable.append((f"{model.__name__} {body['metadata']['name']}", _words(fault)))
    return found


def _words(fault: ValueError) -> str:
    if isinstance(fault, ValidationError):
        faults = fault.errors(include_url=False)
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in faults)
    return str(fault)
