r"""The words, texts, numbers and times that the models are made of, bounded as a server bounds them.

Three things differ between pydantic and an API server unless they are spelled out here. Patterns: only
constructs that Rust's regex and Go's RE2 read alike (no \s, \d, \w or \b, which are Unicode in one and ASCII
in the other). Numbers: a server takes 3.0 for an integer, but neither "3" nor true. Times: RFC 3339 only.

Texts that people write are refused with control characters in them, since terminals obey those. Texts that
programs write (messages, summaries, reports) are cleaned instead: a report must never be lost over its prose.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MAX_INT = 2**53 - 1
"""The greatest number that every JSON reader takes without loss."""

_LINE = r"^[^\x00-\x1f\x7f-\x9f]*$"
_BLOCK = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"
_UNWANTED = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]|[\ud800-\udfff]")
_INSTANT = (
    r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_MOMENT = re.compile(_INSTANT)
_PLAIN = (len("2026-01-31T08:00:00Z"), len("2026-01-31T08:00:00.000000Z"))
"""What Python reads as it is; nearly all times are written so."""


def line(maximum: int, minimum: int = 0) -> StringConstraints:
    """One line of text: no control characters."""
    return StringConstraints(min_length=minimum or None, max_length=maximum, pattern=_LINE)


def block(maximum: int, minimum: int = 0) -> StringConstraints:
    """Text of many lines: no control characters but tab and newline."""
    return StringConstraints(min_length=minimum or None, max_length=maximum, pattern=_BLOCK)


def clean(value: Any) -> Any:
    """Text without terminal control sequences, control characters and broken Unicode; else as it came."""
    return _UNWANTED.sub("", value) if isinstance(value, str) else value


def cut(maximum: int) -> BeforeValidator:
    """Cleans a program's text and cuts it to what the API server takes."""

    def fit(value: Any) -> Any:
        text = clean(value)
        return text[: maximum - 1] + "…" if isinstance(text, str) and len(text) > maximum else text

    return BeforeValidator(fit)


NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=NAME_PATTERN)]
"""Name of an object in the same namespace (a DNS subdomain, as Kubernetes names are)."""

LABEL_PATTERN = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
Label = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=LABEL_PATTERN)]
"""A word that also serves as a label value: capabilities, exclusive keys, profiles."""
LabelValue = Annotated[
    str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
]

EnvName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Command = Annotated[str, block(4096, 1)]
AbsolutePath = Annotated[str, StringConstraints(max_length=1024, pattern=r"^(/|~/)[^\x00-\x1f\x7f-\x9f]*$")]
Trigger = Annotated[str, line(64)]
"""Any text: a change of it asks for an act."""

ShortText = Annotated[str, StringConstraints(max_length=256), BeforeValidator(clean)]
LongText = Annotated[str, StringConstraints(max_length=65536), BeforeValidator(clean)]
Message = Annotated[str, StringConstraints(max_length=4096), cut(4096)]
"""Prose by a program: cleaned, and cut with an ellipsis."""


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Whole:
    """A whole number within bounds, both included.

    Exact is for fields that a CEL rule or a scale subresource looks at: there a server refuses 3.0 too.
    """

    def __init__(self, minimum: int, maximum: int = MAX_INT, *, exact: bool = False) -> None:
        self._minimum, self._maximum, self._exact = minimum, maximum, exact

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        bounded = core_schema.int_schema(strict=True, ge=self._minimum, le=self._maximum)
        return bounded if self._exact else core_schema.no_info_before_validator_function(_integer, bounded)


Natural = Annotated[int, Whole(0)]
Money = Annotated[float, Field(strict=True, ge=0, le=1_000_000_000, allow_inf_nan=False)]
"""US dollars."""
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
"""0 to 1."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


def _instant(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise PydanticCustomError("time", "a time is written like 2026-01-31T08:00:00Z")
    try:
        if value.endswith("Z") and len(value) in _PLAIN:
            return datetime.fromisoformat(value)
        return datetime.fromisoformat(value[:19] + _micro(value) + _offset(value)).astimezone(UTC)
    except ValueError:
        raise PydanticCustomError("time", "no such day or time of day") from None


def _micro(value: str) -> str:
    fraction = re.search(r"\.([0-9]+)", value)
    return f".{fraction[1][:6]:0<6}" if fraction else ""


def _offset(value: str) -> str:
    return "+00:00" if value.endswith("Z") else value[-6:]


Time = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _INSTANT, "maxLength": 35}),
]
"""RFC 3339 with an offset, from year 1000 to 2999, always UTC inside."""
