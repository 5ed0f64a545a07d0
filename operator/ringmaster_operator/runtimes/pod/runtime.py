"""Sessions in pods: the Runtime protocol over the Kubernetes API."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ringmaster_operator import metrics
from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import PODS, Conflict, Kube, KubeError, KubeUnavailable
from ringmaster_operator.resources.worker_runtime import PodSettings
from ringmaster_operator.runtimes.pod import manifest, output, reading
from ringmaster_operator.runtimes.pod.cache import PodCache
from ringmaster_operator.runtimes.protocol import (
    Key,
    SessionFault,
    SessionInfo,
    SessionSpec,
    SessionState,
    StopResult,
    View,
    check_key,
    check_spec,
)

log = logging.getLogger(__name__)

Body = dict[str, Any]

RUNS = (SessionState.STARTING, SessionState.RUNNING)
FAILS_AT_ONCE = 1.5
"""Seconds within which it is seen that a program could not be run."""
LEFTOVER_SECONDS = 2.0
TOGETHER_SECONDS = 0.05
"""Changes that come within this time are looked at together."""
PATIENCE = 15.0
"""Seconds beyond its grace after which a pod is deleted without asking its node."""
LAST_WORDS_SECONDS = 3.0
SCREEN_LINES = 1000
REMEMBERED = 10_000


class PodRuntime:
    """state_directory keeps the output of pods that are gone; namespace: only there, everywhere when empty.

    start_seconds: how long start() waits to see it run: not at all by default, as the watch tells. plain: the
    settings of sessions that bring none. Run run() for as long as it is used.
    """

    def __init__(
        self,
        *,
        kube: Kube,
        clock: Clock,
        state_directory: Path,
        namespace: str = "",
        log_bytes: int = output.LOG_BYTES,
        start_seconds: float = 0.0,
        plain: PodSettings | None = None,
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._root = state_directory.expanduser().resolve()
        self._log_bytes = log_bytes
        self._start_seconds = start_seconds
        self._plain = plain
        self._pods = PodCache(kube=kube, namespace=namespace, gone=self._vanished)
        self._locks: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ending: dict[str, Body | None] = {}
        """Pods that stop() ends, by uid, and their last state once they are gone."""
        self._lost: dict[Key, SessionInfo] = {}
        self._written: OrderedDict[str, datetime] = OrderedDict()
        self._read: dict[str, tuple[Body, SessionInfo]] = {}
        """What pods say of their sessions, by uid, and the pods that it was read from."""

    async def run(self) -> None:
        """Follow the pods, until cancelled."""
        await self._pods.run()

    async def wait(self, seconds: float) -> None:
        if await self._pods.changed(seconds):
            await asyncio.sleep(TOGETHER_SECONDS)

    async def sessions(self) -> list[SessionInfo]:
        await self._pods.ready()
        now = self._clock.now()
        found = {info.key: info for info in (self._info(pod, now) for pod in self._pods.all())}
        return [*found.values(), *(info for key, info in self._lost.items() if key not in found)]

    async def start(self, spec: SessionSpec) -> SessionInfo:
        check_spec(spec)
        await self._pods.ready()
        async with self._locks[spec.key]:
            known = self._pods.get(spec.key)
            if known is not None:
                info = self._info(known, self._clock.now())
                if info.state in RUNS and "deletionTimestamp" not in known["metadata"]:
                    if info.fingerprint == spec.fingerprint:
                        return info
                    raise SessionFault(f"session {spec.name} runs with other settings: stop it first")
            await self._stop(spec.key, grace_seconds=LEFTOVER_SECONDS, keep_screen=True)
            await self._make(spec)
            return await self._started(spec.key)

    async def stop(self, key: Key, *, grace_seconds: float = 10.0, keep_screen: bool = True) -> StopResult:
        check_key(key)
        await self._pods.ready()
        async with self._locks[key]:
            return await self._stop(key, grace_seconds=grace_seconds, keep_screen=keep_screen)

    async def screen(self, key: Key, *, lines: int = 200) -> str:
        return await self.logs(key, lines=lines)

    async def view(self, key: Key, *, lines: int = 200) -> View:
        text = await self.logs(key, lines=lines)
        pod, lost = self._pods.get(key), self._lost.get(key)
        if pod is None and lost is None and not text:
            raise SessionFault(f"there is no pod {key[1]}")
        info = self._info(pod, self._clock.now()) if pod is not None else lost
        state = info.state if info is not None else SessionState.EXITED
        return View(state=state, lines=tuple(text.split("\n")) if text else ())

    async def type(self, key: Key, *, text: str = "", special: str = "") -> None:
        raise SessionFault(self.no_typing)

    @property
    def no_typing(self) -> str:
        return "a session in a pod has no terminal: it takes no input"

    async def logs(self, key: Key, *, lines: int = 200) -> str:
        check_key(key)
        await self._pods.ready()
        pod = self._pods.get(key)
        if pod is not None and reading.started(pod):
            try:
                found = await output.read(self._kube, key, lines=lines, log_bytes=self._log_bytes)
            except KubeError as error:
                log.debug("log of %s/%s: %s", *key, error)
            else:
                self._note(pod, found)
                return found.tail(lines)
        kept = await asyncio.to_thread(output.KeptOutput(self._root, key).read)
        return kept.tail(lines)

    async def discard(self, key: Key) -> None:
        check_key(key)
        await asyncio.to_thread(output.KeptOutput(self._root, key).discard)
        self._locks.pop(key, None)

    def attach_command(self, key: Key) -> list[str]:
        check_key(key)
        where = ["--namespace", key[0], "--container", manifest.CONTAINER, key[1]]
        return ["kubectl", "logs", "--follow", f"--tail={SCREEN_LINES}", *where]

    def _info(self, pod: Body, now: datetime) -> SessionInfo:
        meta = pod["metadata"]
        body, info = self._read.get(meta["uid"], (None, None))
        if info is None or body is not pod or "deletionTimestamp" in meta:  # of one that ends, time tells too
            info = reading.session(pod, now)
            self._read[meta["uid"]] = pod, info
        written = self._written.get(info.run)
        return info if written is None else replace(info, last_output_at=written)

    async def _make(self, spec: SessionSpec) -> None:
        body = {"apiVersion": "v1", "kind": "Pod", **manifest.pod(self._session(spec))}
        metrics.api_writes.labels("Pod").inc()
        try:
            pod = await self._kube.create(PODS, spec.namespace, body, strict=True)
        except KubeUnavailable:
            raise
        except KubeError as error:
            if isinstance(error, Conflict) and "already exists" in str(error):
                taken = f"there is a pod {spec.name} that is not of this Worker"
                raise SessionFault(taken, reason="NameTaken") from error
            raise SessionFault(f"the pod is refused: {error}", reason="PodRefused") from error
        self._pods.observe(pod)

    def _session(self, spec: SessionSpec) -> manifest.PodSession:
        if isinstance(spec, manifest.PodSession):
            return spec
        if self._plain is None:
            raise SessionFault(f"session {spec.name} says nothing of its pod")
        return manifest.PodSession(
            **{name: getattr(spec, name) for name in SessionSpec.__dataclass_fields__}, settings=self._plain
        )

    async def _started(self, key: Key) -> SessionInfo:
        """As it is once it runs, or cannot, or the wait is over."""
        if self._start_seconds:
            await self._pods.until(lambda: self._state(key) != SessionState.STARTING, self._start_seconds)
            await self._pods.until(lambda: self._state(key) not in RUNS, FAILS_AT_ONCE)
        pod = self._pods.get(key)
        if pod is None:
            lost = self._lost.get(key)
            if lost is None:
                raise SessionFault(f"session {key[1]} was removed while it started")
            return lost
        return self._info(pod, self._clock.now())

    def _state(self, key: Key) -> SessionState | None:
        pod = self._pods.get(key)
        return reading.session(pod, self._clock.now()).state if pod is not None else None

    async def _stop(self, key: Key, *, grace_seconds: float, keep_screen: bool) -> StopResult:
        pod = self._pods.get(key)
        if pod is None:
            return StopResult(existed=self._lost.pop(key, None) is not None)
        uid = pod["metadata"]["uid"]
        info = self._info(pod, self._clock.now())
        self._ending[uid] = None
        try:
            text = await self._end(pod, info, grace_seconds)
            last = self._ending[uid] or pod
        finally:
            del self._ending[uid]
        self._lost.pop(key, None)
        self._written.pop(uid, None)
        killed = info.state is SessionState.RUNNING and reading.exit_code(last) in (137, None)
        screen = output.Output(text).tail(SCREEN_LINES) if keep_screen else ""
        return StopResult(existed=True, screen=screen, forced=int(killed))

    async def _end(self, pod: Body, info: SessionInfo, grace_seconds: float) -> str:
        """Delete the pod, wait until it is gone, keep what it wrote to the very end."""
        key, uid = info.key, info.run
        runs = info.state is SessionState.RUNNING
        reader = asyncio.ensure_future(
            output.read(self._kube, key, lines=None, log_bytes=self._log_bytes, follow=runs)
        )
        try:
            if not runs:  # afterwards there is nothing to read
                await asyncio.wait({reader}, timeout=LAST_WORDS_SECONDS)
            grace = max(1, round(grace_seconds)) if info.state in RUNS else 0
            await self._delete(key, uid, grace, wait=grace + PATIENCE)
            await asyncio.wait({reader}, timeout=LAST_WORDS_SECONDS)
            text = reader.result().text if reader.done() and reader.exception() is None else ""
        finally:
            reader.cancel()
        if text:
            await asyncio.to_thread(output.KeptOutput(self._root, key).save, text)
        return text

    async def _delete(self, key: Key, uid: str, grace: int, *, wait: float) -> None:
        def gone() -> bool:
            pod = self._pods.get(key)
            return pod is None or pod["metadata"]["uid"] != uid

        metrics.api_writes.labels("Pod").inc()
        await self._kube.delete(PODS, *key, uid=uid, grace=grace)
        if await self._pods.until(gone, wait):
            return
        # Its node is silent. Whatever runs there holds a fence that is old by now.
        log.warning("pod %s/%s does not end: removed without its node's word", *key)
        metrics.api_writes.labels("Pod").inc()
        await self._kube.delete(PODS, *key, uid=uid, grace=0)
        if not await self._pods.until(gone, PATIENCE):
            raise SessionFault(f"pod {key[1]} does not go: is there a finalizer on it?")

    def _note(self, pod: Body, found: output.Output) -> None:
        """When it wrote last, as far as anyone looked."""
        if found.last_at is not None:
            self._written[pod["metadata"]["uid"]] = found.last_at
            while len(self._written) > REMEMBERED:
                self._written.popitem(last=False)

    def _vanished(self, pod: Body) -> None:
        uid = pod["metadata"]["uid"]
        self._read.pop(uid, None)
        if uid in self._ending:
            self._ending[uid] = pod
        else:
            info = reading.vanished(pod)
            self._lost[info.key] = info
