"""Statements that every claim and every report makes: compiled once, then given to the driver as text.

The ORM spends many times as much on such a statement as the database does; it stays for everything that is
not made hundreds of times a second. What rows consist of, and how values are stored, comes from the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Dialect, Table, UpdateBase, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

Insert = Callable[[Table], sqlite.Insert]
"""Makes an insert with ON CONFLICT. PostgreSQL's is a class of its own, with the same methods."""
Values = Mapping[str, Any]


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
    fixed: Values
    """Parameters that have the same value each time."""
    positional: bool
    stored: tuple[tuple[str, Callable[[Any], Any]], ...]
    """The parameters that are stored in another form, and how."""

    def parameters(self, values: Values) -> Any:
        given = {**self.fixed, **values} if self.fixed else values
        found = {name: given[name] for name in self.names}
        for name, store in self.stored:
            found[name] = store(found[name])
        if not self.positional:
            return found
        return tuple(map(found.__getitem__, self.names))


class Prepared:
    """One statement, in whichever dialect it is run.

    `make` composes it with the dialect's insert. Parameters are called as its bind parameters, those of an
    insert as the columns in `gives`; each run gives a value to every one of them. Rows come back as the
    driver has them: return keys, numbers and plain text only.
    """

    def __init__(self, make: Callable[[Insert], UpdateBase], *, gives: Sequence[str] | None = None) -> None:
        self._make = make
        self._gives = gives
        self._compiled: dict[str, _Compiled] = {}

    def run(self, db: Session, values: Values) -> CursorResult[*tuple[Any, ...]]:
        """Once."""
        connection = db.connection()
        compiled = self._for(connection)
        return connection.exec_driver_sql(compiled.text, compiled.parameters(values))

    def many(self, db: Session, rows: Sequence[Values]) -> int:
        """For each in turn; how many rows were added or changed."""
        connection = db.connection()
        compiled = self._for(connection)
        given = [compiled.parameters(values) for values in rows]
        return connection.exec_driver_sql(compiled.text, given).rowcount

    def _for(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def _compile(self, dialect: Dialect) -> _Compiled:
        insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        made = self._make(cast(Insert, insert))
        compiled: Any = made.compile(dialect=dialect, column_keys=self._gives and list(self._gives))
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        names = tuple(compiled.positiontup if compiled.positional else binds)
        stored = []
        for name, bind in binds.items():
            store = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if store is not None:
                stored.append((name, store))
        fixed = {name: bind.value for name, bind in binds.items() if not bind.required}
        return _Compiled(str(compiled), names, fixed, bool(compiled.positional), tuple(stored))
