"""Making a backup: snapshot, pack, keep, prove, then the manifest; and what is too old goes last."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from ringmaster_operator.backups import catalog, gentle, packing
from ringmaster_operator.backups import manifest as manifests
from ringmaster_operator.backups import verify as verifying
from ringmaster_operator.backups.errors import BackupError, NoResources, NoSpace
from ringmaster_operator.backups.manifest import Manifest, Part
from ringmaster_operator.backups.points import passed
from ringmaster_operator.backups.sources import Source
from ringmaster_operator.backups.sqlite_source import Facts
from ringmaster_operator.backups.target import Target
from ringmaster_operator.resources.backup import BackupMode, Compression


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a run is to make."""

    mode: BackupMode
    compression: Compression = Compression.GZIP
    recipients: Sequence[str] = ()
    """age public keys; none: not encrypted."""
    verify: bool = True
    resources: Callable[[Path], dict[str, int]] | None = None
    """Writes the resources into a file, and counts them; None: without them."""
    note: str = ""
    shows: datetime | None = None
    """The moment that the source shows, where that is not the present."""
    now: Callable[[], datetime]
    say: Callable[[str], None] = field(default=lambda _: None)
    """Told of each step."""


def run(source: Source, target: Target, wish: Wish) -> Manifest:
    """One backup, kept and proven. Raises BackupError; then nothing of it is left."""
    packing.recipients(wish.recipients)
    with target.locked():
        return locked_run(source, target, wish)


def locked_run(source: Source, target: Target, wish: Wish) -> Manifest:
    """The same for a caller who has the target's lock."""
    started, began = wish.now(), time.monotonic()
    known = catalog.load(target)
    for orphan in known.orphans:
        target.delete(orphan)
    _need_room(source, target, private=bool(wish.recipients))
    taken = {manifest.name for manifest in known.backups} | set(known.unreadable)
    name = manifests.name_for(wish.mode, started, taken)
    kept: list[str] = []
    try:
        with target.scratch(private=bool(wish.recipients)) as scratch:
            wish.say(f"copying {source.place}")
            snapshot = scratch / "snapshot"
            facts = source.snapshot(snapshot)
            passed("snapshot made")
            manifest = _first(name, source, facts, started, wish)
            parts = [_pack("database", source.ending, snapshot, manifest, wish)]
            _keep(target, scratch, parts[0], kept)
            if wish.resources is not None:
                listed = scratch / "resources"
                try:
                    manifest = manifest.model_copy(update={"resources": wish.resources(listed)})
                except NoResources as fault:
                    manifest = manifest.model_copy(update={"lacks": str(fault)})
                else:
                    passed("resources written")
                    parts.append(_pack("resources", ".resources.yaml", listed, manifest, wish))
                    _keep(target, scratch, parts[1], kept)
            manifest = manifest.model_copy(update={"parts": parts})
            if wish.verify:
                wish.say("reading it back")
                manifest = _proven(target, manifest, scratch, wish)
            seconds = round(time.monotonic() - began, 3)
            manifest = manifest.model_copy(update={"seconds": seconds})
            verifying.mark(target, manifest)
    except BaseException:
        _undo(target, kept)
        raise
    return manifest


def _first(name: str, source: Source, facts: Facts, moment: datetime, wish: Wish) -> Manifest:
    return Manifest(
        name=name,
        mode=wish.mode,
        note=wish.note,
        started=moment,
        time=wish.shows or moment,
        seconds=0.0,
        engine=source.engine,
        schema_revision=facts.revision,
        tables=facts.tables,
        resources={},
        versions={
            "ringmaster": version("ringmaster"),
            "python": platform.python_version(),
            source.engine: facts.version,
        },
        parts=[],
    )


def _pack(role: str, ending: str, path: Path, manifest: Manifest, wish: Wish) -> Part:
    """Pack `path`, and put the packed file in its place."""
    wish.say(f"packing the {role}")
    packed = path.with_name(path.name + ".packed")
    made = packing.pack(path, packed, compression=wish.compression)
    size, digest = made.bytes, made.sha256
    gentle.remove(path)
    if wish.recipients:
        _open_once(packed, made, manifest, wish, role)
        packing.encrypt(packed, path, wish.recipients)
        size, digest = packing.hashed(path)
        gentle.remove(packed)
    else:
        packed.rename(path)
    passed(f"{role} packed")
    return Part.model_validate(
        {
            "role": role,
            "name": manifest.name
            + ending
            + packing.ENDINGS[wish.compression]
            + (packing.AGE if wish.recipients else ""),
            "bytes": size,
            "sha256": digest,
            "raw_bytes": made.raw_bytes,
            "raw_sha256": made.raw_sha256,
            "compression": wish.compression,
            "level": packing.LEVELS[wish.compression],
            "encrypted": bool(wish.recipients),
        }
    )


def _open_once(packed: Path, made: packing.Packed, manifest: Manifest, wish: Wish, role: str) -> None:
    """Nobody here can open what is encrypted, so the content is proven before."""
    if not wish.verify:
        return
    plain = packed.with_name("plain")
    try:
        found = packing.unpack(packed, plain, compression=wish.compression)
        if found != made:
            raise BackupError(f"{role}: what was packed does not unpack to the same; run this again")
        if role == "database" and (fault := verifying.content_fault(plain, manifest)):
            raise BackupError(f"the copy of the database is not whole: {fault}; nothing was kept")
    finally:
        gentle.remove(plain)


def _keep(target: Target, scratch: Path, part: Part, kept: list[str]) -> None:
    kept.append(part.name)
    target.put(scratch / {"database": "snapshot", "resources": "resources"}[part.role], part.name)
    passed(f"{part.role} kept")


def _proven(target: Target, manifest: Manifest, scratch: Path, wish: Wish) -> Manifest:
    work = scratch / "proof"
    work.mkdir()
    if manifest.encrypted:
        for part in manifest.parts:
            gentle.remove(verifying.fetch(target, manifest, part, work))
    else:
        gentle.remove(verifying.check(target, manifest, identity=None, scratch=work))
    passed("proven")
    return manifest.model_copy(update={"verified": wish.now()})


def _need_room(source: Source, target: Target, *, private: bool) -> None:
    """For the proof: the packed file, a copy of it read back, and what it unpacks to, at worst as large."""
    need = 3 * source.size() + verifying.MARGIN
    free = target.room(private=private)
    if free < need:
        raise NoSpace(
            f"{target.place}: a backup needs {need >> 20} MB and {free >> 20} MB are free; nothing was begun."
            " Make room (ringmaster backup prune --dry-run shows what may go), then run this again"
        )


def _undo(target: Target, kept: list[str]) -> None:
    for name in kept:
        try:
            target.delete(name)
        except BackupError:
            return  # the target itself is in trouble; the next run clears what has no manifest
