"""Statements that go round the ORM store what it would have stored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Date, Float, Integer, MetaData, String, Table, create_engine
from sqlalchemy import insert as core_insert
from sqlmodel import Session

from ringmaster_operator.history.columns import UtcTime, Words
from ringmaster_operator.history.prepared import Prepared, Written, columns

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THINGS = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("words", Words),
    Column("body", JSON),
    Column("at", UtcTime),
    Column("day", Date),
    Column("yes", Boolean),
    Column("usd", Float),
)
BLANK: dict[str, Any] = dict.fromkeys(columns(THINGS)) | {"body": {}}
ROWS = [
    BLANK | {"name": "plain", "words": "tests pass", "at": NOON, "yes": True, "usd": 0.5},
    BLANK | {"name": "nul", "words": "a\x00b", "day": date(2026, 1, 2), "yes": False},
    BLANK | {"name": "surrogate", "words": "a\ud800b", "at": NOON.astimezone(timezone(timedelta(hours=9)))},
    BLANK | {"name": "umlaut", "words": "für", "body": {"a": [1, "ü", None]}, "yes": True},
    BLANK | {"name": "nothing", "body": None},
]
_INSERT = Prepared(lambda insert: insert(THINGS), gives=columns(THINGS))


@pytest.fixture
def db() -> Any:
    engine = create_engine("sqlite://")
    THINGS.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def _stored(db: Session) -> list[Any]:
    names = ", ".join(columns(THINGS))
    return list(db.connection().exec_driver_sql(f"SELECT {names} FROM things ORDER BY id"))


@pytest.mark.parametrize("together", [1, 2, len(ROWS)])
def test_rows_are_stored_as_by_the_tables_types(db: Session, together: int) -> None:
    for first in range(0, len(ROWS), together):
        some = ROWS[first : first + together]
        assert _INSERT.many(db, some) == len(some)
    ours = _stored(db)
    db.connection().exec_driver_sql("DELETE FROM things")
    db.connection().execute(core_insert(THINGS), ROWS)
    assert ours == _stored(db)


@pytest.mark.parametrize("given", [columns(THINGS), columns(THINGS)[::-1]])
def test_rows_that_have_their_values_in_order_are_stored_alike(db: Session, given: tuple[str, ...]) -> None:
    _INSERT.many(db, ROWS)
    named = _stored(db)
    db.connection().exec_driver_sql("DELETE FROM things")
    ordered = Prepared(lambda insert: insert(THINGS), gives=given)
    assert ordered.add(db, [tuple(row[name] for name in given) for row in ROWS]) == len(ROWS)
    assert _stored(db) == named


def test_json_that_is_text_already_is_kept_as_it_is(db: Session) -> None:
    _INSERT.many(db, [BLANK | {"body": Written('{"a":1}')}, BLANK | {"body": {"a": 1}}])
    assert [row[columns(THINGS).index("body")] for row in _stored(db)] == ['{"a":1}', '{"a": 1}']


def test_a_time_without_a_zone_is_refused(db: Session) -> None:
    with pytest.raises(ValueError, match="time zone"):
        _INSERT.many(db, [BLANK | {"at": NOON}, BLANK | {"at": NOON.replace(tzinfo=None)}])


def test_every_parameter_needs_a_value(db: Session) -> None:
    with pytest.raises(KeyError, match="words"):
        _INSERT.many(db, [{name: value for name, value in BLANK.items() if name != "words"}])
