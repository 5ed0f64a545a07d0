"""Filling the store: the first full list, the watch's events, and the sweep that finds what both lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from ringmaster_operator import garbage
from ringmaster_operator.board.board import Board
from ringmaster_operator.events import Events, Note
from ringmaster_operator.kube import (
    BACKUP_SCHEDULES,
    BEADS,
    CONFIG_MAPS,
    WORKERS,
    Kind,
    Kube,
    KubeError,
    NotFound,
)
from ringmaster_operator.resources.base import Metadata
from ringmaster_operator.resources.notify_api import Telling
from ringmaster_operator.resources.project import CONFIG_KEY, CONFIG_MAP, Project
from ringmaster_operator.store import Store

log = logging.getLogger(__name__)

KINDS = (BEADS, WORKERS, BACKUP_SCHEDULES)
RETRY_SECONDS = 2.0
FEW = 100
"""Objects that a sweep fetches one by one; where more are newer it lists all."""


class ClusterState:
    """Keeps the store and the projects' settings in step with the cluster."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        board: Board,
        namespace: str,
        events: Events,
        changed: Callable[[], None],
    ) -> None:
        self._kube = kube
        self._events = events
        self._changed = changed
        self._store = store
        self._board = board
        self._namespace = namespace or None
        self._projects: dict[str, str] = {}
        self._began = asyncio.Event()
        self.listed = False
        self.trouble = "the cluster's objects are not listed yet"

    async def fill(self) -> None:
        """List everything; waits, saying why, until the API server and the CRDs are there."""
        while not self.listed:
            try:
                for kind in KINDS:
                    async for body in self._kube.list(kind, self._namespace):
                        self._store.observe(body)
                await self.read_projects()
            except NotFound:
                self._wait("the CRDs are not installed (kubectl apply -k crds)")
            except KubeError as error:
                self._wait(str(error))
            else:
                self.listed = True
                self.trouble = ""
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def filled(self, stopped: asyncio.Event) -> bool:
        """Fill it; whether that was done before the stop."""
        filling, stopping = asyncio.ensure_future(self.fill()), asyncio.ensure_future(stopped.wait())
        await asyncio.wait({filling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if filling.done():
            await filling
            return True
        filling.cancel()
        await asyncio.wait({filling})
        return False

    def take(self, event: str, body: dict[str, Any]) -> None:
        """One watch event."""
        kind = body.get("kind")
        if kind == CONFIG_MAPS.name:
            self._project(body["metadata"]["namespace"], None if event == "DELETED" else body)
        elif event == "DELETED":
            meta = body["metadata"]
            self._store.forget(str(kind), (meta.get("namespace", ""), meta["name"]), meta["uid"])
        else:
            self._store.observe(body)

    def told(self) -> dict[str, list[Telling] | None]:
        """The notifications that the settings of each namespace ask for; None where they cannot be read."""
        found: dict[str, list[Telling] | None] = {}
        for namespace, text in self._projects.items():
            project = self._board.project(namespace)
            found[namespace] = project.notifications if project else None if text else []
        return found

    def began(self, plural: str) -> None:
        """A watch begins anew: what changed before, since the kind was listed, nobody tells."""
        log.debug("the watch of %s begins", plural)
        self._began.set()

    async def sweep(self, seconds: float) -> None:
        """Every so often, list names and versions alone; drop ghosts, fetch what is newer."""
        while True:
            await asyncio.sleep(seconds)
            await self._sweep_all()

    async def catch_up(self) -> None:
        """Sweep whenever a watch begins, until cancelled."""
        while True:
            await self._began.wait()
            self._began.clear()
            if not await self._sweep_all():
                self._began.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _sweep_all(self) -> bool:
        """False when the API server could not be asked."""
        try:
            for kind in KINDS:
                await self._sweep(kind)
            await self.read_projects()
        except KubeError as error:
            log.warning("sweep: %s", error)
            return False
        garbage.give_back()  # of the lists
        return True

    async def _sweep(self, kind: Kind) -> None:
        before = self._store.uids(kind.name)
        uids: list[str] = []
        stale: list[tuple[str, str]] = []
        async for body in self._kube.list(kind, self._namespace, metadata_only=True):
            meta = body["metadata"]
            uids.append(meta["uid"])
            if self._store.is_stale(kind.name, meta):
                stale.append((meta["namespace"], meta["name"]))
        gone = self._store.sweep(kind.name, uids, before)
        await self._renew(kind, stale)
        if gone or stale:
            log.info("sweep: %d %s gone, %d newer", len(gone), kind.plural, len(stale))

    async def _renew(self, kind: Kind, stale: list[tuple[str, str]]) -> None:
        if len(stale) > FEW:
            async for body in self._kube.list(kind, self._namespace):
                self._store.observe(body)
            return
        for namespace, name in stale:
            try:
                self._store.observe(await self._kube.get(kind, namespace, name))
            except NotFound:
                continue

    async def read_projects(self) -> None:
        """The `ringmaster-project` ConfigMaps, wherever there is one."""
        found: set[str] = set()
        query = {"fieldSelector": f"metadata.name={CONFIG_MAP}"}
        path = CONFIG_MAPS.path(self._namespace)
        for body in (await self._kube.request("GET", path, query=query))["items"] or []:
            namespace = body["metadata"]["namespace"]
            found.add(namespace)
            self._project(namespace, body)
        for namespace in set(self._projects) - found:
            self._project(namespace, None)

    def _project(self, namespace: str, body: dict[str, Any] | None) -> None:
        text = (body or {}).get("data", {}).get(CONFIG_KEY, "")
        if self._projects.get(namespace) == text:
            return
        self._projects[namespace] = text
        if body is None:
            self._projects.pop(namespace, None)
        try:
            self._board.set_project(namespace, Project.from_toml(text) if text else None)
        except ValueError as error:
            fault = f"{CONFIG_KEY}: {_plain(error)}; the former settings stay"
            log.error("ConfigMap %s/%s, %s", namespace, CONFIG_MAP, fault)
            if body is not None:
                note = Note("InvalidSettings", fault, warning=True)
                self._events.tell("ConfigMap", Metadata.read(body["metadata"]), note)
            return
        self._changed()

    def _wait(self, why: str) -> None:
        if why != self.trouble:
            log.warning("waiting: %s", why)
        self.trouble = why


def _plain(error: ValueError) -> str:
    """pydantic's many lines as one."""
    if isinstance(error, ValidationError):
        faults = error.errors(include_url=False)
        return "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in faults)
    return str(error)
