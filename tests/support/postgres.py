"""A PostgreSQL of the tests' own, on a Unix socket, ended by pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest


def program(name: str) -> str:
    """Path of one of PostgreSQL's programs."""
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    if found is None:
        pytest.fail(f"{name} not found: install PostgreSQL (apt-get install postgresql)")
    return found


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    folder: Path

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True)

    def fresh(self) -> str:
        """URL of a new, empty schema; whole databases would take longer than the tests."""
        name = f"t{uuid.uuid4().hex}"
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}&options=-csearch_path%3D{name}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One server for all tests; what it keeps need not outlive the machine."""
    with serving("fsync=off") as server:
        yield server


@contextmanager
def serving(*settings: str) -> Iterator[Postgres]:
    """A server of its own. As root it runs as the user of Debian's package: root is refused."""
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    owner = pwd.getpwnam(user)
    folder = Path(tempfile.mkdtemp(prefix="ringmaster-pg-"))
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    run_as: dict[str, Any] = {} if os.getuid() else {"user": user, "group": owner.pw_gid, "extra_groups": []}
    data = folder / "data"
    options = [word for setting in ("listen_addresses=", *settings) for word in ("-c", setting)]
    arguments = [
        "-D",
        str(data),
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C",
    ]
    try:
        subprocess.run([program("initdb"), *arguments], check=True, capture_output=True, cwd=folder, **run_as)
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [program("postgres"), "-D", data, "-k", folder, *options],
                stdout=log,
                stderr=log,
                cwd=folder,
                **run_as,
            )
        try:
            _wait(Postgres(folder), server)
            yield Postgres(folder)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def _wait(postgres: Postgres, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            postgres.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"PostgreSQL did not start: {(postgres.folder / 'log').read_text()}")
