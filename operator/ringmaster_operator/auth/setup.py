"""The parts that know people, made from the operator's settings."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ringmaster_operator.auth.accounts import Accounts, Lasting
from ringmaster_operator.auth.first_admin import FirstAdmin
from ringmaster_operator.auth.management import Management
from ringmaster_operator.auth.roles import Access, Mapped
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

    async def start(self) -> None:
        """Offer the first administrator's code where one is wanted; a history that is away is no failure."""
        try:
            await self.first_admin.offer()
        except HistoryUnavailable as error:
            log.warning("no code for the first administrator is offered: %s", error)


def build(settings: Settings, history: History, clock: Clock, mapped: Mapped | None = None) -> Auth:
    """`mapped` are the roles of groups by the settings."""
    accounts = Accounts(
        history=history,
        clock=clock,
        access=Access(mapped),
        lasting=Lasting(idle=settings.session_idle_seconds, most=settings.session_seconds),
        local=settings.local_accounts,
    )
    folder = settings.state_directory
    return Auth(
        accounts=accounts,
        management=Management(history=history, clock=clock, accounts=accounts),
        first_admin=FirstAdmin(history=history, clock=clock, accounts=accounts, folder=folder),
    )
