"""Who is calling, when it is a person: the cluster's own identities, and what the cluster lets them do.

A bearer token is reviewed for Ringmaster's audience, else as a token of the API server itself. What it may do
is asked of the API server in the words of the resources (get Workers, update Workers), so that RBAC holds
here as it does for kubectl.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import Kind, Kube, KubeError
from ringmaster_operator.resources.protocol import ACCOUNT_PREFIX, AUDIENCE, ProblemCode

REMEMBERED = 10_000
MAX_TOKEN = 16384
T = TypeVar("T")


@dataclass(frozen=True)
class Person:
    """An identity of the cluster: a user, or a service account that acts for one."""

    name: str
    user: dict[str, Any]
    """username, uid, groups and extra, as the API server gave them."""


class People:
    """Reviews tokens and rights, and remembers both for `cache_seconds`. Only hashes of tokens are kept."""

    def __init__(self, *, kube: Kube, clock: Clock, cache_seconds: float) -> None:
        self._kube = kube
        self._persons: _Memory[Person] = _Memory(clock, cache_seconds)
        self._rights: _Memory[bool] = _Memory(clock, cache_seconds)

    async def allowed(self, authorization: str | None, *, verb: str, kind: Kind, namespace: str) -> Person:
        """The caller, who may do that; raises Refused (UNAUTHENTICATED, FORBIDDEN or UNAVAILABLE)."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN:
            raise Refused(ProblemCode.UNAUTHENTICATED, "send a token as 'Authorization: Bearer'")
        digest = hashlib.sha256(token.encode()).hexdigest()
        try:
            person = self._persons.get(digest)
            if person is None:
                person = self._persons.keep(digest, await self._review(token))
            right = f"{digest}/{verb}/{kind.plural}/{namespace}"
            may = self._rights.get(right)
            if may is None:
                asked = self._kube.may(person.user, verb=verb, kind=kind, namespace=namespace)
                may = self._rights.keep(right, await asked)
        except KubeError as error:
            detail = f"the API server cannot say who you are and what you may do: {error}"
            raise Refused(ProblemCode.UNAVAILABLE, detail) from error
        if not may:
            what = f"{verb} {kind.plural}.{kind.group} in namespace {namespace}"
            raise Refused(ProblemCode.FORBIDDEN, f"{person.name} may not {what}")
        return person

    async def _review(self, token: str) -> Person:
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
        return Person(name, user)


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
