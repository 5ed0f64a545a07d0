"""This process as a tmux host: its runtime and the reconciler of the Workers that name it.

Two operators on one machine must not meet in tmux: sockets and owner marks tell state folders apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ringmaster_operator.board.board import Board
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events
from ringmaster_operator.history import History
from ringmaster_operator.kube import Kube
from ringmaster_operator.reconcilers.tmux_launch import TmuxLauncher
from ringmaster_operator.reconcilers.worker_sessions import Ended
from ringmaster_operator.reconcilers.workers import Standing, WorkerReconciler
from ringmaster_operator.resources.worker import RuntimeKind, Worker
from ringmaster_operator.runtimes.tmux.runtime import TmuxRuntime
from ringmaster_operator.settings import STATE, Settings
from ringmaster_operator.store import Store


def tmux_host(
    *,
    settings: Settings,
    url: str,
    runtime: TmuxRuntime,
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
    """The reconciler of the Workers of host settings.tmux_host; url is what their sessions call.

    Run its `queue.run()` and `poll(settings.tmux_poll_seconds)`.
    """
    return WorkerReconciler(
        store=store,
        board=board,
        kube=kube,
        history=history,
        events=events,
        clock=clock,
        runtime=runtime,
        launcher=TmuxLauncher(kube=kube, clock=clock, state_directory=settings.state_directory, url=url),
        mine=lambda worker: on_host(worker, settings.tmux_host),
        name="worker",
        namespace=settings.namespace,
        workers=settings.reconcile_workers,
        ended=ended,
        refresh=refresh,
        changed=changed,
        standing=standing,
    )


def on_host(worker: Worker, host: str) -> bool:
    """Whether the Worker's sessions are tmux sessions of that host."""
    named = worker.spec.tmux.host if worker.spec.tmux else "local"
    return worker.spec.runtime is RuntimeKind.TMUX and named == host


def tmux_runtime(settings: Settings) -> TmuxRuntime:
    """The tmux sessions of host settings.tmux_host on this machine. Raises SessionFault for a bad name."""
    folder = settings.state_directory.expanduser().resolve()
    mark = "" if folder == STATE.expanduser().resolve() else hashlib.sha256(bytes(folder)).hexdigest()[:6]
    name = "-".join(filter(None, (settings.tmux_host, mark)))
    return TmuxRuntime(
        owner=name, state_directory=folder, socket_prefix=f"ringmaster-{name}".replace(".", "_")
    )
