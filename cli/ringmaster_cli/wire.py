"""HTTP as the worker's protocol needs it: one kept connection, JSON bodies, timeouts.

The standard library's client, because every step of a script starts this program anew: the libraries with
more comfort cost more time to import than the whole call takes.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

CONNECT_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024


class WireError(Exception):
    """No whole answer came; whether the call was acted upon is unknown."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


class Wire:
    """A connection to one server, made when first used and again whenever it broke."""

    def __init__(self, url: str) -> None:
        """Raises ValueError when the URL is none that can be connected to."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it must start with http:// or https:// and name a host")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("it must hold no user name, query or fragment")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        """One request; seconds bound each wait for the server. Raises WireError."""
        reused = self._connection is not None
        try:
            return self._call(method, path, body, headers, seconds)
        except (ConnectionError, http.client.RemoteDisconnected) as fault:
            if not reused:
                raise WireError(words_of(fault)) from fault
        except (OSError, http.client.HTTPException) as fault:
            raise WireError(words_of(fault)) from fault
        # A kept connection was closed meanwhile, which is no news of the server: calls may be repeated.
        try:
            return self._call(method, path, body, headers, seconds)
        except (OSError, http.client.HTTPException) as fault:
            raise WireError(words_of(fault)) from fault

    def _call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        try:
            connection = self._connection = self._connection or self._connect()
            if isinstance(connection.sock, socket.socket):
                connection.sock.settimeout(seconds)
            connection.request(method, self._prefix + path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            content = answer.read(MAX_ANSWER_BYTES + 1)
            if len(content) > MAX_ANSWER_BYTES:
                raise http.client.HTTPException("the answer is too large")
            if answer.will_close:
                self.close()
            return Answer(answer.status, answer.reason, dict(answer.headers), content)
        except BaseException:
            self.close()  # also when interrupted: the connection is in an unknown state then
            raise

    def open(self, path: str, *, headers: Mapping[str, str], seconds: float) -> http.client.HTTPResponse:
        """GET an answer that is read as it comes; seconds bound each wait for more. Raises WireError."""
        try:
            connection = self._connection = self._connect()
            if isinstance(connection.sock, socket.socket):
                connection.sock.settimeout(seconds)
            connection.request("GET", self._prefix + path, headers=dict(headers))
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as fault:
            self.close()
            raise WireError(words_of(fault)) from fault

    def cut(self) -> None:
        """From another thread: whoever reads from the connection sees it end."""
        connection = self._connection
        if connection is not None and isinstance(connection.sock, socket.socket):
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            import ssl

            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
        connection.connect()
        return connection


def words_of(fault: Exception) -> str:
    """Why nothing came, for people."""
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return str(fault) or type(fault).__name__
