"""Beads as people act on them: read one, change its spec. Every act is a field: kubectl can do the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from ringmaster_cli.exits import CliError, Exit, Refused, UsageError

if TYPE_CHECKING:
    from ringmaster_cli.people.client import Client
    from ringmaster_cli.people.cluster import Cluster
    from ringmaster_cli.people.objects import Kind
    from ringmaster_operator.resources.bead import Bead

Body = dict[str, Any]
Name = Annotated[str, typer.Argument(metavar="BEAD", help="Name of the bead.")]
TRIES = 5
POLL_SECONDS = 0.5


class Place(Protocol):
    """Where beads are read and changed. Every method raises CliError."""

    namespace: str

    def get(self, name: str) -> Body:
        """One bead."""

    def decisions(self) -> list[Body]:
        """All beads of type decision."""

    def patch(self, bead: Body, spec: Body) -> None:
        """Merge into the spec of that very version; Refused when it is not the newest."""


class InCluster:
    """With the rights of the kubeconfig."""

    def __init__(self, cluster: Cluster) -> None:
        from ringmaster_cli.people.objects import Objects

        self._cluster = cluster
        self._objects = Objects(cluster)
        self.namespace = cluster.namespace

    def get(self, name: str) -> Body:
        found = self._objects.get(_kind(), self.namespace, name)
        if found is None:
            raise Refused(f"there is no bead {name} in namespace {self.namespace}")
        return found

    def decisions(self) -> list[Body]:
        return [item for item in self._cluster.beads() if item["spec"].get("type") == "decision"]

    def patch(self, bead: Body, spec: Body) -> None:
        meta = {"resourceVersion": bead["metadata"]["resourceVersion"]}
        self._objects.patch(_kind(), bead, {"metadata": meta, "spec": spec})


class OverApi:
    """As a user of Ringmaster, who needs nothing of the cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.namespace = client.namespace

    def get(self, name: str) -> Body:
        return self._client.bead(name).body()

    def decisions(self) -> list[Body]:
        return [self.get(item.name) for item in self._client.beads(type="decision")]

    def patch(self, bead: Body, spec: Body) -> None:
        meta = bead["metadata"]
        self._client.patch(meta["name"], spec, version=meta["resourceVersion"])


def place(namespace: str | None, context: str | None) -> Place:
    """Over the API for whoever has signed in to it or brings a token, unless --context says otherwise."""
    from ringmaster_cli.people.identity import identify, own_token

    url = os.environ.get("RINGMASTER_URL")
    if not context and own_token(url) is not None:
        from ringmaster_cli.people.client import Client

        return OverApi(Client(identify(url, account=None, namespace=namespace, context=None)))
    from ringmaster_cli.people.cluster import Cluster

    return InCluster(Cluster(namespace=namespace, context=context))


class Beads:
    """The beads of one namespace. Raises CliError."""

    def __init__(self, *, namespace: str | None, context: str | None) -> None:
        self._place = place(namespace, context)

    @property
    def namespace(self) -> str:
        return self._place.namespace

    def get(self, name: str) -> Body:
        return self._place.get(name)

    def decisions(self) -> list[Body]:
        """All that ask people something, or have."""
        return self._place.decisions()

    def change(self, name: str, act: Callable[[Bead], Body]) -> Bead:
        """Merge what act(bead) gives into the spec of that very version; returns the bead as it was.

        What makes no sense for the bead (NotPossible) is Refused, an answer that is no option a UsageError.
        """
        from ringmaster_operator.resources.acts import NoOption, NotPossible
        from ringmaster_operator.resources.bead import Bead

        for remaining in reversed(range(TRIES)):
            body = self.get(name)
            bead = Bead.read(body)
            try:
                wish = act(bead)
            except NoOption as fault:
                raise UsageError(str(fault)) from fault
            except NotPossible as fault:
                raise Refused(str(fault)) from fault
            try:
                self._place.patch(body, wish)
            except Refused:
                now = self.get(name)
                if now["metadata"]["resourceVersion"] == bead.metadata.resource_version or not remaining:
                    raise
                continue
            return bead
        raise CliError(f"bead {name} is changed by others all the time; try again")

    def until(self, name: str, seconds: float, done: Callable[[Body], bool]) -> Body:
        """The bead once done(bead) holds. Raises CliError(NOTHING) when it does not in time."""
        import time

        end = time.monotonic() + seconds
        while True:
            bead = self.get(name)
            if done(bead):
                return bead
            if time.monotonic() >= end:
                raise CliError(f"nothing has come of it in {seconds:g} s", exit=Exit.NOTHING)
            time.sleep(POLL_SECONDS)


def phase(bead: Body) -> str:
    return str(bead.get("status", {}).get("phase") or "Pending")


def _kind() -> Kind:
    from ringmaster_cli.people.objects import Kind

    return Kind("apis/ringmaster.dev/v1alpha1", "beads")
