"""Deleting what is too old, and packing what is kept long harder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ringmaster_operator.backups import catalog, gentle, packing, retention
from ringmaster_operator.backups import manifest as manifests
from ringmaster_operator.backups import verify as verifying
from ringmaster_operator.backups.errors import Damaged, NoSpace
from ringmaster_operator.backups.manifest import SUFFIX, Manifest, Part
from ringmaster_operator.backups.points import passed
from ringmaster_operator.backups.retention import Aged, Fate, Verdict
from ringmaster_operator.backups.target import Target
from ringmaster_operator.resources.backup import Compression


def verdicts(
    target: Target, *, now: datetime, hourly: timedelta, daily: timedelta
) -> list[tuple[Manifest, Verdict]]:
    """What would be done, newest first. Raises TargetFault."""
    backups = catalog.load(target).backups
    by_name = {manifest.name: manifest for manifest in backups}
    aged = [
        Aged(item.name, item.mode, item.time, item.verified is not None, not _can_harden(item))
        for item in backups
    ]
    planned = retention.plan(aged, now=now, hourly=hourly, daily=daily)
    return [(by_name[verdict.name], verdict) for verdict in planned]


def prune(
    target: Target,
    *,
    now: datetime,
    hourly: timedelta,
    daily: timedelta,
    say: Callable[[str], None] = lambda _: None,
) -> list[Verdict]:
    """Do it, for a caller who has the target's lock; what was done. Raises BackupError."""
    done = []
    for manifest, verdict in verdicts(target, now=now, hourly=hourly, daily=daily):
        if verdict.fate is Fate.DELETE:
            delete(target, manifest)
            say(f"deleted {manifest.name}: {verdict.reason}")
        elif verdict.fate is Fate.HARDEN:
            say(f"packing {manifest.name} harder")
            try:
                harden(target, manifest, now)
            except (Damaged, NoSpace) as fault:
                say(str(fault))
                continue
        else:
            continue
        done.append(verdict)
    return done


def delete(target: Target, manifest: Manifest) -> None:
    """Its manifest first: a crash then leaves files that the next run clears, never half a backup."""
    target.delete(manifest.name + SUFFIX)
    passed("manifest deleted")
    for part in manifest.parts:
        target.delete(part.name)


def delete_files(target: Target, name: str) -> None:
    """Everything of a backup whose manifest cannot be read."""
    target.delete(name + SUFFIX)
    for file in target.files():
        if manifests.backup_of(file) == name:
            target.delete(file)


def harden(target: Target, manifest: Manifest, now: datetime) -> None:
    """Pack the database again with zstd's high level; the old file stays until the other one is proven.

    Raises Damaged when it turns out to be: then the manifest says so too.
    """
    verifying.need_room(target, manifest, private=False)
    part = manifest.database
    with target.scratch(private=False) as scratch:
        try:
            plain = verifying.check(target, manifest, identity=None, scratch=scratch)
        except Damaged as fault:
            verifying.mark(target, manifest.model_copy(update={"verified": None, "fault": str(fault)}))
            raise
        packed = scratch / "hard"
        made = packing.pack(plain, packed, compression=Compression.ZSTD, level=packing.HARD)
        gentle.remove(plain)
        renewed = part.model_copy(
            update={
                "name": _renamed(part),
                "bytes": made.bytes,
                "sha256": made.sha256,
                "compression": Compression.ZSTD,
                "level": packing.HARD,
            }
        )
        parts = [renewed if item is part else item for item in manifest.parts]
        changed = manifest.model_copy(update={"parts": parts, "verified": now, "fault": ""})
        target.put(packed, renewed.name)
        gentle.remove(verifying.check(target, changed, identity=None, scratch=scratch))
        verifying.mark(target, changed)
    target.delete(part.name)


def _renamed(part: Part) -> str:
    stem = part.name.removesuffix(packing.ENDINGS[part.compression])
    return f"{stem}.hard{packing.ENDINGS[Compression.ZSTD]}"


def _can_harden(manifest: Manifest) -> bool:
    """What nobody here can open, and what was meant to stay plain, stays as it is."""
    part = manifest.part("database")
    if part is None or part.encrypted or part.compression is Compression.NONE:
        return False
    return part.level != packing.HARD and manifest.verified is not None
