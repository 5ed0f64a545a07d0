"""Workers for people: list, get, scale, suspend."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Response

from ringmaster_operator.api import etags, paging, problems
from ringmaster_operator.api.beads import CHANGED, READ, Authorization
from ringmaster_operator.api.etags import IfMatch, IfNoneMatch
from ringmaster_operator.api.objects import By, Objects
from ringmaster_operator.api.people import People
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.kube import WORKERS
from ringmaster_operator.resources.order_api import ScaleRequest, SuspendRequest, WorkerList
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import Name
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.store import Store

Body = dict[str, Any]


def listed(store: Store, namespace: str, *, limit: int, cursor: str | None) -> WorkerList:
    """A page of the namespace's Workers, by name."""
    scope = f"workers {namespace}"
    found = (worker for worker in store.workers() if worker.metadata.namespace == namespace)
    after = paging.decoded(cursor, scope, str)
    items, following = paging.page(
        found, key=lambda item: (item.metadata.name,), limit=limit, after=after, scope=scope
    )
    return WorkerList(items=items, next=following)


def scaled(replicas: int) -> Callable[[Worker, Body], Body]:
    """The change to so many sessions."""

    def change(worker: Worker, _: Body) -> Body:
        if worker.spec.autoscale is not None:
            detail = f"Worker {worker.metadata.name} scales itself (spec.autoscale): change its min and max"
            raise Refused(ProblemCode.CONFLICT, detail)
        return {"spec": {"replicas": replicas}}

    return change


def routes(store: Store, objects: Objects, people: People) -> APIRouter:
    """Reading needs the right to list or get Workers, changing to update them."""
    prefix = "/api/v1/namespaces/{namespace}/workers"
    router = APIRouter(prefix=prefix, tags=["workers"], responses=problems.RESPONSES)

    async def change(
        what: str,
        where: tuple[str, str],
        authorization: str | None,
        match: str | None,
        spec: Callable[[Worker, Body], Body],
    ) -> Response:
        namespace, name = where
        person = await people.allowed(authorization, verb="update", kind=WORKERS, namespace=namespace)
        by = By(person, f"worker.{what}")
        return etags.answer(await objects.change_worker(by, namespace, name, spec, match))

    @router.get("", operation_id="listWorkers", response_model_exclude_none=True)
    async def list_(
        namespace: Name,
        limit: paging.Limit = paging.USUAL,
        cursor: paging.Cursor = None,
        authorization: Authorization = None,
    ) -> WorkerList:
        """The Workers of the namespace, with their sessions."""
        await people.allowed(authorization, verb="list", kind=WORKERS, namespace=namespace)
        return listed(store, namespace, limit=limit, cursor=cursor)

    @router.get("/{name}", operation_id="getWorker", response_model=Worker, responses=READ)
    async def get(
        namespace: Name, name: Name, none_match: IfNoneMatch = None, authorization: Authorization = None
    ) -> Response:
        """One Worker, with its sessions."""
        await people.allowed(authorization, verb="get", kind=WORKERS, namespace=namespace)
        return etags.answer(objects.worker(namespace, name), if_none_match=none_match)

    @router.put("/{name}/scale", operation_id="scaleWorker", response_model=Worker, responses=CHANGED)
    async def scale(
        namespace: Name,
        name: Name,
        request: ScaleRequest,
        match: IfMatch = None,
        authorization: Authorization = None,
    ) -> Response:
        """Keep so many sessions."""
        return await change("scale", (namespace, name), authorization, match, scaled(request.replicas))

    @router.put("/{name}/suspend", operation_id="suspendWorker", response_model=Worker, responses=CHANGED)
    async def suspend(
        namespace: Name,
        name: Name,
        request: SuspendRequest,
        match: IfMatch = None,
        authorization: Authorization = None,
    ) -> Response:
        """Let a Worker take no new beads, or take them again."""

        def spec(_: Worker, __: Body) -> Body:
            return {"spec": {"suspend": request.suspend}}

        return await change("suspend", (namespace, name), authorization, match, spec)

    return router
