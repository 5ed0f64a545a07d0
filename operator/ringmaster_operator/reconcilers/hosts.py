"""Where this process runs sessions: its runtimes, and the reconcilers of the Workers that use them."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import Kube
from ringmaster_operator.reconcilers.pod_host import LOOK_SECONDS, pod_host, pod_runtime
from ringmaster_operator.reconcilers.tmux_host import on_host, tmux_host, tmux_runtime
from ringmaster_operator.resources.worker import RuntimeKind, Worker
from ringmaster_operator.runtimes.protocol import Runtime
from ringmaster_operator.settings import Settings

Work = tuple[Coroutine[Any, Any, None], str]
"""Something that runs as long as the operator does, and its name."""


class Hosts:
    """`shared` is what each reconciler of Workers takes besides its runtime."""

    def __init__(self, *, settings: Settings, kube: Kube, clock: Clock, **shared: Any) -> None:
        self._settings = settings
        self._kube = kube
        self._clock = clock
        self._shared = {**shared, "settings": settings, "kube": kube, "clock": clock}
        self._runtimes: dict[RuntimeKind, Runtime] = {}

    def runtime_of(self, worker: Worker) -> Runtime | None:
        """Where the Worker's sessions are; None when they are no business of this process."""
        kind = worker.spec.runtime
        if kind is RuntimeKind.TMUX and not on_host(worker, self._settings.tmux_host):
            return None
        return self._runtimes.get(kind)

    def start(self, url: str) -> list[Work]:
        """What is to be run; url is what sessions call. Raises SessionFault for a bad name of the host."""
        works: list[Work] = []
        if self._settings.tmux_host:
            sessions = tmux_runtime(self._settings)
            self._runtimes[RuntimeKind.TMUX] = sessions
            workers = tmux_host(**self._shared, url=url, runtime=sessions)
            seconds = self._settings.tmux_poll_seconds
            works += [(workers.queue.run(), "workers"), (workers.poll(seconds), "sessions")]
        if self._settings.pods:
            pods = pod_runtime(self._settings, kube=self._kube, clock=self._clock)
            self._runtimes[RuntimeKind.POD] = pods
            workers = pod_host(**self._shared, url=url, runtime=pods)
            works += [(workers.queue.run(), "workers"), (workers.poll(LOOK_SECONDS), "sessions")]
            works.append((pods.run(), "pods"))
        return works
