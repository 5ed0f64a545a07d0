"""Which namespaces a command looks at: one, or all that the person may see."""

from __future__ import annotations

from dataclasses import replace

from ringmaster_cli.exits import CliError, Exit, UsageError
from ringmaster_cli.people.client import Client
from ringmaster_cli.people.identity import Identity, anyone, identify


def identities(
    url: str | None, *, account: str | None, namespace: str | None, context: str | None, everywhere: bool
) -> list[Identity]:
    """The person, once for each namespace. Raises a CliError that says what to do."""
    if not everywhere:
        return [identify(url, account=account, namespace=namespace, context=context)]
    if namespace is not None and account is None:
        raise UsageError("-n and --all-namespaces exclude each other")
    who = anyone(url, account=account, namespace=namespace, context=context)
    found = [replace(who, namespace=project.namespace) for project in Client(who).projects()]
    if not found:
        raise CliError("you may see no namespace that has beads or Workers", exit=Exit.NOTHING)
    return found
