"""Making again what a cluster lacks, from a backup's YAML: with its status, so that done stays done.

What is there is never touched. New objects have new uids: owner references and the history follow them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import update
from sqlmodel import Session

from ringmaster_operator.backups.errors import BackupError
from ringmaster_operator.backups.points import passed
from ringmaster_operator.backups.resources_source import KINDS
from ringmaster_operator.history import History
from ringmaster_operator.history.tables import metadata
from ringmaster_operator.kube import CONFIG_MAPS, Conflict, Kind, Kube, KubeError, NotFound

Body = dict[str, Any]
MANAGER = {"fieldManager": "ringmaster-restore"}
NAMESPACES = Kind("Namespace", "namespaces", namespaced=False)
_OURS = ("name", "namespace", "labels", "annotations")


def recreate(bodies: list[Body], *, url: str, kubeconfig: str | None) -> dict[str, int]:
    """Make what is missing, and let the history of `url` follow; objects made per kind. Raises BackupError.

    For a stopped operator: between its creation and its status a bead looks as if it had never been worked.
    """

    async def work() -> dict[str, int]:
        kube = await Kube.connect(kubeconfig)
        try:
            made, uids = await _make(kube, bodies)
        finally:
            await kube.close()
        changed = {old: new for old, new in uids.items() if old != new}
        if changed:
            history = await History.open(url)
            try:
                await history.write(lambda db: _follow(db, changed))
            finally:
                await history.close()
        return made

    try:
        return asyncio.run(work())
    except KubeError as error:
        raise BackupError(f"the resources cannot be made again: {error}") from error


async def _make(kube: Kube, bodies: list[Body]) -> tuple[dict[str, int], dict[str, str]]:
    made, uids = dict.fromkeys(KINDS, 0), dict[str, str]()
    for body in sorted(bodies, key=_turn):
        kind, old = KINDS[body["kind"]], body["metadata"]
        fresh = {**body, "metadata": {key: old[key] for key in _OURS if key in old}}
        owners = [
            {**owner, "uid": uids[owner["uid"]]}
            for owner in old.get("ownerReferences", [])
            if owner["uid"] in uids
        ]
        if owners:
            fresh["metadata"]["ownerReferences"] = owners
        status = fresh.pop("status", None)
        try:
            there = await _create(kube, kind, fresh)
        except Conflict:
            there = await kube.get(kind, old["namespace"], old["name"])
        else:
            made[kind.name] += 1
        if status and kind is not CONFIG_MAPS and _unfinished(there):
            passed("made, without its status")
            await kube.patch_status(kind, old["namespace"], old["name"], status)
        uids[old["uid"]] = there["metadata"]["uid"]
    return made, uids


def _turn(body: Body) -> tuple[int, str]:
    """Settings before Workers before beads; what owns others is older than they are."""
    return list(KINDS).index(body["kind"]), body["metadata"].get("creationTimestamp", "")


def _unfinished(body: Body) -> bool:
    """Whether this restore made it, or one that died before it gave it its status."""
    managers = {entry.get("manager") for entry in body["metadata"].get("managedFields", [])}
    return "status" not in body and MANAGER["fieldManager"] in managers


async def _create(kube: Kube, kind: Kind, body: Body) -> Body:
    namespace = body["metadata"]["namespace"]
    path = kind.path(namespace)
    try:
        return await kube.request("POST", path, body=body, query=MANAGER)
    except NotFound:
        room = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await kube.request("POST", NAMESPACES.path(), body=room, query=MANAGER)
        return await kube.request("POST", path, body=body, query=MANAGER)


def _follow(db: Session, uids: dict[str, str]) -> None:
    """The rows of a bead, under its new uid."""
    for table in metadata.tables.values():
        for column in table.columns:
            if column.name == "bead_uid" or (column.name == "uid" and table.name in ("bead", "event")):
                for old, new in uids.items():
                    db.execute(update(table).where(column == old).values({column: new}))
