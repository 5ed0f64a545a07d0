"""What a call brings besides its body: from where, over what, with which cookie.

It is set for each request by an ASGI middleware and read where it matters (who asks, what is audited), so
that no route has to pass it on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

SECURE_COOKIE = "__Host-ringmaster"
"""The browser takes this name only with Secure, with path / and from this very host."""
LOOPBACK_COOKIE = "ringmaster-session"
"""The same without TLS, which is spoken to this machine only."""
CSRF_HEADER = "x-ringmaster-csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Networks = Sequence[IPv4Network | IPv6Network]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request."""

    method: str = "GET"
    address: str = ""
    """Of the client, as the nearest proxy that is trusted says."""
    secure: bool = False
    """Whether it came by TLS all the way to the last proxy."""
    local: bool = False
    """Whether it came from this very machine."""
    agent: str = ""
    host: str = ""
    origin: str | None = None
    site: str | None = None
    """Sec-Fetch-Site: what the browser says of the page that asks."""
    csrf: str | None = None
    cookies: Mapping[str, str] | None = None

    @property
    def changes(self) -> bool:
        return self.method not in SAFE

    @property
    def session(self) -> str | None:
        """The session that the cookie is of."""
        return (self.cookies or {}).get(SECURE_COOKIE if self.secure else LOOPBACK_COOKIE) or None

    def from_here(self, web_url: str) -> bool:
        """Whether the page that asks is one of ours, as far as the browser says: False is a stranger's."""
        if self.site is not None and self.site not in ("same-origin", "none"):
            return False
        if self.origin is None:
            return True
        own = {f"{'https' if self.secure else 'http'}://{self.host}"}
        if web_url:
            place = urlsplit(web_url)
            own.add(f"{place.scheme}://{place.netloc}")
        return self.origin.lower() in {found.lower() for found in own}


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def current() -> Call:
    """The call that is being answered; an empty one outside of any."""
    return _current.get() or Call()


class Callers:
    """ASGI middleware: knows the call while it is answered."""

    def __init__(self, app: ASGIApp, *, trusted: Networks = (), web_url: str = "") -> None:
        self._app = app
        self._trusted = trusted
        place = urlsplit(web_url)
        self._secure_host = place.netloc.lower() if place.scheme == "https" else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = _current.set(self.read(scope))
        try:
            await self._app(scope, receive, send)
        finally:
            _current.reset(token)

    def read(self, scope: Scope) -> Call:
        """The call that a scope describes."""
        headers: dict[str, str] = {}
        forwarded: list[str] = []
        for raw_name, raw in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw.decode("latin-1")
            if name == "x-forwarded-for":
                forwarded += value.split(",")
            headers[name] = f"{headers[name]}; {value}" if name == "cookie" and name in headers else value
        peer = (scope.get("client") or ("", 0))[0]
        proxied = self._trusts(peer)
        host = headers.get("host", "")
        secure = scope.get("scheme") == "https" or bool(host and host.lower() == self._secure_host)
        if proxied and "x-forwarded-proto" in headers:
            secure = headers["x-forwarded-proto"].strip().lower() == "https"
        return Call(
            method=scope["method"],
            address=self._client(peer, forwarded),
            secure=secure,
            local=_loopback(peer) and not proxied,
            agent=headers.get("user-agent", ""),
            host=host,
            origin=headers.get("origin"),
            site=headers.get("sec-fetch-site"),
            csrf=headers.get(CSRF_HEADER),
            cookies=cookie_parser(headers.get("cookie", "")),
        )

    def _client(self, peer: str, forwarded: Sequence[str]) -> str:
        """The first address, from the end, that no proxy of ours has: what is before it may be made up."""
        address = peer
        for hop in reversed(forwarded):
            if not self._trusts(address):
                break
            found = hop.strip()
            try:
                address = str(ip_address(found))
            except ValueError:
                break
        return address

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
