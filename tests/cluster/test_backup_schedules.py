"""BackupSchedules on a real API server: what is made of them, and what is said of how they fare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.backups import Scene, schedule
from support.operators import OperatorProcess

pytestmark = pytest.mark.cluster

HOST: dict[str, Any] = {"executor": "Host", "destination": {"hostPath": "/backups"}}


@pytest.fixture
def outside(cluster: Any, namespace: str, operator: OperatorProcess) -> Scene:
    """An operator that is no pod."""
    return Scene(cluster, namespace, operator)


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        ({}, "NoCluster", "use executor Host"),
        ({"daily": {"schedule": "0 3 30 2 *"}}, "InvalidSchedule", "0 3 30 2 *"),
        (
            {"suspend": True, "executor": "Host", "destination": {"hostPath": "/b"}},
            "Suspended",
            "no scheduled",
        ),
    ],
)
def test_a_schedule_tells_why_nothing_is_saved(
    outside: Scene, spec: dict[str, Any], reason: str, words: str
) -> None:
    outside.apply(schedule(**spec))
    outside.until(lambda: outside.reason("Ready") == reason, reason)
    assert words in outside.status()["conditions"][0]["message"]


def test_the_operator_makes_the_backups_of_a_host(outside: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    spec = {"executor": "Host", "destination": {"hostPath": str(folder)}, "trigger": "now"}
    outside.apply(schedule(**spec))
    outside.until(lambda: outside.status().get("lastTrigger") == "now", "the echo")
    status = outside.status()
    assert status["lastSuccess"]["verified"] is True, status
    assert any(status["lastSuccess"]["name"] in item.name for item in folder.iterdir())
    assert outside.reason("Ready") == "Scheduled"
    outside.patch({"destination": {"hostPath": "/proc/nowhere"}, "trigger": "elsewhere"})
    outside.until(lambda: outside.status().get("lastTrigger") == "elsewhere", "the second echo")
    assert "/proc/nowhere" in outside.status()["lastFailure"]["message"]
