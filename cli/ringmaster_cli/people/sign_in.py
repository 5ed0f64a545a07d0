"""How a token is got: with a password, with a browser at an OpenID provider, or by being given one."""

from __future__ import annotations

import base64
import hashlib
import secrets
import sys
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from ringmaster_cli import output
from ringmaster_cli.exits import CliError, Refused, UsageError
from ringmaster_cli.people.api import exchange, request, result
from ringmaster_cli.people.credentials import Held

Body = dict[str, Any]
BROWSER_SECONDS = 600.0
"""How long a person may take at the provider."""
PAGE = b"You are signed in. Close this page and go back to the terminal.\n"


def with_password(url: str, name: str, password: str, *, code: str | None, label: str, days: int) -> Held:
    """A session for as long as it takes to make a token. With the one-time code, as first administrator."""
    body = {"name": name, "password": password, **({"code": code} if code is not None else {})}
    path = "/auth/sign-in" if code is None else "/auth/first-admin"
    answer = exchange(url, "POST", path, headers={}, body=body)
    me = result(answer, url=url)
    given = {name.lower(): value for name, value in answer.headers.items()}
    cookie = given.get("set-cookie", "").partition(";")[0]
    headers = {"Cookie": cookie, "X-Ringmaster-CSRF": str(me.get("csrf", "")), "Origin": _origin(url)}
    try:
        wish = {"name": label, "expiresInDays": days}
        made = result(exchange(url, "POST", "/auth/tokens", headers=headers, body=wish), url=url)
    finally:
        exchange(url, "POST", "/auth/sign-out", headers=headers)
    return _held(url, made, str(me["name"]))


def with_token(url: str, token: str) -> Held:
    """A token that somebody was given, as it is."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("what is on stdin is no token")
    me = request(url, "GET", "/auth/me", token=token)
    if me.get("credential") != "token":
        raise UsageError("that is no API token of Ringmaster: `ringmaster token create` makes one")
    return Held(url, token, 0, str(me["name"]), str(me.get("expiresAt", "")))


def with_browser(url: str, *, label: str, days: int, opens: bool) -> Held:
    """At the provider, in a browser on this machine, which comes back to a port of ours (RFC 8252)."""
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    with _Back() as back:
        page = f"{url}/api/v1/auth/oidc/start?{urlencode({'port': back.port, 'challenge': challenge})}"
        output.note(f"open this page in a browser on this machine, and sign in:\n  {page}")
        if opens:
            _open(page)
        code = back.wait(BROWSER_SECONDS)
    wish = {"code": code, "verifier": verifier, "name": label, "expiresInDays": days}
    made = request(url, "POST", "/auth/oidc/exchange", token=None, body=wish)
    me = request(url, "GET", "/auth/me", token=str(made["token"]))
    return _held(url, made, str(me["name"]))


def revoke_quietly(held: Held) -> bool:
    """Whether the server was told, or knows already."""
    from ringmaster_cli.exits import Unauthenticated

    try:
        request(held.url, "POST", "/auth/sign-out", token=held.token)
    except Unauthenticated:
        return True
    except CliError:
        return False
    return True


class _Back:
    """A port on the loopback that waits for one browser to come back."""

    def __init__(self) -> None:
        from http.server import BaseHTTPRequestHandler, HTTPServer

        found: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                given = {name: values[0] for name, values in parse_qs(parts.query).items()}
                good = parts.path == "/" and bool({"code", "error"} & given.keys())
                self.send_response(200 if good else 404)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Connection", "close")
                self.end_headers()
                if good:
                    found.append(given)
                    self.wfile.write(PAGE if "code" in given else b"The sign-in failed.\n")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._found = found
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> _Back:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def wait(self, seconds: float) -> str:
        """The code that the browser brings. Raises CliError."""
        import time

        end = time.monotonic() + seconds
        while not self._found:
            left = end - time.monotonic()
            if left <= 0:
                raise CliError(f"nobody signed in within {seconds / 60:.0f} minutes")
            self._server.timeout = min(left, 1.0)
            self._server.handle_request()
        given = self._found[0]
        if "code" not in given:
            raise Refused(f"the sign-in failed: {given['error'][:200]}")
        return given["code"]


def _open(page: str) -> None:
    """In the browser of the desktop, where there is one: none in a terminal may take this one over."""
    import os
    import webbrowser

    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(page)


def _held(url: str, made: Body, name: str) -> Held:
    return Held(url, str(made["token"]), int(made["id"]), name, str(made["expiresAt"]))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
