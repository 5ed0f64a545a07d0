"""Proving a backup: every byte read back from the target, unpacked, and compared with the manifest."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ringmaster_operator.backups import gentle, packing, postgres_source, resources_source, sqlite_source
from ringmaster_operator.backups.errors import BackupError, Damaged, NoSpace, NotThere
from ringmaster_operator.backups.manifest import ANOTHER, SUFFIX, Manifest, Part
from ringmaster_operator.backups.points import passed
from ringmaster_operator.backups.target import Target

MARGIN = 16 << 20
"""Bytes that are left free whatever is done."""


def check(target: Target, manifest: Manifest, *, identity: Path | None, scratch: Path) -> Path:
    """The unpacked database in `scratch`, proven. Raises Damaged naming what is wrong, BackupError."""
    for part in manifest.parts:
        if part.role == "resources":
            path = unpacked(target, manifest, part, identity=identity, scratch=scratch)
            counted = resources_source.count(path)
            path.unlink()
            if counted != manifest.resources:
                raise damaged(manifest, f"it holds other resources than its manifest says: {counted}")
    path = unpacked(target, manifest, manifest.database, identity=identity, scratch=scratch)
    if fault := content_fault(path, manifest):
        gentle.remove(path)
        raise damaged(manifest, fault)
    return path


def content_fault(path: Path, manifest: Manifest) -> str:
    """What is wrong with an unpacked database; empty when nothing is."""
    if manifest.engine == "sqlite":
        return sqlite_source.faults(path, manifest.tables, manifest.schema_revision)
    return postgres_source.faults(path, manifest.tables, manifest.schema_revision)


def unpacked(target: Target, manifest: Manifest, part: Part, *, identity: Path | None, scratch: Path) -> Path:
    """One part, fetched and unpacked, its hashes compared. Raises Damaged, BackupError."""
    fetched = fetch(target, manifest, part, scratch)
    try:
        if part.encrypted:
            if identity is None:
                raise BackupError(
                    f"backup {manifest.name} is encrypted; give the private key's file with --identity"
                )
            opened = scratch / f"opened-{part.role}"
            packing.decrypt(fetched, opened, identity)
            gentle.remove(fetched)
            fetched = opened
        into = scratch / f"unpacked-{part.role}"
        found = packing.unpack(fetched, into, compression=part.compression)
    except Damaged as fault:
        raise damaged(manifest, f"{part.name}: {fault}") from fault
    finally:
        gentle.remove(fetched)
    if (found.raw_bytes, found.raw_sha256) != (part.raw_bytes, part.raw_sha256):
        gentle.remove(into)
        raise damaged(manifest, f"{part.name} unpacks to something else than its manifest says")
    return into


def fetch(target: Target, manifest: Manifest, part: Part, scratch: Path) -> Path:
    """One part as it is at the target, its hash compared. Raises Damaged, TargetFault."""
    into = scratch / f"fetched-{part.role}"
    try:
        target.fetch(part.name, into)
    except NotThere as error:
        raise damaged(manifest, f"its file {part.name} is missing") from error
    if packing.hashed(into) != (part.bytes, part.sha256):
        gentle.remove(into)
        raise damaged(manifest, f"{part.name} is not the file that was written (size or SHA-256 differs)")
    return into


def verify(target: Target, manifest: Manifest, *, identity: Path | None, now: datetime) -> Manifest:
    """Check a backup and write the verdict into its manifest. Raises Damaged, BackupError.

    Without the key of an encrypted one only its hashes can be compared; it stays as verified as it was.
    """
    readable = identity is not None or not manifest.encrypted
    need_room(target, manifest, private=manifest.encrypted)
    try:
        with target.scratch(private=manifest.encrypted) as scratch:
            if readable:
                check(target, manifest, identity=identity, scratch=scratch)
            else:
                for part in manifest.parts:
                    gentle.remove(fetch(target, manifest, part, scratch))
    except Damaged as fault:
        mark(target, manifest.model_copy(update={"verified": None, "fault": str(fault)}))
        raise
    if not readable:
        return manifest
    proven = manifest.model_copy(update={"verified": now, "fault": ""})
    mark(target, proven)
    return proven


def mark(target: Target, manifest: Manifest) -> None:
    """Write a manifest."""
    passed("before manifest")
    target.write(manifest.name + SUFFIX, manifest.written())
    passed("after manifest")


def need_room(target: Target, manifest: Manifest, *, private: bool) -> None:
    """Raises NoSpace when unpacking would fill the place of work."""
    need = manifest.size + manifest.database.raw_bytes + MARGIN
    free = target.room(private=private)
    if free < need:
        raise NoSpace(f"{target.place}: {need >> 20} MB are needed to unpack it, {free >> 20} MB are free")


def damaged(manifest: Manifest, what: str) -> Damaged:
    """The error for a backup that is not what its manifest says."""
    return Damaged(f"backup {manifest.name} is damaged: {what}; {ANOTHER}")
