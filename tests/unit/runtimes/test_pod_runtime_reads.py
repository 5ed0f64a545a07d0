"""What the runtime makes of its pods: each is read once for as long as it stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import Kube
from ringmaster_operator.runtimes.pod.manifest import WORKER_LABEL
from ringmaster_operator.runtimes.pod.runtime import PodRuntime
from ringmaster_operator.runtimes.protocol import SessionInfo, SessionState

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@dataclass
class Lab:
    """A runtime that was told of one pod; nothing is asked of a cluster."""

    folder: Path
    now: datetime = NOON
    runtime: PodRuntime = field(init=False)

    def __post_init__(self) -> None:
        clock = Clock(now=lambda: self.now, monotonic=lambda: 0.0)
        self.runtime = PodRuntime(kube=cast(Kube, None), clock=clock, state_directory=self.folder)
        self.runtime._pods._listed = True

    def tell(self, version: int, **meta: Any) -> dict[str, Any]:
        status = {"phase": "Running", "containerStatuses": [{"name": "worker", "state": {"running": {}}}]}
        names = {"namespace": "team", "name": "w-0", "uid": "u", "labels": {WORKER_LABEL: "w"}}
        pod = {"metadata": {**names, "resourceVersion": f"{version}", **meta}, "status": status}
        self.runtime._pods.observe(pod)
        return pod

    async def info(self) -> SessionInfo:
        [found] = await self.runtime.sessions()
        return found


async def test_a_pod_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.tell(1)
    first = await lab.info()
    assert first.state is SessionState.RUNNING
    assert await lab.info() is first
    lab.tell(2, annotations={"ringmaster.dev/fingerprint": "other"})
    assert await lab.info() is not first


async def test_a_pod_that_should_have_ended_is_lost_as_time_passes(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.tell(1)
    await lab.info()
    lab.tell(2, deletionTimestamp=NOON.isoformat())
    assert (await lab.info()).state is SessionState.RUNNING
    lab.now += timedelta(minutes=1)
    assert (await lab.info()).reason == "NodeLost"


async def test_nothing_is_kept_of_a_pod_that_is_gone(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    pod = lab.tell(1)
    await lab.info()
    lab.runtime._pods.forget(pod)
    assert (await lab.info()).reason == "PodDeleted"
    assert lab.runtime._read == {}
