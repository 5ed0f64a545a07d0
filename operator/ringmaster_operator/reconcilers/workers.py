"""Workers of one runtime: their sessions, and their status."""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta

from ringmaster_operator import metrics
from ringmaster_operator.board.board import Board
from ringmaster_operator.clock import Clock
from ringmaster_operator.events import Events, Note
from ringmaster_operator.history import History
from ringmaster_operator.kube import WORKERS, Body, Conflict, Kube, NotFound
from ringmaster_operator.reconcilers.launching import Launch, Launcher, LaunchError
from ringmaster_operator.reconcilers.queue import WorkQueue
from ringmaster_operator.reconcilers.session_plan import Facts, SessionPlan, plan_sessions
from ringmaster_operator.reconcilers.worker_holders import Holders
from ringmaster_operator.reconcilers.worker_sessions import Ended, WorkerSessions
from ringmaster_operator.reconcilers.worker_status import Obstacle, stuck, worker_status
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.worker import Mode, Session, Spent, Worker
from ringmaster_operator.runtimes.protocol import Runtime, SessionFault, SessionInfo
from ringmaster_operator.statuses import difference
from ringmaster_operator.store import Key, Resource, Store

log = logging.getLogger(__name__)

FINALIZER = "ringmaster.dev/sessions"
ROUNDS = 4
TROUBLE_SECONDS = 5.0
"""To the next look at sessions that cannot be looked at."""
OBSTACLE_LOOK = timedelta(seconds=15)
"""How soon it is noticed that what was missing is there."""
SECRET_LOOK = timedelta(minutes=5)
"""How soon a changed Secret is noticed."""

Standing = Callable[[Worker], tuple[Spent, str]]
"""What a Worker has spent today, and what limit is reached, in words."""


class WorkerReconciler:
    """Keeps the sessions of the Workers that are `mine` as their specs want them.

    ended is told of sessions whose bead may go to another, changed of every status that was written; refresh
    brings the board up to date.
    """

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        kube: Kube,
        history: History,
        events: Events,
        clock: Clock,
        runtime: Runtime,
        launcher: Launcher,
        mine: Callable[[Worker], bool],
        name: str,
        namespace: str,
        workers: int,
        ended: Ended,
        refresh: Callable[[], None],
        changed: Callable[[], None],
        standing: Standing,
    ) -> None:
        self._store = store
        self._board = board
        self._kube = kube
        self._history = history
        self._events = events
        self._clock = clock
        self._runtime = runtime
        self._launcher = launcher
        self._mine = mine
        self._namespace = namespace
        self._refresh = refresh
        self._changed = changed
        self._standing = standing
        self._sessions = WorkerSessions(
            runtime=runtime, launcher=launcher, history=history, events=events, clock=clock, ended=ended
        )
        self._seen: dict[Key, list[tuple[object, ...]]] = {}
        self._holders = Holders()
        self.queue: WorkQueue[Key] = WorkQueue(name, self.reconcile, workers=workers)
        store.listen(self._listen)
        for bead in store.beads():
            self._holders.note(bead.key, bead)
        for worker in store.workers():
            self.queue.add(worker.key)

    async def poll(self, seconds: float) -> None:
        """Look at the sessions again and again; costs the API server nothing."""
        trouble = ""
        while True:
            try:
                self._compare(await self._runtime.sessions())
                trouble = ""
            except SessionFault as error:
                if str(error) != trouble:
                    log.error("%s", error)
                trouble = str(error)
                await asyncio.sleep(TROUBLE_SECONDS)
            await self._runtime.wait(seconds)

    async def reconcile(self, key: Key) -> float | None:
        """One Worker: plan, apply, look again until nothing is to be done; then the status."""
        worker = self._store.worker(key)
        if ("Worker", key) in self._store.unreadable:
            return None  # it is there, whatever it says: what runs goes on
        if worker is None or not self._mine(worker):
            await self._leave(key, gone=worker is None)
            return None
        deleting = worker.metadata.deletion_timestamp is not None
        held = FINALIZER in worker.metadata.finalizers
        if deleting and not held:
            return None
        try:
            if not deleting and not held:
                worker = await self._finalizers(worker, [*worker.metadata.finalizers, FINALIZER])
            return await self._settle(worker)
        except Conflict:
            await self._reread(worker)
            return 0.0
        except NotFound:
            self._store.forget("Worker", key, worker.metadata.uid)
            return None

    async def _reread(self, worker: Worker) -> None:
        try:
            self._store.observe(await self._kube.get(WORKERS, *worker.key))
        except NotFound:
            self._store.forget("Worker", worker.key, worker.metadata.uid)

    async def _settle(self, worker: Worker) -> float | None:
        now = self._clock.now()
        launch, obstacle, wake = None, None, []
        if worker.metadata.deletion_timestamp is None:
            try:
                launch = await self._launcher.launch(worker)
                if (renew := await self._launcher.token(worker)) is not None:
                    wake.append(renew)
            except LaunchError as error:
                obstacle = Obstacle(error.reason, str(error))
                if not any(item.message == str(error) for item in worker.status.conditions):
                    note = Note(error.reason, str(error), warning=True)
                    self._events.tell("Worker", worker.metadata, note)
                wake.append(now + OBSTACLE_LOOK)
            if self._launcher.look_again(worker):
                wake.append(now + SECRET_LOOK)
        plan = await self._work_off(worker, launch)
        if not plan.sessions and worker.metadata.deletion_timestamp is not None:
            await self._release(worker)
            return None
        over_budget = await self._write(worker, plan, obstacle)
        if over_budget:
            wake.append((now + timedelta(days=1)).replace(hour=0, minute=0, second=0))
        if plan.wake_at is not None:
            wake.append(plan.wake_at)
        return max(0.0, (min(wake) - self._clock.now()).total_seconds()) if wake else None

    async def _work_off(self, worker: Worker, launch: Launch | None) -> SessionPlan:
        for _ in range(ROUNDS):
            plan = plan_sessions(worker, await self._facts(worker, launch))
            if not plan.start and not plan.stop and not plan.memories:
                break
            await self._sessions.apply(worker, plan, launch)
        return plan

    async def _facts(self, worker: Worker, launch: Launch | None) -> Facts:
        infos = await self._sessions.infos(worker.key)
        self._refresh()  # the count of what could be taken is as of the board's last look
        shown = {item.name for item in worker.status.sessions}
        count = worker.spec.autoscale.max if worker.spec.autoscale else (worker.spec.replicas or 1)
        names = {*infos, *shown, *(f"{worker.metadata.name}-{number}" for number in range(count))}
        return Facts(
            infos=infos,
            busy=self._holders.busy(worker.key),
            memories=await self._sessions.memories(worker.key, names),
            claimable=self._board.claimable_count(worker),
            fingerprint=launch.fingerprint if launch else "",
            startable=launch is not None,
            now=self._clock.now(),
            resumable=self._launcher.resumable,
            claiming=self._board.claiming(worker.key),
        )

    async def _write(self, worker: Worker, plan: SessionPlan, obstacle: Obstacle | None) -> str:
        """Patch the status where it differs; returns what budget is spent, if any. Raises Conflict."""
        spent, over = self._standing(worker)
        status = worker_status(
            worker,
            sessions=[self._shown(worker.key, item) for item in plan.sessions],
            wanted=plan.wanted,
            spent=spent,
            over_budget=over,
            obstacle=obstacle,
            now=self._clock.now(),
        )
        patch = difference(worker.status.lean(), status.lean())
        if patch:
            metrics.api_writes.labels("Worker").inc()
            version = worker.metadata.resource_version
            body = await self._kube.patch_status(WORKERS, *worker.key, patch, version=version)
            self._store.observe(body)
            self._changed()
            for note in stuck(worker.status.sessions, status.sessions):
                self._events.tell("Worker", worker.metadata, note)
        return over

    def _shown(self, key: Key, session: Session) -> Session:
        command = self._runtime.attach_command((key[0], session.name))
        return session.model_copy(update={"attach": shlex.join(command)})

    async def _release(self, worker: Worker) -> None:
        """Nothing runs any more: clean up, and let the Worker go."""
        names = [item.name for item in worker.status.sessions]
        for name in names:  # again, in case that an operator was killed after it had stopped them
            await self._launcher.tidy(worker, name)
        await self._sessions.discard(worker.key, names)
        self._launcher.forget(worker.key)
        rest = [item for item in worker.metadata.finalizers if item != FINALIZER]
        await self._finalizers(worker, rest)
        self._seen.pop(worker.key, None)

    async def _finalizers(self, worker: Worker, finalizers: list[str]) -> Worker:
        metrics.api_writes.labels("Worker").inc()
        patch: Body = {"metadata": {"finalizers": finalizers}}
        version = worker.metadata.resource_version
        body = await self._kube.patch(WORKERS, *worker.key, patch, version=version)
        self._store.observe(body)
        return Worker.read(body)

    async def _leave(self, key: Key, *, gone: bool) -> None:
        """Not ours, or gone without our finalizer: its sessions end now."""
        self.queue.forget(key)
        if key not in self._seen:
            return
        infos = await self._sessions.infos(key)
        if infos:
            log.info("Worker %s/%s is not served here any more: its sessions end", *key)
        await self._sessions.end(key, infos)
        if gone and infos:
            await self._sessions.discard(key, infos)
            self._launcher.forget(key)

    def _compare(self, infos: list[SessionInfo]) -> None:
        """Mark the Workers whose sessions are not as they were."""
        found: defaultdict[Key, list[tuple[object, ...]]] = defaultdict(list)
        for info in infos:
            if self._namespace in ("", info.namespace):
                facts = (info.name, info.state, info.run, info.fingerprint, info.reason, info.message)
                found[info.namespace, info.worker].append(facts)
        for key in found.keys() | self._seen.keys():
            if found.get(key) != self._seen.get(key):
                self.queue.add(key)
        self._seen = dict(found)

    def _listen(self, kind: str, key: Key, old: Resource | None, new: Resource | None) -> None:
        if kind == "Worker":
            self.queue.add(key)
        elif kind == "Bead":
            before = old if isinstance(old, Bead) else None
            after = new if isinstance(new, Bead) else None
            for worker in self._holders.note(key, after):
                self.queue.add(worker)
            if before is None or after is None or before.status.phase != after.status.phase:
                self._work_changed(key[0])  # of a fresh one before its status is written: the board knows it

    def _work_changed(self, namespace: str) -> None:
        for worker in self._store.workers():
            follows = worker.spec.autoscale is not None or worker.spec.mode is Mode.ONCE
            if follows and worker.metadata.namespace == namespace:
                self.queue.add(worker.key)
