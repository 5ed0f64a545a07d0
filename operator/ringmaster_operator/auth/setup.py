"""The parts that know people, made from the operator's settings."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from ringmaster_operator.auth.accounts import Accounts, Lasting
from ringmaster_operator.auth.first_admin import FirstAdmin
from ringmaster_operator.auth.management import Management
from ringmaster_operator.auth.oidc import Oidc
from ringmaster_operator.auth.oidc_provider import Client, OidcUnavailable, Provider
from ringmaster_operator.auth.roles import Access
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, HistoryUnavailable
from ringmaster_operator.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Auth:
    """Everything about accounts."""

    accounts: Accounts
    management: Management
    first_admin: FirstAdmin
    oidc: Oidc | None = None
    """Signing in at an OpenID provider, where one is set."""

    async def start(self) -> None:
        """Offer the first administrator's code where one is wanted; a history that is away is no failure."""
        try:
            await self.accounts.attempts.load()
            await self.first_admin.offer()
        except HistoryUnavailable as error:
            log.warning("no code for the first administrator is offered: %s", error)

    async def close(self) -> None:
        """Let go what reaches out."""
        if self.oidc is not None:
            await self.oidc.provider.close()


def build(settings: Settings, history: History, clock: Clock) -> Auth:
    """Everything, as the settings say."""
    accounts = Accounts(
        history=history,
        clock=clock,
        access=Access(settings.oidc_roles),
        lasting=Lasting(idle=settings.session_idle_seconds, most=settings.session_seconds),
        local=settings.local_accounts,
    )
    folder = settings.state_directory
    return Auth(
        accounts=accounts,
        management=Management(history=history, clock=clock, accounts=accounts),
        first_admin=FirstAdmin(history=history, clock=clock, accounts=accounts, folder=folder),
        oidc=_oidc(settings, clock) if settings.oidc_issuer else None,
    )


def _oidc(settings: Settings, clock: Clock) -> Oidc:
    file = settings.oidc_client_secret_file
    client = Client(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        secret=(lambda: _secret(file)) if file is not None else (lambda: ""),
    )
    return Oidc(
        Provider(client, clock=clock),
        clock=clock,
        scopes=settings.oidc_scopes.split(),
        group_claim=settings.oidc_group_claim,
        name_claim=settings.oidc_name_claim,
    )


def _secret(file: Path) -> str:
    """The client's secret, as it is in its file at present. Raises OidcUnavailable."""
    try:
        secret = file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        log.error("RINGMASTER_OIDC_CLIENT_SECRET_FILE: %s cannot be read: %s", file, type(error).__name__)
        raise OidcUnavailable("the operator cannot read its client secret: its log says more") from error
    if not secret:
        log.error("RINGMASTER_OIDC_CLIENT_SECRET_FILE: %s is empty", file)
        raise OidcUnavailable("the operator has no client secret: its log says more")
    return secret
