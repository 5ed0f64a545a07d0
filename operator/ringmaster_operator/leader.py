"""Leader election: of several operators, the one that holds a Lease works; the others wait for it.

How long a Lease was seen unchanged is measured on the own monotonic clock, as client-go does, so the clocks
of two machines need not agree. A leader gives up well before others may take over, and from then on its
writes are refused here (`check`), also in a process that was frozen and wakes up again. The history database
holds its own fence, see history/postgres.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import LEASES, Body, Conflict, Kube, KubeError, KubeUnavailable, NotFound
from ringmaster_operator.settings import Settings

log = logging.getLogger(__name__)

LOST = 3
"""Exit code of a process whose Lease was lost."""
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Terms:
    """Where the Lease is, and its times in seconds."""

    namespace: str
    name: str
    lease: float
    """Others may take over when it was not renewed for so long."""
    renew: float
    """The leader ends when it could not renew for so long; less than `lease`."""
    retry: float
    """Between renewals, and between a waiting operator's looks."""


def identity() -> str:
    """This very process, readable: pod or machine name, and what no restart has twice."""
    return f"{os.environ.get('HOSTNAME') or socket.gethostname()}_{uuid.uuid4()}"


def pod_namespace() -> str:
    """The namespace that this pod is in; empty outside of a pod."""
    return POD_NAMESPACE.read_text(encoding="utf-8").strip() if POD_NAMESPACE.exists() else ""


class Leader:
    """One candidate. `await acquire()`, then run `hold()` beside the work, at last `await release()`.

    The connection must be its own: a renewal must not wait behind ten thousand patches.
    """

    def __init__(self, *, kube: Kube, terms: Terms, clock: Clock, me: str | None = None) -> None:
        self._kube = kube
        self._terms = terms
        self._clock = clock
        self.identity = me or identity()
        self._waits = "the leader's Lease was not looked at yet"
        self._seen: Body | None = None
        self._seen_at = 0.0
        self._version = ""
        self._renewed: float | None = None

    def waiting(self) -> str:
        """Empty once this process leads; else what it waits for."""
        return self._waits

    def check(self) -> None:
        """Raises KubeUnavailable unless this process is surely the leader at this moment."""
        if self._renewed is None or self._left() <= 0:
            raise KubeUnavailable(0, "this operator is not the leader (any more)")

    async def acquire(self) -> None:
        """Return once the Lease is held; until then `waiting` says who has it."""
        while True:
            try:
                async with asyncio.timeout(self._terms.renew):
                    if await self._try():
                        self._waits = ""
                        log.info("leading as %s", self.identity)
                        return
            except (KubeError, TimeoutError) as error:
                self._wait(f"the leader's Lease cannot be used: {str(error) or 'no answer in time'}")
            await asyncio.sleep(self._terms.retry)

    async def hold(self) -> NoReturn:
        """Renew until the Lease is lost, then end the process: nothing of it may go on."""
        trouble = ""
        while True:
            await asyncio.sleep(max(0.0, min(self._terms.retry, self._left())))
            try:
                async with asyncio.timeout(max(0.0, self._left())):
                    trouble = "" if await self._renew() else "another operator holds it"
            except (KubeError, TimeoutError) as error:
                trouble = str(error) or "no answer in time"
                log.warning("the leader's Lease is not renewed: %s", trouble)
                if self._left() > 0:
                    continue
            if trouble:
                _end(f"the leader's Lease is lost: {trouble}")

    async def release(self) -> None:
        """Let someone else lead at once. Call it when nothing is written any more."""
        if self._renewed is None:
            return
        self._renewed = None
        spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._now()}
        try:
            await self._write(spec)
        except KubeError as error:
            log.warning("the leader's Lease is not released, it runs out: %s", error)

    async def close(self) -> None:
        """Close the connection."""
        await self._kube.close()

    def _left(self) -> float:
        """Seconds in which writing is surely ours."""
        return (self._renewed or 0.0) + self._terms.renew - self._clock.monotonic()

    async def _try(self) -> bool:
        began = self._clock.monotonic()
        try:
            lease = await self._kube.get(LEASES, self._terms.namespace, self._terms.name)
        except NotFound:
            return await self._create(began)
        spec = lease.get("spec") or {}
        now = self._clock.monotonic()
        if spec != self._seen:
            self._seen, self._seen_at = spec, now
        holder = spec.get("holderIdentity")
        if (
            holder not in (None, "", self.identity)
            and self._seen_at + float(spec.get("leaseDurationSeconds") or 0) > now
        ):
            self._wait(f"standby: {holder} is the leader")
            return False
        self._version = lease["metadata"]["resourceVersion"]
        taken = {**self._spec(), "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        return await self._write({**taken, "acquireTime": self._now()}, began)

    async def _create(self, began: float) -> bool:
        spec = {**self._spec(), "acquireTime": self._now(), "leaseTransitions": 0}
        body = {"metadata": {"name": self._terms.name}, "spec": spec}
        try:
            made = await self._kube.create(LEASES, self._terms.namespace, body)
        except Conflict:
            return False
        self._version, self._renewed = made["metadata"]["resourceVersion"], began
        return True

    async def _renew(self) -> bool:
        """Whether it is still ours; raises KubeError when that could not be learned."""
        while not await self._write(self._spec(), self._clock.monotonic()):
            # A renewal whose answer was lost, or someone's annotation: ours if it names us.
            lease = await self._kube.get(LEASES, self._terms.namespace, self._terms.name)
            if (lease.get("spec") or {}).get("holderIdentity") != self.identity:
                return False
            self._version = lease["metadata"]["resourceVersion"]
        return True

    async def _write(self, spec: Body, began: float | None = None) -> bool:
        """Write on the version that was seen; `began` counts, for others may see it as early as that."""
        try:
            written = await self._kube.patch(
                LEASES, self._terms.namespace, self._terms.name, {"spec": spec}, version=self._version
            )
        except (Conflict, NotFound):
            return False
        self._version = written["metadata"]["resourceVersion"]
        if began is not None:
            self._renewed = began
        return True

    def _spec(self) -> Body:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": round(self._terms.lease),
            "renewTime": self._now(),
        }

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.000000Z")

    def _wait(self, why: str) -> None:
        if why != self._waits:
            log.info("waiting: %s", why)
        self._waits = why


async def candidate(settings: Settings, clock: Clock, kubeconfig: str | None = None) -> Leader:
    """What the settings say, connected; raises KubeError when no namespace or no cluster is known."""
    namespace = settings.leader_lease_namespace or pod_namespace() or settings.namespace
    if not namespace:
        raise KubeError(0, "leader election: name the Lease's namespace in RINGMASTER_LEADER_LEASE_NAMESPACE")
    terms = Terms(
        namespace=namespace,
        name=settings.leader_lease_name,
        lease=settings.leader_lease_seconds,
        renew=settings.leader_renew_seconds,
        retry=settings.leader_retry_seconds,
    )
    return Leader(kube=await Kube.connect(kubeconfig), terms=terms, clock=clock)


def _end(why: str) -> NoReturn:
    """At once, without the clean-up that would write: what is open is safe in the database."""
    log.error("%s; the process ends, another operator goes on", why)
    logging.shutdown()
    os._exit(LOST)
