"""Signing in and out, and what a person has: password, tokens, sessions."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response

from ringmaster_operator.api import caller, problems
from ringmaster_operator.api.cookies import check_private, set_session, take_session
from ringmaster_operator.api.people import People, Person
from ringmaster_operator.auth import secret as secrets
from ringmaster_operator.auth.accounts import Accounts, Opened, Visitor
from ringmaster_operator.auth.management import Management
from ringmaster_operator.auth.setup import Auth
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.history.user_records import ApiToken, Known
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import MAX_INT
from ringmaster_operator.resources.user_api import (
    FirstAdminRequest,
    HeldRole,
    Me,
    PasswordRequest,
    SessionInfo,
    SessionList,
    SignInMethods,
    SignInRequest,
    TokenInfo,
    TokenList,
    TokenMade,
    TokenRequest,
)

Authorization = Annotated[str | None, Header()]
Id = Annotated[int, Path(ge=1, le=MAX_INT)]
SIGN_OUT_PAGE = "/api/v1/auth/oidc/sign-out"


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What signing in needs."""

    people: People
    auth: Auth
    web_url: str


def visitor() -> Visitor:
    """Where the call comes from; AuthError where it is a connection that others can read."""
    call = caller.current()
    check_private(call)
    return Visitor(address=call.address, agent=call.agent, session=call.session)


def opened(doors: Doors, response: Response, session: Opened) -> Me:
    """Give the browser its session, and tell who that is."""
    set_session(response, caller.current(), session.secret, seconds=doors.auth.accounts.lasting.most)
    return me(doors.auth.accounts, session.known, session.secret)


def me(accounts: Accounts, known: Known, session: str | None) -> Me:
    """Who a user is, and what they may do with what they came with."""
    ends = known.token or known.sign_in
    elsewhere = known.token is None and known.sign_in is not None and known.sign_in.how == "oidc"
    return Me(
        name=known.user.subject,
        display_name=known.user.display_name,
        credential="session" if known.token is None else "token",
        groups=list(known.user.groups),
        roles=[
            HeldRole(namespace=namespace, role=role)
            for namespace, role in sorted(accounts.access.roles(known).items())
        ],
        csrf=None if session is None or known.token is not None else secrets.csrf_of(session),
        expires_at=None if ends is None else ends.expires_at,
        sign_out_page=SIGN_OUT_PAGE if elsewhere else None,
    )


def token_info(token: ApiToken) -> TokenInfo:
    """A token as the API tells it."""
    return TokenInfo.model_validate(
        {name: getattr(token, name) for name in TokenInfo.model_fields if name != "namespaces"}
        | {"namespaces": None if token.namespaces is None else list(token.namespaces)}
    )


def routes(doors: Doors) -> APIRouter:
    """Everything below /api/v1/auth."""
    router = APIRouter(prefix="/api/v1/auth", tags=["people"], responses=problems.RESPONSES)
    _signing_in(router, doors)

    async def own(authorization: str | None) -> tuple[Person, Known]:
        person = await doors.people.person(authorization)
        if person.known is None:
            detail = f"{person.name} is an identity of the cluster, which has no account here"
            raise Refused(ProblemCode.FORBIDDEN, detail)
        return person, person.known

    _own(router, doors, own)
    _tokens(router, doors.auth.management, own)
    _sessions(router, doors.auth.management, own)
    return router


Own = Callable[[str | None], Awaitable[tuple[Person, Known]]]


def _signing_in(router: APIRouter, doors: Doors) -> None:
    def check_origin() -> None:
        if not caller.current().from_here(doors.web_url):
            raise Refused(ProblemCode.FORBIDDEN, "this was asked for by a page of another site")

    @router.get("/methods", operation_id="listSignInMethods", response_model_exclude_none=True)
    async def methods() -> SignInMethods:
        """How people can sign in. Nobody needs to be signed in for this."""
        wanted = await doors.auth.first_admin.wanted()
        return SignInMethods(
            local=doors.auth.accounts.local, oidc=doors.auth.oidc is not None, first_admin=wanted
        )

    @router.post("/sign-in", operation_id="signIn", response_model_exclude_none=True)
    async def sign_in(request: SignInRequest, response: Response) -> Me:
        """Sign in with name and password: sets the cookie of a session."""
        check_origin()
        password = request.password.get_secret_value()
        session = await doors.auth.accounts.sign_in(name=request.name, password=password, visitor=visitor())
        return opened(doors, response, session)

    @router.post(
        "/first-admin", operation_id="claimFirstAdmin", status_code=201, response_model_exclude_none=True
    )
    async def first_admin(request: FirstAdminRequest, response: Response) -> Me:
        """Become the first administrator, with the one-time code: makes the user and signs in."""
        check_origin()
        came = visitor()
        user = await doors.auth.first_admin.take(request, address=came.address)
        return opened(doors, response, await doors.auth.accounts.open(user, how="password", visitor=came))


def _own(router: APIRouter, doors: Doors, own: Own) -> None:
    @router.get("/me", operation_id="getMe", response_model_exclude_none=True)
    async def who(response: Response, authorization: Authorization = None) -> Me:
        """Who is calling."""
        response.headers["Cache-Control"] = "no-store"
        person = await doors.people.person(authorization)
        if person.known is None:
            groups = [str(group) for group in person.user.get("groups", [])]
            return Me(name=person.name, credential="cluster", groups=groups)
        session = caller.current().session if person.known.sign_in is not None else None
        return me(doors.auth.accounts, person.known, session)

    @router.post("/sign-out", operation_id="signOut", status_code=204)
    async def sign_out(response: Response, authorization: Authorization = None) -> None:
        """End the session; called with an API token, revoke that token."""
        person, known = await own(authorization)
        await doors.auth.accounts.sign_out(known, person.actor)
        if known.sign_in is not None:
            take_session(response, caller.current())

    @router.post("/password", operation_id="changePassword", response_model_exclude_none=True)
    async def password(
        request: PasswordRequest, response: Response, authorization: Authorization = None
    ) -> Me:
        """Change one's password: ends all other sessions and all tokens, and renews this session."""
        person, known = await own(authorization)
        session = await doors.auth.accounts.change_password(
            known,
            current=request.current.get_secret_value(),
            new=request.new.get_secret_value(),
            visitor=visitor(),
            actor=person.actor,
        )
        return me(doors.auth.accounts, known, None) if session is None else opened(doors, response, session)


def _tokens(router: APIRouter, management: Management, own: Own) -> None:
    @router.get("/tokens", operation_id="listTokens", response_model_exclude_none=True)
    async def tokens(authorization: Authorization = None) -> TokenList:
        """One's own API tokens that were not revoked."""
        _, known = await own(authorization)
        return TokenList(items=[token_info(token) for token in await management.tokens(known)])

    @router.post("/tokens", operation_id="createToken", status_code=201, response_model_exclude_none=True)
    async def create(
        request: TokenRequest, response: Response, authorization: Authorization = None
    ) -> TokenMade:
        """Make an API token. The answer holds its secret, this once."""
        person, known = await own(authorization)
        token, secret = await management.create_token(known, request, person.actor)
        response.headers["Cache-Control"] = "no-store"
        return TokenMade(token=secret, **token_info(token).model_dump())

    @router.delete("/tokens/{id}", operation_id="revokeToken", status_code=204)
    async def revoke(id: Id, authorization: Authorization = None) -> None:
        """End one of one's own tokens, and those that were made with it."""
        person, known = await own(authorization)
        await management.revoke_token(known, id, person.actor)


def _sessions(router: APIRouter, management: Management, own: Own) -> None:
    @router.get("/sessions", operation_id="listSessions", response_model_exclude_none=True)
    async def sessions(authorization: Authorization = None) -> SessionList:
        """The browsers in which one is signed in."""
        _, known = await own(authorization)
        current = None if known.sign_in is None else known.sign_in.id
        found = await management.sessions(known)
        shown = [name for name in SessionInfo.model_fields if name != "current"]
        return SessionList(
            items=[
                SessionInfo(**{name: getattr(item, name) for name in shown}, current=item.id == current)
                for item in found
            ]
        )

    @router.delete("/sessions/{id}", operation_id="endSession", status_code=204)
    async def end(id: Id, authorization: Authorization = None) -> None:
        """Sign out one of one's own browsers."""
        person, known = await own(authorization)
        await management.end_session(known, id, person.actor)
