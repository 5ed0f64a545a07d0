"""What the API tells of the events of a namespace."""

from __future__ import annotations

from enum import StrEnum

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.bead_api import EventInfo


class EventType(StrEnum):
    """As Kubernetes has it: a Warning is what a person should look at."""

    NORMAL = "Normal"
    WARNING = "Warning"


class ObjectEvent(EventInfo):
    """Something worth telling about an object; the same again in a row is counted."""

    kind: str
    """Bead, Worker, BackupSchedule or ConfigMap."""
    name: str
    uid: str
    """Empty where the object is not known any more."""


class ObjectEventList(Model):
    """What was last so comes first."""

    items: list[ObjectEvent]
    next: str | None = None
