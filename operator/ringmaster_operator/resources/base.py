"""What every resource shares: strict camelCase models, names, conditions.

The same classes are the schema of the CRDs, what the operator reads, and what the HTTP protocol carries,
so a field exists in one place only. Bounds are on every string and list: the API server estimates the cost
of CEL rules from them, and nothing unbounded may reach etcd.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

GROUP = "ringmaster.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class Model(BaseModel):
    """Strict about names, camelCase outside, snake_case inside."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        use_attribute_docstrings=True,
        frozen=True,
    )

    @classmethod
    def read(cls, body: object) -> Self:
        """Parse what a server sent: unknown fields of a newer version are dropped, not refused."""
        return cls.model_validate(body, extra="ignore", by_alias=True, by_name=False)

    def body(self) -> dict[str, Any]:
        """As JSON-ready dict under the wire names, without what is unset (None)."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def lean(self) -> dict[str, Any]:
        """As body(), but without what equals its default: what a status patch compares and sends."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=NAME_PATTERN)]
"""Name of an object in the same namespace (a DNS subdomain, as Kubernetes names are)."""

Label = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
]
"""A word that also serves as a label value: capabilities, exclusive keys, profiles."""

EnvName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ShortText = Annotated[str, StringConstraints(max_length=256)]
LongText = Annotated[str, StringConstraints(max_length=65536)]
Message = Annotated[str, StringConstraints(max_length=4096)]
Command = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Time = Annotated[datetime, AfterValidator(_utc)]
"""RFC 3339, always UTC inside."""

LabelSelector = Annotated[dict[str, Annotated[str, StringConstraints(max_length=63)]], Field(max_length=16)]


class Priority(StrEnum):
    """P0 is the most urgent; the text order is the order of urgency."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """A condition by the Kubernetes API conventions; lastTransitionTime moves only with status."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """Name of the condition, in CamelCase."""
    status: ConditionStatus
    """True, False or Unknown."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    """Why, as one CamelCase word for programs."""
    message: Message = ""
    """Why, as a sentence for people."""
    last_transition_time: Time
    """When status last changed."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this was judged from."""


Conditions = Annotated[
    list[Condition],
    Field(
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


class Metadata(Model):
    """The part of ObjectMeta that Ringmaster reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: list[str] = Field(default_factory=list)


def name_set(maximum: int) -> Any:
    """Field settings of a list whose items are unique (a set for server-side apply)."""
    return Field(
        default_factory=list, max_length=maximum, json_schema_extra={"x-kubernetes-list-type": "set"}
    )
