"""Signing in at the organisation's OpenID provider: the way there, the way back, and the way to a terminal.

The provider sends the browser back to an address that the settings name, never to one that a request names.
From there it goes to a page of ours, or to a port of this person's own machine where `ringmaster login` waits
with a secret of its own (RFC 8252): nothing else can be asked for.
"""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
import base64
import hashlib
import html
import secrets
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Cookie, Header, Query, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ringmaster_operator.api import caller, problems
from ringmaster_operator.api.auth import Doors, token_info, visitor
from ringmaster_operator.api.cookies import set_session
from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.auth.oidc import SIGN_IN_SECONDS, Identity, Oidc, Pending
from ringmaster_operator.auth.oidc_provider import OidcError, OidcUnavailable
from ringmaster_operator.claims.refusals import STATUS
from ringmaster_operator.clock import Clock
from ringmaster_operator.history.user_records import Actor, Known, User
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.user_api import OidcExchangeRequest, TokenMade, TokenRequest

SECURE_COOKIE, LOOPBACK_COOKIE = "__Host-ringmaster-oidc", "ringmaster-oidc"
CODE_SECONDS = 60.0
"""How long a terminal may take to fetch what its browser brought."""
MAX_CODES = 1000
CALLBACK = "/api/v1/auth/oidc/callback"
PAGE_PATTERN = r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$"
"""A path on this server: no second slash, no backslash, so that no browser reads another host in it."""

Page = Annotated[str, Query(max_length=512, pattern=PAGE_PATTERN, description="Page of ours to go to then.")]
Port = Annotated[int | None, Query(ge=1, le=65535, description="Of `ringmaster login`, on the loopback.")]
Challenge = Annotated[str | None, Query(pattern="^[A-Za-z0-9_-]{43}$", description="Its S256 challenge.")]
Given = Annotated[str, Query(max_length=4096)]
Accept = Annotated[str, Header(include_in_schema=False)]


@dataclass(frozen=True)
class _Waiting:
    user: User
    challenge: str
    until: float


class Codes:
    """What terminals fetch, each once and within a minute. Only hashes are kept, and only in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()

    def make(self, user: User, challenge: str) -> str:
        code = secrets.token_urlsafe(32)
        self._waiting[_hash(code)] = _Waiting(user, challenge, self._clock.monotonic() + CODE_SECONDS)
        while len(self._waiting) > MAX_CODES:
            self._waiting.popitem(last=False)
        return code

    def take(self, code: str, verifier: str) -> User:
        """Whose code it is. A wrong verifier spends it as well."""
        found = self._waiting.pop(_hash(code), None)
        if found is None or self._clock.monotonic() > found.until or _hash(verifier) != found.challenge:
            raise AuthError(
                ProblemCode.UNAUTHENTICATED, "this code is not good, or not any more: sign in again"
            )
        return found.user


def routes(doors: Doors, clock: Clock) -> APIRouter:
    """Everything below /api/v1/auth/oidc."""
    router = APIRouter(prefix="/api/v1/auth/oidc", tags=["people"], responses=problems.RESPONSES)
    way = _Way(doors, clock)

    @router.get("/start", operation_id="startOidcSignIn", status_code=303, response_class=RedirectResponse)
    async def start(
        back: Page = "/", port: Port = None, challenge: Challenge = None, accept: Accept = ""
    ) -> Response:
        """Go to the provider's page; a browser is to open this."""
        visitor()
        if (port is None) != (challenge is None):
            raise AuthError(ProblemCode.INVALID, "port and challenge go together")
        return await _told_as_asked(way.there(back if port is None else f"{port} {challenge}"), accept)

    @router.get("/callback", operation_id="finishOidcSignIn", response_class=HTMLResponse)
    async def callback(
        state: Given = "",
        code: Given = "",
        error: Given = "",
        iss: Given | None = None,
        secure: Annotated[str, Cookie(alias=SECURE_COOKIE, include_in_schema=False)] = "",
        local: Annotated[str, Cookie(alias=LOOPBACK_COOKIE, include_in_schema=False)] = "",
        accept: Accept = "",
    ) -> Response:
        """Where the provider sends the browser back to: it is signed in then."""
        visitor()
        cookie = secure if caller.current().secure else local
        back = way.back(cookie, state=state, code=code, error=error, issuer=iss)
        return await _told_as_asked(back, accept)

    @router.get("/sign-out", operation_id="endOidcSession", status_code=303, response_class=RedirectResponse)
    async def sign_out() -> Response:
        """Go to where the provider ends its own session; a browser opens this once it has signed out here."""
        return await way.away()

    @router.post(
        "/exchange", operation_id="exchangeOidcCode", status_code=201, response_model_exclude_none=True
    )
    async def exchange(request: OidcExchangeRequest, response: Response) -> TokenMade:
        """An API token for the code that a browser brought to `ringmaster login`."""
        visitor()
        response.headers["Cache-Control"] = "no-store"
        return await way.exchange(request)

    return router


class _Way:
    """To the provider and back. Raises AuthError."""

    def __init__(self, doors: Doors, clock: Clock) -> None:
        self._doors = doors
        self._auth = doors.auth
        self._clock = clock
        self._codes = Codes(clock)
        self._redirect_uri = doors.web_url.rstrip("/") + CALLBACK

    async def there(self, target: str) -> Response:
        """The provider's page; target is a page of ours, or the port and challenge of a terminal."""
        try:
            page, pending = await self._oidc().begin(redirect_uri=self._redirect_uri, back=target)
        except OidcError as error:
            raise _told(error) from error
        answer = RedirectResponse(page, status_code=303)
        _keep(answer, pending.cookie(), seconds=SIGN_IN_SECONDS)
        return answer

    async def back(self, cookie: str, *, state: str, code: str, error: str, issuer: str | None) -> Response:
        """Signed in: a session for a browser, a code for a terminal."""
        try:
            pending = Pending.read(cookie, self._clock)
            identity = await self._oidc().complete(
                pending,
                redirect_uri=self._redirect_uri,
                state=state,
                code=code,
                error=error,
                issuer=issuer,
            )
        except OidcError as fault:
            raise _told(fault) from fault
        user = await self._user(identity)
        port, _, challenge = pending.back.partition(" ")
        answer: Response
        if challenge:
            code = self._codes.make(user, challenge)
            answer = RedirectResponse(f"http://127.0.0.1:{int(port)}/?code={code}", status_code=303)
        else:
            accounts, call = self._auth.accounts, caller.current()
            session = await accounts.open(user, how="oidc", visitor=visitor())
            answer = HTMLResponse(_page(pending.back), headers=PAGE_HEADERS)
            set_session(answer, call, session.secret, seconds=accounts.lasting.most)
        _keep(answer, "", seconds=0)
        return answer

    async def away(self) -> Response:
        """The provider's page for signing out, which leads back here; our own where it has none."""
        home = self._doors.web_url.rstrip("/") + "/"
        try:
            page = await self._oidc().end(back=home)
        except OidcError as error:
            raise _told(error) from error
        answer = RedirectResponse(page or home, status_code=303)
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    async def exchange(self, request: OidcExchangeRequest) -> TokenMade:
        """A token of the user whose code it is."""
        user = self._codes.take(request.code.get_secret_value(), request.verifier.get_secret_value())
        actor = Actor(person=user.subject, credential="oidc", address=caller.current().address)
        wish = TokenRequest(name=request.name, expires_in_days=request.expires_in_days)
        known = Known(user=user, grants=())
        token, secret = await self._auth.management.create_token(known, wish, actor)
        return TokenMade(token=secret, **token_info(token).model_dump())

    def _oidc(self) -> Oidc:
        if self._auth.oidc is None:
            raise AuthError(ProblemCode.NOT_FOUND, "this operator knows no OpenID provider")
        return self._auth.oidc

    async def _user(self, identity: Identity) -> User:
        return await self._auth.accounts.external(
            issuer=identity.issuer,
            subject=identity.subject,
            names=identity.names(),
            display_name=identity.display_name,
            groups=identity.groups,
        )


async def _told_as_asked(answer: Awaitable[Response], accept: str) -> Response:
    """The answer; why there is none goes to people as a page, to programs as AuthError."""
    try:
        return await answer
    except AuthError as fault:
        if "text/html" not in accept:
            raise
        return HTMLResponse(_refusal(str(fault)), status_code=STATUS[fault.code], headers=PAGE_HEADERS)


def _told(error: OidcError) -> AuthError:
    away = isinstance(error, OidcUnavailable)
    return AuthError(ProblemCode.UNAVAILABLE if away else ProblemCode.UNAUTHENTICATED, str(error))


def _keep(answer: Response, value: str, *, seconds: int) -> None:
    """The cookie of a sign-in under way. Lax: the browser comes back from the provider's site with it."""
    secure = caller.current().secure
    answer.set_cookie(
        SECURE_COOKIE if secure else LOOPBACK_COOKIE,
        value,
        max_age=seconds,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"


PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


def _page(back: str) -> str:
    """A page that goes on by itself: after a redirect the browser would keep the session's cookie to itself,
    because the provider's site began it."""
    place = html.escape(back, quote=True)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title>'
        f'<meta http-equiv="refresh" content="0;url={place}">'
        f'<p>You are signed in. <a href="{place}">Go on</a></p></html>'
    )


def _refusal(why: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>Not signed in</title><main>'
        f"<h1>You are not signed in</h1><p>{html.escape(why)}</p>"
        '<p><a href="/ui">Try again</a></p></main></html>'
    )


def _hash(text: str) -> str:
    """SHA-256 as PKCE writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
