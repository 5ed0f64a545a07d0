"""Where a Worker's sessions run: in pods or in tmux."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.lists import LabelSelector, ShortKeys
from ringmaster_operator.resources.rules import rule
from ringmaster_operator.resources.scalars import (
    LABEL_PATTERN,
    AbsolutePath,
    Name,
    Natural,
    Whole,
    line,
)

Quantity = (
    Annotated[int, Whole(0)]
    | Annotated[str, StringConstraints(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?)?$")]
)
"""As in a container: 2, 500m, 4Gi."""
Quantities = Annotated[dict[str, Quantity], Field(max_length=16), ShortKeys(317)]
OPEN: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}


class RuntimeKind(StrEnum):
    POD = "Pod"
    TMUX = "Tmux"


class Resources(Model):
    """Requests and limits of the agent's container."""

    requests: Quantities = Field(default_factory=dict)
    """As in a container."""
    limits: Quantities = Field(default_factory=dict)
    """As in a container."""


@rule(
    "self.operator != 'Exists' || !has(self.value)",
    "operator Exists takes no value",
    holds=lambda s: s.operator != "Exists" or s.value is None,
)
class Toleration(Model):
    """As in a pod."""

    key: Annotated[str, line(317)] | None = None
    """Taint key."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Exists or Equal."""
    value: Annotated[str, line(63)] | None = None
    """Taint value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Which effect; all when unset."""
    toleration_seconds: Natural | None = None
    """How long, for NoExecute."""


class PodSettings(Model):
    """How sessions run as pods."""

    image: Annotated[
        str, StringConstraints(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$")
    ]
    """Image that follows the agent image contract."""
    resources: Resources = Field(default_factory=Resources)
    """Requests and limits."""
    node_selector: LabelSelector = Field(default_factory=dict)
    """Labels that the node must carry."""
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = Field(default_factory=list)
    """Taints that are tolerated."""
    runtime_class_name: Name | None = None
    """RuntimeClass, for sandboxed runtimes."""
    workspace_claim: Name | None = None
    """PersistentVolumeClaim that keeps mirrors of repositories warm; an emptyDir when unset."""
    template: Annotated[dict[str, Any], Field(max_length=64, json_schema_extra=OPEN)] = Field(
        default_factory=dict
    )
    """Raw patch over the pod, for all else; the API server checks it when it is applied."""


class TmuxSettings(Model):
    """How sessions run in tmux."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=LABEL_PATTERN)] = "local"
    """Name of the tmux host (ringmaster-operator run --tmux-host NAME) that runs them."""
    socket_name: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    """tmux socket (tmux -L); one private to the host when unset."""
    working_directory: AbsolutePath | None = None
    """Where mirrors, worktrees and logs are kept; the host's state folder when unset."""
