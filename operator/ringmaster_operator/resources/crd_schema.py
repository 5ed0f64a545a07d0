"""From pydantic models to structural schemas, the subset of JSON schema that the API server takes.

What pydantic emits is never one as it comes: references, titles, `anyOf` with null and default factories have
to become plain nodes, and the CEL rules beside the models have to go in.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, NoDefault
from pydantic_core import core_schema

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.rules import rules_of

Schema = dict[str, Any]

_FIRST = ("description", "type", "format", "enum", "default", "required", "properties")
_DROPPED = frozenset({"title", "$defs", "$ref", "additionalProperties"})
_KNOWN = frozenset(_FIRST) | {
    "items",
    "additionalProperties",
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
}


class _Structural(GenerateJsonSchema):
    """pydantic's own generator, with factories called, null left out and CEL rules added."""

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """The default as the wire shows it; a model whose fields all have defaults is an empty object."""
        factory: Any = schema.get("default_factory")
        value = factory() if factory else schema.get("default", NoDefault)
        if value is None:
            return NoDefault
        if not isinstance(value, Model):
            return value
        if value.lean():
            raise TypeError(f"default of {type(value).__name__} differs from its fields' own defaults")
        return {}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """None means that a field is unset; the API server drops a null before it validates."""
        return self.generate_inner(schema["schema"])

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        """A literal is an enum, also with one value."""
        return {"type": "string", "enum": list(schema["expected"])}

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The model's node, with its rules."""
        node = super().model_schema(schema)
        rules = rules_of(schema["cls"])
        if rules:
            node["x-kubernetes-validations"] = [
                {"rule": r.expression, "message": r.message, **({"fieldPath": r.field} if r.field else {})}
                for r in rules
            ]
        return node


def structural(model: type[Model]) -> Schema:
    """The structural schema of a model, references resolved. Raises TypeError for what cannot be one."""
    raw = model.model_json_schema(by_alias=True, schema_generator=_Structural)
    return _node(raw, raw.get("$defs", {}))


def _node(raw: Schema, definitions: Schema) -> Schema:
    if "$ref" in raw:
        target = definitions[raw["$ref"].removeprefix("#/$defs/")]
        raw = {**target, **raw}
    if "anyOf" in raw:
        return _int_or_string(raw)
    node = {key: value for key, value in raw.items() if key not in _DROPPED}
    if "properties" in raw:
        node["properties"] = {name: _node(sub, definitions) for name, sub in raw["properties"].items()}
    if "items" in raw:
        node["items"] = _node(raw["items"], definitions)
    if isinstance(raw.get("additionalProperties"), dict):
        node["additionalProperties"] = _node(raw["additionalProperties"], definitions)
    if "type" not in node or not node.keys() <= _KNOWN:
        raise TypeError(f"not a structural schema: {raw}")
    return {key: node[key] for key in (*_FIRST, *node) if key in node}


def _int_or_string(raw: Schema) -> Schema:
    """The only union that a structural schema has; its pattern holds for the string."""
    by_type = {choice["type"]: choice for choice in raw["anyOf"]}
    if set(by_type) != {"integer", "string"}:
        raise TypeError(f"a union that no structural schema can say: {raw}")
    return {
        **{key: raw[key] for key in ("description", "default") if key in raw},
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
        **{key: value for choice in by_type.values() for key, value in choice.items() if key != "type"},
    }
