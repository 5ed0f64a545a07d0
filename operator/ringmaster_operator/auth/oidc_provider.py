"""What is asked of an OpenID provider over HTTP: its metadata, its keys, tokens for a code, claims.

Nothing that a provider says is followed blindly: no redirects, https only (http on this machine's loopback,
for development), answers of bounded size and time, and metadata that names another issuer are refused.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpx2

from ringmaster_operator.clock import Clock

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

Claims = dict[str, Any]
CALL_SECONDS = 10.0
MAX_BYTES = 1 << 20
METADATA_SECONDS = 3600.0
"""How long metadata and keys are used before they are asked for again: a key that was withdrawn ends then."""
ROTATION_SECONDS = 30.0
"""The least time between two looks for a key that is not known: strangers' tokens cause no storm."""


class OidcError(Exception):
    """A sign-in that failed; the text is for the person and holds nothing secret."""


class OidcUnavailable(OidcError):
    """The provider cannot be reached, or does not answer as one: the same may succeed later."""


class OidcRefused(OidcError):
    """This sign-in is not to be trusted, or the provider refused it."""


@dataclass(frozen=True)
class Client:
    """This operator as the provider knows it."""

    issuer: str
    client_id: str
    secret: Callable[[], str] = str
    """Gives the client's secret as it is at present; empty for a public client, which PKCE alone protects."""


class Provider:
    """One provider. Raises OidcError from every method."""

    def __init__(
        self, client: Client, *, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.client = client
        self._clock = clock
        self._http = httpx2.AsyncClient(timeout=CALL_SECONDS, follow_redirects=False, transport=transport)
        self._metadata: tuple[Claims, float] | None = None
        self._keys: tuple[KeySet, float] | None = None

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def metadata(self) -> Claims:
        """The discovery document, of this very issuer."""
        now = self._clock.monotonic()
        if self._metadata is not None and now - self._metadata[1] < METADATA_SECONDS:
            return self._metadata[0]
        issuer = self.client.issuer
        found = await self._json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise OidcRefused(f"the provider at {issuer} calls itself {str(found.get('issuer'))[:200]}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            safe_url(str(found.get(name, "")), name)
        self._metadata = (found, now)
        return found

    async def keys(self, kid: str | None) -> KeySet:
        """The provider's keys; asked for again where they are old, or do not have `kid` (a rotation)."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        now = self._clock.monotonic()
        if self._keys is not None:
            kept, at = self._keys
            known = kid is None or any(key.kid == kid for key in kept)
            if now - at < (METADATA_SECONDS if known else ROTATION_SECONDS):
                return kept
        found = await self._json("GET", str((await self.metadata())["jwks_uri"]))
        try:
            keys = KeySet.import_key_set({"keys": list(found["keys"])})
        except (JoseError, KeyError, TypeError, ValueError) as fault:
            raise OidcUnavailable("the provider's keys cannot be read") from fault
        self._keys = (keys, now)
        return keys

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str) -> Claims:
        """The token endpoint's answer for a code."""
        metadata, client = await self.metadata(), self.client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        secret = client.secret()
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if secret and "client_secret_basic" in methods:
            pair = f"{quote(client.client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = client.client_id
            if secret:
                form["client_secret"] = secret
        return await self._json("POST", str(metadata["token_endpoint"]), headers=headers, form=form)

    async def userinfo(self, access_token: str) -> Claims:
        """What the userinfo endpoint tells of the person; empty where the provider has none."""
        url = str((await self.metadata()).get("userinfo_endpoint") or "")
        if not url or not access_token:
            return {}
        safe_url(url, "userinfo_endpoint")
        return await self._json("GET", url, headers={"Authorization": f"Bearer {access_token}"})

    async def _json(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Claims:
        safe_url(url, "the provider's address")
        sent = {"Accept": "application/json", **(headers or {})}
        where = urlsplit(url).netloc
        try:
            async with self._http.stream(method, url, headers=sent, data=form) as answer:
                content = b""
                async for piece in answer.aiter_bytes():
                    content += piece
                    if len(content) > MAX_BYTES:
                        raise OidcUnavailable(
                            f"the provider at {where} answers with more than {MAX_BYTES} bytes"
                        )
        except (httpx2.HTTPError, httpx2.InvalidURL) as fault:
            raise OidcUnavailable(
                f"the provider at {where} cannot be reached: {type(fault).__name__}"
            ) from fault
        return _read(content, answer.status_code, where, refusing=form is not None)


def _read(content: bytes, status: int, where: str, *, refusing: bool) -> Claims:
    """An answer's object. The provider's `error` word is told; its other words may hold what was sent."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if status == 200 and isinstance(found, dict):
        return found
    if refusing and 400 <= status < 500:
        word = str(found.get("error", "")) if isinstance(found, dict) else ""
        raise OidcRefused(f"the provider refused the sign-in: {plain_word(word) or f'HTTP {status}'}")
    raise OidcUnavailable(f"the provider at {where} does not answer as one (HTTP {status})")


def plain_word(text: str) -> str:
    """An error code of OAuth, harmless to show; empty where it is none."""
    return text if 0 < len(text) <= 64 and text.isascii() and text.replace("_", "").isalnum() else ""


def safe_url(url: str, what: str) -> str:
    """The address, when it may be asked. Raises OidcRefused."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise OidcRefused(f"{what} is no address") from None
    if not host or parts.username or parts.fragment:
        raise OidcRefused(f"{what} is no address that can be asked")
    if parts.scheme == "https" or (parts.scheme == "http" and _loopback(host)):
        return url
    raise OidcRefused(f"{what} must be https (http only on the loopback): {parts.scheme}://{host}")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
