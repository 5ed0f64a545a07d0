"""What a cluster reaches and a test's node lacks: an S3 server and a PostgreSQL, in the node's network."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import s3
from support.clusters import HACK_CLUSTER, Cluster
from support.postgres import program

#: The node's own address, as pods see it.
ADDRESS = "172.31.255.1"
S3_PORT, POSTGRES_PORT = 443, 5432


@contextmanager
def bucket_server(cluster: Cluster, folder: Path) -> Iterator[s3.Bucket]:
    """An S3 server, without TLS, on the port that components/backup-s3 opens; with one bucket."""
    made = folder / "ringmaster-backups"
    made.mkdir(parents=True)
    keys = ["--access", s3.ACCESS, "--secret", s3.SECRET, "--port", f"{ADDRESS}:{S3_PORT}"]
    with _running(cluster, [str(s3.program()), *keys, "posix", str(folder)], S3_PORT):
        yield s3.Bucket(made.name, f"http://{ADDRESS}:{S3_PORT}", made)


@contextmanager
def postgres_server(cluster: Cluster) -> Iterator[str]:
    """A PostgreSQL that asks for a password; its URL. It refuses to run as root, so Debian's user does."""
    owner, password = pwd.getpwnam("postgres"), secrets.token_urlsafe(12)
    folder = Path(tempfile.mkdtemp(prefix="ringmaster-node-pg-"))
    data, word = folder / "data", folder / "password"
    try:
        word.write_text(password)
        for path in (folder, word):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        as_user = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        options = ["-U", "ringmaster", "--auth=scram-sha-256", f"--pwfile={word}", "--no-sync", "--locale=C"]
        make = [*as_user, program("initdb"), "-D", str(data), "--encoding=UTF8", *options]
        subprocess.run(make, check=True, capture_output=True, cwd=folder)
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 scram-sha-256\n")
        serve = [*as_user, program("postgres"), "-D", str(data), "-k", str(folder), "-c", "fsync=off"]
        listen = ["-c", f"listen_addresses={ADDRESS}", "-p", str(POSTGRES_PORT)]
        with _running(cluster, [*serve, *listen], POSTGRES_PORT):
            yield f"postgresql+psycopg://ringmaster:{password}@{ADDRESS}:{POSTGRES_PORT}/postgres"
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(cluster: Cluster, command: list[str], port: int) -> Iterator[None]:
    enter = [str(HACK_CLUSTER), "exec", "--name", cluster.name, "--"]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen([*enter, *command], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while cluster.inside("python3", "-c", REACHES, ADDRESS, str(port)).returncode:
                log.seek(0)
                assert server.poll() is None, log.read().decode()
                assert time.monotonic() < deadline, f"{command[0]} does not listen"
                time.sleep(0.2)
            yield
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


REACHES = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()"
