"""Guessing passwords and tokens: it gets slow at once, and no number of calls at the same moment helps."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.auth.throttle import Attempts, Throttle, block_of
from ringmaster_operator.history.guesses import kept_failures
from ringmaster_operator.history.user_records import Failures
from support.front import NOON, Browser, Front, front

FREE = 5


async def test_guesses_at_the_same_moment_are_all_counted(api: Front, admin: Browser) -> None:
    """The right password is among them, too late to be looked at."""
    guesses = [f"wrong password {number}" for number in range(40)]
    guesses[FREE + 3] = "correct horse battery"
    answers = await asyncio.gather(*(api.browser().sign_in("ada", guess) for guess in guesses))
    statuses = [answer.status_code for answer in answers]
    assert statuses == [401] * FREE + [429] * (len(guesses) - FREE)
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["code"] == "throttled"
    assert (await admin.get("auth/me")).status_code == 200  # who is in stays in
    api.time.pass_by(seconds=1)
    assert (await api.browser().sign_in("ada")).status_code == 200


async def test_each_failure_makes_the_next_wait_longer(api: Front, admin: Browser) -> None:
    waits = []
    for _ in range(18):
        answer = await api.browser().sign_in("ada", "wrong password")
        if answer.status_code == 429:
            seconds = int(answer.headers["retry-after"])
            waits.append(seconds)
            api.time.pass_by(seconds=seconds - 0.5)
            assert (await api.browser().sign_in("ada")).status_code == 429
            api.time.pass_by(seconds=0.5)
    assert waits == [2**power for power in range(len(waits))]
    assert len(waits) >= 6


async def test_names_that_are_not_there_are_limited_alike(api: Front, admin: Browser) -> None:
    statuses = [(await api.browser().sign_in("ghost", "wrong password")).status_code for _ in range(FREE + 1)]
    assert statuses == [401] * FREE + [429]
    assert (await api.browser().sign_in("ada")).status_code == 200  # somebody else is not


async def test_one_address_cannot_try_one_password_on_everybody(api: Front, admin: Browser) -> None:
    statuses = [
        (await api.browser().sign_in(f"user{number}", "Winter2026!!")).status_code for number in range(22)
    ]
    assert statuses == [401] * 20 + [429] * 2
    # Signing in to an account of one's own is no way around it.
    assert (await api.browser().sign_in("ada")).status_code == 429


async def test_the_code_and_the_present_password_cannot_be_guessed_either(api: Front) -> None:
    body = {"code": "AAAAAA-BBBBBB-CCCCCC-DDDDDD", "name": "eve", "password": "correct horse battery"}
    statuses = [(await api.browser().post("auth/first-admin", body)).status_code for _ in range(7)]
    assert statuses == [401] * FREE + [429] * 2
    api.time.pass_by(seconds=10)
    admin = await api.admin()
    change = {"current": "wrong password", "new": "correct horse battery"}
    statuses = [(await admin.post("auth/password", change)).status_code for _ in range(7)]
    assert statuses == [401] * FREE + [429] * 2


async def test_a_restart_shortens_no_wait(tmp_path: Path) -> None:
    async with front(tmp_path) as before:
        await before.admin()
        for _ in range(FREE + 3):
            before.time.pass_by(seconds=10)
            await before.browser().sign_in("ada", "wrong password")
        for number in range(20):
            await before.auth.accounts.attempts.begin(f"user{number}", "192.0.2.7")
        waits = await retry_after(before)
    async with front(tmp_path) as after:
        after.time.seconds = before.time.seconds
        await after.auth.accounts.attempts.load()
        assert await retry_after(after) == waits
        after.time.pass_by(seconds=8)
        assert (await after.browser().sign_in("ada")).status_code == 200
    async with front(tmp_path) as again:
        again.time.seconds = after.time.seconds
        await again.auth.accounts.attempts.load()
        statuses = [(await again.browser().sign_in("ada", "wrong password")).status_code for _ in range(FREE)]
        assert statuses == [401] * FREE  # a success forgets


async def retry_after(api: Front) -> list[float | None]:
    """Of an account, and of an address, that had too many."""
    waits = []
    for name, address in (("ada", "192.0.2.1"), ("somebody", "192.0.2.7")):
        with pytest.raises(AuthError) as refused:
            await api.auth.accounts.attempts.begin(name, address)
        waits.append(refused.value.retry_after)
    assert waits == [8, 1]
    return waits


async def test_what_is_kept_is_bounded_and_names_nobody(api: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringmaster_operator.auth.throttle.REMEMBERED", 4)

    async def kept() -> list[Failures]:
        return await api.history.read(lambda db: kept_failures(db, since=NOON, limit=100))

    names = [f"my password is {number}" for number in range(6)]
    for name in names:
        with contextlib.suppress(AuthError):
            await api.auth.accounts.attempts.begin(name, "192.0.2.7")
    found = await kept()
    assert [item.kind for item in found].count("account") == 4
    assert not any(name in repr(found) for name in names)
    api.time.pass_by(hours=25)
    await api.auth.accounts.attempts.begin("ada", "192.0.2.8")
    assert sorted(item.kind for item in await kept()) == ["account", "address"]


async def test_tokens_are_not_guessed(api: Front, admin: Browser) -> None:
    token = await admin.token()
    assert len(token) == len("rmt_") + 43
    near = [
        token[:-1],
        token + "A",
        token[:4] + token[4:].swapcase(),
        "rmt_",
        "rmt_" + "A" * 43,
        token[:-1] + "\u00e9",
    ]
    for guess in near:
        answer = await api.browser(authorization=f"Bearer {guess}".encode()).get("auth/me")
        assert answer.status_code == 401, guess
    assert api.cluster.reviewed == []  # none of ours is shown to the API server
    assert (await api.bearer(token).get("auth/me")).status_code == 200


moves = st.lists(
    st.tuples(
        st.sampled_from(["try", "succeed", "wait"]), st.sampled_from(["ada", "bob"]), st.integers(0, 2000)
    )
)


@given(moves)
def test_never_more_guesses_than_the_waits_allow(moved: list[tuple[str, str, int]]) -> None:
    """Between two successes, what was let through keeps the doubling distance."""
    seconds = [0.0]
    attempts = Attempts(lambda: seconds[0])
    let_through: dict[str, list[float]] = {"ada": [], "bob": []}
    refused: list[AuthError] = []
    for what, account, pause in moved:
        if what == "wait":
            seconds[0] += pause
            continue
        try:
            attempts.begin(account, f"192.0.2.{len(account) + pause % 200}")
        except AuthError as error:
            refused.append(error)
            continue
        if what == "succeed":
            attempts.succeeded(account, f"192.0.2.{len(account) + pause % 200}")
            let_through[account].clear()
        else:
            let_through[account].append(seconds[0])
    assert all(0 < (error.retry_after or 0) <= 900 for error in refused)
    for times in let_through.values():
        for number, (earlier, later) in enumerate(itertools.pairwise(times), start=1):
            if number >= FREE:
                assert later - earlier >= min(2.0 ** (number - FREE), 900.0)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringmaster_operator.auth.throttle.REMEMBERED", 100)
    throttle = Throttle(lambda: 0.0, free=1)
    for number in range(1000):
        throttle.failed(str(number))
    assert [throttle.wait(str(number)) > 0 for number in (0, 899, 900, 999)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_an_ipv6_customer_is_one_address(address: str, block: str) -> None:
    assert block_of(address) == block
