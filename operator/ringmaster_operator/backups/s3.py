"""Backups in an S3 bucket, of any vendor: whole objects by one PUT each, a lock by conditional PUT."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore import exceptions
from obstore.store import S3Store

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups import gentle, places
from ringmaster_operator.backups.errors import Busy, NotThere, TargetFault
from ringmaster_operator.backups.points import passed
from ringmaster_operator.backups.target import LOCK, SCRATCH

LEASE = timedelta(minutes=10)
"""A lock that was not renewed for so long is of a dead run."""
RENEW_SECONDS = 120.0
TIMEOUT = "60s"
RETRIES = 4


class S3Target:
    """A bucket, or a prefix in it."""

    def __init__(self, bucket: str, prefix: str) -> None:
        """Credentials, endpoint and region are those of the AWS_* variables. Raises UsageError."""
        if not bucket:
            raise UsageError("--target: give s3://BUCKET/PREFIX")
        prefix = prefix.strip("/")
        self.place = f"s3://{bucket}/{prefix}".rstrip("/")
        endpoint, region = places.s3_place()
        options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
        try:
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                region=region,
                client_options={"allow_http": (endpoint or "").startswith("http://"), "timeout": TIMEOUT},
                retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(minutes=2)},
                **options,
            )
        except (exceptions.BaseError, ValueError) as error:
            raise UsageError(f"{self.place} cannot be used: {_words(error)}") from error

    def files(self) -> dict[str, int]:
        with self._faults("listed"):
            listed = obstore.list_with_delimiter(self._store)["objects"]
            return {item["path"]: item["size"] for item in listed if not item["path"].startswith(".")}

    def put(self, local: Path, name: str) -> None:
        passed("before upload")
        with self._faults("written"):
            obstore.put(self._store, name, local)
        passed("uploaded")

    def write(self, name: str, content: bytes) -> None:
        with self._faults("written"):
            obstore.put(self._store, name, content)
        passed("small object written")

    def fetch(self, name: str, into: Path) -> None:
        with self._faults("read", name):
            handle = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                for chunk in obstore.get(self._store, name).stream():
                    file.write(chunk)

    def read(self, name: str) -> bytes:
        with self._faults("read", name):
            return bytes(obstore.get(self._store, name).bytes())

    def delete(self, name: str) -> None:
        with self._faults("written"), suppress(FileNotFoundError):
            obstore.delete(self._store, name)
        passed("deleted")

    def room(self, *, private: bool) -> int:
        """Of the work on this machine: a bucket has room."""
        return shutil.disk_usage(tempfile.gettempdir()).free

    @contextmanager
    def scratch(self, *, private: bool) -> Iterator[Path]:
        made = Path(tempfile.mkdtemp(prefix=SCRATCH))
        try:
            yield made
        finally:
            gentle.clear(made)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """An object that only one can create; renewed while the work goes on, taken over when it is old."""
        lease = _Lease(self._store, self.place)
        with self._faults("locked"):
            lease.take()
        renewing = threading.Thread(target=lease.renew, name="backup-lock", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            lease.done.set()
            renewing.join()
            lease.give()

    @contextmanager
    def _faults(self, verb: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if name:
                raise NotThere(f"there is no {name} in {self.place}") from error
            raise TargetFault(f"{self.place} is not there: make the bucket, then run this again") from error
        except exceptions.BaseError as error:
            raise TargetFault(f"{self.place} cannot be {verb}: {_words(error)}") from error
        except OSError as error:
            raise TargetFault(f"{tempfile.gettempdir()} cannot be used: {error.strerror or error}") from error


class _Lease:
    """The lock object, and the etag of our own last write of it."""

    def __init__(self, store: S3Store, place: str) -> None:
        self._store = store
        self._place = place
        self._etag: str | None = None
        self._lost = False
        self.done = threading.Event()

    def take(self) -> None:
        """Create it, or replace one that nobody renews. Raises Busy, obstore's errors."""
        try:
            self._etag = obstore.put(self._store, LOCK, self._body(), mode="create")["e_tag"]
            return
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
            pass
        try:
            there = obstore.head(self._store, LOCK)
        except FileNotFoundError:
            raise self._busy("") from None
        if datetime.now(UTC) - there["last_modified"] < LEASE:
            raise self._busy(self._holder())
        try:
            mode: Any = {"e_tag": there["e_tag"]}
            self._etag = obstore.put(self._store, LOCK, self._body(), mode=mode)["e_tag"]
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
            raise self._busy("") from error

    def renew(self) -> None:
        """Until done; a lock that was lost is not taken again."""
        while not self.done.wait(RENEW_SECONDS):
            try:
                mode: Any = {"e_tag": self._etag}
                self._etag = obstore.put(self._store, LOCK, self._body(), mode=mode)["e_tag"]
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                self._lost = True
                return
            except exceptions.BaseError:
                continue  # the service is away; there are several tries in a lease

    def give(self) -> None:
        """Take the lock away, unless it is someone else's by now."""
        if not self._lost:
            with suppress(exceptions.BaseError, FileNotFoundError):
                obstore.delete(self._store, LOCK)

    def _body(self) -> bytes:
        return json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode()

    def _holder(self) -> str:
        try:
            body = json.loads(bytes(obstore.get(self._store, LOCK).bytes()))
            return f" (process {body['pid']} on {body['host']})"
        except (exceptions.BaseError, FileNotFoundError, ValueError, KeyError, TypeError):
            return ""

    def _busy(self, holder: str) -> Busy:
        return Busy(
            f"another backup, prune or restore is at work in {self._place}{holder}; wait until it has ended "
            f"(a dead one's lock ends by itself after {LEASE.seconds // 60} minutes)"
        )


def _words(error: Exception) -> str:
    """The first of obstore's many lines."""
    text = str(error).split("\n\nDebug source:")[0]
    return " ".join(text.split())[:300]
