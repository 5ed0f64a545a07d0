"""What was revoked since a backup stays revoked when it is restored; what was given stays given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from pysqlite3 import dbapi2 as driver  # type: ignore[import-untyped]
from sqlmodel import Session

from ringmaster_operator.backups import sources
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.restore import Restore
from ringmaster_operator.backups.run import run
from ringmaster_operator.backups.services import Nobody
from ringmaster_operator.history import History, credentials, users
from ringmaster_operator.history.audit import audit_entries, record_audit
from ringmaster_operator.history.user_records import Actor, AuditEntry, Change
from support.postgres import Postgres

from .conftest import NOON, Place

ACTOR = Actor(person="user:root", credential="session", address="127.0.0.1")
Rights = dict[str, object]
T = TypeVar("T")


@dataclass
class People:
    """A history with people in it, and what they are given and lose, an hour each."""

    place: Place
    url: str
    said: list[str] = field(default_factory=list)
    hours: int = 0

    def do(self, *acts: Callable[[Session, datetime], object]) -> None:
        async def work() -> None:
            history = await History.open(self.url)
            try:
                for act in acts:
                    self.hours += 1
                    now = NOON + timedelta(hours=self.hours)
                    await history.write(lambda db, act=act, now=now: act(db, now))  # type: ignore[misc]
            finally:
                await history.close()

        asyncio.run(work())

    def backup(self) -> Manifest:
        return run(sources.source(self.url), self.place.target, self.place.wish())

    def restore(self, manifest: Manifest) -> None:
        with self.place.target.locked():
            Restore(
                manifest=manifest,
                target=self.place.target,
                source=sources.source(self.url),
                service=Nobody(),
                identity=None,
                now=self.place.clock.now,
                say=self.said.append,
            ).run()

    def good(self) -> Rights:
        """Who may still do what, and with what."""

        def read(db: Session) -> Rights:
            tokens = [credentials.known_token(db, digest=f"t-{name}") for name in ("ada", "bob", "eve")]
            signed = [credentials.known_sign_in(db, digest=f"s-{name}") for name in ("ada", "bob", "eve")]
            return {
                "users": [user.name for user in users.list_users(db) if user.disabled_at is None],
                "tokens": [
                    item.user.name for item in tokens if item and item.token and not item.token.revoked_at
                ],
                "sessions": [
                    item.user.name for item in signed if item and item.sign_in and not item.sign_in.ended_at
                ],
                "roles": {grant.subject: (grant.namespace, grant.role) for grant in users.grants(db)},
            }

        return asyncio.run(self._read(read))

    def told(self) -> list[AuditEntry]:
        return asyncio.run(self._read(lambda db: audit_entries(db, action="history.restore")))

    async def _read(self, run: Callable[[Session], T]) -> T:
        history = await History.open(self.url)
        try:
            return await history.read(run)
        finally:
            await history.close()


def add(name: str) -> Callable[[Session, datetime], object]:
    """A user with a token and a session."""

    def act(db: Session, now: datetime) -> None:
        made = users.create_user(db, name=name, now=now)
        later = now + timedelta(days=30)
        credentials.create_token(
            db,
            account_id=made.id,
            name="ci",
            digest=f"t-{name}",
            prefix="rmt_",
            role=None,
            namespaces=None,
            expires_at=later,
            now=now,
        )
        credentials.open_sign_in(
            db,
            account_id=made.id,
            digest=f"s-{name}",
            how="password",
            address="",
            agent="",
            expires_at=later,
            now=now,
        )

    return act


def role(name: str, role: str | None, namespace: str = "*") -> Callable[[Session, datetime], object]:
    """Give a role, or take it (None), as the API does: with its line."""

    def act(db: Session, now: datetime) -> None:
        subject = f"user:{name}"
        if role is None:
            users.revoke_role(db, subject=subject, namespace=namespace, spare=True)
        else:
            users.grant_role(
                db, subject=subject, namespace=namespace, role=role, granted_by="", spare=True, now=now
            )
        place = "" if namespace == "*" else namespace
        after = None if role is None else {"role": role}
        change = Change(action="role", kind="Role", name=subject, namespace=place, after=after)
        record_audit(db, actor=ACTOR, change=change, now=now)

    return act


def disable(name: str, disabled: bool) -> Callable[[Session, datetime], object]:
    def act(db: Session, now: datetime) -> None:
        users.set_disabled(db, name=name, disabled=disabled, spare=True, now=now)
        change = Change(action="user.update", kind="User", name=name, after={"disabled": disabled})
        record_audit(db, actor=ACTOR, change=change, now=now)

    return act


def revoke(name: str) -> Callable[[Session, datetime], object]:
    """The token and the session of a user."""

    def act(db: Session, now: datetime) -> None:
        found = credentials.known_token(db, digest=f"t-{name}")
        assert found is not None
        assert found.token is not None
        credentials.revoke_token(db, id=found.token.id, account_id=found.user.id, now=now)
        credentials.end_sign_in(db, digest=f"s-{name}", now=now)

    return act


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def people(request: pytest.FixtureRequest, tmp_path: Path) -> People:
    place = Place(tmp_path / "state" / "ringmaster.db", tmp_path / "backups")
    url = place.url
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.fresh()
    return People(place, url)


def test_what_was_revoked_since_stays_revoked(people: People) -> None:
    people.do(add("ada"), add("bob"), add("eve"))
    people.do(role("ada", "admin"), role("bob", "maintainer"), role("eve", "admin", "shop"))
    before = people.good()
    made = people.backup()
    people.do(revoke("bob"), role("bob", None), disable("eve", True), role("eve", "viewer", "shop"))
    people.do(role("ada", "admin", "later"))
    people.restore(made)
    assert before["tokens"] == ["ada", "bob", "eve"]
    assert people.good() == {
        "users": ["ada", "bob"],
        "tokens": ["ada"],
        "sessions": ["ada"],
        "roles": {"user:ada": ("*", "admin"), "user:eve": ("shop", "viewer")},
    }
    [line] = people.told()
    counts = {"users": 1, "tokens": 1, "sessions": 1, "roles": 2}
    assert line.change.after == {"backup": made.name, "takenAway": counts}
    assert (
        "taken away again, as it was since the backup: 1 users, 1 tokens, 1 sessions, 2 roles" in people.said
    )


def test_what_was_given_after_it_was_taken_stays_given(people: People) -> None:
    """An older history is in place, and a newer backup is restored: nothing is lost by that."""
    people.do(add("ada"), add("bob"), role("bob", "maintainer"), role("bob", None), disable("bob", True))
    old = people.backup()
    people.do(disable("bob", False), role("bob", "viewer"), role("ada", "admin"))
    newer, rights = people.backup(), people.good()
    people.restore(old)
    assert people.good()["roles"] == {}
    people.restore(newer)
    assert people.good() == rights


def test_a_fresh_history_takes_nothing_away(tmp_path: Path) -> None:
    """What an operator begins with on an empty disk, with people of its own by then."""
    place = Place(tmp_path / "state" / "ringmaster.db", tmp_path / "backups")
    people = People(place, place.url)
    people.do(add("ada"), role("ada", "admin"))
    made, rights = people.backup(), people.good()
    place.database.unlink()
    people.do(add("bob"), role("bob", "admin"))
    people.restore(made)
    assert people.good() == rights


def test_a_history_that_cannot_be_read_is_no_reason_to_keep_it(tmp_path: Path) -> None:
    place = Place(tmp_path / "state" / "ringmaster.db", tmp_path / "backups")
    people = People(place, place.url)
    people.do(add("ada"))
    made = people.backup()
    db = driver.connect(str(place.database))
    db.execute("ALTER TABLE api_token RENAME COLUMN digest TO hash")
    db.close()
    people.restore(made)
    assert people.good()["tokens"] == ["ada"]
    assert any("revoke and disable again" in words for words in people.said)
