"""budget: what each budget allows, what is spent and set aside, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from ringmaster_cli import output
from ringmaster_cli.agents.terminal import plain
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url

Body = dict[str, Any]
HEAD = ("BUDGET", "PER", "LIMIT", "SPENT", "RESERVED", "LEFT", "")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("budget")(budget)


def budget(
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Budgets of a namespace: limit, spent, set aside for what runs, left. Asks the operator."""
    from ringmaster_cli.people.client import Client
    from ringmaster_cli.people.identity import identify

    who = identify(url, account=account, namespace=namespace, context=context)
    found = Client(who).budgets().body()
    if as_json:
        output.result(found, "", as_json=True)
        return
    items = found.get("items", [])
    if not items:
        output.note(f"no budget is set in namespace {who.namespace}")
        return
    show(items)


def show(items: Sequence[Body]) -> None:
    """The budgets as a table."""
    rows = [HEAD, *(row for item in items for row in _rows(item))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(plain("  ".join(cells).rstrip()))


def _rows(item: Body) -> list[tuple[str, ...]]:
    """A row for the dollars and one for the tokens, where each has a limit."""
    rows: list[tuple[str, ...]] = []
    note = "reached" if item.get("reached") else ""
    for unit in ("usd", "tokens"):
        if item.get(unit) is not None:
            figures = (item[unit], *(item[part].get(unit, 0) for part in ("spent", "reserved", "left")))
            name, per = (item["name"], item["per"]) if not rows else ("", "")
            rows.append((name, per, *(_figure(value, unit) for value in figures), note))
    return rows


def _figure(value: float, unit: str) -> str:
    return f"${value:,.2f}" if unit == "usd" else f"{value:,.0f} tokens"
