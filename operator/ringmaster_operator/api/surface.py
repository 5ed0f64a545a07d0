"""All routes that are not the workers' protocol: what they are made from, and their list.

A topic adds its routes with one line in routers(), and what it needs of the operator as a field of Parts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from fastapi import APIRouter, FastAPI
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.types import ASGIApp

from ringmaster_operator.api import (
    acts,
    audit,
    auth,
    backup_schedules,
    bead_history,
    beads,
    budgets,
    capabilities,
    costs,
    events,
    notifications,
    oidc,
    order,
    overview,
    projects,
    records,
    screens,
    undo,
    users,
    watching,
    workers,
)
from ringmaster_operator.api.app import build
from ringmaster_operator.api.auditing import Audit
from ringmaster_operator.api.changes import Changes
from ringmaster_operator.api.glances import Glances
from ringmaster_operator.api.lessons import routes as lesson_routes
from ringmaster_operator.api.objects import Objects
from ringmaster_operator.api.once import Once
from ringmaster_operator.api.people import People
from ringmaster_operator.api.subscriptions import Notifications
from ringmaster_operator.api.tokens import Tokens
from ringmaster_operator.api.undoers import undoers
from ringmaster_operator.auth.setup import Auth
from ringmaster_operator.auth.undoing import Undoing
from ringmaster_operator.board.board import Board
from ringmaster_operator.claims.costs import Costs
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.claims.leases import Leases
from ringmaster_operator.claims.lesson_book import LessonBook
from ringmaster_operator.claims.overview import Overviews
from ringmaster_operator.claims.prices import Prices
from ringmaster_operator.claims.records import Records
from ringmaster_operator.claims.service import ClaimService
from ringmaster_operator.clock import Clock
from ringmaster_operator.dashboard import serving as dashboard
from ringmaster_operator.history import History
from ringmaster_operator.kube import Kube
from ringmaster_operator.learning import Learning
from ringmaster_operator.notify.notifier import Notifier
from ringmaster_operator.resources.worker import Worker
from ringmaster_operator.runtimes.protocol import Runtime
from ringmaster_operator.settings import Settings, networks
from ringmaster_operator.store import Store


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What routes are made from."""

    settings: Settings
    auth: Auth
    """Accounts, roles, tokens, sessions."""
    kube: Kube
    store: Store
    board: Board
    history: History
    learning: Learning
    funds: Funds
    leases: Leases
    prices: Prices
    records: Records
    notifier: Notifier
    runtime_of: Callable[[Worker], Runtime | None]
    """Where a Worker's sessions run."""
    changes: Changes
    clock: Clock
    refresh: Callable[[], None]
    """Brings the board up to date."""

    @cached_property
    def people(self) -> People:
        """The gate: who asks, and whether that person may."""
        return People(
            kube=self.kube,
            clock=self.clock,
            cache_seconds=self.settings.token_cache_seconds,
            accounts=self.auth.accounts,
            web_url=self.settings.web,
        )

    @cached_property
    def audit(self) -> Audit:
        """Where every change of a person is told."""
        return Audit(history=self.history, clock=self.clock)

    def once(self, app: ASGIApp) -> Once:
        """What keeps answers for calls that are sent again."""
        return Once(app, people=self.people, history=self.history, clock=self.clock)


def application(parts: Parts, *, service: ClaimService, tokens: Tokens, ready: Callable[[], str]) -> FastAPI:
    """The whole API; `ready()` is empty when the operator is ready."""
    # Validators are built as calls come, and FastAPI's annotations then look lost to pydantic.
    warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
    return build(
        service=service,
        records=parts.records,
        tokens=tokens,
        ready=ready,
        people=[*routers(parts), dashboard.routes()],
        trusted=networks(parts.settings.trusted_proxies),
        web_url=parts.settings.web,
        once=parts.once,
        turns=parts.changes.turns,
    )


def routers(parts: Parts) -> list[APIRouter]:
    """The routes of every topic."""
    doors = auth.Doors(people=parts.people, auth=parts.auth, web_url=parts.settings.web)
    overviews = _overviews(parts)
    glances = Glances(overviews.of, parts.clock, parts.changes.turns)
    objects = Objects(kube=parts.kube, store=parts.store, audit=parts.audit)
    return [
        auth.routes(doors),
        oidc.routes(doors, parts.clock),
        users.routes(parts.auth.management, parts.people),
        audit.routes(parts.history, parts.people),
        undo.routes(_undo(parts), parts.people, parts.audit.note),
        projects.routes(projects.Projects(store=parts.store, board=parts.board), parts.people),
        beads.routes(parts.store, objects, parts.people),
        acts.routes(objects, parts.people, parts.clock),
        bead_history.routes(parts.store, parts.history, parts.people),
        events.routes(parts.history, parts.people),
        records.routes(parts.store, parts.history, parts.people),
        order.routes(
            order.Ordering(store=parts.store, board=parts.board, refresh=parts.refresh), objects, parts.people
        ),
        workers.routes(parts.store, objects, parts.people),
        backup_schedules.routes(parts.store, parts.people),
        overview.routes(overviews, parts.people, parts.clock),
        screens.routes(_screens(parts)),
        watching.routes(parts.changes, glances, parts.people, parts.clock, _bounds(parts.settings)),
        capabilities.routes(_capabilities(parts), parts.people),
        budgets.routes(parts.funds, parts.people),
        costs.routes(_costs(parts), parts.prices, parts.people, parts.audit),
        notifications.routes(_notifications(parts), parts.people),
        lesson_routes(_lessons(parts), parts.people, parts.audit),
    ]


def _undo(parts: Parts) -> undo.Undo:
    known = undoers(
        kube=parts.kube,
        store=parts.store,
        history=parts.history,
        capabilities=_capabilities(parts),
        clock=parts.clock,
        undoing=Undoing(history=parts.history, clock=parts.clock, accounts=parts.auth.accounts),
    )
    return undo.Undo(history=parts.history, people=parts.people, undoers=known)


def _screens(parts: Parts) -> screens.Screens:
    return screens.Screens(
        store=parts.store,
        people=parts.people,
        audit=parts.audit,
        clock=parts.clock,
        changes=parts.changes,
        bounds=_bounds(parts.settings),
        runtime_of=parts.runtime_of,
    )


def _bounds(settings: Settings) -> watching.Bounds:
    return watching.Bounds(recheck=max(settings.token_cache_seconds, 1.0), grace=settings.token_grace_seconds)


def _capabilities(parts: Parts) -> capabilities.Capabilities:
    return capabilities.Capabilities(
        store=parts.store,
        board=parts.board,
        kube=parts.kube,
        history=parts.history,
        learning=parts.learning,
        audit=parts.audit,
        clock=parts.clock,
    )


def _costs(parts: Parts) -> Costs:
    return Costs(
        store=parts.store,
        board=parts.board,
        history=parts.history,
        funds=parts.funds,
        clock=parts.clock,
    )


def _notifications(parts: Parts) -> Notifications:
    return Notifications(history=parts.history, notifier=parts.notifier, audit=parts.audit, clock=parts.clock)


def _overviews(parts: Parts) -> Overviews:
    return Overviews(
        store=parts.store,
        board=parts.board,
        history=parts.history,
        funds=parts.funds,
        costs=_costs(parts),
        leases=parts.leases,
        clock=parts.clock,
        refresh=parts.refresh,
        elected=parts.settings.leader_election,
    )


def _lessons(parts: Parts) -> LessonBook:
    return LessonBook(board=parts.board, history=parts.history, clock=parts.clock)
