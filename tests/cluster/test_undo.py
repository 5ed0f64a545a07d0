"""What people do to beads and Workers over the API is taken back, while it still counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ringmaster_operator.api.people import Person as Anyone
from ringmaster_operator.api.undoers import ObjectUndoer
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.history import Actor, AuditEntry, Change
from ringmaster_operator.kube import BEADS, Kind, Kube
from ringmaster_operator.store import Store
from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.sessions import Session
from support.tenants import Person, Tenants

pytestmark = pytest.mark.cluster


class Acting:
    """A person of the namespace, and what comes of their acts."""

    def __init__(self, cluster: Any, namespace: str, person: Person) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.person = person

    def act(self, path: str, body: Any = None, method: str = "POST") -> int:
        """Something done to a bead or Worker; the id of its line in the audit log."""
        place = f"/api/v1/namespaces/{self.namespace}/{path}"
        answer = self.person.call(method, place, body)
        assert answer.status_code in (200, 201), answer.text
        return self.last()

    def last(self) -> int:
        """The newest line of the namespace."""
        found = self.person.call("GET", "/api/v1/audit", namespace=self.namespace, limit=1).json()
        return int(found["items"][0]["id"])

    def undo(self, line: int) -> tuple[int, str]:
        answer = self.person.call("POST", f"/api/v1/audit/{line}/undo")
        return answer.status_code, answer.text

    def spec(self, name: str, kind: str = "bead") -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get(kind, name, "-n", self.namespace)["spec"]
        return found

    def until(self, look: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not look():
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.1)

    def phase(self, name: str) -> str:
        found = self.cluster.get("bead", name, "-n", self.namespace)
        return str(found.get("status", {}).get("phase", ""))


@pytest.fixture
def acting(cluster: Any, namespace: str, operator: OperatorProcess) -> Acting:
    tenants = Tenants(cluster, operator, (namespace, namespace))
    return Acting(cluster, namespace, tenants.identity(namespace))


def add(acting: Acting, *items: dict[str, Any]) -> None:
    acting.cluster.kubectl("create", "-n", acting.namespace, "-f-", stdin=listed(items))
    names = [item["metadata"]["name"] for item in items]
    acting.until(lambda: all(acting.phase(name) for name in names))


def test_fields_come_back_one_by_one(acting: Acting) -> None:
    add(acting, bead("task", title="Before", desired="Hold"))
    held = acting.act("beads/task/resume")
    assert acting.spec("task")["desired"] == "Run"
    assert acting.undo(held)[0] == 200
    assert acting.spec("task")["desired"] == "Hold"
    wish = {"spec": {"priority": "P0", "title": "After", "description": "More"}}
    place = f"/api/v1/namespaces/{acting.namespace}/beads/task"

    def edit() -> Any:
        etag = acting.person.call("GET", place).headers["etag"]
        return acting.person.call("PATCH", place, wish, match=etag)

    changed = edit()
    for _ in range(20):  # the operator may write the status between the two calls
        if changed.status_code != 412:
            break
        changed = edit()
    assert changed.status_code == 200, changed.text
    line = acting.last()
    acting.cluster.kubectl(
        "patch",
        "bead/task",
        "-n",
        acting.namespace,
        "--type=merge",
        '-p={"spec":{"ttlSecondsAfterFinished":60}}',
    )
    assert acting.undo(line)[0] == 200
    spec = acting.spec("task")
    assert (spec["title"], spec.get("description") or "") == ("Before", "")
    assert spec["ttlSecondsAfterFinished"] == 60  # what others changed meanwhile stays


class Restless(Kube):
    """The real API server, where the bead's status is written right after each time that it was read."""

    writes = 0

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        body = await super().get(kind, namespace, name)
        if self.writes:
            self.writes -= 1
            await self.patch_status(kind, namespace, name, {"fence": self.writes})
        return body


@pytest.mark.parametrize(("writes", "undone"), [(2, True), (100, False)])
async def test_a_status_that_is_written_meanwhile_stops_nobody(
    cluster: Any, namespace: str, writes: int, undone: bool
) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("task", title="After")]))
    change = Change(
        action="bead.update",
        kind="Bead",
        name="task",
        namespace=namespace,
        before={"spec": {"title": "Before"}},
        after={"spec": {"title": "After"}},
    )
    entry = AuditEntry(id=1, at=datetime.now(UTC), actor=Actor(person="me"), change=change, undone_by=None)
    kube = await Restless.connect(str(cluster.kubeconfig))
    try:
        kube.writes = writes
        undoing = ObjectUndoer(BEADS, kube=kube, store=Store()).restore(entry, Anyone(name="me", user={}))
        if undone:
            assert await undoing is None
        else:
            with pytest.raises(Refused, match="has just been changed: look again"):
                await undoing
    finally:
        await kube.close()
    found = cluster.get("bead", "task", "-n", namespace)
    assert found["spec"]["title"] == ("Before" if undone else "After")


def test_what_changed_since_is_named(acting: Acting) -> None:
    add(acting, bead("task"))
    held = acting.act("beads/task/hold")
    later = acting.act("beads/task/resume")
    status, said = acting.undo(held)
    assert status == 409
    assert f"last changed by {acting.person.name} (change {later})" in said
    later = acting.act("beads/task/cancel")
    acting.until(lambda: acting.phase("task") == "Cancelled")
    status, said = acting.undo(later)
    assert (status, "has ended (cancelled)" in said) == (409, True)
    again = acting.act("beads/task/retry", {"fromScratch": False})
    status, said = acting.undo(again)
    assert (status, "cannot be taken back" in said) == (409, True)
    acting.cluster.kubectl("delete", "bead/task", "-n", acting.namespace)
    status, said = acting.undo(held)
    assert (status, "not there any more" in said) == (409, True)


def test_an_answer_counts_until_it_was_acted_on(acting: Acting) -> None:
    add(acting, bead("question", type="decision", decision={"question": "Which way?"}))
    answered = acting.act("beads/question/decide", {"answer": "left"})
    acting.until(lambda: acting.phase("question") == "Succeeded")
    status, said = acting.undo(answered)
    assert (status, "acted upon" in said) == (409, True)


async def test_words_to_an_agent_are_taken_back_until_it_was_told(acting: Acting, session: Session) -> None:
    add(acting, bead("task"))
    early = acting.act("beads/task/steer", {"text": "Use tabs"})
    assert acting.undo(early)[0] == 200
    assert not acting.spec("task").get("steering")
    acting.act("beads/task/steer", {"text": "Use spaces"})
    claimed = await session.pull(wait=30)
    assert claimed is not None
    late = acting.act("beads/task/steer", {"text": "Use both"})
    notes = [item["id"] for item in acting.spec("task")["steering"]]
    status, body = await session.heartbeat(claimed, steered=notes)
    assert status == 200, body
    status, said = acting.undo(late)
    assert (status, "was told already" in said) == (409, True)


async def test_workers_come_back_as_well(acting: Acting, session: Session) -> None:
    scaled = acting.act("workers/fleet/scale", {"replicas": 3}, method="PUT")
    assert acting.spec("fleet", "worker")["replicas"] == 3
    assert acting.undo(scaled)[0] == 200
    assert acting.spec("fleet", "worker")["replicas"] == 0
