"""What was finished by day, on both databases."""

from __future__ import annotations

from datetime import date

from ringmaster_operator.history import History
from ringmaster_operator.resources.bead import Bead, Phase

from .conftest import NOON


def finished(uid: str, phase: str, at: str, *, namespace: str = "n", type: str = "task") -> Bead:
    asked = {"decision": {"question": "Which?"}} if type == "decision" else {}
    return Bead.read(
        {
            "apiVersion": "ringmaster.dev/v1alpha1",
            "kind": "Bead",
            "metadata": {"name": uid, "namespace": namespace, "uid": uid},
            "spec": {"title": "Do it", "type": type, **asked},
            "status": {"phase": phase, "finishedAt": at},
        }
    )


async def test_beads_count_on_the_day_they_were_finished_also_when_they_are_deleted(history: History) -> None:
    monday, tuesday = "2026-11-23", "2026-11-24"
    for number, bead in enumerate(
        [
            finished("a", "Succeeded", f"{monday}T00:00:00Z"),
            finished("b", "Succeeded", f"{monday}T23:59:59Z"),
            finished("c", "Failed", f"{monday}T12:00:00Z"),
            finished("d", "Succeeded", f"{tuesday}T00:00:00Z"),
            finished("e", "Cancelled", f"{tuesday}T00:00:00Z"),
            finished("f", "Succeeded", f"{tuesday}T00:00:00Z", type="decision"),
            finished("g", "Succeeded", f"{tuesday}T00:00:00Z", namespace="other"),
            finished("h", "Succeeded", "2026-11-22T23:59:59Z"),
        ]
    ):
        await history.record_beads(seen=[(bead, number == 1)], now=NOON)
    counts = await history.finished_since(namespace="n", since=date.fromisoformat(monday))
    assert counts == {
        (date(2026, 11, 23), Phase.SUCCEEDED): 2,
        (date(2026, 11, 23), Phase.FAILED): 1,
        (date(2026, 11, 24), Phase.SUCCEEDED): 1,
    }
