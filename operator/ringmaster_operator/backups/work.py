"""What the commands do: options in, words and results out."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ringmaster_cli.exits import CliError, UsageError
from ringmaster_operator.backups import catalog, continuous, listing, resources_source, retention, sources
from ringmaster_operator.backups import prune as pruning
from ringmaster_operator.backups import run as running
from ringmaster_operator.backups import verify as verifying
from ringmaster_operator.backups.errors import Damaged, NoResources
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.places import target as place
from ringmaster_operator.backups.run import Wish
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.backups.target import Target
from ringmaster_operator.clock import Clock
from ringmaster_operator.resources.backup import BackupMode, Compression

NICE = 10


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of a run, as given."""

    mode: str
    target: str
    database: str
    compression: str
    encrypt_to: tuple[str, ...]
    keep_hourly: str
    keep_daily: str
    verify: bool
    prune: bool
    resources: bool
    namespace: str
    kubeconfig: str | None


def make(asked: Asked, *, result: Path | None, form: str) -> Manifest:
    """Make a backup, then prune; the result file is written whatever happens. Raises BackupError."""
    mode, clock = BackupMode(asked.mode), Clock()
    told: dict[str, Any] = {"action": "backup", "mode": mode.value, "record": None}
    with _telling(told, result, clock):
        hourly = retention.span(asked.keep_hourly, "--keep-hourly")
        daily = retention.span(asked.keep_daily, "--keep-daily")
        source, target = sources.source(asked.database), place(asked.target)
        _step_back()

        def resources(into: Path) -> dict[str, int]:
            return resources_source.save(into, namespace=asked.namespace, kubeconfig=asked.kubeconfig)

        wish = Wish(
            mode=mode,
            compression=Compression(asked.compression),
            recipients=asked.encrypt_to,
            verify=asked.verify,
            resources=resources if asked.resources else None,
            now=clock.now,
            say=_progress,
        )
        with target.locked():
            manifest = running.locked_run(source, target, wish)
            told["record"] = manifest.record().model_dump(mode="json", by_alias=True, exclude_none=True)
            if form == "table":
                listing.made(manifest, target)
            else:
                listing.structured(form, manifest.lean(), [manifest.name])
            if asked.prune:
                pruning.prune(target, now=clock.now(), hourly=hourly, daily=daily, say=_progress)
            _counts(told, target)
        if manifest.lacks:
            raise NoResources(f"{manifest.name} was made, but without the resources: {manifest.lacks}")
    return manifest


def verify(where: str, name: str, *, every: bool, identity: Path | None) -> int:
    """Check one or all, a line each; how many are damaged. Raises BackupError when one cannot be checked."""
    target, clock = place(where), Clock()
    bad = 0
    with target.locked():
        known = catalog.load(target)
        for broken, fault in known.unreadable.items() if every else ():
            bad += 1
            print(f"{broken}: DAMAGED: {fault}")
        for manifest in known.backups if every else [known.find(name)]:
            try:
                proven = verifying.verify(target, manifest, identity=identity, now=clock.now())
            except Damaged as fault:
                bad += 1
                print(f"{manifest.name}: DAMAGED: {fault}", flush=True)
                continue
            said = (
                "whole" if identity or not proven.encrypted else "unchanged (encrypted: --identity opens it)"
            )
            print(f"{manifest.name}: {said}", flush=True)
    return bad


def rehearse(
    where: str, name: str, *, database: str, identity: Path | None, or_hashes: bool, result: Path | None
) -> None:
    """Restore into a scratch place and use it; or_hashes: less is fine without a key. Raises BackupError."""
    from ringmaster_operator.backups import rehearsal

    target, clock = place(where), Clock()
    told: dict[str, Any] = {"action": "rehearsal", "mode": None, "record": None}
    with _telling(told, result, clock):
        _step_back()
        with target.locked():
            manifest = catalog.load(target).find(name)
            told["mode"] = manifest.mode.value
            if or_hashes and manifest.encrypted and identity is None:
                verifying.verify(target, manifest, identity=None, now=clock.now())
                told["opened"] = False
                said = (
                    "its hashes are right; it is encrypted and no private key was given, so nobody opened it"
                )
            else:
                said = rehearsal.rehearse(target, manifest, database=database, identity=identity)
            told["record"] = manifest.record().model_dump(mode="json", by_alias=True, exclude_none=True)
            told["message"] = said
            _counts(told, target)
        print(f"{manifest.name}: {said}")


def follow(
    where: str, keep: str, *, target: str, database: str, recipients: Sequence[str], plain: bool
) -> None:
    """Become the program that copies. Raises BackupError, UsageError."""
    span, source = retention.span(keep, "--keep"), sources.source(database)
    continuous.plain(recipients, accepted=plain)
    if not isinstance(source, SqliteSource):
        raise UsageError(
            f"{source.place} is PostgreSQL, which ships its log itself: docs/backups.md#postgresql says how"
        )
    copy = continuous.copy(where, target, source)
    _progress(f"following {source.place} to {copy.place}, kept for {retention.shown(span)}")
    copy.follow(span)


def prune(where: str, keep_hourly: str, keep_daily: str, *, dry_run: bool, names: list[str]) -> None:
    """Delete and pack harder, or only say so. Raises BackupError."""
    hourly = retention.span(keep_hourly, "--keep-hourly")
    daily = retention.span(keep_daily, "--keep-daily")
    target, now = place(where), Clock().now()
    if dry_run:
        listing.verdicts(pruning.verdicts(target, now=now, hourly=hourly, daily=daily), names)
        return
    with target.locked():
        known = catalog.load(target)
        for name in names:
            if name in known.unreadable:
                pruning.delete_files(target, name)
            else:
                chosen = known.find(name)
                _refuse_last(known, chosen)
                pruning.delete(target, chosen)
                name = chosen.name
            print(f"deleted {name}: it was named")
            known = catalog.load(target)
        done = pruning.prune(target, now=now, hourly=hourly, daily=daily, say=print)
        if not done and not names:
            print("nothing is too old; --dry-run says why each one stays")


def _refuse_last(known: catalog.Catalog, chosen: Manifest) -> None:
    verified = [manifest.name for manifest in known.backups if manifest.verified is not None]
    if verified == [chosen.name]:
        raise UsageError(f"{chosen.name} is the last verified backup; make another one first")


@contextlib.contextmanager
def _telling(told: dict[str, Any], result: Path | None, clock: Clock) -> Any:
    """Write the result file at the end, also of a failure."""
    message, succeeded = "", False
    try:
        yield
        succeeded, message = True, told.get("message", "")
    except NoResources as fault:
        succeeded, message = True, " ".join(str(fault).split())
        raise
    except CliError as fault:
        message = " ".join(str(fault).split())
        raise
    except Exception as fault:
        message = f"internal fault: {type(fault).__name__}: {fault}"
        raise
    finally:
        if result is not None:
            _write(
                result,
                {**told, "succeeded": succeeded, "message": message[:1000]},
                clock.now(),
            )


def _write(result: Path, told: dict[str, Any], now: datetime) -> None:
    body = json.dumps({**told, "time": now.isoformat().replace("+00:00", "Z")})
    try:
        result.write_text(body + "\n", encoding="utf-8")
    except OSError as error:
        print(f"ringmaster: the result cannot be written to {result}: {error.strerror}", file=sys.stderr)


def _counts(told: dict[str, Any], target: Target) -> None:
    known = catalog.load(target)
    told["kept"] = known.counts().model_dump(by_alias=True)
    told["bytesKept"] = known.bytes()


def _progress(text: str) -> None:
    """For a person who waits, and for a job's log; standard output is for the result."""
    print(text, file=sys.stderr, flush=True)


def _step_back() -> None:
    """Let the operator and the agents go first."""
    with contextlib.suppress(OSError):
        os.nice(NICE - os.nice(0))
