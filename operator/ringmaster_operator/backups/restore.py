"""Restoring: everything that can fail is done on a copy, before anything that is there is touched.

Verify, unpack beside the database, upgrade, verify again; then stop the operator, make a safety backup,
swap in one rename, verify once more, start, wait until ready; on any failure what was there before is put
back.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL

from ringmaster_operator.backups import catalog, gentle, packing, rehearsal, revoked, sqlite_source, swap
from ringmaster_operator.backups import run as running
from ringmaster_operator.backups import verify as verifying
from ringmaster_operator.backups.errors import BackupError, NoSpace
from ringmaster_operator.backups.manifest import Manifest
from ringmaster_operator.backups.points import passed
from ringmaster_operator.backups.postgres_source import PostgresSource
from ringmaster_operator.backups.run import Wish
from ringmaster_operator.backups.services import Service
from ringmaster_operator.backups.sqlite_source import SqliteSource
from ringmaster_operator.backups.target import Target
from ringmaster_operator.history.sqlite import companions
from ringmaster_operator.resources.backup import BackupMode

SCRATCH = ".restoring-"
MAY_SHRINK = ("alembic_version", "role_grant")
"""Tables that may have fewer rows than the backup: a role that was revoked since is taken away again."""


@dataclass(frozen=True, kw_only=True)
class Restore:
    """One restore, all that it needs."""

    manifest: Manifest
    target: Target
    source: SqliteSource | PostgresSource
    service: Service
    identity: Path | None
    recipients: Sequence[str] = ()
    """age public keys that the safety backup is encrypted to."""
    then: Callable[[], None] = lambda: None
    """Done once the database is in place, before the operator starts."""
    now: Callable[[], datetime]
    say: Callable[[str], None]

    def run(self) -> str:
        """Do it, for a caller who has the target's lock; what was done. Raises BackupError.

        After a failure the operator runs as before, with the database that it had, and the message says so.
        """
        if self.manifest.engine != self.source.engine:
            raise BackupError(
                f"backup {self.manifest.name} is of {self.manifest.engine}, and {self.source.place} is not; "
                "give --database as it was"
            )
        rehearsal.openable(self.manifest)
        self.service.check()
        if isinstance(self.source, PostgresSource):
            return self._postgres(self.source)
        return self._sqlite(self.source.path)

    def _sqlite(self, path: Path) -> str:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _need_room(path, self.manifest)
        with _scratch(path) as scratch:
            fresh, digest = self._prepare(scratch)
            self.say(self.service.stops)
            self._stop()
            try:
                with swap.held(path):
                    if left := swap.clear(path):
                        self.say(left)
                    safety = self._safety(path)
                    if safety:
                        digest = self._take_away(path, fresh)
                    self.say("putting it in place")
                    self._place(path, fresh, digest)
                self.then()
            except BaseException:
                self._start_again()
                raise
            try:
                self.say(self.service.starts)
                self.service.start()
            except BackupError as fault:
                raise self._back(path, fault) from fault
            if safety or not path.with_name(path.name + swap.BEFORE).exists():
                swap.done(path)
            else:
                self.say(f"the damaged database that was there is kept in {swap.keep(path)}")
        return f"restored {self.manifest.name}" + (
            f"; what was there before is backup {safety}" if safety else ""
        )

    def _prepare(self, scratch: Path) -> tuple[Path, str]:
        """The database as it will be put in place, proven and upgraded; and its hash."""
        self.say(f"verifying {self.manifest.name}")
        unpacked = verifying.check(self.target, self.manifest, identity=self.identity, scratch=scratch)
        fresh = scratch / "fresh.db"
        unpacked.rename(fresh)
        passed("unpacked")
        self.say("opening it with this version")
        rehearsal.use(f"sqlite:///{fresh}", f"backup {self.manifest.name}")
        rehearsal.not_fewer(self.manifest, sqlite_source.facts(fresh).tables)
        if not swap.settle(fresh):
            raise BackupError(
                f"backup {self.manifest.name} is not whole once it was opened; nothing was changed"
            )
        for file in companions(fresh):
            file.unlink(missing_ok=True)
        packing.sync(fresh)
        passed("prepared")
        return fresh, packing.hashed(fresh)[1]

    def _take_away(self, path: Path, fresh: Path) -> str:
        """Revoke in the prepared history what the one that goes knows as revoked; its hash then."""
        self._carry(self._taken(revoked.place(path)), revoked.place(fresh))
        if not swap.settle(fresh):
            raise BackupError(f"backup {self.manifest.name} is not whole once it was changed")
        for file in companions(fresh):
            file.unlink(missing_ok=True)
        packing.sync(fresh)
        passed("taken away")
        return packing.hashed(fresh)[1]

    def _taken(self, url: URL) -> revoked.Revoked:
        """What is there may be anything: that it cannot be read is no reason to keep it."""
        try:
            return revoked.known(url)
        except BackupError as fault:
            self.say(f"{fault}: revoke and disable again what was revoked and disabled since the backup")
            return revoked.Revoked()

    def _carry(self, taken: revoked.Revoked, url: URL) -> None:
        if told := revoked.carry(url, taken, backup=self.manifest.name, now=self.now()):
            self.say(told)

    def _safety(self, path: Path) -> str:
        """A verified backup of what is there; empty where there is nothing, or nothing whole."""
        if not path.exists():
            return ""
        self.say("backing up what is there")
        if not swap.settle(path):
            self.say("what is there is damaged, it is kept as it is")
            return ""
        made = running.locked_run(SqliteSource(path), self.target, self._wish())
        passed("safety backup made")
        return made.name

    def _wish(self) -> Wish:
        return Wish(
            mode=BackupMode.MANUAL,
            now=self.now,
            note=f"made before {self.manifest.name} was restored",
            compression=self.manifest.database.compression,
            recipients=self.recipients,
        )

    def _place(self, path: Path, fresh: Path, digest: str) -> None:
        try:
            swap.swap(path, fresh)
            fault = swap.same(path, digest) or self._content(path)
            passed("verified in place")
            if fault:
                raise BackupError(f"the restored database is not what was put there: {fault}")
        except BaseException as error:
            if swap.undo(path) and isinstance(error, BackupError):
                raise BackupError(f"{error}; what was there before is in place again") from error
            raise

    def _content(self, path: Path) -> str:
        found = sqlite_source.facts(path)
        for name, rows in self.manifest.tables.items():
            if name not in MAY_SHRINK and found.tables.get(name, 0) < rows:
                return f"table {name} has {found.tables.get(name, 0)} rows instead of {rows}"
        return ""

    def _back(self, path: Path, fault: BackupError) -> BackupError:
        """The operator does not come up with it: the former database again."""
        self.say("it does not come up; putting back what was there")
        self._stop()
        with swap.held(path):
            there = swap.undo(path)
        said = "what was there before is in place again" if there else "there was no database before"
        try:
            self.service.start()
        except BackupError as again:
            return BackupError(f"{fault}; {said}, but with it the operator does not come up either: {again}")
        return BackupError(f"{fault}; {said}, and the operator runs with it")

    def _stop(self) -> None:
        try:
            self.service.stop()
        except BackupError:
            self._start_again()
            raise
        passed("stopped")

    def _start_again(self) -> None:
        try:
            self.service.start()
        except BackupError as fault:
            self.say(f"{self.service.name} was not started again: {fault}")

    def _postgres(self, source: PostgresSource) -> str:
        with self.target.scratch(private=True) as scratch:
            self.say(f"verifying {self.manifest.name}")
            dump = verifying.check(self.target, self.manifest, identity=self.identity, scratch=scratch)
            self.say(self.service.stops)
            self._stop()
            safety = ""
            try:
                source.alone()
                taken = revoked.Revoked()
                if source.facts().tables:
                    self.say("backing up what is there")
                    safety = running.locked_run(source, self.target, self._wish()).name
                    passed("safety backup made")
                    taken = self._taken(source.url)
                self.say("putting it in place")
                source.restore(dump)
                passed("tables replaced")
                rehearsal.use(
                    source.url.render_as_string(hide_password=False), f"backup {self.manifest.name}"
                )
                rehearsal.not_fewer(self.manifest, source.facts().tables)
                self._carry(taken, source.url)
                passed("restored database read")
            except BaseException:
                if safety:
                    self._restore_safety(source, safety, scratch)
                self._start_again()
                raise
            self.say(self.service.starts)
            try:
                self.service.start()
            except BackupError as fault:
                self._stop()
                if safety:
                    self._restore_safety(source, safety, scratch)
                self._start_again()
                raise BackupError(f"{fault}; what was there before is in place again") from fault
        return f"restored {self.manifest.name}" + (
            f"; what was there before is backup {safety}" if safety else ""
        )

    def _restore_safety(self, source: PostgresSource, safety: str, scratch: Path) -> None:
        manifest = catalog.load(self.target).find(safety)
        work = scratch / "safety"
        work.mkdir(exist_ok=True)
        source.restore(verifying.check(self.target, manifest, identity=self.identity, scratch=work))
        self.say("what was there before is in place again")


def _need_room(path: Path, manifest: Manifest) -> None:
    need = manifest.size + 2 * manifest.database.raw_bytes + verifying.MARGIN
    free = shutil.disk_usage(path.parent).free
    if free < need:
        raise NoSpace(
            f"{path.parent}: {need >> 20} MB are needed beside the database, {free >> 20} MB are free; "
            "nothing was changed"
        )


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """On the database's own disk, so that a rename puts it in place. What a dead restore left is cleared."""
    for stale in path.parent.glob(f"{path.name}{SCRATCH}*"):
        gentle.clear(stale)
    made = Path(tempfile.mkdtemp(prefix=path.name + SCRATCH, dir=path.parent))
    try:
        yield made
    finally:
        gentle.clear(made)
