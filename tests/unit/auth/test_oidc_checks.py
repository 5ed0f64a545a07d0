"""What an OpenID provider says is believed only where every check holds."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from ringmaster_operator.auth.oidc import SIGN_IN_SECONDS, SKEW_SECONDS, Identity, Oidc, Pending
from ringmaster_operator.auth.oidc_provider import (
    Client,
    OidcError,
    OidcRefused,
    OidcUnavailable,
    Provider,
    safe_url,
)
from ringmaster_operator.clock import Clock
from support.openid import CLIENT, SECRET, LyingProvider

BACK = "https://ringmaster.example/api/v1/auth/oidc/callback"


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.moved = 0.0
        self.clock = Clock(
            now=lambda: datetime.now(UTC) + timedelta(seconds=self.moved),
            monotonic=lambda: time.monotonic() + self.moved,
        )


@pytest.fixture
def provider() -> Iterator[LyingProvider]:
    with LyingProvider() as started:
        yield started


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def oidc(provider: LyingProvider, hands: Hands) -> AsyncIterator[Oidc]:
    asked = Provider(Client(provider.issuer, CLIENT, lambda: SECRET), clock=hands.clock)
    yield Oidc(asked, clock=hands.clock)
    await asked.close()


async def sign_in(oidc: Oidc, provider: LyingProvider, **changed: Any) -> Identity:
    """A whole sign-in; `changed` are parameters that come back other than they should."""
    page, pending = await oidc.begin(redirect_uri=BACK, back="/")
    found: dict[str, Any] = {**provider.visit(page), **changed}
    return await oidc.complete(
        pending,
        redirect_uri=BACK,
        state=found["state"],
        code=found["code"],
        error=found.get("error", ""),
        issuer=found["iss"],
    )


async def test_an_honest_provider_signs_a_person_in(oidc: Oidc, provider: LyingProvider) -> None:
    provider.claims["name"] = "Ada\x1b[2J Lovelace"
    found = await sign_in(oidc, provider)
    assert found == Identity(provider.issuer, "7", "ada", "Ada[2J Lovelace", ("web",))


async def test_names_and_groups_may_come_from_userinfo_of_the_same_person(
    oidc: Oidc, provider: LyingProvider
) -> None:
    provider.claims = {"sub": "7"}
    provider.info = {"sub": "7", "preferred_username": "grace", "groups": "ops"}
    assert await sign_in(oidc, provider) == Identity(provider.issuer, "7", "grace", "", ("ops",))
    provider.info = {"sub": "8", "preferred_username": "root", "groups": ["admins"]}
    with pytest.raises(OidcRefused, match="someone else"):
        await sign_in(oidc, provider)


async def test_the_page_asks_for_a_code_with_pkce_and_tells_no_secret(
    oidc: Oidc, provider: LyingProvider
) -> None:
    page, pending = await oidc.begin(redirect_uri=BACK, back="/beads?x=1")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == BACK
    kept = {pending.secret, pending.derive("verifier"), SECRET}
    assert not any(secret in page for secret in kept)
    assert len({pending.derive(what) for what in ("state", "nonce", "verifier")}) == 3


NOW = time.time
LIES: dict[str, tuple[Callable[[LyingProvider], object], str]] = {
    "another audience": (lambda p: p.claims.update(aud="someone-else"), "aud"),
    "several audiences, no azp": (lambda p: p.claims.update(aud=[CLIENT, "other"]), "another client"),
    "another azp": (lambda p: p.claims.update(azp="other"), "another client"),
    "another nonce": (lambda p: p.claims.update(nonce="x" * 43), "nonce"),
    "no nonce": (lambda p: p.claims.update(nonce=None), "nonce"),
    "another issuer": (lambda p: p.claims.update(iss="https://evil.example"), "iss"),
    "expired": (lambda p: p.claims.update(exp=int(NOW()) - SKEW_SECONDS - 5), "expired"),
    "no expiry": (lambda p: p.claims.update(exp=None), "exp"),
    "from the future": (lambda p: p.claims.update(iat=int(NOW()) + SKEW_SECONDS + 30), "future"),
    "not yet": (lambda p: p.claims.update(nbf=int(NOW()) + SKEW_SECONDS + 30), "not yet"),
    "no subject": (lambda p: p.claims.update(sub=None), "sub"),
    "subject is no text": (lambda p: p.claims.update(sub=7), "sub"),
    "expiry is no number": (lambda p: p.claims.update(exp="tomorrow"), "exp"),
    "unsigned": (lambda p: setattr(p, "token", p.unsigned), "trusted"),
    "another key under its name": (
        lambda p: setattr(p, "token", p.sign_with(RSAKey.generate_key(2048), "RS256")),
        "trusted",
    ),
    "the public key as an HMAC's": (
        lambda p: setattr(p, "token", p.hmac(p.keys[0].as_pem(private=False))),
        "trusted",
    ),
    "the client secret as an HMAC's": (lambda p: setattr(p, "token", p.hmac(SECRET.encode())), "trusted"),
    "no token": (lambda p: setattr(p, "answer", (200, b"{}")), "no id_token"),
    "no JWT": (lambda p: setattr(p, "token", lambda _: "a.b.c"), "trusted"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_in_the_id_token_is_refused(oidc: Oidc, provider: LyingProvider, lie: str) -> None:
    change, word = LIES[lie]
    await sign_in(oidc, provider)  # it is the lie that is refused
    change(provider)
    with pytest.raises(OidcRefused, match=word) as refused:
        await sign_in(oidc, provider)
    assert SECRET not in str(refused.value)


async def test_clocks_may_differ_by_what_is_stated(oidc: Oidc, provider: LyingProvider) -> None:
    provider.claims.update(exp=int(NOW()) - SKEW_SECONDS + 20, iat=int(NOW()) + SKEW_SECONDS - 20)
    assert (await sign_in(oidc, provider)).subject == "7"


async def test_answers_of_other_sign_ins_and_other_providers_are_refused(
    oidc: Oidc, provider: LyingProvider
) -> None:
    with pytest.raises(OidcRefused, match="another sign-in"):
        await sign_in(oidc, provider, state="x" * 43)
    with pytest.raises(OidcRefused, match="another sign-in"):
        await sign_in(oidc, provider, state="é")
    for issuer in ("https://evil.example", None):  # the provider promises to say who it is
        with pytest.raises(OidcRefused, match="another provider"):
            await sign_in(oidc, provider, iss=issuer)
    with pytest.raises(OidcRefused, match="access_denied"):
        await sign_in(oidc, provider, error="access_denied", code="")
    with pytest.raises(OidcRefused, match="no code"):
        await sign_in(oidc, provider, error="<script>", code="")


async def test_a_code_is_of_one_browser_and_counts_once(oidc: Oidc, provider: LyingProvider) -> None:
    page, pending = await oidc.begin(redirect_uri=BACK, back="/")
    _, thief = await oidc.begin(redirect_uri=BACK, back="/")
    found = provider.visit(page)

    async def finish(browser: Pending, state: str) -> Identity:
        given = {"code": found["code"], "error": "", "issuer": provider.issuer}
        return await oidc.complete(browser, redirect_uri=BACK, state=state, **given)

    with pytest.raises(OidcRefused, match="another sign-in"):
        await finish(thief, found["state"])
    assert (await finish(pending, found["state"])).name == "ada"
    with pytest.raises(OidcRefused, match="invalid_grant") as refused:
        await finish(pending, found["state"])
    assert found["code"] not in str(refused.value)


async def test_a_stolen_code_is_worth_nothing_with_another_verifier(
    oidc: Oidc, provider: LyingProvider
) -> None:
    page, _ = await oidc.begin(redirect_uri=BACK, back="/")
    stolen = provider.visit(page)["code"]
    with pytest.raises(OidcRefused, match="invalid_grant"):
        await sign_in(oidc, provider, code=stolen)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"issuer": "https://evil.example"}, "calls itself https://evil.example"),
        ({"token_endpoint": "http://evil.example/token"}, "token_endpoint must be https"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"authorization_endpoint": None}, "authorization_endpoint"),
        ({"token_endpoint": "https://user:word@evil.example/"}, "token_endpoint"),
    ],
)
async def test_a_lie_in_the_metadata_is_refused(
    oidc: Oidc, provider: LyingProvider, changed: dict[str, Any], word: str
) -> None:
    provider.metadata = changed
    with pytest.raises(OidcRefused, match=word):
        await oidc.begin(redirect_uri=BACK, back="/")


@pytest.mark.parametrize(
    "answer",
    [
        (302, b"http://127.0.0.1:1/elsewhere"),
        (200, b"[]"),
        (200, b"<html>"),
        (500, b"{}"),
        (200, b" " * (1 << 21)),
        (200, b"[" * 100_000),
    ],
)
async def test_an_answer_that_is_none_is_trouble_and_no_sign_in(
    oidc: Oidc, provider: LyingProvider, answer: tuple[int, bytes]
) -> None:
    provider.answer = answer
    with pytest.raises(OidcUnavailable):
        await sign_in(oidc, provider)


async def test_keys_rotate_and_withdrawn_ones_end(oidc: Oidc, provider: LyingProvider, hands: Hands) -> None:
    await sign_in(oidc, provider)
    old = provider.keys[0]
    provider.keys.append(ECKey.generate_key("P-256", {"kid": "second", "use": "sig"}))
    with pytest.raises(OidcRefused):  # the keys were asked for a moment ago: no storm of questions
        await sign_in(oidc, provider)
    hands.moved += 31
    assert (await sign_in(oidc, provider)).subject == "7"
    assert provider.asked.count("/jwks") == 2
    del provider.keys[0]
    provider.token = provider.sign_with(old, "RS256")
    hands.moved += 3601
    with pytest.raises(OidcRefused):
        await sign_in(oidc, provider)


async def test_a_sign_in_ends_after_ten_minutes(oidc: Oidc, hands: Hands) -> None:
    _, pending = await oidc.begin(redirect_uri=BACK, back="/beads?x=ü.1")
    cookie = pending.cookie()
    assert Pending.read(cookie, hands.clock) == pending
    for broken in ("", "x", cookie[1:], cookie.replace(".", ""), f"{pending.secret}.-1.", "." * 50):
        with pytest.raises(OidcRefused):
            Pending.read(broken, hands.clock)
    other = Pending.read(f"{pending.secret}.{pending.begun}.Lw", hands.clock)
    assert other.derive("state") != pending.derive("state")  # where to go afterwards cannot be exchanged
    hands.moved += SIGN_IN_SECONDS + 1
    with pytest.raises(OidcRefused, match="10 minutes"):
        Pending.read(cookie, hands.clock)


async def test_a_provider_that_is_away_is_named(hands: Hands) -> None:
    away = Provider(Client("http://127.0.0.1:1", CLIENT), clock=hands.clock)
    with pytest.raises(OidcUnavailable, match=r"127\.0\.0\.1:1 cannot be reached"):
        await Oidc(away, clock=hands.clock).begin(redirect_uri=BACK, back="/")
    await away.close()


@pytest.mark.parametrize(
    "url",
    ["http://example.com", "ftp://localhost", "//x", "", "http://[::1", "https://x/#y", "http://10.0.0.1"],
)
def test_addresses_that_are_not_asked(url: str) -> None:
    with pytest.raises(OidcError):
        safe_url(url, "it")


@given(name=st.text(max_size=300), subject=st.text(min_size=1, max_size=255))
def test_every_wished_name_gives_names_that_an_account_can_have(name: str, subject: str) -> None:
    names = Identity("https://id.example", subject, name, "", ()).names()
    assert len(set(names)) == len(names) >= 1
    for found in names:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9_.@+]*[a-z0-9])?", found)
        assert len(found) <= 64
    assert names[-1] != Identity("https://other.example", subject, name, "", ()).names()[-1]
