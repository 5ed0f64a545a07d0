"""What takes notifications on this machine: an HTTP receiver and an SMTP server, which keep what came."""

from __future__ import annotations

import email
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from support.operators import free_port

SECRET = "whsec_" + "c2VjcmV0LW9mLWEtd2ViaG9vay0wMTIzNDU2Nzg5"


@dataclass(frozen=True)
class Post:
    """One call."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def notices(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.body)["data"]["notices"]
        return found


@dataclass
class Receiver:
    """Answers 204, or what `answers` says next, once `hold` lets it."""

    url: str
    posts: list[Post] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers."""
    location: str = ""
    """Where answers of 302 lead."""
    came: Callable[[Post], None] = lambda _: None
    """Called before the answer."""

    def told(self) -> list[str]:
        """All that came, as the kinds and names of its notices."""
        return [f"{notice['kind']} {notice['name']}" for post in self.posts for notice in post.notices]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One on the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            post = Post(self.path, headers, body)
            known.posts.append(post)
            known.came(post)
            status = known.answers.pop(0) if known.answers else 204
            try:
                self.send_response(status)
                if known.location:
                    self.send_header("location", known.location)
                self.send_header("content-length", "0")
                self.end_headers()
            except OSError:
                return  # whoever called was killed meanwhile

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    known = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """E-mails as they came."""

    port: int = 0
    mails: list[Message] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def text(self, number: int = 0) -> str:
        """The readable part of one."""
        mail = self.mails[number]
        parts = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
        found = parts[0].get_payload(decode=True)
        assert isinstance(found, bytes)
        return found.decode()


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """An SMTP server on the loopback."""
    kept = Mailbox()

    kept.port = free_port()
    controller = Controller(kept, hostname="127.0.0.1", port=kept.port)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()
