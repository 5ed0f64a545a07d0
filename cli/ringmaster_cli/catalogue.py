"""Every command but the steps of a worker's loop, in the order of `ringmaster --help`.

Imported when a command is asked for that is no step: building all of them takes longer than most steps.
"""

from __future__ import annotations

import typer

from ringmaster_cli.commands import ask, worker
from ringmaster_cli.image import command as image
from ringmaster_cli.install.command import doctor, install
from ringmaster_cli.intake import commands as intake
from ringmaster_cli.people import (
    account,
    audit,
    budget,
    capability,
    cost,
    decide,
    events,
    notify,
    records,
    status,
    steer,
    timeline,
    tokens,
    users,
    watch,
)
from ringmaster_cli.people.lessons import app as lessons
from ringmaster_cli.people.uninstall import uninstall
from ringmaster_cli.plan.command import plan
from ringmaster_cli.top import command as top


def catalogue() -> typer.Typer:
    """An app of them all."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    ask.register(app)
    decide.register(app)
    steer.register(app)
    budget.register(app)
    status.register(app)
    watch.register(app)
    events.register(app)
    top.register(app)
    intake.register(app)
    account.register(app)
    audit.register(app)
    records.register(app)
    timeline.register(app)
    app.add_typer(tokens.app, name="token")
    app.add_typer(notify.app, name="notify")
    app.add_typer(users.app, name="user")
    app.add_typer(worker.app, name="worker")
    app.command("install")(install)
    app.command("doctor")(doctor)
    app.command("uninstall")(uninstall)
    app.add_typer(capability.app, name="capability")
    app.add_typer(cost.app, name="cost")
    app.add_typer(lessons, name="lessons")
    app.command("plan")(plan)
    app.add_typer(image.app, name="image")
    return app
