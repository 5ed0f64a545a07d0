"""The formats by name; light, because every start of the program shows them in its help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from ringmaster_cli.exits import UsageError


class Format(StrEnum):
    """How a backlog is written down."""

    BEADS = "beads"
    CSV = "csv"
    GITHUB = "github"
    MARKDOWN = "markdown"
    YAML = "yaml"


class Written(StrEnum):
    """What an export can be."""

    BEADS = "beads"
    CSV = "csv"


ENDINGS = {
    ".jsonl": Format.BEADS,
    ".csv": Format.CSV,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".json": Format.GITHUB,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
}


def format_of(file: str) -> Format:
    """By the file's ending. Raises UsageError."""
    found = ENDINGS.get(PurePath(file).suffix.lower())
    if found is None:
        raise UsageError(f"{file}: say what it is with --format ({', '.join(Format)})")
    return found
