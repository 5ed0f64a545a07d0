"""What every resource shares: strict camelCase models, metadata, conditions.

The same classes are the schema of the CRDs, what the operator reads, and what the HTTP protocol carries,
so a field exists in one place only. Bounds are on every string and list: the API server estimates the cost
of CEL rules from them, and nothing unbounded may reach etcd.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, StringConstraints, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ringmaster_operator.resources.lists import LabelSelector, Unique
from ringmaster_operator.resources.rules import broken_rules, rules_of
from ringmaster_operator.resources.scalars import (
    NAME_PATTERN,
    Command,
    EnvName,
    Label,
    LongText,
    Message,
    Name,
    Natural,
    ShortText,
    Time,
)

__all__ = [
    "API_VERSION",
    "GROUP",
    "NAME_PATTERN",
    "VERSION",
    "Command",
    "Condition",
    "ConditionStatus",
    "Conditions",
    "EnvName",
    "Label",
    "LabelSelector",
    "LongText",
    "Message",
    "Metadata",
    "Model",
    "Name",
    "Priority",
    "ShortText",
    "Time",
]

GROUP = "ringmaster.dev"
VERSION = "v1alpha1"
API_VERSION: Literal["ringmaster.dev/v1alpha1"] = "ringmaster.dev/v1alpha1"
MOST_FIELDS = 1000
"""In one object, more than any has: what says that a field is unknown costs more than the field."""


class Model(BaseModel):
    """Strict about names, camelCase outside, snake_case inside."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        use_attribute_docstrings=True,
        frozen=True,
        defer_build=True,
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        """A null is an unset field, as it is to the API server. Very many are refused as one fault."""
        if not isinstance(data, dict):
            return data
        if len(data) > MOST_FIELDS:
            raise PydanticCustomError("fields", "at most {most} fields", {"most": MOST_FIELDS})
        if None not in data.values():
            return data
        known = {*cls.model_fields, *(field.alias for field in cls.model_fields.values())}
        return {key: value for key, value in data.items() if value is not None or key not in known}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """With the check of the class's rules, where it has any: most have none."""
        schema = handler(source)
        return core_schema.no_info_after_validator_function(_obey_rules, schema) if rules_of(cls) else schema

    @classmethod
    def read(cls, body: object) -> Self:
        """Parse what a server sent: unknown fields of a newer version are dropped, not refused."""
        return cls.model_validate(body, extra="ignore", by_alias=True, by_name=False)

    @classmethod
    def check(cls, body: object) -> Self:
        """Parse what a person wrote, as strict as the API server; raises pydantic.ValidationError."""
        return cls.model_validate(body, by_alias=True, by_name=False)

    def body(self) -> dict[str, Any]:
        """As JSON-ready dict under the wire names, without what is unset (None)."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def lean(self) -> dict[str, Any]:
        """As body(), but without what equals its default: what a status patch compares and sends."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _obey_rules(model: Model) -> Model:
    if broken := broken_rules(model):
        raise PydanticCustomError("rule", "{message}", {"message": "; ".join(broken)})
    return model


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

    type: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    """Name of the condition, in CamelCase."""
    status: ConditionStatus
    """True, False or Unknown."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    """Why, as one CamelCase word for programs."""
    message: Message = ""
    """Why, as a sentence for people."""
    last_transition_time: Time
    """When status last changed."""
    observed_generation: Natural | None = None
    """Generation of the spec that this was judged from."""


Conditions = Annotated[list[Condition], Field(max_length=16), Unique("type")]


class Metadata(Model):
    """The part of ObjectMeta that Ringmaster reads; the API server checks all of it itself."""

    model_config = ConfigDict(extra="ignore")

    name: Name
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: list[str] = Field(default_factory=list)
