"""The pods of this operator's Workers: their runtime and the reconciler of the Workers of runtime Pod."""

from __future__ import annotations

from collections.abc import Callable

from ringmaster_operator.board.board import Board
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events
from ringmaster_operator.history import History
from ringmaster_operator.kube import Kube
from ringmaster_operator.reconcilers.pod_launch import PodLauncher
from ringmaster_operator.reconcilers.worker_sessions import Ended
from ringmaster_operator.reconcilers.workers import Standing, WorkerReconciler
from ringmaster_operator.resources.worker import RuntimeKind
from ringmaster_operator.runtimes.pod.runtime import PodRuntime
from ringmaster_operator.settings import Settings
from ringmaster_operator.store import Store

LOOK_SECONDS = 15.0
"""Between looks at pods that nothing was told of: one whose node is silent tells nothing."""


def pod_host(
    *,
    settings: Settings,
    url: str,
    runtime: PodRuntime,
    store: Store,
    board: Board,
    kube: Kube,
    history: History,
    events: Events,
    clock: Clock,
    ended: Ended,
    refresh: Callable[[], None],
    changed: Callable[[], None],
    standing: Standing,
) -> WorkerReconciler:
    """The reconciler of all Workers of runtime Pod; url is what their sessions call.

    Run its `queue.run()` and `poll(LOOK_SECONDS)`, and the runtime's `run()`.
    """
    return WorkerReconciler(
        store=store,
        board=board,
        kube=kube,
        history=history,
        events=events,
        clock=clock,
        runtime=runtime,
        launcher=PodLauncher(kube=kube, url=url),
        mine=lambda worker: worker.spec.runtime is RuntimeKind.POD,
        name="pod",
        namespace=settings.namespace,
        workers=settings.reconcile_workers,
        ended=ended,
        refresh=refresh,
        changed=changed,
        standing=standing,
    )


def pod_runtime(settings: Settings, *, kube: Kube, clock: Clock) -> PodRuntime:
    """The pods of the namespaces that this operator serves."""
    return PodRuntime(
        kube=kube, clock=clock, state_directory=settings.state_directory, namespace=settings.namespace
    )
