"""What changes between the check of a password and the session that it opens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from argon2 import PasswordHasher

from ringmaster_operator.history import users
from support.front import NOON, PASSWORD, Browser, Front

NEW = "a quite different phrase"


def meanwhile(api: Front, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[object]]) -> None:
    """Do that once a password was found right, before anything comes of it."""
    passwords = api.auth.accounts.passwords
    matches = passwords.matches

    async def then(password: str, encoded: str | None) -> bool:
        found = await matches(password, encoded)
        monkeypatch.setattr(passwords, "matches", matches)
        await act()
        return found

    monkeypatch.setattr(passwords, "matches", then)


@pytest.mark.parametrize("change", [{"password": NEW}, {"disabled": True}])
async def test_a_password_that_is_not_good_any_more_opens_nothing(
    api: Front, admin: Browser, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    bob = await api.user(admin, "bob")
    meanwhile(api, monkeypatch, lambda: admin.patch("users/bob", change))
    late = api.browser()
    assert (await late.sign_in("bob")).status_code == 401
    assert not late.client.cookies
    assert (await bob.get("auth/me")).status_code == 401
    lines = (await admin.get("audit", action="session.open", person="user:bob")).json()["items"]
    assert len(lines) == 1


async def test_of_two_changes_of_a_password_one_counts(
    api: Front, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await api.user(admin, "bob")
    meanwhile(api, monkeypatch, lambda: admin.patch("users/bob", {"password": NEW}))
    answer = await bob.post("auth/password", {"current": PASSWORD, "new": "what the thief wanted"})
    assert answer.status_code == 401
    assert (await api.browser().sign_in("bob", "what the thief wanted")).status_code == 401
    assert (await api.browser().sign_in("bob", NEW)).status_code == 200


async def test_a_hash_of_less_effort_is_renewed_at_the_next_sign_in(api: Front, admin: Browser) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await api.history.write(
        lambda db: users.set_password(db, name="ada", password=weak, now=NOON, ends=False)
    )
    assert (await api.browser().sign_in("ada")).status_code == 200
    found = await api.history.read(lambda db: users.password_of(db, name="ada"))
    assert found is not None
    assert "m=19456,t=2,p=1" in found[1]
    assert (await api.browser().sign_in("ada")).status_code == 200
    assert (await admin.get("auth/me")).status_code == 200
