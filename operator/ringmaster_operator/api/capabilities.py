"""Capabilities for people: who can do what, how sure that is, why, and the two things to do about it."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query

from ringmaster_operator.api import problems
from ringmaster_operator.api.auditing import Audit
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.board.board import Board
from ringmaster_operator.board.capabilities import Standing
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import CapabilityChange, History
from ringmaster_operator.kube import WORKERS, Conflict, Kube, KubeError, NotFound
from ringmaster_operator.learning import Learning
from ringmaster_operator.resources.capability_api import (
    CapabilityInfo,
    CapabilityList,
    ConfidenceChange,
    ConfidenceHistory,
    OverrideRequest,
    WorkerConfidence,
)
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import Label, Name
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.store import Store

TRIES = 5
Entry = dict[str, Any]


class Capabilities:
    """What the routes do. A change is a change of the Worker's spec, made for the person who asked."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        kube: Kube,
        history: History,
        learning: Learning,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._store = store
        self._board = board
        self._kube = kube
        self._history = history
        self._learning = learning
        self._audit = audit
        self._clock = clock

    def all(self, namespace: str) -> list[CapabilityInfo]:
        """Those that the project names, and those that Workers declare, by name."""
        project = self._board.project(namespace)
        described = dict(project.capabilities) if project is not None else {}
        found: dict[str, list[WorkerConfidence]] = {name: [] for name in described}
        rules, now = self._board.rules(namespace), self._clock.now()
        for worker in sorted(self._store.workers(), key=lambda item: item.metadata.name):
            if worker.metadata.namespace == namespace:
                for name, known in self._board.registry.standings(worker, rules, now).items():
                    found.setdefault(name, []).append(confidence(worker, known))
        return [
            CapabilityInfo(
                name=name,
                description=described.get(name, ""),
                workers=sorted(workers, key=lambda item: -item.confidence),
            )
            for name, workers in sorted(found.items())
        ]

    def one(self, namespace: str, name: str) -> CapabilityInfo:
        found = next((item for item in self.all(namespace) if item.name == name), None)
        if found is None:
            detail = f"no Worker of {namespace} declares {name}, and its settings do not name it"
            raise Refused(ProblemCode.NOT_FOUND, detail)
        return found

    async def override(
        self,
        namespace: str,
        name: str,
        worker: str,
        *,
        value: float | None,
        person: Person,
        undo_of: int | None = None,
    ) -> WorkerConfidence:
        before: list[float | None] = []

        def change(entry: Entry) -> None:
            before.append(entry.pop("override", None))
            if value is not None:
                entry["override"] = value

        changed = await self._change(namespace, worker, name, change, person.name)
        if before[-1] != value:
            was, made = ({"capability": name, "override": override} for override in (before[-1], value))
            await self._told(person, "override", namespace, worker, was, made, undo_of)
        return self._shown(changed, name)

    async def reset(self, namespace: str, name: str, worker: str, *, person: Person) -> WorkerConfidence:
        def change(entry: Entry) -> None:
            entry["reset"] = trigger(entry.get("reset"), self._clock.now())

        changed = await self._change(namespace, worker, name, change, person.name)
        await self._told(person, "reset", namespace, worker, None, {"capability": name})
        for item in changed.spec.capabilities:
            if item.name == name:
                await self._learning.obey(changed, item)
        return self._shown(changed, name)

    async def history(
        self, namespace: str, name: str, *, worker: str | None, before: int | None, limit: int
    ) -> ConfidenceHistory:
        found = await self._history.capability_changes(
            namespace=namespace, capability=name, worker=worker, before=before, limit=limit
        )
        following = found[-1].id if len(found) == limit else None
        return ConfidenceHistory(items=[_change(item) for item in found], next=following)

    async def _told(
        self,
        person: Person,
        verb: str,
        namespace: str,
        worker: str,
        before: Entry | None,
        after: Entry,
        undo_of: int | None = None,
    ) -> None:
        await self._audit.note(
            person,
            f"capability.{verb}",
            kind="Worker",
            namespace=namespace,
            name=worker,
            before=before,
            after=after,
            undo_of=undo_of,
        )

    async def _change(
        self, namespace: str, worker: str, name: str, change: Callable[[Entry], None], person: str
    ) -> Worker:
        for _ in range(TRIES):
            try:
                body = await self._kube.get(WORKERS, namespace, worker)
            except NotFound as error:
                detail = f"there is no Worker {worker} in {namespace}"
                raise Refused(ProblemCode.NOT_FOUND, detail) from error
            entries: list[Entry] = body["spec"].get("capabilities", [])
            entry = next((item for item in entries if item["name"] == name), None)
            if entry is None:
                detail = f"Worker {worker} does not declare {name}: add it to its spec.capabilities"
                raise Refused(ProblemCode.NOT_FOUND, detail)
            before = dict(entry)
            change(entry)
            if entry == before:
                return Worker.read(body)
            patch = {"spec": {"capabilities": entries}}
            version = body["metadata"]["resourceVersion"]
            self._learning.asked[namespace, worker, name] = person  # before the watch can tell of it
            try:
                changed = await self._kube.patch(WORKERS, namespace, worker, patch, version=version)
            except Conflict:
                continue
            except KubeError:
                self._learning.asked.pop((namespace, worker, name), None)
                raise
            self._store.observe(changed)
            return Worker.read(changed)
        self._learning.asked.pop((namespace, worker, name), None)
        raise Refused(
            ProblemCode.UNAVAILABLE, f"Worker {worker} is changed by others all the time; try again"
        )

    def _shown(self, worker: Worker, name: str) -> WorkerConfidence:
        rules = self._board.rules(worker.metadata.namespace)
        standings = self._board.registry.standings(worker, rules, self._clock.now())
        return confidence(worker, standings[name])


def confidence(worker: Worker, known: Standing) -> WorkerConfidence:
    """A standing as the API tells it."""
    evidence = known.evidence
    return WorkerConfidence(
        worker=worker.metadata.name,
        profile=worker.spec.agent.profile,
        model=worker.spec.agent.model,
        declared=known.declared,
        learned=round(known.learned, 4),
        override=known.override,
        confidence=round(known.confidence, 4),
        successes=evidence.succeeded,
        failures=evidence.failed,
        weight=round(evidence.weight, 4),
        recent=evidence.recent,
    )


def trigger(before: str | None, now: datetime) -> str:
    """A text that differs from the one before."""
    fresh = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return fresh if fresh != before else f"{fresh} again"


def _change(item: CapabilityChange) -> ConfidenceChange:
    return ConfidenceChange(
        id=item.id,
        at=item.at,
        worker=item.worker,
        profile=item.profile,
        model=item.model or None,
        cause=item.cause,
        success=item.success,
        weight=round(item.weight, 4),
        confidence=round(item.confidence, 4),
        override=item.override,
        bead=item.bead,
        person=item.person,
    )


def routes(capabilities: Capabilities, people: People) -> APIRouter:
    """GET needs the right to get Workers in the namespace, PUT and DELETE to update them."""
    prefix = "/api/v1/namespaces/{namespace}/capabilities"
    router = APIRouter(prefix=prefix, tags=["capabilities"], responses=problems.RESPONSES)
    Authorization = Annotated[str | None, Header()]

    async def reads(namespace: str, authorization: str | None) -> None:
        await people.allowed(authorization, verb="get", kind=WORKERS, namespace=namespace)

    async def changes(namespace: str, authorization: str | None) -> Person:
        return await people.allowed(authorization, verb="update", kind=WORKERS, namespace=namespace)

    @router.get("", operation_id="listCapabilities", response_model_exclude_none=True)
    async def listed(namespace: Name, authorization: Authorization = None) -> CapabilityList:
        """Every capability, and who has it."""
        await reads(namespace, authorization)
        return CapabilityList(items=capabilities.all(namespace))

    @router.get("/{name}", operation_id="getCapability", response_model_exclude_none=True)
    async def one(namespace: Name, name: Label, authorization: Authorization = None) -> CapabilityInfo:
        """One capability, and who has it."""
        await reads(namespace, authorization)
        return capabilities.one(namespace, name)

    @router.get("/{name}/history", operation_id="getCapabilityHistory", response_model_exclude_none=True)
    async def history(
        namespace: Name,
        name: Label,
        worker: Name | None = None,
        before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        authorization: Authorization = None,
    ) -> ConfidenceHistory:
        """How the confidences came about, the newest first."""
        await reads(namespace, authorization)
        return await capabilities.history(namespace, name, worker=worker, before=before, limit=limit)

    @router.put(
        "/{name}/workers/{worker}", operation_id="overrideConfidence", response_model_exclude_none=True
    )
    async def override(
        namespace: Name,
        name: Label,
        worker: Name,
        request: OverrideRequest,
        authorization: Authorization = None,
    ) -> WorkerConfidence:
        """Let this confidence count, whatever outcomes say; null takes it away. What was learned stays."""
        person = await changes(namespace, authorization)
        return await capabilities.override(namespace, name, worker, value=request.override, person=person)

    @router.delete(
        "/{name}/workers/{worker}", operation_id="resetConfidence", response_model_exclude_none=True
    )
    async def reset(
        namespace: Name, name: Label, worker: Name, authorization: Authorization = None
    ) -> WorkerConfidence:
        """Forget what was learned; an override stays."""
        person = await changes(namespace, authorization)
        return await capabilities.reset(namespace, name, worker, person=person)

    return router
