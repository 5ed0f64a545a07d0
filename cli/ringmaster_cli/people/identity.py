"""Who a person is to the operator's API, and of which namespace they speak."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ringmaster_cli.client import read_token
from ringmaster_cli.exits import UsageError
from ringmaster_cli.people.credentials import Credentials, server

AUDIENCE = "ringmaster"
WHERE = (
    "where is the operator's API? Give --url or RINGMASTER_URL"
    " (kubectl port-forward brings it to 127.0.0.1:8420)"
)


@dataclass(frozen=True)
class Identity:
    """A token, the server that it is for, and a namespace."""

    url: str
    namespace: str
    token: str


def identify(url: str | None, *, account: str | None, namespace: str | None, context: str | None) -> Identity:
    """The first of: the named service account, RINGMASTER_TOKEN, RINGMASTER_TOKEN_FILE, what
    `ringmaster login` keeps for the server, the kubeconfig's own token. Raises a CliError that says what to
    do."""
    if not account and not context:
        own = own_token(url)
        if own is not None:
            return Identity(own[0], namespace or _usual_namespace(), own[1])
    from ringmaster_cli.people.cluster import Cluster

    if not url:
        raise UsageError(WHERE)
    try:
        cluster = Cluster(namespace=namespace, context=context)
    except UsageError as fault:
        raise UsageError(f"{fault}; or sign in to Ringmaster itself: ringmaster login {url}") from fault
    if account:
        return Identity(url, cluster.namespace, cluster.token_of(account, AUDIENCE))
    held = cluster.bearer()
    if not held:
        raise UsageError(
            "your kubeconfig holds certificates and no token: sign in with `ringmaster login`, name a service"
            " account with --as-account, or a token's file in RINGMASTER_TOKEN_FILE"
        )
    return Identity(url, cluster.namespace, held)


def anyone(url: str | None, *, account: str | None, namespace: str | None, context: str | None) -> Identity:
    """As identify(), for what belongs to no namespace."""
    own = own_token(url) if not account and not context else None
    if own is not None:
        return Identity(own[0], namespace or "", own[1])
    return identify(url, account=account, namespace=namespace, context=context)


def own_token(url: str | None) -> tuple[str, str] | None:
    """The server and the token that do not come from the cluster; None where there is none."""
    file = os.environ.get("RINGMASTER_TOKEN_FILE")
    given = os.environ.get("RINGMASTER_TOKEN", "").strip() or (read_token(Path(file)) if file else "")
    if given:
        if not given.isascii() or not given.isprintable() or " " in given:
            raise UsageError("RINGMASTER_TOKEN holds no token")
        if not url:
            raise UsageError(WHERE)
        return url, given
    held = Credentials().of(server(url) if url else None)
    return None if held is None else (url or held.url, held.token)


def _usual_namespace() -> str:
    """The kubeconfig's, where there is one."""
    from ringmaster_cli.exits import CliError
    from ringmaster_cli.people.cluster import Cluster

    try:
        return Cluster().namespace
    except CliError:
        raise UsageError("which namespace? Name it with -n") from None
