"""BackupSchedules for people: what is backed up when, and how that went."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from fastapi import APIRouter

from ringmaster_operator.api import paging, problems
from ringmaster_operator.api.beads import Authorization
from ringmaster_operator.api.people import People
from ringmaster_operator.kinds import BACKUP_SCHEDULES
from ringmaster_operator.resources.backup_api import BackupScheduleList
from ringmaster_operator.resources.scalars import Name
from ringmaster_operator.store import Store


def routes(store: Store, people: People) -> APIRouter:
    """It needs the right to list BackupSchedules."""
    prefix = "/api/v1/namespaces/{namespace}/backup-schedules"
    router = APIRouter(prefix=prefix, tags=["backups"], responses=problems.RESPONSES)

    @router.get("", operation_id="listBackupSchedules", response_model_exclude_none=True)
    async def list_(
        namespace: Name,
        limit: paging.Limit = paging.USUAL,
        cursor: paging.Cursor = None,
        authorization: Authorization = None,
    ) -> BackupScheduleList:
        """The BackupSchedules of the namespace, with how their last runs went."""
        await people.allowed(authorization, verb="list", kind=BACKUP_SCHEDULES, namespace=namespace)
        scope = f"backup schedules {namespace}"
        found = (item for item in store.backup_schedules() if item.metadata.namespace == namespace)
        after = paging.decoded(cursor, scope, str)
        items, following = paging.page(
            found, key=lambda item: (item.metadata.name,), limit=limit, after=after, scope=scope
        )
        return BackupScheduleList(items=items, next=following)

    return router
