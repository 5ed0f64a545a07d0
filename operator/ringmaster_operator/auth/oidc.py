"""Signing in with an OpenID provider: authorization code with PKCE, and every check of what comes back.

Nothing of a sign-in under way is kept here. The browser holds one random secret in a cookie; state, nonce and
PKCE verifier are derived from it, so a callback counts in the browser that began it, and in no other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from ringmaster_operator.auth.oidc_provider import (
    Claims,
    OidcRefused,
    Provider,
    plain_word,
    safe_url,
)
from ringmaster_operator.clock import Clock

if TYPE_CHECKING:
    from joserfc import jwt

JOSE = "joserfc.jwt"
"""Loaded only where there is a provider, as it starts: with its cryptography it takes 10 MB."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""Signatures by a key pair. `none` and the HMACs, whose key both sides hold, are never accepted."""
SKEW_SECONDS = 60
"""How far the provider's clock may be from ours."""
SIGN_IN_SECONDS = 600
"""How long a person may take at the provider."""
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.@+")
MAX_GROUPS = 1000
MAX_TEXT = 255


@dataclass(frozen=True)
class Identity:
    """A person as the provider knows them. (issuer, subject) is who it is; the name is only a wish."""

    issuer: str
    subject: str
    name: str
    display_name: str
    groups: tuple[str, ...]

    def names(self) -> list[str]:
        """Names for the account, the wished one first; the last is nobody else's."""
        base = "".join(c if c in NAME_CHARACTERS else "-" for c in self.name.lower())[:48].strip("-_.@+")
        own = hashlib.sha256(f"{self.issuer}\n{self.subject}".encode()).hexdigest()[:12]
        return [*([base, *(f"{base}-{count}" for count in range(2, 10))] if base else []), f"oidc-{own}"]


@dataclass(frozen=True)
class Pending:
    """A sign-in under way, as its browser's cookie holds it."""

    secret: str
    begun: int
    """Seconds since 1970."""
    back: str
    """Where the browser goes afterwards; what it means is the caller's."""

    @classmethod
    def fresh(cls, back: str, clock: Clock) -> Pending:
        return cls(secrets.token_urlsafe(32), int(clock.now().timestamp()), back)

    @classmethod
    def read(cls, cookie: str, clock: Clock) -> Pending:
        """From the cookie; raises OidcRefused where it is none, or too old."""
        secret, _, rest = cookie.partition(".")
        begun, _, back = rest.partition(".")
        if len(secret) != 43 or not begun.isdecimal() or len(begun) > 12 or not begun.isascii():
            raise OidcRefused("this browser began no sign-in here, or too long ago: begin again")
        age = clock.now().timestamp() - int(begun)
        if not -SKEW_SECONDS <= age <= SIGN_IN_SECONDS:
            raise OidcRefused(f"the sign-in took more than {SIGN_IN_SECONDS // 60} minutes: begin again")
        return cls(secret, int(begun), base64.urlsafe_b64decode(back + "===").decode(errors="replace"))

    def cookie(self) -> str:
        back = base64.urlsafe_b64encode(self.back.encode()).decode().rstrip("=")
        return f"{self.secret}.{self.begun}.{back}"

    def derive(self, what: str) -> str:
        """state, nonce or verifier: 43 characters that tell nothing of each other or of the secret."""
        digest = hmac.digest(self.secret.encode(), f"{what}/{self.begun}/{self.back}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Oidc:
    """Sign-ins with one provider. Raises OidcError (OidcRefused, OidcUnavailable)."""

    def __init__(
        self,
        provider: Provider,
        *,
        clock: Clock,
        scopes: Sequence[str] = ("openid", "profile"),
        group_claim: str = "groups",
        name_claim: str = "preferred_username",
    ) -> None:
        self.provider = provider
        self._clock = clock
        self._scopes = tuple(dict.fromkeys(("openid", *scopes)))
        self._group_claim = group_claim
        self._name_claim = name_claim
        import_module(JOSE)

    async def begin(self, *, redirect_uri: str, back: str) -> tuple[str, Pending]:
        """The provider's page to send the browser to, and what its cookie must hold meanwhile."""
        pending = Pending.fresh(back, self._clock)
        challenge = hashlib.sha256(pending.derive("verifier").encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.provider.client.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._scopes),
            "state": pending.derive("state"),
            "nonce": pending.derive("nonce"),
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        page = str((await self.provider.metadata())["authorization_endpoint"])
        return _with(page, query), pending

    async def end(self, *, back: str) -> str:
        """The provider's page for signing out, which leads to `back`; empty where it has none.

        It asks the person: no id_token is kept here that could tell it whose session this is.
        """
        page = str((await self.provider.metadata()).get("end_session_endpoint") or "")
        if not page:
            return ""
        query = {"client_id": self.provider.client.client_id, "post_logout_redirect_uri": back}
        return _with(safe_url(page, "end_session_endpoint"), query)

    async def complete(
        self, pending: Pending, *, redirect_uri: str, state: str, code: str, error: str, issuer: str | None
    ) -> Identity:
        """Who signed in, from the parameters that the provider sent the browser back with."""
        if not hmac.compare_digest(state.encode(), pending.derive("state").encode()):
            raise OidcRefused("this answer belongs to another sign-in: begin again")
        metadata = await self.provider.metadata()
        own = self.provider.client.issuer
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if (issuer is not None or promised) and issuer != own:  # RFC 9207: another provider's answer
            raise OidcRefused("this answer is from another provider than the one that was asked")
        if error or not code:
            raise OidcRefused(f"the provider refused the sign-in: {plain_word(error) or 'no code'}")
        answer = await self.provider.exchange(
            code, redirect_uri=redirect_uri, verifier=pending.derive("verifier")
        )
        claims = await self.checked(answer.get("id_token"), nonce=pending.derive("nonce"))
        return self._identity(await self._completed(claims, answer))

    async def checked(self, token: object, *, nonce: str) -> Claims:
        """The claims of an id_token that is the provider's, for us, for this sign-in, and in time."""
        from joserfc import jwt
        from joserfc.errors import ClaimError, JoseError
        from joserfc.jws import JWSRegistry

        if not isinstance(token, str) or not token:
            raise OidcRefused("the provider gave no id_token")
        try:
            header = _header(token)
            keys = await self.provider.keys(header.get("kid"))
            registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
            claims = jwt.decode(token, keys, registry=registry).claims
            self._rules(nonce).validate(claims)
        except ClaimError as fault:
            raise OidcRefused(f"the provider's id_token is not acceptable: {fault.description}") from fault
        except (JoseError, ValueError, TypeError) as fault:
            name = type(fault).__name__
            raise OidcRefused(f"the provider's id_token is not to be trusted ({name})") from fault
        own, audience = self.provider.client.client_id, claims["aud"]
        if claims.get("azp", own) != own or (
            isinstance(audience, list) and len(audience) > 1 and "azp" not in claims
        ):
            raise OidcRefused("the provider's id_token was made for another client")
        return claims

    def _rules(self, nonce: str) -> jwt.JWTClaimsRegistry:
        from joserfc import jwt

        return jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock.now().timestamp()),
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": self.provider.client.issuer},
            aud={"essential": True, "value": self.provider.client.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )

    async def _completed(self, claims: Claims, answer: Claims) -> Claims:
        """With what the userinfo endpoint adds: many providers tell names and groups only there."""
        if self._name_claim in claims and self._group_claim in claims:
            return claims
        more = await self.provider.userinfo(str(answer.get("access_token") or ""))
        if more and more.get("sub") != claims["sub"]:
            raise OidcRefused("the provider's userinfo is about someone else")
        return {**more, **claims}

    def _identity(self, claims: Claims) -> Identity:
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_TEXT:
            raise OidcRefused(f"the provider's subject must be a text of up to {MAX_TEXT} characters")
        wishes = [claims.get(name) for name in (self._name_claim, "email", "sub")]
        name = next(str(wish) for wish in wishes if isinstance(wish, str) and wish)
        return Identity(
            issuer=self.provider.client.issuer,
            subject=subject,
            name=name[:MAX_TEXT],
            display_name=_line(claims.get("name")),
            groups=_groups(claims.get(self._group_claim)),
        )


def _with(page: str, query: dict[str, str]) -> str:
    return f"{page}{'&' if urlsplit(page).query else '?'}{urlencode(query)}"


def _groups(found: Any) -> tuple[str, ...]:
    """The texts of the group claim; one text is one group."""
    items = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(
        dict.fromkeys(item for item in items if isinstance(item, str) and 0 < len(item) <= MAX_TEXT)
    )[:MAX_GROUPS]


def _header(token: str) -> dict[str, Any]:
    """The unverified header, to find the key by."""
    from joserfc import jws

    return dict(jws.extract_compact(token.encode()).headers())


def _line(text: Any) -> str:
    """A display name: one line, without anything that could alter a page or a terminal."""
    return "".join(c for c in text if c.isprintable())[:128] if isinstance(text, str) else ""
