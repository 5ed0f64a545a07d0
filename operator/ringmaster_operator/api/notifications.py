"""Notifications: one's own, and those of a namespace. Where they can go is in the operator's file alone."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from typing import Annotated

from fastapi import APIRouter, Header, Path

from ringmaster_operator.api import problems
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.api.subscriptions import Notifications
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.kube import WORKERS
from ringmaster_operator.resources.notify_api import (
    Subscription,
    SubscriptionList,
    SubscriptionRequest,
    TestSent,
)
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import MAX_INT, Name

Authorization = Annotated[str | None, Header()]
Id = Annotated[int, Path(ge=1, le=MAX_INT)]


def routes(own: Notifications, people: People) -> APIRouter:
    """One's own for every user; a namespace's for who may change its Workers."""
    router = APIRouter(prefix="/api/v1", tags=["notifications"], responses=problems.RESPONSES)
    _personal(router, own, people)
    _shared(router, own, people)
    return router


def _personal(router: APIRouter, own: Notifications, people: People) -> None:
    async def me(authorization: str | None, *, changes: bool = True) -> tuple[str, Person]:
        person = await people.person(authorization)
        if person.known is None:
            detail = f"{person.name} is an identity of the cluster, which has no account here"
            raise Refused(ProblemCode.FORBIDDEN, detail)
        token = person.known.token
        if changes and token is not None and (token.role is not None or token.namespaces is not None):
            # What it sets up would be told all that its user may know.
            raise Refused(ProblemCode.FORBIDDEN, "this token may do less than its user: sign in")
        return person.known.user.subject, person

    @router.get("/me/notifications", operation_id="listMyNotifications", response_model_exclude_none=True)
    async def listed(authorization: Authorization = None) -> SubscriptionList:
        """How one is told, and the channels there are."""
        owner, _ = await me(authorization, changes=False)
        return await own.listed(owner)

    @router.post(
        "/me/notifications",
        operation_id="addMyNotification",
        status_code=201,
        response_model_exclude_none=True,
    )
    async def add(request: SubscriptionRequest, authorization: Authorization = None) -> Subscription:
        """Be told from now on."""
        owner, person = await me(authorization)
        return await own.add(owner, request, person)

    @router.put(
        "/me/notifications/{id}", operation_id="changeMyNotification", response_model_exclude_none=True
    )
    async def change(
        id: Id, request: SubscriptionRequest, authorization: Authorization = None
    ) -> Subscription:
        """Be told otherwise; what waits moves to the new times."""
        owner, person = await me(authorization)
        return await own.change(owner, id, request, person)

    @router.delete("/me/notifications/{id}", operation_id="removeMyNotification", status_code=204)
    async def remove(id: Id, authorization: Authorization = None) -> None:
        """Be told no more; what waits is dropped."""
        owner, person = await me(authorization)
        await own.remove(owner, id, person)

    @router.post("/me/notifications/{id}/test", operation_id="testMyNotification")
    async def test(id: Id, authorization: Authorization = None) -> TestSent:
        """Send a test message at once, whatever the hour."""
        owner, person = await me(authorization)
        return await own.test(owner, id, person)


def _shared(router: APIRouter, own: Notifications, people: People) -> None:
    prefix = "/namespaces/{namespace}/notifications"

    async def may(authorization: str | None, namespace: str, verb: str) -> tuple[str, Person]:
        person = await people.allowed(authorization, verb=verb, kind=WORKERS, namespace=namespace)
        return f"namespace:{namespace}", person

    @router.get(prefix, operation_id="listNotifications", response_model_exclude_none=True)
    async def listed(namespace: Name, authorization: Authorization = None) -> SubscriptionList:
        """Who is told of the namespace for all, and the channels there are for that."""
        owner, _ = await may(authorization, namespace, "update")
        return await own.listed(owner)

    @router.post(prefix, operation_id="addNotification", status_code=201, response_model_exclude_none=True)
    async def add(
        namespace: Name, request: SubscriptionRequest, authorization: Authorization = None
    ) -> Subscription:
        """Tell a channel of the namespace from now on."""
        owner, person = await may(authorization, namespace, "update")
        if request.namespaces:
            raise Refused(ProblemCode.INVALID, "a namespace's notifications are of that namespace")
        return await own.add(owner, request, person)

    @router.put(prefix + "/{id}", operation_id="changeNotification", response_model_exclude_none=True)
    async def change(
        namespace: Name, id: Id, request: SubscriptionRequest, authorization: Authorization = None
    ) -> Subscription:
        """Tell it otherwise; what waits moves to the new times."""
        owner, person = await may(authorization, namespace, "update")
        if request.namespaces:
            raise Refused(ProblemCode.INVALID, "a namespace's notifications are of that namespace")
        return await own.change(owner, id, request, person)

    @router.delete(prefix + "/{id}", operation_id="removeNotification", status_code=204)
    async def remove(namespace: Name, id: Id, authorization: Authorization = None) -> None:
        """Tell it no more; what waits is dropped."""
        owner, person = await may(authorization, namespace, "update")
        await own.remove(owner, id, person)

    @router.post(prefix + "/{id}/test", operation_id="testNotification")
    async def test(namespace: Name, id: Id, authorization: Authorization = None) -> TestSent:
        """Send a test message at once, whatever the hour."""
        owner, person = await may(authorization, namespace, "update")
        return await own.test(owner, id, person)
