"""What every command that asks the operator about people shares: its options, its calls, its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from ringmaster_cli import output
from ringmaster_cli.agents.terminal import plain
from ringmaster_cli.people.identity import Identity, anyone

Body = dict[str, Any]


class Caller:
    """The operator, asked as whoever the person is. Raises CliError."""

    def __init__(
        self, url: str | None, account: str | None, namespace: str | None, context: str | None
    ) -> None:
        self._who: Identity = anyone(url, account=account, namespace=namespace, context=context)

    def ask(self, method: str, path: str, body: Body | None = None, **query: object) -> Body:
        """One call below /api/v1; a query's None is left out."""
        from ringmaster_cli.people.api import request

        given = {name: value for name, value in query.items() if value is not None}
        tail = f"?{urlencode(given)}" if given else ""
        return request(self._who.url, method, f"{path}{tail}", token=self._who.token, body=body)

    def each(self, path: str, *, most: int | None = None, **query: object) -> Iterator[Body]:
        """Every item of a list, page by page; `most` of them at most."""
        cursor, left = None, most
        while left is None or left > 0:
            limit = 100 if left is None else min(left, 100)
            found = self.ask("GET", path, None, limit=limit, cursor=cursor, **query)
            items: list[Body] = found["items"]
            yield from items
            cursor = found.get("next")
            if not cursor:
                return
            left = None if left is None else left - len(items)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be, on stdout."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(plain("  ".join(cells).rstrip()))


def show(
    items: list[Body], head: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str, as_json: bool
) -> None:
    """A list: as data, as a table, or a word on stderr that there is nothing."""
    if as_json:
        output.result({"items": items}, "", as_json=True)
    elif rows:
        table(head, rows)
    else:
        output.note(empty)
