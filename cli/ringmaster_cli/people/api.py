"""The operator's HTTP API as a person calls it: with a token, once, without patience."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ringmaster_cli.client import CALL_SECONDS, Passing, read_answer
from ringmaster_cli.exits import Unauthenticated, Unreachable, UsageError
from ringmaster_cli.people.credentials import Credentials
from ringmaster_cli.people.identity import WHERE
from ringmaster_cli.wire import Answer, Wire, WireError

Body = dict[str, Any]


def request(url: str | None, method: str, path: str, *, token: str | None, body: Body | None = None) -> Body:
    """Call a path below /api/v1. Raises a CliError that says what to do."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = exchange(url, method, path, headers=headers, body=body)
    return result(answer, url=str(url), token=token)


def result(answer: Answer, *, url: str, token: str | None = None) -> Body:
    """What an answer to a call with that token holds; a CliError where it is no success."""
    if answer.status in (201, 202, 204):
        answer = replace(answer, status=200)
    try:
        return read_answer(answer, url=url)
    except Passing as fault:
        raise Unreachable(f"the operator at {url} does not answer now: {fault}") from fault
    except Unauthenticated as fault:
        held = Credentials().of(url) if token else None
        if held is None or held.token != token:
            raise
        raise Unauthenticated(f"{fault}; sign in again: ringmaster login {held.url}") from fault


def exchange(
    url: str | None, method: str, path: str, *, headers: Mapping[str, str], body: Body | None = None
) -> Answer:
    """The whole answer, whatever its status. Raises a CliError where there is none."""
    if not url:
        raise UsageError(WHERE)
    try:
        wire = Wire(url.rstrip("/"))
    except ValueError as fault:
        raise UsageError(f"--url is not usable: {fault}") from fault
    sent = {"Accept": "application/json", **headers}
    content = None
    if body is not None:
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        sent["Content-Type"] = "application/json"
    try:
        return wire.call(method, f"/api/v1{path}", body=content, headers=sent, seconds=CALL_SECONDS)
    except WireError as fault:
        raise Unreachable(f"the operator at {url} cannot be reached: {fault}") from fault
    finally:
        wire.close()
