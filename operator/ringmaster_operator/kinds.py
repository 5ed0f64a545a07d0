"""The kinds of object that the operator speaks of, and where each lives in the Kubernetes API."""

from __future__ import annotations

from dataclasses import dataclass

from ringmaster_operator.resources.base import GROUP, VERSION


@dataclass(frozen=True)
class Kind:
    """Where objects of one kind live."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, *sub: str) -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        tail = "".join(f"/{part}" for part in (name, *sub) if part)
        return f"{root}{scope}/{self.plural}{tail}"


BEADS = Kind("Bead", "beads", GROUP, VERSION)
WORKERS = Kind("Worker", "workers", GROUP, VERSION)
BACKUP_SCHEDULES = Kind("BackupSchedule", "backupschedules", GROUP, VERSION)
CONFIG_MAPS = Kind("ConfigMap", "configmaps")
PODS = Kind("Pod", "pods")
SECRETS = Kind("Secret", "secrets")
SERVICE_ACCOUNTS = Kind("ServiceAccount", "serviceaccounts")
EVENTS = Kind("Event", "events")
CRON_JOBS = Kind("CronJob", "cronjobs", "batch")
JOBS = Kind("Job", "jobs", "batch")
LEASES = Kind("Lease", "leases", "coordination.k8s.io")
ACCESS_REVIEWS = Kind("SubjectAccessReview", "subjectaccessreviews", "authorization.k8s.io", namespaced=False)
TOKEN_REVIEWS = Kind("TokenReview", "tokenreviews", "authentication.k8s.io", namespaced=False)
USERS = Kind("User", "users", GROUP, VERSION)
"""No objects of the cluster, but RBAC rules may name them: who manages the people that Ringmaster knows."""
