"""`ringmaster restore`: chooses, shows what it would do, asks, and does it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ringmaster_cli.exits import Exit, Refused, UsageError
from ringmaster_operator.backups import catalog, host_unit, listing, rehearsal, resources_source, sources
from ringmaster_operator.backups import verify as verifying
from ringmaster_operator.backups.choice import SECOND, Choice, at_time
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.places import target as place
from ringmaster_operator.backups.postgres_source import PostgresSource
from ringmaster_operator.backups.recreate import recreate
from ringmaster_operator.backups.restore import Restore
from ringmaster_operator.backups.run import Wish
from ringmaster_operator.backups.services import Deployment, Nobody, Service, Unit
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.backups.target import Target
from ringmaster_operator.clock import Clock
from ringmaster_operator.resources.backup import BackupMode, Compression


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options, as given."""

    name: str
    at: str
    copy: str
    target: str
    database: str
    deployment: str
    unit: str
    offline: bool
    ready_url: str
    timeout: float
    """Seconds that the operator may take to be ready."""
    encrypt_to: tuple[str, ...]
    identity: Path | None
    kubeconfig: str | None
    resources: bool
    dry_run: bool
    force: bool


def restore(asked: Asked) -> None:
    """Choose, show, ask, do. Raises BackupError, UsageError, Refused."""
    if asked.unit:
        with host_unit.as_its_user(asked.unit):
            _restore(asked)
    else:
        _restore(asked)


def _restore(asked: Asked) -> None:
    target, source, clock = place(asked.target), sources.source(asked.database), Clock()
    choice = _chosen(catalog.load(target), source, asked, clock)
    if choice.moment is None:
        rehearsal.openable(choice.known())
    service = _service(asked)
    if asked.resources and choice.known().part("resources") is None:
        raise UsageError(f"backup {choice.known().name} was made without resources")
    listing.say(_plan(choice, source.place, service, target.place, resources=asked.resources))
    if asked.dry_run:
        return
    if not asked.force:
        _ask(choice)
    with target.locked():
        work = Restore(
            manifest=_manifest(choice, target, asked, clock),
            target=target,
            source=source,
            service=service,
            identity=asked.identity,
            recipients=asked.encrypt_to,
            then=(lambda: _recreate(choice.known(), target, asked)) if asked.resources else (lambda: None),
            now=clock.now,
            say=_progress,
        )
        listing.say(work.run())


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _chosen(
    known: catalog.Catalog, source: SqliteSource | PostgresSource, asked: Asked, clock: Clock
) -> Choice:
    if bool(asked.name) == bool(asked.at):
        raise UsageError("name a backup (ringmaster backup list), give latest, or --at TIME")
    if asked.name:
        return Choice(known.find(asked.name))
    at = clock.now() + timedelta(seconds=1) if asked.at == "now" else catalog.moment(asked.at)
    found = at_time(known, source, at, place=asked.copy, target=asked.target, say=_progress)
    if found.moment and asked.encrypt_to and asked.identity is None:
        raise UsageError("backups are encrypted: give the private key's file with --identity")
    return found


def _manifest(choice: Choice, target: Target, asked: Asked, clock: Clock) -> Manifest:
    """The backup that is restored: of a moment of the copy one is made first."""
    if choice.moment is None:
        return choice.known()
    wish = Wish(
        mode=BackupMode.MANUAL,
        now=clock.now,
        shows=choice.moment.shows,
        note=f"made of {choice.name}, to restore it",
        compression=Compression.ZSTD,
        recipients=asked.encrypt_to,
        say=_progress,
    )
    return choice.moment.adopt(target, wish)


def _service(asked: Asked) -> Service:
    if sum(map(bool, (asked.deployment, asked.unit, asked.offline))) > 1:
        raise UsageError("give one of --deployment, --unit and --offline")
    if asked.deployment:
        return Deployment(asked.deployment, asked.kubeconfig, ready_seconds=asked.timeout)
    if asked.unit:
        return Unit(asked.unit, asked.ready_url or host_unit.address(), ready_seconds=asked.timeout)
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


def _plan(choice: Choice, database: str, service: Service, target: str, *, resources: bool) -> str:
    if choice.moment is None:
        manifest = choice.known()
        proof = f"verified {manifest.verified:%Y-%m-%d %H:%M}Z" if manifest.verified else "never verified"
        steps = [f"restore {manifest.name} ({sum(manifest.tables.values())} rows, {proof}) over {database}:"]
    else:
        steps = [f"restore {choice.name} over {database}:", f"  0. make a backup of it, in {target}"]
    steps += [
        "  1. verify it, and open and upgrade a copy of it",
        f"  2. {service.stops}",
        f"  3. back up what is there, to {target}",
        f"  4. put it in place; what came after {choice.shows:{SECOND}} is only in that backup",
    ]
    if resources:
        of = f", as in {choice.known().name}" if choice.moment else ""
        steps.append(
            f"     and make the beads, Workers, BackupSchedules and settings that the cluster lacks{of}"
        )
    return "\n".join([*steps, f"  5. {service.starts}"])


def _ask(choice: Choice) -> None:
    if not sys.stdin.isatty():
        raise Refused(
            "nothing was changed: there is no terminal to confirm on; --force restores without asking"
        )
    answer = input(f"restore {choice.name}? [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed", exit=Exit.NOTHING)
