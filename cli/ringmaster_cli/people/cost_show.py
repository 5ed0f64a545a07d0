"""How costs look in a terminal: a table with bars, lines for a forecast, CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from typing import Any

from ringmaster_cli import output
from ringmaster_cli.agents.terminal import plain

Body = dict[str, Any]
BAR = 24
"""Cells of the longest bar."""
EIGHTHS = " ▏▎▍▌▋▊▉"
NOTHING = "(none)"
UNSET = {"model": "", "provider": "any", "since": "ever"}
"""What a field of a price means that is not there."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
WIDE = (
    ("CACHED", "cacheReadTokens"),
    ("WRITTEN", "cacheWriteTokens"),
    ("REASONING", "reasoningTokens"),
    ("SECONDS", "seconds"),
)


def chart(found: Body, *, limit: int) -> None:
    """The groups with a bar each, and their sum; what is to be known about the figures on stderr."""
    items, total = found["items"], found["total"]
    shown = items[:limit]
    columns = _columns(found)
    heads = [name.upper() for name in found["by"]]
    rows = [[plain(key) or NOTHING for key in item["keys"]] + _figures(item, columns) for item in shown]
    sums = ["TOTAL", *([""] * (len(heads) - 1)), *_figures(total, columns)]
    most = max((item.get("usd", 0.0) for item in shown), default=0.0)
    bars = [_bar(item.get("usd", 0.0), most) for item in shown]
    _table([[*heads, *(head for head, _ in columns)], *rows, sums], ["", *bars, ""], left=len(heads))
    if len(items) > limit:
        left = len(items) - limit
        output.note(f"{left} more group{'s' * (left != 1)}: --limit {len(items)} shows all")
    _notes(found)


def _columns(found: Body) -> list[tuple[str, str]]:
    columns = [("USD", "usd")]
    if found["total"].get("infrastructureUsd"):
        columns.append(("MACHINES", "infrastructureUsd"))
    columns += [("INPUT", "inputTokens"), ("OUTPUT", "outputTokens")]
    columns += WIDE if output.is_wide() else ()
    return [*columns, ("REQUESTS", "requests"), ("ATTEMPTS", "attempts")]


def _figures(item: Body, columns: Sequence[tuple[str, str]]) -> list[str]:
    return [
        f"{item.get(name, 0):,.2f}" if name.lower().endswith("usd") else f"{item.get(name, 0):,.0f}"
        for _, name in columns
    ]


def _bar(usd: float, most: float) -> str:
    eighths = round(max(0.0, usd) / most * BAR * 8) if most > 0 else 0
    if "utf" not in (sys.stdout.encoding or "").lower():
        return "#" * (eighths // 8)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def _table(rows: Sequence[Sequence[str]], bars: Sequence[str], *, left: int) -> None:
    """Columns in line; bars in colour where the terminal has and wants colours."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    widths = [max(cell_len(row[number]) for row in rows) for number in range(len(rows[0]))]
    for row, bar in zip(rows, bars, strict=True):
        cells = []
        for number, cell in enumerate(row):
            room = " " * (widths[number] - cell_len(cell))
            cells.append(cell + room if number < left else room + cell)
        line = Text("  ".join(cells))
        if bar:
            line.append(f"  {bar}", style="green")
        line.rstrip()
        console.print(line)


def _notes(found: Body) -> None:
    total = found["total"]
    missing = total.get("unpricedRequests", 0)
    if missing:
        output.note(f"{missing:,.0f} requests have no price: ringmaster cost prices")
    if total.get("differs"):
        ours, theirs = total["comparedUsd"], total["agentUsd"]
        output.note(
            f"the agents' own figure for the same work is {output.money(theirs)}, not {output.money(ours)}:"
            " more than 5 % apart"
        )
    elif any(item.get("differs") for item in found["items"]):
        names = [
            "/".join(plain(key) or NOTHING for key in item["keys"])
            for item in found["items"]
            if item.get("differs")
        ]
        output.note(f"the agents' own figures are more than 5 % apart for {', '.join(names[:5])}")


def as_csv(found: Body) -> None:
    """Every group and figure; what a spreadsheet would take for a formula gets a ' before it."""
    names = list(dict.fromkeys(name for item in [*found["items"], found["total"]] for name in item))
    names = [name for name in names if name != "keys"]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*found["by"], *names])
    for item in found["items"]:
        keys = [plain(f"'{key}" if key.startswith(_FORMULA) else key) for key in item["keys"]]
        writer.writerow([*keys, *(_value(item.get(name, 0)) for name in names)])


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def forecast(found: Body) -> None:
    """A line for the month, one for the epic, and the budgets."""
    from ringmaster_cli.people.budget import show as show_budgets

    month, epic = found["month"], found.get("epic")
    _expected(f"month {month['month']}", month)
    if epic:
        _expected(f"epic {epic['epic']} ({epic['open']} beads open, {epic['done']} done)", epic)
    if found["budgets"]:
        print()
        show_budgets(found["budgets"])


def _expected(what: str, item: Body) -> None:
    end = "nothing is known to reckon with"
    if "expected" in item:
        end = f"expected {output.money(item['expected'])}"
        if "low" in item:
            end += f" (80 % between {output.money(item['low'])} and {output.money(item['high'])})"
    print(plain(f"{what}: spent {output.money(item['spent'])}, {end}"))
    print(plain(f"  {item['method']}"))


def prices(found: Body) -> None:
    """The project's list, the public one's name, the gaps."""
    print(plain(f"public list: {found['table']}"))
    if found["own"]:
        heads = ["MODEL", "PROVIDER", "SINCE", "INPUT", "CACHED", "WRITE", "OUTPUT", "REQUEST"]
        rows = [_price(item) for item in found["own"]]
        print("the project's own, in dollars for a million tokens:")
        _table([heads, *rows], [""] * (len(rows) + 1), left=3)
    gaps(found["gaps"])


def _price(item: Body) -> list[str]:
    words = [plain(str(item.get(name) or usual)) for name, usual in UNSET.items()]
    rates = [item["input"], item.get("cachedInput"), item.get("cacheWrite"), item["output"]]
    shown = ["as input" if rate is None else f"{rate:g}" for rate in rates]
    return [*words, *shown, f"{item.get('request', 0):g}"]


def gaps(items: Sequence[Body]) -> None:
    """Models without a price."""
    if not items:
        print("every request has a price")
        return
    heads = ["MODEL", "PROVIDER", "FROM", "TO", "REQUESTS", "INPUT", "OUTPUT"]
    rows = [
        [
            plain(item["model"]) or NOTHING,
            plain(item["provider"]) or NOTHING,
            item["first"][:10],
            item["last"][:10],
        ]
        + [f"{item[name]:,}" for name in ("requests", "inputTokens", "outputTokens")]
        for item in items
    ]
    print("without a price:")
    _table([heads, *rows], [""] * (len(rows) + 1), left=4)
