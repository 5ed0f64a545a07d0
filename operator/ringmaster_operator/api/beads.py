"""Beads for people: list, get, create, change, delete."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import StringConstraints, ValidationError

from ringmaster_operator.api import etags, paging, problems
from ringmaster_operator.api.etags import IfMatch, IfNoneMatch
from ringmaster_operator.api.objects import By, Objects, faults, merged
from ringmaster_operator.api.people import People
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.kube import BEADS
from ringmaster_operator.resources.base import API_VERSION, Priority
from ringmaster_operator.resources.bead import Bead, BeadSpec, BeadType, Phase
from ringmaster_operator.resources.bead_api import BeadInfo, BeadList, BeadPatch, NewBead
from ringmaster_operator.resources.budget import REQUESTED_BY
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import Name
from ringmaster_operator.store import Store

Body = dict[str, Any]
PREFIX = "/api/v1/namespaces/{namespace}/beads"
Authorization = Annotated[str | None, Header()]
LabelTerm = Annotated[str, StringConstraints(min_length=1, max_length=382)]


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


def _made(bead: Bead) -> int:
    made = bead.metadata.creation_timestamp
    return int(made.timestamp()) if made is not None else 0


def listed(
    store: Store, namespace: str, wanted: Wanted, *, sort: Sorting, limit: int, cursor: str | None
) -> BeadList:
    """A page of the namespace's beads."""
    key, types = _KEYS[sort]
    scope = f"beads {namespace} {sort} {sorted(map(str, wanted.phase))} {sorted(map(str, wanted.priority))}"
    scope += f" {sorted(map(str, wanted.type))} {(wanted.labels, wanted.worker, wanted.parent, wanted.text)}"
    found = (bead for bead in store.beads() if bead.metadata.namespace == namespace and wanted(bead))
    after = paging.decoded(cursor, scope, *types)
    items, following = paging.page(found, key=key, limit=limit, after=after, scope=scope)
    return BeadList(items=[BeadInfo.of(bead) for bead in items], next=following)


def new_body(request: NewBead, person: str) -> Body:
    """What the API server is sent for a wish."""
    own_labels(request.labels)
    spec = request.spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    signed(spec, person)
    named = {"name": request.name} if request.name else {"generateName": f"{slug(request.spec.title)}-"}
    meta = {**named, "labels": request.labels, "annotations": {REQUESTED_BY: person}}
    return {"apiVersion": API_VERSION, "kind": "Bead", "metadata": meta, "spec": spec}


def patched(request: BeadPatch, person: str) -> Callable[[Bead, Body], Body]:
    """The change that a request asks for; refuses what would make no bead."""
    own_labels(request.labels)

    def change(bead: Bead, body: Body) -> Body:
        spec = dict(request.spec)
        if isinstance(spec.get("decision"), dict):
            spec["decision"] = dict(spec["decision"])
            signed(spec, person)
        try:
            BeadSpec.check(merged(body["spec"], spec))
        except ValidationError as error:
            raise Refused(ProblemCode.INVALID, f"spec: {faults(error)}") from error
        return {"spec": spec, **({"metadata": {"labels": request.labels}} if request.labels else {})}

    return change


def signed(spec: Body, person: str) -> None:
    """An answer to a decision is the caller's, whatever it says."""
    if isinstance(decision := spec.get("decision"), dict) and decision.get("answer") is not None:
        decision["answeredBy"] = person[:128]


def own_labels(labels: dict[str, Any]) -> None:
    """Who requested a bead is not the caller's to say."""
    if REQUESTED_BY in labels:
        raise Refused(
            ProblemCode.INVALID, f"label {REQUESTED_BY}: Ringmaster says who asked, in an annotation"
        )


def slug(title: str) -> str:
    """A title as the beginning of a name."""
    words = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")
    return words[:40].rstrip("-") or "bead"


def routes(store: Store, objects: Objects, people: People) -> APIRouter:
    """Each needs the right of that name on Beads: list, get, create, patch, delete."""
    router = APIRouter(prefix=PREFIX, tags=["beads"], responses=problems.RESPONSES)

    @router.get("", operation_id="listBeads", response_model_exclude_none=True)
    async def list_(
        namespace: Name,
        phase: Annotated[list[Phase], Query(max_length=9)] = [],  # noqa: B006
        priority: Annotated[list[Priority], Query(max_length=5, description="Effective.")] = [],  # noqa: B006
        type: Annotated[list[BeadType], Query(max_length=5)] = [],  # noqa: B006
        label: Annotated[list[LabelTerm], Query(max_length=16, description="KEY or KEY=VALUE.")] = [],  # noqa: B006
        worker: Annotated[Name | None, Query(description="Worked on by this Worker now.")] = None,
        parent: Name | None = None,
        text: Annotated[str, Query(max_length=256, description="In name, title or description.")] = "",
        sort: Sorting = Sorting.NAME,
        limit: paging.Limit = paging.USUAL,
        cursor: paging.Cursor = None,
        authorization: Authorization = None,
    ) -> BeadList:
        """Beads that fit all filters: one of the phases, of the priorities, of the types, and every label."""
        await people.allowed(authorization, verb="list", kind=BEADS, namespace=namespace)
        wanted = Wanted(
            phase=frozenset(phase),
            priority=frozenset(priority),
            type=frozenset(type),
            labels=tuple(sorted(label)),
            worker=worker,
            parent=parent,
            text=text,
        )
        return listed(store, namespace, wanted, sort=sort, limit=limit, cursor=cursor)

    @router.post("", operation_id="createBead", status_code=201, response_model=Bead, responses=CREATED)
    async def create(namespace: Name, request: NewBead, authorization: Authorization = None) -> Response:
        """Make a bead."""
        person = await people.allowed(authorization, verb="create", kind=BEADS, namespace=namespace)
        made = await objects.create(By(person, "bead.create"), namespace, new_body(request, person.name))
        return etags.answer(made, status=201)

    @router.get("/{name}", operation_id="getBead", response_model=Bead, responses=READ)
    async def get(
        namespace: Name, name: Name, none_match: IfNoneMatch = None, authorization: Authorization = None
    ) -> Response:
        """One bead, with its status."""
        await people.allowed(authorization, verb="get", kind=BEADS, namespace=namespace)
        return etags.answer(objects.bead(namespace, name), if_none_match=none_match)

    @router.patch("/{name}", operation_id="patchBead", response_model=Bead, responses=CHANGED)
    async def patch(
        namespace: Name,
        name: Name,
        request: BeadPatch,
        match: IfMatch = None,
        authorization: Authorization = None,
    ) -> Response:
        """Change a bead's spec or labels; needs If-Match."""
        person = await people.allowed(authorization, verb="patch", kind=BEADS, namespace=namespace)
        change = patched(request, person.name)
        by = By(person, "bead.patch")
        return etags.answer(await objects.change_bead(by, namespace, name, change, etags.needed(match)))

    @router.delete("/{name}", operation_id="deleteBead", status_code=204, responses=problems.MATCHED)
    async def delete(
        namespace: Name, name: Name, match: IfMatch = None, authorization: Authorization = None
    ) -> None:
        """Delete a bead; one that runs is stopped first. What became of it stays in the history."""
        person = await people.allowed(authorization, verb="delete", kind=BEADS, namespace=namespace)
        await objects.delete(By(person, "bead.delete"), namespace, name, match)

    return router


CHANGED: dict[int | str, dict[str, Any]] = {200: {"headers": etags.HEADERS}, **problems.MATCHED}
CREATED: dict[int | str, dict[str, Any]] = {201: {"headers": etags.HEADERS}}
READ: dict[int | str, dict[str, Any]] = {
    200: {"headers": etags.HEADERS},
    304: {"description": "Not modified", "headers": etags.HEADERS},
}
