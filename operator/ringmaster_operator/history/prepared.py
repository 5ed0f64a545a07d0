"""Statements that every claim and every report makes: compiled once, then given to the driver as text.

The ORM spends many times as much on such a statement as the database does; it stays for everything that is
not made hundreds of times a second. What rows consist of, and how values are stored, comes from the tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    CursorResult,
    Date,
    Dialect,
    Executable,
    FromClause,
    Select,
    Table,
    bindparam,
    func,
    inspect,
    literal_column,
    select,
)
from sqlalchemy import cast as as_type
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from ringmaster_operator.history.columns import UtcTime, Words

Insert = Callable[[Table], sqlite.Insert]
"""Makes an insert with ON CONFLICT. PostgreSQL's is a class of its own, with the same methods."""
Values = Mapping[str, Any]
Row = tuple[Any, ...]
Store = Callable[[Sequence[Any]], Iterable[Any]]
"""How the values of a column are stored."""

TIMES = 256
"""Times and days that are remembered as they are stored: what is written together has few."""


class Written(NamedTuple):
    """JSON that is text already; a JSON column keeps it as it is."""

    text: str


def table(row: type[SQLModel]) -> Table:
    """The table behind a row's class."""
    return cast(Table, inspect(row).local_table)


def columns(of: Table, *, without: Sequence[str] = ("id",)) -> tuple[str, ...]:
    """Names of the columns that an insert gives, which are all but the generated key."""
    return tuple(column.name for column in of.columns if column.name not in without)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement in one dialect."""

    text: str
    names: tuple[str, ...]
    """Of the parameters, in their order."""
    pick: Callable[[Values], Row]
    """Their values."""
    order: Callable[[Row], Row] | None
    """Of values that come in the order of what is given; None where that is theirs."""
    fixed: Values
    """Parameters that have the same value each time."""
    positional: bool
    stored: tuple[tuple[int, Store], ...]
    """Places of the parameters that are stored in another form, and how."""

    def parameters(self, rows: Iterable[Values]) -> list[Any]:
        """Those of each row. What is stored in another form is made so column by column."""
        if self.fixed:
            rows = ({**self.fixed, **values} for values in rows)
        return self.ready(list(map(self.pick, rows)))

    def ready(self, found: list[Row]) -> list[Any]:
        """The same of rows that have their values in order."""
        if self.stored and found:
            columns: list[Any] = list(zip(*found, strict=True))
            for place, store in self.stored:
                columns[place] = store(columns[place])
            found = list(zip(*columns, strict=True))
        return found if self.positional else [dict(zip(self.names, row, strict=True)) for row in found]


class Prepared:
    """One statement, in whichever dialect it is run.

    `make` composes it with the dialect's insert. Parameters are called as its bind parameters, those of an
    insert as the columns in `gives`; each run gives a value to every one of them. Rows come back as the
    driver has them: return keys, numbers and plain text only.
    """

    def __init__(self, make: Callable[[Insert], Executable], *, gives: Sequence[str] | None = None) -> None:
        self._make = make
        self._gives = gives
        self._compiled: dict[str, _Compiled] = {}

    def run(self, db: Session, values: Values) -> CursorResult[*tuple[Any, ...]]:
        """Once."""
        connection = db.connection()
        compiled = self._for(connection)
        return connection.exec_driver_sql(compiled.text, compiled.parameters([values])[0])

    def many(self, db: Session, rows: Sequence[Values]) -> int:
        """For each in turn; how many rows were added or changed."""
        connection = db.connection()
        compiled = self._for(connection)
        return connection.exec_driver_sql(compiled.text, compiled.parameters(rows)).rowcount

    def add(self, db: Session, rows: Iterable[Row]) -> int:
        """As many, of rows that have the values of `gives` in its order; it must have all parameters."""
        connection = db.connection()
        compiled = self._for(connection)
        found = list(rows) if compiled.order is None else list(map(compiled.order, rows))
        return connection.exec_driver_sql(compiled.text, compiled.ready(found)).rowcount

    def _for(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def _compile(self, dialect: Dialect) -> _Compiled:
        made = self._made(dialect)
        compiled: Any = made.compile(dialect=dialect, column_keys=self._gives and list(self._gives))
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        names = tuple(compiled.positiontup if compiled.positional else binds)
        stores = [_store(binds[name], dialect) for name in names]
        stored = tuple((place, store) for place, store in enumerate(stores) if store is not None)
        fixed = {name: bind.value for name, bind in binds.items() if not bind.required}
        return _Compiled(
            text=str(compiled),
            names=names,
            pick=_picker(names),
            order=_order(self._gives or names, names),
            fixed=fixed,
            positional=bool(compiled.positional),
            stored=stored,
        )

    def _made(self, dialect: Dialect) -> Any:
        return self._make(cast(Insert, postgresql.insert if _is_postgres(dialect) else sqlite.insert))


def _order(given: Sequence[str], names: tuple[str, ...]) -> Callable[[Row], Row] | None:
    places = {name: place for place, name in enumerate(given)}
    if tuple(given) == names or not places.keys() >= set(names):
        return None
    return itemgetter(*(places[name] for name in names))


def _picker(names: tuple[str, ...]) -> Callable[[Values], Row]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


def _is_postgres(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"


def _store(bind: BindParameter[Any], dialect: Dialect) -> Store | None:
    """How the values of a parameter are stored, where not as they are."""
    store: Callable[[Any], Any] | None = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if store is None:
        return None
    one = store
    if isinstance(bind.type, JSON):
        return _json(one)
    if isinstance(bind.type, Words):
        return lambda values: values if _plain(values) else map(one, values)
    if isinstance(bind.type, UtcTime | Date | Boolean):
        one = lru_cache(TIMES)(one)
    return lambda values: map(one, values)


def _json(store: Callable[[Any], Any]) -> Store:
    null = store(None)

    def all_of(values: Sequence[Any]) -> list[Any]:
        return [
            value.text if type(value) is Written else null if value is None else store(value)
            for value in values
        ]

    return all_of


def _plain(values: Sequence[str | None]) -> bool:
    """Whether both databases keep all of these texts as they are."""
    text = "".join(filter(None, values))
    return text.isascii() and "\0" not in text


class Keys:
    """What a lookup is about: a table in the statement, with a row for each thing that is looked up."""

    def __init__(self, dialect: Dialect) -> None:
        self._postgres = _is_postgres(dialect)
        given: BindParameter[Any] = bindparam("keys")
        if self._postgres:
            function = func.json_array_elements(as_type(given, postgresql.JSON)).table_valued("value")
        else:
            function = func.json_each(given).table_valued("value", "key")
        self.rows: FromClause = function.alias("keys")

    def text(self, place: int) -> ColumnElement[str]:
        """That part of a row."""
        return literal_column(f"keys.value ->> {int(place)}")

    def number(self, place: int) -> ColumnElement[int]:
        return as_type(self.text(place), BigInteger)

    def fresh(self, of: Table) -> ColumnElement[int]:
        """A key for a new row of that table, another in each row; SQLite has but this writer."""
        if self._postgres:
            return literal_column(f"nextval(pg_get_serial_sequence('{of.name}', 'id'))", BigInteger)
        last = select(func.coalesce(func.max(of.c.id), literal_column("0"))).scalar_subquery()
        return last + literal_column("keys.key") + literal_column("1")


class Lookup(Prepared):
    """One select about many things at once, however many there are: they are one parameter."""

    def __init__(self, make: Callable[[Keys], Select[Any]]) -> None:
        super().__init__(cast(Any, make))
        self._times: dict[str, list[tuple[int, Callable[[Any], Any]]]] = {}

    def find(self, db: Session, rows: Sequence[Sequence[str | int]]) -> Sequence[tuple[Any, ...]]:
        """In any order; times as they were given."""
        found = list(map(tuple, self.run(db, {"keys": json.dumps(rows)})))
        if times := self._times[db.connection().dialect.name]:
            return [_with_times(row, times) for row in found]
        return found

    def _made(self, dialect: Dialect) -> Any:
        made: Select[Any] = cast(Any, self._make)(Keys(dialect))
        types = [column.type for column in made.selected_columns]
        self._times[dialect.name] = [
            (place, read)
            for place, kind in enumerate(types)
            if isinstance(kind, UtcTime)
            and (read := kind.dialect_impl(dialect).result_processor(dialect, None)) is not None
        ]
        return made


def _with_times(row: tuple[Any, ...], times: Sequence[tuple[int, Callable[[Any], Any]]]) -> tuple[Any, ...]:
    found = list(row)
    for place, read in times:
        found[place] = read(found[place])
    return tuple(found)
