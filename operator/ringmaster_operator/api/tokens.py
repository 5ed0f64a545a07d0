"""Who is calling: a Worker's service-account token, reviewed by the API server.

Reviews are cached for a short, stated time, and trusted somewhat longer while the API server does not answer:
a finished report must not be lost because the cluster has a bad minute.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from ringmaster_operator.auth import secret as secrets
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.claims.service import Caller
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import Kube, KubeError, KubeUnavailable
from ringmaster_operator.resources.protocol import ACCOUNT_PREFIX, AUDIENCE, ProblemCode

REMEMBERED = 10_000
MAX_TOKEN = 8192
POD = "authentication.kubernetes.io/pod-name"
"""Where a review names the pod that a token is bound to."""


@dataclass(frozen=True)
class _Seen:
    caller: Caller
    at: float


class Tokens:
    """Reviews bearer tokens. Only a hash of a token is ever kept."""

    def __init__(self, *, kube: Kube, clock: Clock, cache_seconds: float, grace_seconds: float) -> None:
        self._kube = kube
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._grace_seconds = grace_seconds
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    async def caller(self, authorization: str | None) -> Caller:
        """The Worker that the header's token belongs to; raises Refused(UNAUTHENTICATED or UNAVAILABLE)."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN:
            raise Refused(ProblemCode.UNAUTHENTICATED, "send the Worker's token as 'Authorization: Bearer'")
        if token.startswith((secrets.TOKEN, secrets.SESSION)):  # not for the API server to see
            raise Refused(ProblemCode.UNAUTHENTICATED, "a person's token is not for the workers' protocol")
        digest = hashlib.sha256(token.encode()).hexdigest()
        seen = self._seen.get(digest)
        now = self._clock.monotonic()
        if seen is not None and now - seen.at <= self._cache_seconds:
            return seen.caller
        try:
            caller = await self._review(token)
        except KubeUnavailable as error:
            if seen is not None and now - seen.at <= self._grace_seconds:
                return seen.caller
            detail = f"the API server cannot review the token now: {error}"
            raise Refused(ProblemCode.UNAVAILABLE, detail) from error
        except KubeError as error:
            raise Refused(ProblemCode.UNAVAILABLE, f"the token review was refused: {error}") from error
        except Refused:
            self._seen.pop(digest, None)
            raise
        self._remember(digest, _Seen(caller, now))
        return caller

    async def _review(self, token: str) -> Caller:
        status = await self._kube.token_review(token, audience=AUDIENCE)
        if not status.get("authenticated") or AUDIENCE not in status.get("audiences", []):
            raise Refused(
                ProblemCode.UNAUTHENTICATED, "this token is not valid for Ringmaster, or has expired"
            )
        user = str(status.get("user", {}).get("username", ""))
        parts = user.split(":")
        if len(parts) != 4 or parts[:2] != ["system", "serviceaccount"]:
            raise Refused(ProblemCode.UNAUTHENTICATED, f"{user} is not a service account")
        if not parts[3].startswith(ACCOUNT_PREFIX):
            raise Refused(ProblemCode.UNAUTHENTICATED, f"{user} is not the account of a Worker")
        worker = parts[3].removeprefix(ACCOUNT_PREFIX)
        pods = status["user"].get("extra", {}).get(POD, [])
        return Caller(namespace=parts[2], worker=worker, pod=str(pods[0]) if pods else "")

    def _remember(self, digest: str, seen: _Seen) -> None:
        self._seen[digest] = seen
        self._seen.move_to_end(digest)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
