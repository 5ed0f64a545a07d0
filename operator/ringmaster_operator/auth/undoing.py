"""Taking back what was done to roles and users: looked at, changed and told in one transaction."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from ringmaster_operator.auth.accounts import Accounts
from ringmaster_operator.auth.errors import AuthError
from ringmaster_operator.clock import Clock
from ringmaster_operator.history import History, LastAdministrator, users
from ringmaster_operator.history.audit import record_audit
from ringmaster_operator.history.user_records import EVERYWHERE, Actor, AuditEntry, Change
from ringmaster_operator.resources.protocol import ProblemCode

Body = dict[str, Any]


class Undoing:
    """Undoes lines of kind Role and User. Raises AuthError."""

    def __init__(self, *, history: History, clock: Clock, accounts: Accounts) -> None:
        self._history = history
        self._clock = clock
        self._spare = accounts.access.spare

    async def present(self, change: Change) -> Body | None:
        """What is so at present, in the form of change.after."""
        return await self._history.read(lambda db: _present(db, change))

    async def undo(self, entry: AuditEntry, actor: Actor) -> int:
        """The id of the line that tells of it. CONFLICT where it is not so any more."""
        change, now = entry.change, self._clock.now()
        told = Change(
            action=change.action,
            kind=change.kind,
            name=change.name,
            namespace=change.namespace,
            before=change.after,
            after=change.before,
            undo_of=entry.id,
        )

        def run(db: Session) -> int:
            if _present(db, change) != change.after:
                raise AuthError(ProblemCode.CONFLICT, f"{change.kind} {change.name} has just been changed")
            if change.kind == "Role":
                self._role(db, change, actor)
            else:
                self._user(db, change)
            return record_audit(db, actor=actor, change=told, now=now)

        try:
            return await self._history.write(run)
        except LastAdministrator as error:
            raise AuthError(ProblemCode.CONFLICT, str(error)) from error

    def _role(self, db: Session, change: Change, actor: Actor) -> None:
        place = change.namespace or EVERYWHERE
        if change.before is None:
            users.revoke_role(db, subject=change.name, namespace=place, spare=self._spare)
            return
        users.grant_role(
            db,
            subject=change.name,
            namespace=place,
            role=str(change.before["role"]),
            granted_by=actor.person,
            spare=self._spare,
            now=self._clock.now(),
        )

    def _user(self, db: Session, change: Change) -> None:
        before = change.before or {}
        users.rename(db, name=change.name, display_name=str(before["displayName"]))
        disabled, now = bool(before["disabled"]), self._clock.now()
        if disabled != bool((change.after or {})["disabled"]):
            users.set_disabled(db, name=change.name, disabled=disabled, spare=self._spare, now=now)


def _present(db: Session, change: Change) -> Body | None:
    if change.kind == "Role":
        held = users.grants(db, subjects=[change.name])
        place = change.namespace or EVERYWHERE
        return next(({"role": grant.role} for grant in held if grant.namespace == place), None)
    if change.before is None or change.after is None:
        raise AuthError(ProblemCode.CONFLICT, f"{change.action} is nothing that can be undone")
    user = users.find_user(db, name=change.name)
    if user is None:
        return None
    return {"displayName": user.display_name, "disabled": user.disabled_at is not None}
