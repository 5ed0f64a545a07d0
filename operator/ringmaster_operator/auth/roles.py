"""What a role allows, in the words of Kubernetes: verbs on kinds. What no role is named for, nobody may."""

from __future__ import annotations

from collections.abc import Mapping

from ringmaster_operator.history.user_records import EVERYWHERE, Known
from ringmaster_operator.kinds import BACKUP_SCHEDULES, BEADS, CONFIG_MAPS, EVENTS, PODS, USERS, WORKERS, Kind
from ringmaster_operator.resources.user_api import Role

ORDER = tuple(Role)
READ = frozenset({"get", "list", "watch"})
WRITE = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_READERS: dict[str, Role] = {
    **{kind.plural: Role.VIEWER for kind in (BEADS, WORKERS, BACKUP_SCHEDULES, CONFIG_MAPS, EVENTS, PODS)},
    USERS.plural: Role.ADMIN,
}
_WRITERS: dict[str, Role] = {
    BEADS.plural: Role.CONTRIBUTOR,
    WORKERS.plural: Role.MAINTAINER,
    CONFIG_MAPS.plural: Role.MAINTAINER,
    BACKUP_SCHEDULES.plural: Role.ADMIN,
    USERS.plural: Role.ADMIN,
}
_DELETERS: dict[str, Role] = {BEADS.plural: Role.MAINTAINER}
"""Where deleting takes more than writing: what is deleted cannot be undone."""

Mapped = Mapping[str, Mapping[str, Role]]
"""Roles of groups by the operator's settings: group, namespace or *, role."""


def needed(verb: str, kind: Kind) -> Role | None:
    """The least role that may do that; None: no role may."""
    if verb in READ:
        return _READERS.get(kind.plural)
    if verb.startswith("delete") and verb in WRITE:
        return _DELETERS.get(kind.plural, _WRITERS.get(kind.plural))
    return _WRITERS.get(kind.plural) if verb in WRITE else None


class Access:
    """Judges what an account may do, from its grants, the settings, and the token it comes with."""

    def __init__(self, mapped: Mapped | None = None) -> None:
        self._mapped = mapped or {}

    @property
    def spare(self) -> bool:
        """Whether the settings alone make somebody admin everywhere."""
        return any(roles.get(EVERYWHERE) is Role.ADMIN for roles in self._mapped.values())

    def roles(self, known: Known) -> dict[str, Role]:
        """The role in each namespace; under EVERYWHERE the one that holds in all."""
        held: dict[str, Role] = {}
        for grant in known.grants:
            _raise(held, grant.namespace, Role(grant.role))
        for group in known.user.groups:
            for namespace, role in self._mapped.get(group, {}).items():
                _raise(held, namespace, role)
        token = known.token
        if token is not None and token.namespaces is not None:
            found = {namespace: role_in(held, namespace) for namespace in token.namespaces}
            held = {namespace: role for namespace, role in found.items() if role is not None}
        if token is not None and token.role is not None:
            held = {namespace: lesser(role, Role(token.role)) for namespace, role in held.items()}
        return held

    def may(self, known: Known, *, verb: str, kind: Kind, namespace: str) -> bool:
        """Whether it may; namespace "" is all of them."""
        least = needed(verb, kind)
        held = role_in(self.roles(known), namespace)
        return least is not None and held is not None and at_least(held, least)


def role_in(roles: Mapping[str, Role], namespace: str) -> Role | None:
    """The stronger of what holds there and what holds everywhere."""
    here, all_over = roles.get(namespace), roles.get(EVERYWHERE)
    if here is None or all_over is None:
        return here or all_over
    return all_over if at_least(all_over, here) else here


def at_least(role: Role, least: Role) -> bool:
    """Whether a role includes another."""
    return ORDER.index(role) >= ORDER.index(least)


def lesser(one: Role, other: Role) -> Role:
    """The one that is included in the other."""
    return other if at_least(one, other) else one


def _raise(held: dict[str, Role], namespace: str, role: Role) -> None:
    known = held.get(namespace)
    if known is None or not at_least(known, role):
        held[namespace] = role
