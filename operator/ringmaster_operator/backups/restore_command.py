"""`ringmaster restore`: chooses, shows what it would do, asks, and does it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from ringmaster_cli.exits import Exit, Refused, UsageError
from ringmaster_operator.backups import catalog, listing, rehearsal, resources_source, sources
from ringmaster_operator.backups import verify as verifying
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.places import target as place
from ringmaster_operator.backups.recreate import recreate
from ringmaster_operator.backups.restore import Restore
from ringmaster_operator.backups.services import Deployment, Nobody, Service, Unit
from ringmaster_operator.backups.target import Target
from ringmaster_operator.clock import Clock


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options, as given."""

    name: str
    at: str
    target: str
    database: str
    deployment: str
    unit: str
    offline: bool
    ready_url: str
    encrypt_to: tuple[str, ...]
    identity: Path | None
    kubeconfig: str | None
    resources: bool
    dry_run: bool
    force: bool


def restore(asked: Asked) -> None:
    """Choose, show, ask, do. Raises BackupError, UsageError, Refused."""
    target, source, clock = place(asked.target), sources.source(asked.database), Clock()
    known = catalog.load(target)
    manifest = _chosen(known, asked)
    rehearsal.openable(manifest)
    service = _service(asked)
    listing.say(_plan(manifest, source.place, service, target.place, resources=asked.resources))
    if asked.resources and manifest.part("resources") is None:
        raise UsageError(f"backup {manifest.name} was made without resources")
    if asked.dry_run:
        return
    if not asked.force:
        _ask(manifest)
    with target.locked():
        work = Restore(
            manifest=manifest,
            target=target,
            source=source,
            service=service,
            identity=asked.identity,
            recipients=asked.encrypt_to,
            then=(lambda: _recreate(manifest, target, asked)) if asked.resources else (lambda: None),
            now=clock.now,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
        listing.say(work.run())


def _chosen(known: catalog.Catalog, asked: Asked) -> Manifest:
    if bool(asked.name) == bool(asked.at):
        raise UsageError("name a backup (ringmaster backup list), give latest, or --at TIME")
    return known.latest(catalog.moment(asked.at)) if asked.at else known.find(asked.name)


def _service(asked: Asked) -> Service:
    if sum(map(bool, (asked.deployment, asked.unit, asked.offline))) > 1:
        raise UsageError("give one of --deployment, --unit and --offline")
    if asked.deployment:
        return Deployment(asked.deployment, asked.kubeconfig)
    if asked.unit:
        return Unit(asked.unit, asked.ready_url)
    return Nobody()


def _recreate(manifest: Manifest, target: Target, asked: Asked) -> None:
    part = manifest.part("resources")
    if part is None:
        return
    with target.scratch(private=True) as scratch:
        path = verifying.unpacked(target, manifest, part, identity=asked.identity, scratch=scratch)
        made = recreate(resources_source.objects(path), url=asked.database, kubeconfig=asked.kubeconfig)
    there = sum(manifest.resources.values()) - sum(made.values())
    new = ", ".join(f"{count} {kind}s" for kind, count in made.items() if count) or "nothing"
    listing.say(f"made again: {new}; {there} were there")


def _plan(manifest: Manifest, database: str, service: Service, target: str, *, resources: bool) -> str:
    rows = sum(manifest.tables.values())
    verified = (
        "never verified" if manifest.verified is None else f"verified {manifest.verified:%Y-%m-%d %H:%M}Z"
    )
    steps = [
        f"restore {manifest.name} ({rows} rows, {verified}) over {database}:",
        "  1. verify it, and open and upgrade a copy of it",
        f"  2. {service.stops}",
        f"  3. back up what is there, to {target}",
        f"  4. put it in place; what came after {manifest.time:%Y-%m-%d %H:%M:%S}Z is only in that backup",
        f"  5. {service.starts}",
    ]
    if resources:
        steps.insert(
            5, "     and make the beads, Workers, BackupSchedules and settings that the cluster lacks"
        )
    return "\n".join(steps)


def _ask(manifest: Manifest) -> None:
    if not sys.stdin.isatty():
        raise Refused(
            "nothing was changed: there is no terminal to confirm on; --force restores without asking"
        )
    answer = input(f"restore {manifest.name}? [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed", exit=Exit.NOTHING)
