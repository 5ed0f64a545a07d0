"""Beads and Workers for people: read from what the operator knows, changed for the person who asked.

The API server does not know the person: whether it may was asked before, and what is written says who it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from ringmaster_operator.api import etags
from ringmaster_operator.api.auditing import Audit
from ringmaster_operator.api.people import Person
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.kube import (
    BEADS,
    WORKERS,
    Conflict,
    Forbidden,
    Kind,
    Kube,
    KubeError,
    KubeUnavailable,
    NotFound,
)
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.store import Store

Body = dict[str, Any]
T = TypeVar("T", Bead, Worker)
TRIES = 5
WORDS = {"Bead": "bead", "Worker": "Worker"}


@dataclass(frozen=True)
class By:
    """Who changes something, and what that is called in the audit log."""

    person: Person
    action: str


class Objects:
    """Every method raises Refused. Every change is told to the audit log."""

    def __init__(self, *, kube: Kube, store: Store, audit: Audit) -> None:
        self._kube = kube
        self._store = store
        self._audit = audit

    def bead(self, namespace: str, name: str) -> Bead:
        """As the operator knows it."""
        found = self._store.bead((namespace, name))
        if found is None:
            raise missing(BEADS, namespace, name)
        return found

    def worker(self, namespace: str, name: str) -> Worker:
        """As the operator knows it."""
        found = self._store.worker((namespace, name))
        if found is None:
            raise missing(WORKERS, namespace, name)
        return found

    async def create(self, by: By, namespace: str, body: Body) -> Bead:
        """Make a bead; the one that was made."""
        try:
            made = await self._kube.create(BEADS, namespace, body)
        except KubeError as error:
            raise refusal(error) from error
        self._store.observe(made)
        bead = Bead.read(made)
        await self._note(by, bead, after={"title": bead.spec.title})
        return bead

    async def change_bead(
        self, by: By, namespace: str, name: str, change: Callable[[Bead, Body], Body], if_match: str | None
    ) -> Bead:
        """Merge what change(bead, its body) gives; the bead as it is then."""
        return await self._change(by, Bead, BEADS, (namespace, name), change, if_match)

    async def change_worker(
        self, by: By, namespace: str, name: str, change: Callable[[Worker, Body], Body], if_match: str | None
    ) -> Worker:
        """Merge what change(Worker, its body) gives; the Worker as it is then."""
        return await self._change(by, Worker, WORKERS, (namespace, name), change, if_match)

    async def delete(self, by: By, namespace: str, name: str, if_match: str | None) -> None:
        """Delete a bead."""
        for _ in range(TRIES):
            found = Bead.read(await self._read(BEADS, namespace, name))
            etags.check(found, if_match)
            meta = found.metadata
            version = meta.resource_version if if_match else None
            try:
                await self._kube.delete(BEADS, namespace, name, uid=meta.uid, version=version)
            except Conflict:
                continue
            except KubeError as error:
                raise refusal(error) from error
            await self._note(by, found, before={"title": found.spec.title})
            return
        raise _restless(BEADS, name)

    async def _change(
        self,
        by: By,
        model: type[T],
        kind: Kind,
        key: tuple[str, str],
        change: Callable[[T, Body], Body],
        if_match: str | None,
    ) -> T:
        for _ in range(TRIES):
            body = await self._read(kind, *key)
            before = model.read(body)
            etags.check(before, if_match)
            patch = change(before, body)
            version = before.metadata.resource_version
            try:
                changed = await self._kube.patch(kind, *key, patch, version=version)
            except Conflict:
                continue
            except KubeError as error:
                raise refusal(error) from error
            self._store.observe(changed)
            await self._note(by, before, before=picked(body, patch), after=picked(changed, patch))
            return model.read(changed)
        raise _restless(kind, key[1])

    async def _note(
        self, by: By, found: Bead | Worker, *, before: Body | None = None, after: Body | None = None
    ) -> None:
        if before == after:
            return
        meta = found.metadata
        await self._audit.note(
            by.person,
            by.action,
            kind=found.kind,
            name=meta.name,
            namespace=meta.namespace,
            before=before,
            after=after,
        )

    async def _read(self, kind: Kind, namespace: str, name: str) -> Body:
        try:
            body = await self._kube.get(kind, namespace, name)
        except NotFound as error:
            raise missing(kind, namespace, name) from error
        except KubeError as error:
            raise refusal(error) from error
        try:
            (Bead if kind is BEADS else Worker).read(body)
        except ValidationError as error:
            detail = f"{WORDS[kind.name]} {name} cannot be read; mend it with kubectl edit: {faults(error)}"
            raise Refused(ProblemCode.CONFLICT, detail) from error
        return body


def missing(kind: Kind, namespace: str, name: str) -> Refused:
    """There is none of that name."""
    return Refused(ProblemCode.NOT_FOUND, f"there is no {WORDS[kind.name]} {name} in namespace {namespace}")


def refusal(error: KubeError) -> Refused:
    """What the API server says to a write, as our own answer."""
    if isinstance(error, KubeUnavailable):
        return Refused(ProblemCode.UNAVAILABLE, f"the API server: {error}")
    if isinstance(error, NotFound):
        return Refused(ProblemCode.NOT_FOUND, str(error))
    if isinstance(error, Conflict):
        return Refused(ProblemCode.CONFLICT, str(error))
    if isinstance(error, Forbidden):
        return Refused(ProblemCode.FORBIDDEN, f"the cluster does not let Ringmaster do this: {error}")
    return Refused(ProblemCode.TOO_LARGE if error.status == 413 else ProblemCode.INVALID, str(error))


def picked(body: Any, patch: Any) -> Any:
    """What an object has where a merge patch changes it, as a merge patch: null is what is not there."""
    if not isinstance(patch, dict) or not isinstance(body, dict):
        return body
    return {key: picked(body.get(key), value) for key, value in patch.items()}


def faults(error: ValidationError) -> str:
    """pydantic's many lines as one."""
    found = error.errors(include_url=False)[:10]
    return "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in found)


def _restless(kind: Kind, name: str) -> Refused:
    detail = f"{WORDS[kind.name]} {name} is changed by others all the time; try again"
    return Refused(ProblemCode.UNAVAILABLE, detail)
