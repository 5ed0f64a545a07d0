"""token create, list, revoke: what programs call the operator's API with in a person's name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.people.options import Account, Context, Json, Url

Body = dict[str, Any]
HEAD = ("ID", "NAME", "SECRET", "ROLE", "NAMESPACES", "EXPIRES", "LAST USED")
DAYS = 90

app = typer.Typer(
    help="API tokens, for programs that act for you.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Annotated[
        str | None,
        typer.Option("--role", help="The most that it may do: viewer, contributor, maintainer, admin."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--in", help="Good in this namespace only; may be repeated.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it lasts.")] = DAYS,
    url: Url = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Make a token. It is printed this once, on stdout, and kept nowhere."""
    from ringmaster_cli.people.caller import Caller

    wish: Body = {"name": name, "expiresInDays": days}
    wish.update({key: value for key, value in (("role", role), ("namespaces", only)) if value})
    made = Caller(url, None, None, context).ask("POST", "/auth/tokens", wish)
    output.result(made, str(made["token"]), as_json=as_json)
    if not as_json:
        output.note(f"token {made['id']}, good until {made['expiresAt']}; it is not shown again")


@app.command("list")
def list_tokens(
    url: Url = None, account: Account = None, context: Context = None, as_json: Json = False
) -> None:
    """Your tokens, without their secrets."""
    from ringmaster_cli.people.caller import Caller, show

    items: list[Body] = Caller(url, account, None, context).ask("GET", "/auth/tokens")["items"]
    rows = [
        (
            str(item["id"]),
            str(item["name"]),
            f"{item['prefix']}...",
            item.get("role") or "yours",
            ", ".join(item.get("namespaces") or ["yours"]),
            str(item["expiresAt"]),
            item.get("lastUsedAt") or "never",
        )
        for item in items
    ]
    show(items, HEAD, rows, empty="you have no API token", as_json=as_json)


@app.command("revoke")
def revoke(
    token: Annotated[int, typer.Argument(metavar="ID", min=1, help="As `token list` shows it.")],
    url: Url = None,
    context: Context = None,
) -> None:
    """End a token, and those that were made with it."""
    from ringmaster_cli.people.caller import Caller

    Caller(url, None, None, context).ask("DELETE", f"/auth/tokens/{token}")
    output.note(f"token {token} is revoked")
