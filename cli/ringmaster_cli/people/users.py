"""user list, create, disable, enable, grant, revoke, roles: for those who manage people."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import UsageError
from ringmaster_cli.people.options import Account, Context, Json, Url

Body = dict[str, Any]
HEAD = ("NAME", "DISPLAY NAME", "SIGNS IN", "GROUPS", "CREATED", "STATE")
ROLES = ("viewer", "contributor", "maintainer", "admin")
UserName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]
Subject = Annotated[str, typer.Argument(help="Name of a user, or group:NAME.")]
Where = Annotated[str | None, typer.Option("-n", "--namespace", help="The namespace.")]
Everywhere = Annotated[bool, typer.Option("-A", "--everywhere", help="In all namespaces.")]

app = typer.Typer(
    help="People who sign in at Ringmaster, and their roles.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_users(
    url: Url = None, account: Account = None, context: Context = None, as_json: Json = False
) -> None:
    """Everybody who signs in here."""
    from ringmaster_cli.people.caller import Caller, show

    items = list(Caller(url, account, None, context).each("/users"))
    rows = [
        (
            str(item["name"]),
            str(item.get("displayName") or ""),
            "password" if item["hasPassword"] else "elsewhere",
            ", ".join(item.get("groups") or []),
            str(item["createdAt"]),
            f"disabled {item['disabledAt']}" if item.get("disabledAt") else "",
        )
        for item in items
    ]
    show(items, HEAD, rows, empty="nobody has an account", as_json=as_json)


@app.command("create")
def create(
    name: UserName,
    display_name: Annotated[str, typer.Option("--display-name", help="As people call them.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="The password is on stdin.")
    ] = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="None: signs in at the OpenID provider only.")
    ] = False,
    url: Url = None,
    account: Account = None,
    context: Context = None,
) -> None:
    """Add a user, without any role."""
    from ringmaster_cli.people.caller import Caller

    caller = Caller(url, account, None, context)
    wish: Body = {"name": name, "displayName": display_name}
    if not no_password:
        wish["password"] = _password(password_stdin)
    made = caller.ask("POST", "/users", wish)
    output.note(f"{made['name']} is added, without any role: ringmaster user grant {made['name']} ROLE")


@app.command("disable")
def disable(name: UserName, url: Url = None, account: Account = None, context: Context = None) -> None:
    """Let a user sign in no more: every session and token of theirs ends for good."""
    _patch(url, account, context, name, {"disabled": True})
    output.note(f"{name} is disabled")


@app.command("enable")
def enable(name: UserName, url: Url = None, account: Account = None, context: Context = None) -> None:
    """Let a disabled user sign in again."""
    _patch(url, account, context, name, {"disabled": False})
    output.note(f"{name} may sign in again")


@app.command("password")
def password(
    name: UserName,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="The password is on stdin.")
    ] = False,
    url: Url = None,
    account: Account = None,
    context: Context = None,
) -> None:
    """Set a user's password: every session and token of theirs ends."""
    _patch(url, account, context, name, {"password": _password(password_stdin)})
    output.note(f"the password of {name} is set, and every session and token of theirs has ended")


@app.command("grant")
def grant(
    subject: Subject,
    role: Annotated[str, typer.Argument(metavar="|".join(ROLES), help="The role.")],
    namespace: Where = None,
    everywhere: Everywhere = False,
    url: Url = None,
    account: Account = None,
    context: Context = None,
) -> None:
    """Give a user or a group a role, in place of the one it had there."""
    from ringmaster_cli.people.caller import Caller

    if role not in ROLES:
        raise UsageError(f"there is no role {role}: one of {', '.join(ROLES)}")
    place, who = _place(namespace, everywhere), _subject(subject)
    body = {"subject": who, "namespace": place, "role": role}
    Caller(url, account, None, context).ask("PUT", "/roles", body)
    output.note(f"{who} is {role} {_words(place)}")


@app.command("revoke")
def revoke(
    subject: Subject,
    namespace: Where = None,
    everywhere: Everywhere = False,
    url: Url = None,
    account: Account = None,
    context: Context = None,
) -> None:
    """Take a role away."""
    from ringmaster_cli.people.caller import Caller

    place, who = _place(namespace, everywhere), _subject(subject)
    Caller(url, account, None, context).ask("DELETE", "/roles", subject=who, namespace=place)
    output.note(f"{who} has no role of its own {_words(place)} any more")


@app.command("roles")
def roles(
    namespace: Where = None,
    url: Url = None,
    account: Account = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Who has which role: all of them, or those of one namespace."""
    from ringmaster_cli.people.caller import Caller, show

    found = Caller(url, account, None, context).ask("GET", "/roles", namespace=namespace)
    items: list[Body] = found["items"]
    keys = ("subject", "role", "namespace", "grantedAt", "grantedBy")
    rows = [tuple(str(item[key]) for key in keys) for item in items]
    head = ("SUBJECT", "ROLE", "NAMESPACE", "SINCE", "BY")
    show(items, head, rows, empty="nobody was given a role", as_json=as_json)


def _patch(url: str | None, account: str | None, context: str | None, name: str, body: Body) -> None:
    from ringmaster_cli.people.caller import Caller

    Caller(url, account, None, context).ask("PATCH", f"/users/{quote(name, safe='')}", body)


def _place(namespace: str | None, everywhere: bool) -> str:
    if (namespace is None) == (not everywhere):
        raise UsageError("where? Give a namespace with -n, or --everywhere")
    return namespace or "*"


def _words(place: str) -> str:
    return "everywhere" if place == "*" else f"in {place}"


def _subject(text: str) -> str:
    return text if text.startswith(("user:", "group:")) else f"user:{text}"


def _password(on_stdin: bool) -> str:
    """Asked for twice on a terminal."""
    from getpass import getpass

    from ringmaster_cli.people.account import stdin_line

    if on_stdin:
        return stdin_line("password")
    if not sys.stdin.isatty():
        raise UsageError("no terminal to ask for the password on: give --password-stdin")
    given = getpass("Password of the user: ")
    if given != getpass("The same again: "):
        raise UsageError("the two passwords differ")
    return given
