"""top: a screen that shows it all live, and acts."""

from __future__ import annotations

import typer

from ringmaster_cli.people.options import Account, Context, Namespace, Url
from ringmaster_cli.people.status import Everywhere


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("top")(top)


def top(
    url: Url = None,
    account: Account = None,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
) -> None:
    """All of it live on one screen, to act from: what needs you, the fleet, the queue, what is spent."""
    from ringmaster_cli.people.places import identities
    from ringmaster_cli.top.app import Top
    from ringmaster_cli.top.screen import Screen

    screen = Screen()
    people = identities(url, account=account, namespace=namespace, context=context, everywhere=everywhere)
    Top(screen, people).run()
