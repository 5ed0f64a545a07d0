"""What tests of reports make and read: beads, their statuses, rows of the history."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from support.manifests import listed
from support.operators import OperatorProcess


def create(cluster: Any, namespace: str, *items: dict[str, Any]) -> None:
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed(items))


def status_of(cluster: Any, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("bead", name, "-n", namespace).get("status", {})
    return found


def rows(operator: OperatorProcess, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{operator.folder}/ringmaster.db?mode=ro", uri=True)) as database:
        return database.execute(query, values).fetchall()
