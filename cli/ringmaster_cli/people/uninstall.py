"""`ringmaster uninstall`: takes Ringmaster out of a cluster, and keeps what is worth keeping.

Nothing here waits for a finalizer that only a running operator would take off, so it also ends what a broken
installation has left. It can be interrupted and called again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit, Refused, UsageError
from ringmaster_cli.people.objects import Body, Kind, Objects
from ringmaster_cli.people.options import Context

OURS = "app.kubernetes.io/part-of=ringmaster"
SESSIONS = "ringmaster.dev/worker,app.kubernetes.io/managed-by=ringmaster"
FINALIZER = "ringmaster.dev/sessions"
PAUSED = "ringmaster.dev/paused-by-uninstall"
REMINDED = "ringmaster.dev/removal-seen-at"
OPERATOR = "ringmaster-operator"
LOOK_SECONDS = 1.0
GONE_SECONDS = 120.0

RBAC, ADMISSION = "apis/rbac.authorization.k8s.io/v1", "apis/admissionregistration.k8s.io/v1"
MONITORING = "apis/monitoring.coreos.com/v1"
DEPLOYMENTS = Kind("apis/apps/v1", "deployments")
PODS = Kind("api/v1", "pods")
CLAIMS = Kind("api/v1", "persistentvolumeclaims")
NAMESPACES = Kind("api/v1", "namespaces")
DEFINITIONS = Kind("apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
KINDS = [Kind("apis/ringmaster.dev/v1alpha1", plural) for plural in ("workers", "beads", "backupschedules")]
WORKERS = KINDS[0]
#: The operator's, in its namespace.
THERE = (
    Kind("apis/batch/v1", "cronjobs"),
    Kind("api/v1", "services"),
    Kind("api/v1", "configmaps"),
    Kind("apis/networking.k8s.io/v1", "networkpolicies"),
    Kind(MONITORING, "servicemonitors"),
    Kind(MONITORING, "prometheusrules"),
    Kind("api/v1", "serviceaccounts"),
)
#: Of the whole cluster, or in whatever namespace.
EVERYWHERE = (
    Kind(RBAC, "rolebindings"),
    Kind(RBAC, "roles"),
    Kind(RBAC, "clusterrolebindings"),
    Kind(RBAC, "clusterroles"),
    Kind("apis/scheduling.k8s.io/v1", "priorityclasses"),
)
POLICIES = (
    Kind(ADMISSION, "validatingadmissionpolicybindings"),
    Kind(ADMISSION, "validatingadmissionpolicies"),
)


def uninstall(
    purge: Annotated[
        bool,
        typer.Option(
            "--purge",
            help="Also remove all beads, Workers, the history, a volume of backups. There is no way back.",
        ),
    ] = False,
    host: Annotated[bool, typer.Option("--host", help="Off this machine, not out of a cluster.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Do not wait until running beads are finished.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    timeout: Annotated[
        int,
        typer.Option("--timeout", min=1, max=86400, help="Seconds that running beads may take to finish."),
    ] = 1800,
    system: Annotated[
        str, typer.Option("--system-namespace", help="Namespace of the operator.")
    ] = "ringmaster-system",
    context: Context = None,
) -> None:
    """Remove the operator, its rights and its sessions; keep beads, Workers and the history's volume."""
    from ringmaster_cli.people.cluster import Cluster

    if host:
        _off_this_machine(purge=purge, yes=yes)
        return
    removal = Removal(Objects(Cluster(namespace=system, context=context)), system)
    if not removal.found():
        raise CliError("Ringmaster is not installed in this cluster", exit=Exit.NOTHING)
    _confirm(removal, purge=purge, yes=yes)
    for policy in POLICIES:  # first: they may refuse to let old Workers be changed
        removal.remove(policy)
    if not now:
        removal.drain(timeout)
    removal.end_sessions()
    for kind in THERE:
        removal.remove(kind, system)
    for kind in EVERYWHERE:
        removal.remove(kind)
    if purge:
        removal.purge()
        output.note("Ringmaster is removed, with all beads, Workers, the history and backups on a volume")
    else:
        kept = f"beads, Workers, their definitions, and the volumes of history and backups in {system}"
        output.note(f"Ringmaster is removed. Kept: {kept}")


def _forgotten(definition: Body) -> bool:
    """Whether the API server has tried to remove its objects, and failed."""
    conditions = definition.get("status", {}).get("conditions") or []
    return any(each.get("reason") == "InstanceDeletionFailed" for each in conditions)


def _off_this_machine(*, purge: bool, yes: bool) -> None:
    from ringmaster_cli.install.host import uninstall

    if os.geteuid() != 0:
        raise UsageError("this removes a user and units: run it as root")
    _ask("the operator and its sessions" + (", settings, history and backups" if purge else ""), yes=yes)
    uninstall(purge=purge)


def _confirm(removal: Removal, *, purge: bool, yes: bool) -> None:
    what = f"the operator in {removal.system} and its sessions"
    if purge:
        what += ", ALL beads and Workers of ALL namespaces, the history, and backups on a volume"
    _ask(what, yes=yes)


def _ask(what: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this removes {what}: say --yes where nobody can be asked")
    if input(f"This removes {what}. Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise Refused("nothing was removed")


class Removal:
    """The steps; each is fine with what is gone already."""

    def __init__(self, objects: Objects, system: str) -> None:
        self._objects = objects
        self.system = system

    def found(self) -> bool:
        """Whether there is anything to be removed."""
        places = [(kind, "") for kind in (DEFINITIONS, *EVERYWHERE)]
        places += [(kind, self.system) for kind in (DEPLOYMENTS, CLAIMS)]
        return any(self._objects.find(kind, where, labels=OURS) for kind, where in places)

    def remove(self, kind: Kind, namespace: str = "") -> None:
        """All of a kind that is Ringmaster's."""
        for body in self._objects.find(kind, namespace, labels=OURS):
            self._objects.delete(kind, body)

    def drain(self, seconds: float) -> None:
        """Let running beads be finished and none be begun, where there is an operator to see to it."""
        operator = self._objects.get(DEPLOYMENTS, self.system, OPERATOR) or {}
        if not operator.get("status", {}).get("readyReplicas"):
            output.note("no operator is ready here: sessions are ended as they are")
            return
        for worker in self._objects.find(WORKERS):
            if not worker["spec"].get("suspend"):
                change = {"metadata": {"annotations": {PAUSED: "true"}}, "spec": {"suspend": True}}
                self._objects.patch(WORKERS, worker, change)
        words = "sessions finish their beads"
        if not self._until(lambda: self._busy() == 0, seconds, lambda: f"{self._busy()} {words}"):
            busy = self._busy()
            self._resume()
            raise Refused(f"{busy} sessions still work after {seconds:.0f} s, and go on; --now does not wait")

    def _busy(self) -> int:
        return sum(worker.get("status", {}).get("busyReplicas", 0) for worker in self._objects.find(WORKERS))

    def end_sessions(self) -> None:
        """First the operator, which would start them again; then pods, and what holds Workers back."""
        for body in self._objects.find(DEPLOYMENTS, self.system, labels=OURS):
            self._objects.delete(DEPLOYMENTS, body)
        name = f"app.kubernetes.io/name={OPERATOR}"
        self._gone("the operator", lambda: self._objects.find(PODS, self.system, labels=name))
        for pod in self._objects.find(PODS, labels=SESSIONS):
            self._objects.delete(PODS, pod)
        self._gone("sessions", lambda: self._objects.find(PODS, labels=SESSIONS))
        self._free(WORKERS)
        self._resume()

    def _free(self, kind: Kind) -> None:
        for body in self._objects.find(kind):
            held = body["metadata"].get("finalizers") or []
            if FINALIZER in held:
                left = [name for name in held if name != FINALIZER]
                self._objects.patch(kind, body, {"metadata": {"finalizers": left}})

    def _resume(self) -> None:
        """Workers are kept as their owners wrote them."""
        for worker in self._objects.find(WORKERS):
            if PAUSED in (worker["metadata"].get("annotations") or {}):
                change = {"metadata": {"annotations": {PAUSED: None}}, "spec": {"suspend": False}}
                self._objects.patch(WORKERS, worker, change)

    def purge(self) -> None:
        """The kinds with all their objects, the history, the namespace."""
        for kind, where in ((DEFINITIONS, ""), (CLAIMS, self.system)):
            self.remove(kind, where)
        self._gone("beads and Workers", self._definitions)
        self._gone("the history's volume", lambda: self._objects.find(CLAIMS, self.system, labels=OURS))
        space = self._objects.get(NAMESPACES, "", self.system)
        if space is not None:
            self._objects.delete(NAMESPACES, space)
            self._gone(f"namespace {self.system}", lambda: [self._objects.get(NAMESPACES, "", self.system)])

    def _definitions(self) -> list[Body]:
        """Those that are still there.

        The API server cannot remove the objects of a kind that nobody has asked for yet, then may forget that
        it has to for five minutes: a change of the definition makes it try again.
        """
        left = self._objects.find(DEFINITIONS, labels=OURS)
        for body in filter(_forgotten, left):
            change = {"metadata": {"annotations": {REMINDED: body["metadata"]["resourceVersion"]}}}
            with suppress(CliError):  # gone by now
                self._objects.patch(DEFINITIONS, body, change)
        return left

    def _gone(self, what: str, find: Callable[[], Sequence[Body | None]]) -> None:
        """Wait until there is none of it."""
        if not self._until(lambda: not any(find()), GONE_SECONDS, lambda: f"{what}: still there"):
            left = ", ".join(body["metadata"]["name"] for body in find() if body)
            raise Refused(
                f"{what} ({left}) still there after {GONE_SECONDS:.0f} s: kubectl describe tells why"
            )

    def _until(self, done: Callable[[], bool], seconds: float, state: Callable[[], str]) -> bool:
        end, told = time.monotonic() + seconds, ""
        tell_at = time.monotonic() + 2
        while not done():
            if time.monotonic() > end:
                return False
            if time.monotonic() > tell_at and (words := state()) != told:
                output.note(f"{words} ...")
                told = words
            time.sleep(LOOK_SECONDS)
        return True
