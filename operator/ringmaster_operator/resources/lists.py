"""Lists and maps with the promises that server-side apply needs, kept by the models as by the server."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ringmaster_operator.resources.scalars import LabelValue


class Unique:
    """No two items alike: a set, or a map when the items are models that a field tells apart."""

    def __init__(self, key: str | None = None) -> None:
        self._key = key

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        extra: JsonSchemaValue = {"x-kubernetes-list-type": "set"}
        if self._key:
            extra = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self._key]}
        return {**handler(schema), **extra}

    def _check(self, items: list[Any]) -> list[Any]:
        keys = [getattr(item, self._key) if self._key else item for item in items]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                raise PydanticCustomError("duplicate", "{value} is given twice", {"value": str(key)})
        return items


class ShortKeys:
    """A map's keys are at most this long; JSON schema has no word for it that a server knows, CEL has."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        checked = core_schema.no_info_after_validator_function(self._check, handler(source))
        return core_schema.no_info_before_validator_function(_without_nulls, checked)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = f"self.all(k, k.size() > 0 && k.size() <= {self._maximum})"
        return {
            **handler(schema),
            "x-kubernetes-validations": [{"rule": rule, "message": self._message}],
        }

    @property
    def _message(self) -> str:
        return f"a key has 1 to {self._maximum} characters"

    def _check(self, items: dict[str, Any]) -> dict[str, Any]:
        if all(0 < len(key) <= self._maximum for key in items):
            return items
        raise PydanticCustomError("key", "{message}", {"message": self._message})


def _without_nulls(items: Any) -> Any:
    return {k: v for k, v in items.items() if v is not None} if isinstance(items, dict) else items


LabelSelector = Annotated[dict[str, LabelValue], Field(max_length=16), ShortKeys(317)]
"""Labels that must all be there with these values."""
