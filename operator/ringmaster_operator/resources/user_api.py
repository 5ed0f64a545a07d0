"""The bodies of the people's API about themselves: signing in, tokens, sessions, users, roles, audit.

A secret is in an answer only where it was just made: a token's, once.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.lists import Unique
from ringmaster_operator.resources.scalars import Flag, Name, Natural, Time, Whole, line

MAX_PASSWORD = 1024
TOKEN_DAYS = 90
MAX_TOKEN_DAYS = 366

UserName = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9]([-a-z0-9_.@+]*[a-z0-9])?$")
]
"""Name that a person signs in with."""
DisplayName = Annotated[str, line(128)]
Subject = Annotated[
    str,
    StringConstraints(
        max_length=270,
        pattern=r"^(user:[a-z0-9]([-a-z0-9_.@+]*[a-z0-9])?|group:[^\x00-\x1f\x7f-\x9f]+)$",
    ),
]
"""Who has a role: user:NAME, or group:NAME as the OpenID provider names it."""
Everywhere = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=253,
        pattern=r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$",
    ),
]
"""A namespace, or * for all of them."""
Password = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD)]


class Role(StrEnum):
    """What a person may do in a namespace. Each includes those before it."""

    VIEWER = "viewer"
    CONTRIBUTOR = "contributor"
    MAINTAINER = "maintainer"
    ADMIN = "admin"


class SignInMethods(Model):
    """How people can sign in here."""

    local: bool
    """With a name and a password that Ringmaster keeps."""
    oidc: bool = False
    """With the organisation's OpenID provider."""
    first_admin: bool = False
    """Nobody manages users yet: the one-time code makes the first administrator."""


class SignInRequest(Model):
    """POST auth/sign-in."""

    name: UserName
    password: Password


class FirstAdminRequest(Model):
    """POST auth/first-admin."""

    code: Annotated[SecretStr, Field(min_length=1, max_length=128)]
    """From the file that the operator's log names."""
    name: UserName
    display_name: DisplayName = ""
    password: Password


class PasswordRequest(Model):
    """POST auth/password. All other sessions and all API tokens of the account end."""

    current: Password
    new: Password


class HeldRole(Model):
    """A role, and where it holds."""

    namespace: Everywhere
    role: Role


class Me(Model):
    """Who is calling."""

    name: str
    """As decisions and the audit log name this person."""
    display_name: str = ""
    credential: Literal["session", "token", "cluster"]
    """cluster: a token of the Kubernetes cluster, whose RBAC says what is allowed."""
    groups: list[str] = Field(default_factory=list)
    roles: list[HeldRole] = Field(default_factory=list)
    """Of an account, within what the token allows. A cluster's identity has none."""
    csrf: str | None = None
    """Of a session: what the header X-Ringmaster-CSRF must say with a change."""
    expires_at: Time | None = None
    sign_out_page: str | None = None
    """Of a session that began at the OpenID provider: where to go after signing out, to end the one there."""


class TokenRequest(Model):
    """POST auth/tokens. A token made with a token gets no more than that one has."""

    name: Annotated[str, line(128, 1)]
    """What it is for."""
    role: Role | None = None
    """The most that it may do; all that you may when unset."""
    namespaces: Annotated[list[Name], Field(min_length=1, max_length=64), Unique()] | None = None
    """Where; everywhere that you may when unset."""
    expires_in_days: Annotated[int, Whole(1, MAX_TOKEN_DAYS)] = TOKEN_DAYS


class OidcExchangeRequest(Model):
    """POST auth/oidc/exchange."""

    code: Annotated[SecretStr, Field(min_length=1, max_length=128)]
    """What the browser brought to the port of `ringmaster login`."""
    verifier: Annotated[SecretStr, Field(min_length=43, max_length=128)]
    """What its challenge was made from."""
    name: Annotated[str, line(128, 1)]
    """What the token is for."""
    expires_in_days: Annotated[int, Whole(1, MAX_TOKEN_DAYS)] = TOKEN_DAYS


class TokenInfo(Model):
    """An API token, without its secret."""

    id: Natural
    name: str
    prefix: str
    """How the secret begins."""
    role: Role | None = None
    namespaces: list[str] | None = None
    created_at: Time
    expires_at: Time
    last_used_at: Time | None = None
    """To the minute."""


class TokenMade(TokenInfo):
    """A token that was just made."""

    token: str
    """The secret. It is shown this once and kept nowhere."""


class TokenList(Model):
    """The newest first."""

    items: list[TokenInfo]


class SessionInfo(Model):
    """A browser that is signed in."""

    id: Natural
    how: str
    """password or oidc."""
    address: str
    agent: str
    created_at: Time
    last_seen_at: Time
    """To the minute."""
    expires_at: Time
    current: bool = False
    """Whether this call is made with it."""


class SessionList(Model):
    """The newest first."""

    items: list[SessionInfo]


class UserRequest(Model):
    """POST users."""

    name: UserName
    display_name: DisplayName = ""
    password: Password | None = None
    """None: signs in elsewhere only."""


class UserPatch(Model):
    """PATCH users/NAME: what is given is changed."""

    display_name: DisplayName | None = None
    disabled: Flag | None = None
    """True: cannot sign in, and every session and token ends for good."""
    password: Password | None = None
    """A new one; every session and token of the user ends."""


class RoleRequest(Model):
    """PUT roles. It takes the place of the role that the subject had there."""

    subject: Subject
    namespace: Everywhere
    role: Role


class RoleGrant(RoleRequest):
    """A role that was given."""

    granted_at: Time
    granted_by: str


class RoleList(Model):
    """By subject and namespace."""

    items: list[RoleGrant]


class UserInfo(Model):
    """A person who signs in at Ringmaster."""

    name: UserName
    display_name: str = ""
    groups: list[str] = Field(default_factory=list)
    """As the last sign-in at the OpenID provider told them."""
    has_password: bool
    created_at: Time
    created_by: str = ""
    disabled_at: Time | None = None


class UserList(Model):
    """By name."""

    items: list[UserInfo]
    next: str | None = None


class AuditInfo(Model):
    """One change that a person made."""

    id: Natural
    at: Time
    person: str
    credential: str = ""
    """How they were known: cluster, session, password, or the beginning of a token."""
    address: str = ""
    """Where the call came from."""
    action: str
    kind: str
    namespace: str = ""
    name: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    undo_of: Natural | None = None
    undone_by: Natural | None = None


class AuditList(Model):
    """The newest first."""

    items: list[AuditInfo]
    next: str | None = None
