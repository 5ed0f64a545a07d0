"""The whole HTTP API over a real history, in this process, with a clock that tests move.

The cluster is a table of tokens and rights here; tests/cluster asks a real one.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx2

from ringmaster_operator.api import audit, auth, lessons, oidc, undo, users
from ringmaster_operator.api.app import build
from ringmaster_operator.api.auditing import Audit
from ringmaster_operator.api.document import document, quiet
from ringmaster_operator.api.people import People
from ringmaster_operator.api.tokens import Tokens
from ringmaster_operator.api.undoers import AccountUndoer, LessonUndoer
from ringmaster_operator.auth import setup
from ringmaster_operator.auth.undoing import Undoing
from ringmaster_operator.board.board import Board
from ringmaster_operator.claims.lesson_book import LessonBook
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History
from ringmaster_operator.kube import Kind
from ringmaster_operator.resources.user_api import Role
from ringmaster_operator.settings import Settings, networks

HERE = "http://127.0.0.1:8420"
WEB = "https://ringmaster.example"
PASSWORD = "correct horse battery"
NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
Body = dict[str, Any]


@dataclass
class Time:
    """Both clocks, moved together."""

    seconds: float = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(
            now=lambda: (NOON + timedelta(seconds=self.seconds)).replace(microsecond=0),
            monotonic=lambda: self.seconds,
        )

    def pass_by(self, **parts: float) -> None:
        self.seconds += timedelta(**parts).total_seconds()


@dataclass
class TableCluster:
    """What the API server would say of tokens and rights."""

    users: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """By token: the user's name, and the audiences that it is good for."""
    rights: set[tuple[str, str, str, str]] = field(default_factory=set)
    """(user, verb, plural, namespace)."""
    reviewed: list[str] = field(default_factory=list)

    async def token_review(self, token: str, *, audience: str | None = None) -> Body:
        self.reviewed.append(token)
        name, audiences = self.users.get(token, ("", ()))
        good = bool(name) and (audience or "api") in audiences
        return {"authenticated": good, "audiences": [audience or "api"] if good else []} | (
            {"user": {"username": name, "groups": ["system:authenticated"]}} if good else {}
        )

    async def may(self, user: Body, *, verb: str, kind: Kind, namespace: str) -> bool:
        return (user["username"], verb, kind.plural, namespace) in self.rights


@dataclass
class Front:
    """The API and what is behind it."""

    history: History
    auth: setup.Auth
    cluster: TableCluster
    time: Time
    app: Any
    people: People
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    def browser(self, base: str = HERE, *, address: str = "127.0.0.1", **headers: str | bytes) -> Browser:
        """Somebody's browser or program, at an address."""
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 4321))
        raw = [
            (name.encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in headers.items()
        ]
        client = httpx2.AsyncClient(transport=transport, base_url=base, headers=raw)
        self.clients.append(client)
        return Browser(self, client)

    def bearer(self, token: str) -> Browser:
        """A program with a token."""
        return self.browser(authorization=f"Bearer {token}")

    async def admin(self, name: str = "ada") -> Browser:
        """The first administrator, signed in."""
        browser = self.browser()
        code = self.auth.first_admin.file.read_text()
        body = {"code": code, "name": name, "password": PASSWORD}
        answer = await browser.post("auth/first-admin", body)
        assert answer.status_code == 201, answer.text
        browser.csrf = answer.json()["csrf"]
        return browser

    async def user(self, admin: Browser, name: str, **roles: str) -> Browser:
        """A user with roles by namespace (`all` is *), signed in."""
        answer = await admin.post("users", {"name": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        for namespace, role in roles.items():
            grant = {"subject": f"user:{name}", "namespace": namespace.replace("all", "*"), "role": role}
            assert (await admin.put("roles", grant)).status_code == 200
        browser = self.browser()
        assert (await browser.sign_in(name)).status_code == 200
        return browser


@dataclass
class Browser:
    """Keeps cookies as a browser does, and sends the CSRF header as our pages do."""

    front: Front
    client: httpx2.AsyncClient
    csrf: str = ""

    async def sign_in(self, name: str, password: str = PASSWORD, **headers: str) -> httpx2.Response:
        body = {"name": name, "password": password}
        answer = await self.call("POST", "auth/sign-in", json=body, headers=headers)
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    async def call(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"x-ringmaster-csrf": self.csrf} if self.csrf else {}
        more["headers"] = {**headers, **more.get("headers", {})}
        return await self.client.request(method, f"/api/v1/{path}", **more)

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        return await self.call("GET", path, params=query)

    async def post(self, path: str, body: Body | None = None) -> httpx2.Response:
        return await self.call("POST", path, json=body)

    async def put(self, path: str, body: Body) -> httpx2.Response:
        return await self.call("PUT", path, json=body)

    async def patch(self, path: str, body: Body) -> httpx2.Response:
        return await self.call("PATCH", path, json=body)

    async def delete(self, path: str, **query: Any) -> httpx2.Response:
        return await self.call("DELETE", path, params=query)

    async def token(self, **fields: Any) -> str:
        """The secret of a fresh API token."""
        answer = await self.post("auth/tokens", {"name": "a program", **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def names(self) -> list[str]:
        """Who may list users, sees them."""
        return [item["name"] for item in (await self.get("users")).json()["items"]]


@asynccontextmanager
async def front(
    folder: Path,
    *,
    mapped: dict[str, dict[str, Role]] | None = None,
    template: Path | None = None,
    clock: Clock | None = None,
    url: str = "",
    **more: Any,
) -> AsyncIterator[Front]:
    """The API of an empty history; `more` are settings. With a clock of its own nothing moves `time`."""
    settings = Settings(state_directory=folder / "state", oidc_roles=mapped or {}, **more)
    if template is not None:
        shutil.copy(template, folder / "ringmaster.db")
    history = await History.open(url or f"sqlite:///{folder}/ringmaster.db")
    time, cluster = Time(), TableCluster()
    clock = clock or time.clock
    known = setup.build(settings, history, clock)
    kube = cast(Any, cluster)
    people = People(kube=kube, clock=clock, cache_seconds=60, accounts=known.accounts, web_url=settings.web)
    doors = auth.Doors(people=people, auth=known, web_url=settings.web)
    undoing = AccountUndoer(Undoing(history=history, clock=clock, accounts=known.accounts))
    learned = LessonUndoer(history=history, clock=clock)
    undone: dict[str, undo.Undoer] = {"Role": undoing, "User": undoing, "Lesson": learned}
    book = LessonBook(board=Board(), history=history, clock=clock)
    noted = Audit(history=history, clock=clock)
    with quiet():
        app = build(
            service=cast(Any, None),
            records=cast(Any, None),
            tokens=Tokens(kube=kube, clock=clock, cache_seconds=60, grace_seconds=600),
            ready=lambda: "",
            people=[
                auth.routes(doors),
                users.routes(known.management, people),
                audit.routes(history, people),
                oidc.routes(doors, clock),
                lessons.routes(book, people, noted),
                undo.routes(undo.Undo(history=history, people=people, undoers=undone), people, noted.note),
            ],
            trusted=networks(settings.trusted_proxies),
            web_url=settings.web,
        )
    document(app)  # builds every validator, outside of what turns warnings into errors
    await known.start()
    made = Front(history, known, cluster, time, app, people)
    try:
        yield made
    finally:
        for client in made.clients:
            await client.aclose()
        await known.close()
        await history.close()


__all__ = ["HERE", "PASSWORD", "WEB", "Browser", "Front", "front"]
