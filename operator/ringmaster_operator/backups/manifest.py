"""The manifest of a backup: what it holds, and how to tell that it still does."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, ValidationError

from ringmaster_operator.backups.errors import Damaged
from ringmaster_operator.resources.backup import BackupMode, BackupRecord, Compression
from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.scalars import Time

SUFFIX = ".manifest.json"
PREFIX = "ringmaster"
STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(rf"{PREFIX}-(hourly|daily|manual)-(\d{{8}}T\d{{6}}Z)(-\d+)?")

Engine = Literal["sqlite", "postgresql"]


class Part(Model):
    """One file of a backup."""

    role: Literal["database", "resources"]
    """What is in it."""
    name: str
    """Its name at the target."""
    bytes: int
    """Its size there."""
    sha256: str
    """Its hash there."""
    raw_bytes: int
    """Size of what it unpacks to."""
    raw_sha256: str
    """Hash of what it unpacks to."""
    compression: Compression
    """How it is compressed."""
    level: int = 0
    """How hard."""
    encrypted: bool = False
    """Whether it is an age file."""


class Manifest(Model):
    """One backup. `checksum` is of all the rest, so a manifest that was changed is not believed."""

    format: Literal[1] = 1
    """Of the manifest itself."""
    name: str = Field(pattern=rf"^{_NAME.pattern}$")
    """The backup's name."""
    mode: BackupMode
    """hourly, daily or manual."""
    note: str = ""
    """What it was made for, where a restore made it: then `latest` passes it by."""
    lacks: str = ""
    """Why the resources are not in it, where they were wanted."""
    started: Time
    """When the run began."""
    time: Time
    """The moment that it shows: when the database was read."""
    seconds: float
    """How long the run took until this manifest was written."""
    engine: Engine
    """Kind of database."""
    schema_revision: str
    """Revision of the database's schema."""
    tables: dict[str, int]
    """Rows per table."""
    resources: dict[str, int]
    """Objects per kind."""
    versions: dict[str, str]
    """Of Ringmaster, Python and the database."""
    parts: list[Part]
    """The files."""
    verified: Time | None = None
    """When it was last read back and found whole; unset when never, or when a fault was found since."""
    fault: str = ""
    """What the last verification found."""

    @property
    def size(self) -> int:
        """Bytes at the target, without the manifest."""
        return sum(part.bytes for part in self.parts)

    @property
    def encrypted(self) -> bool:
        """Whether a private key is needed to read it."""
        return any(part.encrypted for part in self.parts)

    def part(self, role: str) -> Part | None:
        """The file with that in it."""
        return next((part for part in self.parts if part.role == role), None)

    @property
    def database(self) -> Part:
        """The file with the database, which every manifest that was read has."""
        return next(part for part in self.parts if part.role == "database")

    def record(self) -> BackupRecord:
        """As a BackupSchedule's status has it."""
        return BackupRecord(
            name=self.name,
            mode=self.mode,
            time=self.time,
            bytes=self.size,
            sha256=self.database.sha256,
            verified=self.verified is not None,
            lacks=" ".join(self.lacks.split())[:500],
        )

    def lean(self) -> dict[str, Any]:
        """As JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def written(self) -> bytes:
        """The file's content."""
        body = self.lean()
        return json.dumps({**body, "checksum": _checksum(body)}, indent=1).encode() + b"\n"


def read(content: bytes, name: str) -> Manifest:
    """The manifest of backup `name` from its file. Raises Damaged."""
    try:
        body = json.loads(content)
        if body.pop("checksum", None) != _checksum(body):
            raise Damaged(f"the manifest of backup {name} was changed or damaged; {ANOTHER}")
        manifest = Manifest.model_validate(body)
    except (ValueError, AttributeError, ValidationError) as error:
        raise Damaged(f"the manifest of backup {name} cannot be read; {ANOTHER}") from error
    if manifest.name != name:
        raise Damaged(f"the manifest of backup {name} is that of {manifest.name}; {ANOTHER}")
    if manifest.part("database") is None:
        raise Damaged(f"the manifest of backup {name} names no database; {ANOTHER}")
    return manifest


ANOTHER = "use another backup: ringmaster backup list"


def name_for(mode: BackupMode, now: datetime, taken: set[str]) -> str:
    """A name that is not taken."""
    base = f"{PREFIX}-{mode.value}-{now.astimezone(UTC).strftime(STAMP)}"
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def backup_of(file: str) -> str | None:
    """The backup that a file belongs to, by its name; None for files that are not ours."""
    match = _NAME.match(file)
    return match[0] if match and file[match.end() : match.end() + 1] in ("", ".") else None


def named(name: str) -> tuple[BackupMode, datetime] | None:
    """Mode and time that a backup's name tells."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return BackupMode(match[1]), datetime.strptime(match[2], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _checksum(body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
