"""A BackupSchedule says where it stands; one that can never run says why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.operators import OperatorProcess

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    ("cron", "reason", "words"),
    [("0 3 * * *", "NoExecutor", "no executor"), ("0 3 30 2 *", "InvalidSchedule", "0 3 30 2 *")],
)
def test_a_schedule_tells_whether_it_can_run(
    cluster: Any, namespace: str, operator: OperatorProcess, cron: str, reason: str, words: str
) -> None:
    body = {
        "apiVersion": "ringmaster.dev/v1alpha1",
        "kind": "BackupSchedule",
        "metadata": {"name": "nightly"},
        "spec": {"daily": {"schedule": cron}, "destination": {"volumeClaim": "backups"}},
    }
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=json.dumps(body))
    path = f"jsonpath={{.status.conditions[?(@.type=='Ready')].reason}}={reason}"
    cluster.kubectl("wait", "-n", namespace, "bks/nightly", f"--for={path}", "--timeout=10s")
    condition = cluster.get("bks", "nightly", "-n", namespace)["status"]["conditions"][0]
    assert words in condition["message"]
