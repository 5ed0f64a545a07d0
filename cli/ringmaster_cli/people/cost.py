"""cost, cost forecast, cost prices, cost reprice: what work cost, what is to come, what has no price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import UsageError
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url

Body = dict[str, Any]
PAGE = 500
app = typer.Typer(help="What work costs.", invoke_without_command=True, rich_markup_mode=None)

By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        metavar="GROUPING",
        help="bead, epic, worker, profile, model, provider, capability, repository, namespace, user,"
        " outcome, day, week, month or label:KEY; up to three times. By model when unset.",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="NAME=VALUE", help="Only what is so; tree=BEAD is a bead and all below it."
    ),
]
Since = Annotated[
    str,
    typer.Option(
        "--since", metavar="DAY", help="2026-01-31, 7d, 4w, today, month (the present one) or ever."
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DAY", help="Last day; 2026-01-31, 7d, 4w or today.")
]
Everywhere = Annotated[bool, typer.Option("-A", "--all-namespaces", help="Of all namespaces.")]


@app.callback()
def cost(
    ctx: typer.Context,
    by: By = None,
    where: Where = None,
    since: Since = "month",
    until: Until = None,
    everywhere: Everywhere = False,
    limit: Annotated[int, typer.Option(min=1, help="Groups to show, the rest as one line.")] = 30,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, every group and figure.")] = False,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """What work cost, by groups, with a chart. Asks the operator."""
    if ctx.invoked_subcommand is not None:
        return
    from ringmaster_cli.people import cost_show
    from ringmaster_cli.people.days import first_day, last_day

    if as_csv and as_json:
        raise UsageError("--csv or JSON, one of them")
    days = (("since", first_day(since)), ("until", last_day(until)))
    query: list[tuple[str, str]] = [("by", name) for name in by or ["model"]]
    query += [("where", item) for item in where or []]
    query += [(name, day) for name, day in days if day]
    ask = Asker(url, account, namespace, context, everywhere=everywhere)
    found = ask.all("/costs" if everywhere else f"/namespaces/{ask.quoted}/costs", query)
    if as_json:
        output.result(found, "", as_json=True)
    elif as_csv:
        cost_show.as_csv(found)
    elif found["items"]:
        cost_show.chart(found, limit=limit)
    else:
        place = "any namespace" if everywhere else f"namespace {ask.namespace}"
        output.note(f"nothing was used in {place} in that time")


@app.command("forecast")
def forecast(
    epic: Annotated[str | None, typer.Option("--epic", metavar="BEAD", help="Of this epic, too.")] = None,
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """What the month, and an epic, will have cost in the end, beside the budgets."""
    from ringmaster_cli.people import cost_show

    ask = Asker(url, account, namespace, context)
    found = ask.one(f"/namespaces/{ask.quoted}/costs/forecast", [("epic", epic)] if epic else [])
    if as_json:
        output.result(found, "", as_json=True)
        return
    cost_show.forecast(found)


@app.command("prices")
def prices(
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """The price lists in force, and the models that have no price."""
    from ringmaster_cli.people import cost_show

    ask = Asker(url, account, namespace, context)
    found = ask.one(f"/namespaces/{ask.quoted}/costs/prices", [])
    if as_json:
        output.result(found, "", as_json=True)
        return
    cost_show.prices(found)


@app.command("reprice")
def reprice(
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Give a price to requests that have none; those that have one keep it."""
    from ringmaster_cli.people import cost_show

    ask = Asker(url, account, namespace, context)
    found = ask.one(f"/namespaces/{ask.quoted}/costs/reprice", [], method="POST")
    if as_json:
        output.result(found, "", as_json=True)
        return
    print(f"{found['rows']} usage rows have a price now: {output.money(found['usd'])} more")
    cost_show.gaps(found["gaps"])


class Asker:
    """Asks the operator as the person that the options name. Raises CliError."""

    def __init__(
        self,
        url: str | None,
        account: str | None,
        namespace: str | None,
        context: str | None,
        *,
        everywhere: bool = False,
    ) -> None:
        from urllib.parse import quote

        from ringmaster_cli.people.identity import anyone, identify

        who = (anyone if everywhere else identify)(url, account=account, namespace=namespace, context=context)
        self.namespace, self.quoted = who.namespace, quote(who.namespace)
        self._url, self._token = who.url, who.token

    def one(self, path: str, query: Sequence[tuple[str, str]], *, method: str = "GET") -> Body:
        """One answer."""
        from urllib.parse import urlencode

        from ringmaster_cli.people.api import request

        words = f"?{urlencode(query)}" if query else ""
        return request(self._url, method, f"{path}{words}", token=self._token)

    def all(self, path: str, query: Sequence[tuple[str, str]]) -> Body:
        """Every page as one."""
        pages = list(self._pages(path, [*query, ("limit", str(PAGE))]))
        items = [item for page in pages for item in page["items"]]
        return {**{key: value for key, value in pages[0].items() if key != "next"}, "items": items}

    def _pages(self, path: str, query: Sequence[tuple[str, str]]) -> Iterator[Body]:
        following: list[tuple[str, str]] = []
        while True:
            page = self.one(path, [*query, *following])
            yield page
            if not page.get("next"):
                return
            following = [("cursor", page["next"])]
