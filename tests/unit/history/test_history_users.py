"""Accounts, roles, tokens, sessions and the audit log, in both databases."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session

from ringmaster_operator.history import (
    Actor,
    Change,
    History,
    LastAdministrator,
    NameTaken,
    credentials,
    users,
)
from ringmaster_operator.history.user_records import Known, User

from .conftest import NOON

LATER = NOON + timedelta(hours=1)


async def make(history: History, name: str, **more: str) -> User:
    return await history.write(lambda db: users.create_user(db, name=name, now=NOON, **more))


async def grant(
    history: History, subject: str, namespace: str, role: str, *, spare: bool = False
) -> str | None:
    return await history.write(
        lambda db: users.grant_role(
            db, subject=subject, namespace=namespace, role=role, granted_by="user:root", spare=False, now=NOON
        )
    )


async def test_a_name_is_given_once(history: History) -> None:
    await make(history, "ada")
    with pytest.raises(NameTaken, match="ada"):
        await make(history, "ada")
    results = await asyncio.gather(*(make(history, "bob") for _ in range(5)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NameTaken"] * 4 + ["User"]
    assert [user.name for user in await history.read(users.list_users)] == ["ada", "bob"]
    after = await history.read(lambda db: users.list_users(db, after="ada", limit=1))
    assert [user.name for user in after] == ["bob"]


async def test_an_identity_is_found_by_issuer_and_subject_alone(history: History) -> None:
    await make(history, "ada", password="hash")

    async def come(issuer: str, subject: str, *groups: str) -> User:
        return await history.write(
            lambda db: users.external_user(
                db,
                issuer=issuer,
                subject=subject,
                names=["ada", f"ada.{subject}"],
                display_name="Ada",
                groups=groups,
                now=NOON,
            )
        )

    first = await come("https://one", "7", "devs")
    assert (first.name, first.groups, first.has_password) == ("ada.7", ("devs",), False)
    again = await come("https://one", "7")
    assert (again.id, again.groups) == (first.id, ())
    with pytest.raises(NameTaken):
        await come("https://two", "7")


async def test_the_last_administrator_stays(history: History) -> None:
    for name in ("ada", "bob"):
        await make(history, name)
    assert await grant(history, "user:ada", "*", "admin") is None
    assert await history.read(users.managed)

    async def disable(name: str, *, spare: bool = False) -> User | None:
        return await history.write(
            lambda db: users.set_disabled(db, name=name, disabled=True, spare=spare, now=NOON)
        )

    with pytest.raises(LastAdministrator):
        await grant(history, "user:ada", "*", "viewer")
    with pytest.raises(LastAdministrator):
        await disable("ada")
    with pytest.raises(LastAdministrator):
        await history.write(lambda db: users.revoke_role(db, subject="user:ada", namespace="*", spare=False))
    assert [item.role for item in await history.read(users.grants)] == ["admin"]  # nothing of it was kept
    await grant(history, "user:bob", "*", "admin")
    assert (await disable("ada")) is not None
    with pytest.raises(LastAdministrator):
        await disable("bob")
    assert (await disable("bob", spare=True)) is not None


async def test_a_code_is_good_once_and_only_while_nobody_manages(history: History) -> None:
    async def claim(name: str, digest: str = "right") -> User | None:
        return await history.write(
            lambda db: users.first_admin(
                db, digest=digest, name=name, display_name="", password="hash", now=NOON
            )
        )

    assert await claim("eve") is None
    await history.write(lambda db: users.offer_code(db, digest="earlier", now=NOON))
    await history.write(lambda db: users.offer_code(db, digest="right", now=NOON))
    assert await claim("eve", "earlier") is None
    results = await asyncio.gather(*(claim(f"ada{number}") for number in range(5)))
    assert sum(result is not None for result in results) == 1
    assert await history.read(users.offered_code) is None
    assert len(await history.read(users.list_users)) == 1


async def test_a_secret_is_known_by_its_digest_with_all_that_counts(history: History) -> None:
    ada = await make(history, "ada")
    await grant(history, "user:ada", "red", "viewer")

    def fill(db: Session) -> list[int]:
        parent = None
        for digest in ("one", "two", "three"):
            parent = credentials.create_token(
                db,
                account_id=ada.id,
                name=digest,
                digest=digest,
                prefix="rmt_",
                role=None,
                namespaces=["red"] if digest == "two" else None,
                expires_at=LATER,
                now=NOON,
                parent_id=None if parent is None else parent.id,
            )
        for digest in ("a", "b"):
            credentials.open_sign_in(
                db,
                account_id=ada.id,
                digest=digest,
                how="password",
                address="::1",
                agent="curl",
                expires_at=LATER,
                now=NOON,
                replaces="a" if digest == "b" else None,
            )
        return [token.id for token in reversed(credentials.tokens_of(db, account_id=ada.id))]

    ids = await history.write(fill)

    async def token(digest: str) -> Known:
        found = await history.read(lambda db: credentials.known_token(db, digest=digest))
        assert found is not None
        return found

    two = await token("two")
    assert two.token is not None
    assert (two.user.name, two.token.namespaces) == ("ada", ("red",))
    assert [(item.namespace, item.role) for item in two.grants] == [("red", "viewer")]
    assert await history.read(lambda db: credentials.known_token(db, digest="four")) is None

    async def ended(digest: str) -> datetime | None:
        found = await history.read(lambda db: credentials.known_sign_in(db, digest=digest))
        assert found is not None
        assert found.sign_in is not None
        return found.sign_in.ended_at

    assert [await ended(digest) for digest in ("a", "b")] == [NOON, None]

    revoked = await history.write(
        lambda db: credentials.revoke_token(db, id=ids[1], account_id=ada.id + 1, now=NOON)
    )
    assert revoked is None
    await history.write(lambda db: credentials.revoke_token(db, id=ids[1], account_id=ada.id, now=NOON))
    states = [(await token(digest)).token for digest in ("one", "two", "three")]
    assert [state is not None and state.revoked_at is not None for state in states] == [False, True, True]


async def test_the_audit_log_keeps_what_it_was_told(history: History, database_url: str) -> None:
    actor = Actor(person="user:ada", credential="session", address="::1")
    first = Change(
        action="role.grant", kind="Role", name="user:bob", namespace="red", after={"role": "viewer\x00"}
    )
    id = await history.record_audit(actor=actor, change=first, now=NOON)
    undo = Change(action="role.revoke", kind="Role", name="user:bob", namespace="red", undo_of=id)
    last = await history.record_audit(actor=Actor(person="bob\x00"), change=undo, now=LATER)
    entry = await history.audit_entry(id=id)
    assert entry is not None
    assert (entry.at, entry.actor, entry.change, entry.undone_by) == (NOON, actor, first, last)
    assert await history.audit_entry(id=last + 1) is None
    found = await history.audit_entries(namespace="red")
    assert [item.id for item in found] == [last, id]
    assert [item.id for item in await history.audit_entries(before=last, limit=1)] == [id]
    assert [item.id for item in await history.audit_entries(since=LATER)] == [last]
    assert [item.id for item in await history.audit_entries(until=LATER, person="user:ada")] == [id]
    assert await history.audit_entries(kind="Bead") == []
