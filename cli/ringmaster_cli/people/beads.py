"""Beads as people act on them: read one, change its spec. Every act is a field: kubectl can do the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringmaster_cli.exits import CliError, Exit, Refused

if TYPE_CHECKING:
    from ringmaster_cli.people.cluster import Cluster
    from ringmaster_cli.people.objects import Kind

Body = dict[str, Any]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Namespace = Annotated[
    str | None, typer.Option("-n", "--namespace", help="Namespace; the context's when unset.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Url = Annotated[str | None, typer.Option("--url", envvar="RINGMASTER_URL", help="The operator's API.")]
Account = Annotated[
    str | None, typer.Option("--as-account", help="Ask as this service account of the namespace.")
]
Name = Annotated[str, typer.Argument(metavar="BEAD", help="Name of the bead.")]
TRIES = 5
POLL_SECONDS = 0.5


class Beads:
    """The beads of one namespace, with the rights of the kubeconfig. Raises CliError."""

    def __init__(self, *, namespace: str | None, context: str | None) -> None:
        from ringmaster_cli.people.cluster import Cluster
        from ringmaster_cli.people.objects import Objects

        self.cluster: Cluster = Cluster(namespace=namespace, context=context)
        self._objects = Objects(self.cluster)

    @property
    def namespace(self) -> str:
        return self.cluster.namespace

    def get(self, name: str) -> Body:
        found = self._objects.get(_kind(), self.namespace, name)
        if found is None:
            raise Refused(f"there is no bead {name} in namespace {self.namespace}")
        return found

    def all(self) -> list[Body]:
        return self.cluster.beads()

    def change(self, name: str, spec: Callable[[Body], Body]) -> Body:
        """Merge what spec(bead) gives into the spec of that very version; returns the bead as it was."""
        for remaining in reversed(range(TRIES)):
            bead = self.get(name)
            patch = {"metadata": {"resourceVersion": bead["metadata"]["resourceVersion"]}, "spec": spec(bead)}
            try:
                self._objects.patch(_kind(), bead, patch)
            except Refused:
                now = self.get(name)
                if now["metadata"]["resourceVersion"] == bead["metadata"]["resourceVersion"] or not remaining:
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


def trigger() -> str:
    """A text that no trigger had before."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def phase(bead: Body) -> str:
    return str(bead.get("status", {}).get("phase") or "Pending")


def _kind() -> Kind:
    from ringmaster_cli.people.objects import Kind

    return Kind("apis/ringmaster.dev/v1alpha1", "beads")
