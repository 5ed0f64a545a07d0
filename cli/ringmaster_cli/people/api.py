"""The operator's HTTP API as a person calls it: with a token of the cluster, once, without patience."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ringmaster_cli.client import CALL_SECONDS, Passing, read_answer, read_token
from ringmaster_cli.exits import Unreachable, UsageError
from ringmaster_cli.people.cluster import Cluster
from ringmaster_cli.wire import Wire, WireError

Body = dict[str, Any]
AUDIENCE = "ringmaster"


def fetch(url: str | None, path: str, *, token: str) -> Body:
    """GET a path below /api/v1. Raises a CliError that says what to do."""
    if not url:
        raise UsageError(
            "where is the operator's API? Give --url or RINGMASTER_URL"
            " (kubectl port-forward brings it to 127.0.0.1:8420)"
        )
    try:
        wire = Wire(url.rstrip("/"))
    except ValueError as fault:
        raise UsageError(f"--url is not usable: {fault}") from fault
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    try:
        answer = wire.call("GET", f"/api/v1{path}", body=None, headers=headers, seconds=CALL_SECONDS)
        return read_answer(answer, url=url)
    except (WireError, Passing) as fault:
        raise Unreachable(f"the operator at {url} cannot be reached: {fault}") from fault
    finally:
        wire.close()


def token_for(cluster: Cluster, account: str | None) -> str:
    """Who the person is: the named service account, RINGMASTER_TOKEN_FILE, or the kubeconfig's own token."""
    if account:
        return cluster.token_of(account, AUDIENCE)
    file = os.environ.get("RINGMASTER_TOKEN_FILE")
    if file:
        return read_token(Path(file))
    held = cluster.bearer()
    if not held:
        raise UsageError(
            "your kubeconfig holds certificates and no token: name a service account with --as-account,"
            " or a token's file in RINGMASTER_TOKEN_FILE"
        )
    return held
