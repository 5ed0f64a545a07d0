"""A project's settings, written and in force: they come to the operator by another watch than beads do."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import httpx2

from support.operators import OperatorProcess
from support.people import admin

SECONDS = 60.0
MARK = '\n[[budgets]]\nname = "{mark}"\nusd = 1000000.0\nlabels = {{mark = "{mark}"}}\n'
"""A budget of beads that there are not: the operator lists it as soon as it goes by these settings."""


def settings(cluster: Any, namespace: str, operator: OperatorProcess, text: str) -> None:
    """Write project.toml, and wait until the operator goes by it."""
    mark = f"mark-{secrets.token_hex(4)}"
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ringmaster-project"},
        "data": {"project.toml": text + MARK.format(mark=mark)},
    }
    cluster.kubectl("apply", "-n", namespace, "-f-", stdin=json.dumps(body))
    headers = {"Authorization": f"Bearer {admin(cluster, namespace)}"}
    url = f"{operator.url}/api/v1/namespaces/{namespace}/budgets"
    deadline = time.monotonic() + SECONDS
    while mark not in (said := httpx2.get(url, headers=headers, timeout=30).text):
        assert time.monotonic() < deadline, f"the settings are not in force: {said}"
        time.sleep(0.05)
