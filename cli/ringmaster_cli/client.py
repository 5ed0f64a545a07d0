"""The workers' protocol over HTTP, patient enough to outlive a restart of the operator.

Every call of the protocol may be repeated (claims by their id, reports by theirs), so whatever might pass
(no connection, a broken answer, 429, 5xx) is tried again with growing, jittered pauses until the caller's
patience ends. The token file is read for every call, because its owner renews it while we run.

Bodies are dicts: the step commands start fast because they never build the protocol's models; the loop reads
the answers into those models itself.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ringmaster_cli.exits import (
    ClaimEnded,
    CliError,
    Fenced,
    Invalid,
    Refused,
    Unauthenticated,
    Unreachable,
    UsageError,
)
from ringmaster_cli.wire import Answer, Wire, WireError

Body = dict[str, Any]

PATIENCE_SECONDS = 120.0
"""How long a call is repeated by default: longer than a restart of the operator takes."""
CALL_SECONDS = 30.0
"""How long one answer may take, besides what a long poll asks for."""
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0
HURRIED_SECONDS = 10.0
"""How long a call is repeated once this process was asked to stop."""
TOKEN_PATIENCE_SECONDS = 5.0
"""How long a refused token is given to be renewed in its file."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same call may succeed."""


class Api:
    """The operator as a session sees it, over one kept connection.

    patience: seconds that a call is repeated while the operator cannot be reached.
    sleep: waits that many seconds; raising from it ends the call (a stopped worker does).
    hurried: whether this process is to end soon, so that patience is short.
    """

    def __init__(
        self,
        *,
        url: str,
        token_file: Path,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], object] = time.sleep,
        hurried: Callable[[], bool] = lambda: False,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._patience = patience
        self._sleep = sleep
        self._hurried = hurried
        self._on_trouble = on_trouble
        try:
            self._wire = Wire(self._url)
        except ValueError as fault:
            raise UsageError(f"RINGMASTER_URL is not usable: {fault}") from fault

    def claim(self, request: Body, *, patience: float | None = None) -> Body:
        """ClaimRequest → ClaimAnswer. Repeat it with the same claimId until it is answered."""
        wait = float(request.get("waitSeconds", 0))
        return self._call("POST", "/claims", body=request, patience=patience, extra=wait)

    def heartbeat(self, claim_id: str, request: Body, *, patience: float | None = None) -> Body:
        """HeartbeatRequest → HeartbeatAnswer."""
        return self._call("POST", f"/claims/{claim_id}/heartbeat", body=request, patience=patience)

    def work(self, claim_id: str, fence: int, *, patience: float | None = None) -> Body:
        """WorkAnswer: the claim and its bead as they are now."""
        return self._call("GET", f"/claims/{claim_id}/work?fence={fence}", patience=patience)

    def report(self, claim_id: str, request: Body, *, patience: float | None = None) -> Body:
        """ReportRequest → ReportAnswer. Answered means committed."""
        return self._call("POST", f"/claims/{claim_id}/reports", body=request, patience=patience)

    def keep_records(
        self, claim_id: str, report_id: str, fence: int, records: list[Body], *, patience: float | None = None
    ) -> Body:
        """RecordsRequest → RecordsAnswer, for a report that was answered. Again it changes nothing."""
        body: Body = {"fence": fence, "records": records}
        path = f"/claims/{claim_id}/reports/{report_id}/records"
        return self._call("POST", path, body=body, patience=patience)

    def ask(self, claim_id: str, request: Body, *, patience: float | None = None) -> Body:
        """AskRequest → Asked: the question becomes a decision bead. Asking again changes nothing."""
        return self._call("POST", f"/claims/{claim_id}/question", body=request, patience=patience)

    def release(
        self,
        claim_id: str,
        fence: int,
        reason: str,
        *,
        saved: Body | None = None,
        patience: float | None = None,
    ) -> Body:
        """Give the bead back, with what no remote has of it."""
        body: Body = {"fence": fence, "reason": reason[:4096]}
        if saved is not None:
            body["saved"] = saved
        return self._call("POST", f"/claims/{claim_id}/release", body=body, patience=patience)

    def close(self) -> None:
        """Let the connection go; the next call makes a new one."""
        self._wire.close()

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        patience: float | None = None,
        extra: float = 0.0,
    ) -> Body:
        """One call, repeated while it may help. Raises a CliError that says what to do."""
        started = time.monotonic()
        allowed = self._patience if patience is None else patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._once(method, path, body=body, extra=extra)
            except (Passing, Unauthenticated) as trouble:
                limit = min(allowed, HURRIED_SECONDS) if self._hurried() else allowed
                if isinstance(trouble, Unauthenticated):
                    limit = min(limit, TOKEN_PATIENCE_SECONDS)
                wait = max(pause * (0.5 + random.random() / 2), getattr(trouble, "after", 0.0))  # noqa: S311
                if time.monotonic() - started + wait > limit:
                    if isinstance(trouble, Passing):
                        raise Unreachable(
                            f"the operator at {self._url} cannot be reached: {trouble}"
                        ) from trouble
                    raise
                self._on_trouble(str(trouble))
                self._sleep(wait)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _once(self, method: str, path: str, *, body: Body | None, extra: float) -> Body:
        headers = {"Authorization": f"Bearer {read_token(self._token_file)}", "Accept": "application/json"}
        content = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            headers["Content-Type"] = "application/json"
        seconds = CALL_SECONDS + extra
        try:
            answer = self._wire.call(method, f"/api/v1{path}", body=content, headers=headers, seconds=seconds)
        except WireError as fault:
            raise Passing(str(fault)) from fault
        return read_answer(answer, url=self._url, claim_call=path != "/claims")


class Passing(Exception):
    """Trouble that may be over in a moment; after: seconds that the server asks to wait."""

    def __init__(self, message: str, *, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


def read_token(path: Path) -> str:
    """The bearer token. Raises UsageError when there is none to read."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "not a token"
        raise UsageError(f"RINGMASTER_TOKEN_FILE: {path} cannot be read: {reason}") from fault
    if not token or not token.isprintable() or " " in token:
        raise Unauthenticated(f"RINGMASTER_TOKEN_FILE: {path} holds no token")
    return token


def read_answer(answer: Answer, *, url: str, claim_call: bool = False) -> Body:
    """The body of a 200. Raises Passing where the same call may succeed later, else a CliError."""
    try:
        data = json.loads(answer.content) if answer.content else {}
    except (ValueError, RecursionError):
        data = None
    body = data if isinstance(data, dict) else None
    if answer.status == 200 and body is not None:
        return body
    said = _said(answer, body)
    if answer.status in PASSING:
        raise Passing(said, after=_after(answer.headers))
    if answer.status == 401:
        raise Unauthenticated(said)
    if answer.status >= 400 and body is not None and "code" in body:
        raise _refusal(body, said, claim_call=claim_call)
    raise Refused(
        f"{url} does not answer as Ringmaster's API does (HTTP {answer.status}); check RINGMASTER_URL"
    )


def _said(answer: Answer, body: Body | None) -> str:
    words = (body or {}).get("detail") or (body or {}).get("title") or answer.reason
    return f"{str(words)[:1024]} (HTTP {answer.status})"


def _refusal(body: Body, said: str, *, claim_call: bool) -> CliError:
    code = body.get("code")
    kinds: Mapping[object, type[CliError]] = {
        "fenced": Fenced,
        "claim_ended": ClaimEnded,
        "unauthenticated": Unauthenticated,
        "invalid": Invalid,
        "too_large": Invalid,
    }
    if code in kinds:
        return kinds[code](said)
    if code == "not_found" and claim_call:
        return ClaimEnded(said)  # an operator that lost its memory of the claim has ended it
    return Refused(said)


def _after(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds, bounded: a server's wish, not its command."""
    try:
        return min(max(float(headers.get("Retry-After", 0)), 0.0), 30.0)
    except ValueError:
        return 0.0
