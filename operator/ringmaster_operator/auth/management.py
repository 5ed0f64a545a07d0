"""What is done to accounts, roles, tokens and sessions, each with its line in the audit log.

Whether the person may is asked before, by the API. What they come with bounds what they can make: a token
made with a token gets no more than that one has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlmodel import Session

from ringmaster_operator.auth import secret as secrets
from ringmaster_operator.auth.accounts import Accounts
from ringmaster_operator.auth.errors import AuthError, invalid, not_found
from ringmaster_operator.auth.passwords import checked
from ringmaster_operator.auth.roles import at_least
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, LastAdministrator, NameTaken, credentials, users
from ringmaster_operator.history.audit import record_audit
from ringmaster_operator.history.user_records import (
    EVERYWHERE,
    Actor,
    ApiToken,
    Change,
    Grant,
    Known,
    SignIn,
    User,
)
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.user_api import Role, TokenRequest, UserPatch, UserRequest

T = TypeVar("T")
MOST_TOKENS = 100
"""Of a user, that are good."""


class Management:
    """Users and roles for administrators; tokens and sessions for everybody. Raises AuthError."""

    def __init__(self, *, history: History, clock: Clock, accounts: Accounts) -> None:
        self._history = history
        self._clock = clock
        self._accounts = accounts

    async def users(self, *, after: str, limit: int) -> list[User]:
        return await self._history.read(lambda db: users.list_users(db, after=after, limit=limit))

    async def user(self, name: str) -> User:
        found = await self._history.read(lambda db: users.find_user(db, name=name))
        if found is None:
            raise not_found(f"there is no user {name}")
        return found

    async def create(self, request: UserRequest, actor: Actor) -> User:
        """A user without any role."""
        password = None
        if request.password is not None:
            self._local()
            text = checked(request.password.get_secret_value(), name=request.name)
            password = await self._accounts.passwords.encode(text)

        def run(db: Session) -> User:
            made = users.create_user(
                db,
                name=request.name,
                display_name=request.display_name,
                password=password,
                created_by=actor.person,
                now=self._clock.now(),
            )
            self._audit(db, actor, "user.create", "User", made.name, after=_told(made))
            return made

        return await self._changed(run)

    async def patch(self, name: str, request: UserPatch, actor: Actor) -> User:
        """Change what is given."""
        encoded = None
        if request.password is not None:
            self._local()
            text = checked(request.password.get_secret_value(), name=name)
            encoded = await self._accounts.passwords.encode(text)
        now, spare = self._clock.now(), self._accounts.access.spare

        def run(db: Session) -> User:
            before = users.find_user(db, name=name)
            if before is None:
                raise not_found(f"there is no user {name}")
            if request.display_name is not None:
                users.rename(db, name=name, display_name=request.display_name)
            if request.disabled is not None:
                users.set_disabled(db, name=name, disabled=request.disabled, spare=spare, now=now)
            if encoded is not None:
                users.set_password(db, name=name, password=encoded, now=now)
                self._audit(db, actor, "user.password", "User", name)
            after = users.find_user(db, name=name)
            if after is not None and _told(after) != _told(before):
                self._audit(db, actor, "user.update", "User", name, before=_told(before), after=_told(after))
            return after or before

        return await self._changed(run)

    async def grants(self, *, namespace: str | None, subjects: Sequence[str] | None = None) -> list[Grant]:
        return await self._history.read(lambda db: users.grants(db, namespace=namespace, subjects=subjects))

    async def grant(self, *, subject: str, namespace: str, role: Role, actor: Actor) -> Grant:
        """Give a role in place of the one before. A user must exist; a group is whatever a provider says."""
        now, spare = self._clock.now(), self._accounts.access.spare

        def run(db: Session) -> Grant:
            kind, _, name = subject.partition(":")
            if kind == "user" and users.find_user(db, name=name) is None:
                raise not_found(f"there is no user {name}")
            before = users.grant_role(
                db,
                subject=subject,
                namespace=namespace,
                role=role.value,
                granted_by=actor.person,
                spare=spare,
                now=now,
            )
            if before != role.value:
                self._audit_role(db, actor, subject, namespace, before=before, after=role.value)
            held = users.grants(db, subjects=[subject])
            return next(grant for grant in held if grant.namespace == namespace)

        return await self._changed(run)

    async def revoke(self, *, subject: str, namespace: str, actor: Actor) -> None:
        """Take a role away."""

        def run(db: Session) -> None:
            spare = self._accounts.access.spare
            before = users.revoke_role(db, subject=subject, namespace=namespace, spare=spare)
            if before is None:
                raise not_found(f"{subject} has no role in {namespace}")
            self._audit_role(db, actor, subject, namespace, before=before, after=None)

        await self._changed(run)

    async def tokens(self, known: Known) -> list[ApiToken]:
        return await self._history.read(lambda db: credentials.tokens_of(db, account_id=known.user.id))

    async def create_token(self, known: Known, request: TokenRequest, actor: Actor) -> tuple[ApiToken, str]:
        """The token and its secret, which is kept nowhere."""
        now, parent = self._clock.now(), known.token
        expires = now + timedelta(days=request.expires_in_days)
        role, namespaces = request.role, request.namespaces
        if parent is not None:
            role, namespaces = _within(parent, request)
            expires = min(expires, parent.expires_at)
        secret = secrets.make(secrets.TOKEN)

        def run(db: Session) -> ApiToken:
            held = credentials.tokens_of(db, account_id=known.user.id)
            if sum(token.expires_at > now for token in held) >= MOST_TOKENS:
                detail = f"you have {MOST_TOKENS} API tokens: revoke one that you do not need"
                raise AuthError(ProblemCode.CONFLICT, detail)
            token = credentials.create_token(
                db,
                account_id=known.user.id,
                parent_id=None if parent is None else parent.id,
                name=request.name,
                digest=secrets.digest(secret),
                prefix=secret[: secrets.SHOWN],
                role=None if role is None else role.value,
                namespaces=namespaces,
                expires_at=expires,
                now=now,
            )
            self._audit(db, actor, "token.create", "Token", str(token.id), after=_token_told(token))
            return token

        return await self._changed(run), secret

    async def revoke_token(self, known: Known, id: int, actor: Actor) -> None:
        """And every token that was made with it."""

        def run(db: Session) -> None:
            now = self._clock.now()
            token = credentials.revoke_token(db, id=id, account_id=known.user.id, now=now)
            if token is None:
                raise not_found(f"you have no API token {id}")
            self._audit(db, actor, "token.revoke", "Token", str(id), before=_token_told(token))

        await self._changed(run)

    async def sessions(self, known: Known) -> list[SignIn]:
        now = self._clock.now()
        return await self._history.read(
            lambda db: credentials.sign_ins_of(db, account_id=known.user.id, now=now)
        )

    async def end_session(self, known: Known, id: int, actor: Actor) -> None:
        def run(db: Session) -> None:
            now = self._clock.now()
            if credentials.end_sign_in(db, id=id, account_id=known.user.id, now=now) is None:
                raise not_found(f"you have no session {id}")
            self._audit(db, actor, "session.end", "Session", str(id))

        await self._changed(run)

    async def _changed(self, run: Callable[[Session], T]) -> T:
        try:
            return await self._history.write(run)
        except (NameTaken, LastAdministrator) as error:
            raise AuthError(ProblemCode.CONFLICT, str(error)) from error

    def _local(self) -> None:
        if not self._accounts.local:
            raise AuthError(ProblemCode.FORBIDDEN, "passwords are switched off here")

    def _audit_role(
        self,
        db: Session,
        actor: Actor,
        subject: str,
        namespace: str,
        *,
        before: str | None,
        after: str | None,
    ) -> None:
        place = "" if namespace == EVERYWHERE else namespace
        action = "role.revoke" if after is None else "role.grant"
        told = [None if role is None else {"role": role} for role in (before, after)]
        self._audit(db, actor, action, "Role", subject, namespace=place, before=told[0], after=told[1])

    def _audit(self, db: Session, actor: Actor, action: str, kind: str, name: str, **more: Any) -> None:
        change = Change(action=action, kind=kind, name=name, **more)
        record_audit(db, actor=actor, change=change, now=self._clock.now())


def _within(parent: ApiToken, request: TokenRequest) -> tuple[Role | None, list[str] | None]:
    """Role and namespaces of a token that is made with another; AuthError where it asks for more."""
    role, namespaces = request.role, request.namespaces
    if parent.role is not None:
        least = Role(parent.role)
        if role is not None and not at_least(least, role):
            raise invalid(f"this token is of role {least.value}: it cannot make one of role {role.value}")
        role = role or least
    if parent.namespaces is not None:
        beyond = sorted(set(namespaces or ()) - set(parent.namespaces))
        if beyond:
            raise invalid(f"this token is not good in {', '.join(beyond)}")
        namespaces = namespaces or list(parent.namespaces)
    return role, namespaces


def _told(user: User) -> dict[str, Any]:
    return {"displayName": user.display_name, "disabled": user.disabled_at is not None}


def _token_told(token: ApiToken) -> dict[str, Any]:
    namespaces = None if token.namespaces is None else list(token.namespaces)
    return {"name": token.name, "prefix": token.prefix, "role": token.role, "namespaces": namespaces}
