"""login, logout, whoami: who a person is to the operator, without a kubeconfig."""

from __future__ import annotations

import getpass
import socket
import sys
from typing import Annotated, Any

import typer

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Exit, UsageError
from ringmaster_cli.people.options import Account, Context, Json, Namespace, Url

Body = dict[str, Any]
DAYS = 30
"""How long a login lasts when --days does not say."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("login")(login)
    app.command("logout")(logout)
    app.command("whoami")(whoami)


def login(
    server: Annotated[
        str | None, typer.Argument(metavar="[URL]", envvar="RINGMASTER_URL", help="The operator's API.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the account; asked for if unset.")
    ] = None,
    oidc: Annotated[bool, typer.Option("--oidc", help="At your organisation's OpenID provider.")] = False,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Keep the API token on stdin; sign in with nothing else.")
    ] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="The password is on stdin.")
    ] = False,
    first_admin: Annotated[
        bool, typer.Option("--first-admin", help="Become the first administrator, with the one-time code.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="With --oidc: only print the page.")
    ] = False,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it lasts.")] = DAYS,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Over plain http to another machine as well.")
    ] = False,
) -> None:
    """Sign in, and keep an API token for this server in a file that only you can read."""
    from ringmaster_cli.people import credentials, sign_in

    if not server:
        raise UsageError("which server? ringmaster login URL, or RINGMASTER_URL")
    if [oidc, token_stdin, password_stdin or first_admin].count(True) > 1:
        raise UsageError("one of --oidc, --token-stdin and a password at a time")
    url = credentials.server(server)
    if not insecure and not credentials.is_private(url):
        raise UsageError(
            f"{url} is plain http: everyone on the way could read along; use https, or --insecure"
        )
    label = f"ringmaster login on {socket.gethostname()}"[:128]
    if token_stdin:
        made = sign_in.with_token(url, stdin_line("token"))
    elif oidc:
        made = sign_in.with_browser(url, label=label, days=days, opens=not no_browser)
    else:
        code = _code(password_stdin) if first_admin else None
        who = name or _asked("Name: ")
        word = _password(password_stdin, twice=first_admin)
        made = sign_in.with_password(url, who, word, code=code, label=label, days=days)
    kept = credentials.Credentials()
    before = kept.of(url)
    kept.keep(made)
    if before is not None and before.id and before.token != made.token:
        sign_in.revoke_quietly(before)
    output.note(f"signed in to {url} as {made.name} until {made.expires_at}; kept in {kept.path}")


def logout(
    server: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="The server; the last one when unset.")
    ] = None,
) -> None:
    """Revoke the kept API token, and forget it."""
    from ringmaster_cli.people import credentials, sign_in

    kept = credentials.Credentials()
    held = kept.of(credentials.server(server) if server else None)
    if held is None:
        raise CliError(f"you are not signed in{f' to {server}' if server else ''}", exit=Exit.NOTHING)
    revoked = not held.id or sign_in.revoke_quietly(held)  # one that was given is its giver's to revoke
    kept.forget(held.url)
    if not revoked:
        output.note(
            f"forgotten here, but {held.url} did not answer: token {held.id} of {held.name} still counts"
            f" until {held.expires_at}; revoke it with `ringmaster token revoke` later"
        )
        return
    output.note(f"signed out of {held.url}")


def whoami(
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Who the operator takes you for, and what you may do."""
    from ringmaster_cli.people.api import request
    from ringmaster_cli.people.identity import anyone

    who = anyone(url, account=account, namespace=namespace, context=context)
    me = request(who.url, "GET", "/auth/me", token=who.token)
    output.result(me, told(me), as_json=as_json)


def told(me: Body) -> str:
    """Me as text."""
    how = {"cluster": "the Kubernetes cluster", "token": "an API token", "session": "a session"}
    lines = [f"{me['name']} by {how.get(me['credential'], me['credential'])}"]
    if me.get("expiresAt"):
        lines[0] += f", until {me['expiresAt']}"
    if me.get("groups"):
        lines.append(f"groups: {', '.join(me['groups'])}")
    for held in me.get("roles", []):
        where = "everywhere" if held["namespace"] == "*" else f"in {held['namespace']}"
        lines.append(f"{held['role']} {where}")
    if not me.get("roles"):
        rbac = me["credential"] == "cluster"
        lines.append("the cluster's RBAC says what you may do" if rbac else "no role anywhere")
    return "\n".join(lines)


def _asked(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError("no terminal to ask on: give --name and --password-stdin, or --token-stdin")
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _code(on_stdin: bool) -> str:
    """The one-time code: the first line on stdin where the password is the second."""
    return stdin_line("code") if on_stdin else _asked("One-time code: ")


def _password(on_stdin: bool, *, twice: bool) -> str:
    if on_stdin:
        return stdin_line("password")
    if not sys.stdin.isatty():
        raise UsageError("no terminal to ask for the password on: give --password-stdin")
    given = getpass.getpass("Password: ")
    if twice and given != getpass.getpass("The same again: "):
        raise UsageError("the two passwords differ")
    return given


def stdin_line(what: str) -> str:
    """The next line on stdin."""
    text = sys.stdin.readline(65536).rstrip("\r\n")
    if not text:
        raise UsageError(f"there is no {what} on stdin")
    return text
