"""Beads for people: list, get, create, change, delete."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import StringConstraints, ValidationError

from ringmaster_operator.api import etags, paging, problems
from ringmaster_operator.api.bead_lists import BeadLists, Sorting, Wanted
from ringmaster_operator.api.etags import IfMatch, IfNoneMatch
from ringmaster_operator.api.objects import By, Objects, faults
from ringmaster_operator.api.people import People
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.json_patches import merged
from ringmaster_operator.kube import BEADS
from ringmaster_operator.resources.base import API_VERSION, Priority
from ringmaster_operator.resources.bead import Bead, BeadSpec, BeadType, Phase
from ringmaster_operator.resources.bead_api import BeadList, BeadPatch, NewBead
from ringmaster_operator.resources.budget import REQUESTED_BY
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import Name
from ringmaster_operator.store import Store

Body = dict[str, Any]
PREFIX = "/api/v1/namespaces/{namespace}/beads"
Authorization = Annotated[str | None, Header()]
LabelTerm = Annotated[str, StringConstraints(min_length=1, max_length=382)]


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
    lists = BeadLists(store)
    router = APIRouter(prefix=PREFIX, tags=["beads"], responses=problems.RESPONSES)

    @router.get("", operation_id="listBeads", response_model=BeadList)
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
    ) -> Response:
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
        page = lists.page(namespace, wanted, sort=sort, limit=limit, cursor=cursor)
        return Response(page, media_type="application/json")

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
