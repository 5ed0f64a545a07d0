"""Who is calling, when it is a person, and what that person may do.

Three kinds of proof are taken: a token of the cluster, an API token of Ringmaster's, or the cookie of a
session. What a cluster's identity may do is asked of the API server in the words of the resources (get
Workers, update Workers), so that RBAC holds here as it does for kubectl; what a user of Ringmaster may do
follows from roles, and is read anew for each call.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ringmaster_operator.api import caller
from ringmaster_operator.auth import secret as secrets
from ringmaster_operator.auth.accounts import Accounts
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.history.user_records import Actor, Known
from ringmaster_operator.kube import Kind, Kube, KubeError
from ringmaster_operator.resources.protocol import ACCOUNT_PREFIX, AUDIENCE, ProblemCode

REMEMBERED = 10_000
MAX_TOKEN = 16384
OURS = "user:"
"""How the names of Ringmaster's own users begin. No identity of the cluster may pass for one."""
T = TypeVar("T")


@dataclass(frozen=True)
class Person:
    """Somebody who was recognised."""

    name: str
    """As it is recorded: user:NAME, or the cluster's own name for an identity of the cluster."""
    user: dict[str, Any]
    """username, uid, groups and extra, as the API server gave them; of a user the name alone."""
    known: Known | None = None
    """The user of Ringmaster, with the token or session of this call; None: an identity of the cluster."""
    digest: str = field(default="", repr=False)
    """Of the cluster's token."""

    @property
    def rights(self) -> str:
        """Whose rights a call has: an API token may have less than its user, and than another token."""
        token = None if self.known is None else self.known.token
        return self.name if token is None else f"{self.name} by token {token.id}"

    @property
    def actor(self) -> Actor:
        """As the audit log has it."""
        how = "cluster"
        if self.known is not None:
            how = "session" if self.known.token is None else self.known.token.prefix
        return Actor(person=self.name, credential=how, address=caller.current().address)


class People:
    """The gate. What the cluster says is remembered for `cache_seconds`, with hashes of tokens only."""

    def __init__(
        self,
        *,
        kube: Kube,
        clock: Clock,
        cache_seconds: float,
        accounts: Accounts | None = None,
        web_url: str = "",
    ) -> None:
        self._kube = kube
        self._accounts = accounts
        self._web_url = web_url
        self._persons: _Memory[Person] = _Memory(clock, cache_seconds)
        self._rights: _Memory[bool] = _Memory(clock, cache_seconds)

    async def allowed(self, authorization: str | None, *, verb: str, kind: Kind, namespace: str) -> Person:
        """The caller, who may do that; namespace "" is all of them.

        Raises Refused or AuthError (UNAUTHENTICATED, FORBIDDEN or UNAVAILABLE).
        """
        person = await self.person(authorization)
        if not await self.may(person, verb=verb, kind=kind, namespace=namespace):
            place = f"namespace {namespace}" if namespace else "all namespaces"
            what = f"{verb} {kind.plural}.{kind.group} in {place}"
            raise Refused(ProblemCode.FORBIDDEN, f"{person.name} may not {what}")
        return person

    async def person(self, authorization: str | None) -> Person:
        """The caller, whatever they may do."""
        if authorization is None and self._accounts is not None:
            session = caller.current().session
            if session is not None:
                return await self._by_session(self._accounts, session)
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN:
            raise Refused(ProblemCode.UNAUTHENTICATED, "send a token as 'Authorization: Bearer', or sign in")
        if token.startswith((secrets.TOKEN, secrets.SESSION)):
            return await self._by_token(token)
        digest = hashlib.sha256(token.encode()).hexdigest()
        try:
            return self._persons.get(digest) or self._persons.keep(digest, await self._review(token, digest))
        except KubeError as error:
            detail = f"the API server cannot say who you are: {error}"
            raise Refused(ProblemCode.UNAVAILABLE, detail) from error

    async def may(self, person: Person, *, verb: str, kind: Kind, namespace: str) -> bool:
        """Whether that person may do that; Refused (UNAVAILABLE) where the API server cannot say."""
        if person.known is not None:
            if self._accounts is None:
                return False
            return self._accounts.access.may(person.known, verb=verb, kind=kind, namespace=namespace)
        right = f"{person.digest}/{verb}/{kind.group}/{kind.plural}/{namespace}"
        known = self._rights.get(right)
        if known is not None:
            return known
        try:
            may = await self._kube.may(person.user, verb=verb, kind=kind, namespace=namespace)
        except KubeError as error:
            detail = f"the API server cannot say what you may do: {error}"
            raise Refused(ProblemCode.UNAVAILABLE, detail) from error
        return self._rights.keep(right, may)

    async def _by_session(self, accounts: Accounts, session: str) -> Person:
        call = caller.current()
        known = await accounts.by_session(session)
        if call.changes:
            if not call.from_here(self._web_url):
                raise Refused(ProblemCode.FORBIDDEN, "this change was asked for by a page of another site")
            if not secrets.same(call.csrf or "", secrets.csrf_of(session)):
                detail = "a change with a session's cookie needs its X-Ringmaster-CSRF header (see auth/me)"
                raise Refused(ProblemCode.FORBIDDEN, detail)
        return _user(known)

    async def _by_token(self, token: str) -> Person:
        """A session's secret is no token: it counts as a cookie only, where a page cannot read it."""
        if self._accounts is None or token.startswith(secrets.SESSION):
            raise Refused(ProblemCode.UNAUTHENTICATED, "this token is not known here")
        return _user(await self._accounts.by_token(token))

    async def _review(self, token: str, digest: str) -> Person:
        status = await self._kube.token_review(token, audience=AUDIENCE)
        if not status.get("authenticated") or AUDIENCE not in status.get("audiences", []):
            status = await self._kube.token_review(token)
        if not status.get("authenticated"):
            raise Refused(
                ProblemCode.UNAUTHENTICATED, "this token is not valid in this cluster, or has expired"
            )
        user = dict(status.get("user", {}))
        name = str(user.get("username", ""))
        if name.startswith("system:serviceaccount:") and name.split(":")[-1].startswith(ACCOUNT_PREFIX):
            raise Refused(ProblemCode.FORBIDDEN, "a Worker's token is for the workers' protocol alone")
        return Person(f"kubernetes:{name}" if name.startswith(OURS) else name, user, digest=digest)


def _user(known: Known) -> Person:
    return Person(known.user.subject, {"username": known.user.subject}, known)


class _Memory(Generic[T]):
    """A few answers for a short time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._kept: OrderedDict[str, tuple[T, float]] = OrderedDict()

    def get(self, key: str) -> T | None:
        found = self._kept.get(key)
        if found is None or self._clock.monotonic() - found[1] > self._seconds:
            return None
        return found[0]

    def keep(self, key: str, value: T) -> T:
        self._kept[key] = (value, self._clock.monotonic())
        self._kept.move_to_end(key)
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        return value
