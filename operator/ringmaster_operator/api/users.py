"""Users and roles, for those who manage them.

The right is asked in the words of RBAC, on the virtual resource users.ringmaster.dev: role admin everywhere
for accounts, role admin in a namespace for its roles; a cluster's identity by a rule that names it.
"""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from typing import Annotated

from fastapi import APIRouter, Header, Query

from ringmaster_operator.api import problems
from ringmaster_operator.api.paging import USUAL, Cursor, Limit, decoded, rest
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.auth.management import Management
from ringmaster_operator.history.user_records import EVERYWHERE, Grant, User
from ringmaster_operator.kube import USERS
from ringmaster_operator.resources.user_api import (
    Everywhere,
    RoleGrant,
    RoleList,
    RoleRequest,
    Subject,
    UserInfo,
    UserList,
    UserName,
    UserPatch,
    UserRequest,
)

Authorization = Annotated[str | None, Header()]


def user_info(user: User) -> UserInfo:
    """A user as the API tells it."""
    return UserInfo.model_validate(
        {name: getattr(user, name) for name in UserInfo.model_fields if name != "groups"}
        | {"groups": list(user.groups)}
    )


def _grant(grant: Grant) -> RoleGrant:
    return RoleGrant.model_validate({name: getattr(grant, name) for name in Grant.__slots__})


def routes(management: Management, people: People) -> APIRouter:
    """Everything below /api/v1/users and /api/v1/roles."""
    router = APIRouter(prefix="/api/v1", tags=["people"], responses=problems.RESPONSES)

    async def manager(authorization: str | None, verb: str, namespace: str = EVERYWHERE) -> Person:
        place = "" if namespace == EVERYWHERE else namespace
        return await people.allowed(authorization, verb=verb, kind=USERS, namespace=place)

    @router.get("/users", operation_id="listUsers", response_model_exclude_none=True)
    async def users(
        limit: Limit = USUAL, cursor: Cursor = None, authorization: Authorization = None
    ) -> UserList:
        """Everybody who signs in here, by name."""
        await manager(authorization, "list")
        after = decoded(cursor, "users", str)
        found = await management.users(after="" if after is None else str(after[0]), limit=limit + 1)
        shown, following = rest(found, key=lambda user: (user.name,), limit=limit, scope="users")
        return UserList(items=[user_info(user) for user in shown], next=following)

    @router.post("/users", operation_id="createUser", status_code=201, response_model_exclude_none=True)
    async def create(request: UserRequest, authorization: Authorization = None) -> UserInfo:
        """Add a user, without any role."""
        person = await manager(authorization, "create")
        return user_info(await management.create(request, person.actor))

    @router.get("/users/{name}", operation_id="getUser", response_model_exclude_none=True)
    async def user(name: UserName, authorization: Authorization = None) -> UserInfo:
        """One user."""
        await manager(authorization, "get")
        return user_info(await management.user(name))

    @router.patch("/users/{name}", operation_id="changeUser", response_model_exclude_none=True)
    async def patch(name: UserName, request: UserPatch, authorization: Authorization = None) -> UserInfo:
        """Rename, disable or enable a user, or set a new password."""
        person = await manager(authorization, "update")
        return user_info(await management.patch(name, request, person.actor))

    @router.get("/roles", operation_id="listRoles", response_model_exclude_none=True)
    async def roles(namespace: Everywhere = EVERYWHERE, authorization: Authorization = None) -> RoleList:
        """Who has which role: all of them, or those that hold in one namespace."""
        await manager(authorization, "list", namespace)
        found = await management.grants(namespace=None if namespace == EVERYWHERE else namespace)
        return RoleList(items=[_grant(grant) for grant in found])

    @router.put("/roles", operation_id="grantRole", response_model_exclude_none=True)
    async def grant(request: RoleRequest, authorization: Authorization = None) -> RoleGrant:
        """Give a user or group a role in a namespace, in place of the one it had there."""
        person = await manager(authorization, "update", request.namespace)
        made = await management.grant(
            subject=request.subject, namespace=request.namespace, role=request.role, actor=person.actor
        )
        return _grant(made)

    @router.delete("/roles", operation_id="revokeRole", status_code=204)
    async def revoke(
        subject: Annotated[Subject, Query()],
        namespace: Annotated[Everywhere, Query()],
        authorization: Authorization = None,
    ) -> None:
        """Take a role away."""
        person = await manager(authorization, "update", namespace)
        await management.revoke(subject=subject, namespace=namespace, actor=person.actor)

    return router
