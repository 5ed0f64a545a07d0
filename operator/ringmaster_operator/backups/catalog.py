"""What is at a target: the backups, and files that belong to none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups import manifest as manifests
from ringmaster_operator.backups.errors import Damaged, NotThere
from ringmaster_operator.backups.manifest import SUFFIX, Manifest
from ringmaster_operator.backups.target import Target
from ringmaster_operator.resources.backup import BackupMode, Counts


@dataclass(frozen=True)
class Catalog:
    """All backups, newest first, and what is wrong with those that cannot be listed."""

    place: str
    backups: list[Manifest]
    unreadable: dict[str, str]
    """Reasons by name of backup."""
    orphans: list[str]
    """Files that a crash left."""

    def find(self, name: str) -> Manifest:
        """By name, or `latest`: the newest verified one. Raises NotThere, Damaged."""
        if name == "latest":
            return self.latest(datetime.max.replace(tzinfo=UTC))
        name = name.removesuffix(SUFFIX)
        if name in self.unreadable:
            raise Damaged(self.unreadable[name])
        for manifest in self.backups:
            if manifest.name == name:
                return manifest
        raise NotThere(
            f"there is no backup {name} in {self.place}; ringmaster backup list shows what there is"
        )

    def latest(self, until: datetime) -> Manifest:
        """The newest verified one of that moment or before; not what a restore put aside. Raises NotThere."""
        for manifest in self.backups:
            if manifest.verified is not None and manifest.time <= until and not manifest.note:
                return manifest
        if self.backups:
            raise NotThere(
                f"no backup in {self.place} is both verified and old enough; ringmaster backup list shows "
                "them, ringmaster backup verify NAME checks one"
            )
        raise NotThere(f"there are no backups in {self.place}; ringmaster backup now makes one")

    def counts(self) -> Counts:
        """Backups per mode."""
        modes = [manifest.mode for manifest in self.backups]
        return Counts(
            hourly=modes.count(BackupMode.HOURLY),
            daily=modes.count(BackupMode.DAILY),
            manual=modes.count(BackupMode.MANUAL),
        )

    def bytes(self) -> int:
        """Size of all of them."""
        return sum(manifest.size for manifest in self.backups)


def load(target: Target) -> Catalog:
    """Read every manifest. Raises TargetFault."""
    files = target.files()
    backups, unreadable, known = [], {}, set()
    for file in sorted(files):
        name = file.removesuffix(SUFFIX)
        if name == file or manifests.backup_of(file) != name:
            continue
        known.add(file)
        try:
            manifest = manifests.read(target.read(file), name)
        except Damaged as fault:
            unreadable[name] = str(fault)
            continue
        except NotThere:
            continue  # pruned since the list
        backups.append(manifest)
        known.update(part.name for part in manifest.parts)
    orphans = [
        file
        for file in sorted(files)
        if file not in known and (owner := manifests.backup_of(file)) and owner not in unreadable
    ]
    backups.sort(key=lambda manifest: (manifest.time, manifest.name), reverse=True)
    return Catalog(target.place, backups, unreadable, orphans)


def moment(text: str) -> datetime:
    """A time as people give it: RFC 3339, or without offset in UTC. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--at {text}: give a time such as 2026-05-04T13:00 (UTC)") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
