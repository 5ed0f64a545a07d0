"""The rows that reports left, written once more by the driver alone: the same tables, indexes and commits.

Statements are text and values are ready: nothing is looked up, checked or added up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Json
from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]
from sqlalchemy import make_url

ATTEMPT = "attempt"
TABLES = ("report", "iteration", "usage", "spending", "cost_work", "cost_use")
"""What a report of one request adds a row to, in this order; and it ends its attempt."""
ENDED = ("ended_at", "kind")
VIA = {"usage": ("iteration_id", "iteration"), "cost_use": ("work_id", "cost_work")}


@dataclass(frozen=True)
class Place:
    """A connection to a database, and how its driver is spoken to."""

    db: Any
    mark: str
    ready: Callable[[Any], Any]
    """A value as it was read, for writing it."""

    def rows(self, query: str, *values: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
        cursor = self.db.cursor()
        cursor.execute(query.replace("?", self.mark), values)
        names = [column[0] for column in cursor.description]
        return names, [tuple(map(self.ready, row)) for row in cursor.fetchall()]

    def insert(self, table: str, names: Iterable[str]) -> str:
        quoted = [f'"{name}"' for name in names]
        marks = ", ".join([self.mark] * len(quoted))
        return f"INSERT INTO {table} ({', '.join(quoted)}) VALUES ({marks})"


def rows_again(source: str, target: str, turn: int, together: int) -> float:
    """Reports a second, of the rows of one turn."""
    there, here = _open(source), _open(target)
    try:
        steps = [_step(there, here, table, turn) for table in TABLES]
        names, attempts = there.rows(
            f"SELECT * FROM {ATTEMPT} WHERE {_OF_TURN} ORDER BY bead_uid", _like(turn)
        )
        _begin(here.db)
        fresh = [name for name in names if name not in ENDED]
        for row in attempts:
            values = dict(zip(names, row, strict=True))
            here.db.cursor().execute(here.insert(ATTEMPT, fresh), [values[name] for name in fresh])
        here.db.commit()
        steps.append(_ends(here, names, attempts))
        return _timed(here, steps, len(attempts), together)
    finally:
        there.db.close()
        here.db.close()


_OF_TURN = "bead_uid LIKE ?"
Step = tuple[str, list[tuple[Any, ...]]]


def _like(turn: int) -> str:
    return f"uid-{turn}-%"


def _step(there: Place, here: Place, table: str, turn: int) -> Step:
    if table in VIA:
        key, parent = VIA[table]
        query = f"SELECT t.* FROM {table} t JOIN {parent} p ON p.id = t.{key} WHERE p.{_OF_TURN}"
        names, rows = there.rows(f"{query} ORDER BY p.bead_uid", _like(turn))
    else:
        names, rows = there.rows(f"SELECT * FROM {table} WHERE {_OF_TURN} ORDER BY bead_uid", _like(turn))
    return here.insert(table, names), rows


def _ends(here: Place, names: list[str], attempts: list[tuple[Any, ...]]) -> Step:
    changed = ", ".join(f"{name} = {here.mark}" for name in ENDED)
    values = [dict(zip(names, row, strict=True)) for row in attempts]
    rows = [(*(row[name] for name in ENDED), row["id"]) for row in values]
    return f"UPDATE {ATTEMPT} SET {changed} WHERE id = {here.mark}", rows


def _timed(here: Place, steps: list[Step], count: int, together: int) -> float:
    if not count or any(len(rows) != count for _, rows in steps):
        raise RuntimeError(f"a report left more or less than a row: {[len(rows) for _, rows in steps]}")
    cursor, began = here.db.cursor(), time.perf_counter()
    for first in range(0, count, together):
        _begin(here.db)
        for number in range(first, min(first + together, count)):
            for text, rows in steps:
                cursor.execute(text, rows[number])
        here.db.commit()
    return count / (time.perf_counter() - began)


def _begin(db: Any) -> None:
    if not isinstance(db, psycopg.Connection):
        db.execute("BEGIN IMMEDIATE")


def _open(url: str) -> Place:
    place = make_url(url)
    if place.get_backend_name() == "postgresql":
        plain = place.set(drivername="postgresql").render_as_string(hide_password=False)
        return Place(psycopg.connect(plain), "%s", lambda value: _json(value))
    db = driver.connect(str(place.database), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=1"):
        db.execute(f"PRAGMA {pragma}")
    return Place(db, "?", lambda value: value)


def _json(value: Any) -> Any:
    return Json(value) if isinstance(value, dict | list) else value
