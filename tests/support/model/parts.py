"""What a run is made of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringmaster_operator.kube import Kube
from ringmaster_operator.kube_errors import explained
from ringmaster_operator.resources.bead import OutcomeKind
from support.boards import NS
from support.model.apiserver import Answer, Body


@dataclass(frozen=True)
class Plan:
    """What a run is about: beads as spec by name, sessions, and how attempts end."""

    beads: Mapping[str, Mapping[str, Any]]
    sessions: int = 2
    outcomes: Mapping[tuple[str, int, int], OutcomeKind] = field(default_factory=dict)
    """By bead, attempt and iteration; success where nothing is said."""


@dataclass(frozen=True)
class Choice:
    """Something that may happen now."""

    label: str
    act: Callable[[], None]


@dataclass
class Flight:
    """A request to the API server. future: who waits for it, None when nobody does any more."""

    number: int
    method: str
    path: str
    rest: dict[str, Any]
    future: asyncio.Future[Answer] | None
    answer: Answer | None = None

    @property
    def label(self) -> str:
        return f"{self.method} {self.path.rpartition(NS)[2] or self.path} #{self.number}"


Fly = Callable[[str, str, dict[str, Any]], Awaitable[Answer]]


class SimulatedKube(Kube):
    """The product's client; its requests fly as `fly` says."""

    def __init__(self, fly: Fly) -> None:
        self._fly = fly
        self.permit = lambda: None
        self.host = "simulated"

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Body:
        rest = {"body": body, "query": dict(query or {}), "content_type": content_type, "accept": accept}
        status, answer = await self._fly(method, path, rest)
        if status >= 400:
            raise explained(status, json.dumps(answer))
        return answer
