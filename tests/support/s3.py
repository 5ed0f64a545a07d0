"""An S3 server of the tests' own: versitygw over a folder, built from its Go module at first use."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.operators import free_port

VERSION = "v1.8.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ringmaster" / f"versitygw-{VERSION}"
ACCESS, SECRET = "ringmaster-test", "not-a-secret-of-anyone"


def program() -> Path:
    """The server's program; the first build takes minutes."""
    found = CACHE / "versitygw"
    if found.exists():
        return found
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not found.exists():
            module = f"github.com/versity/versitygw/cmd/versitygw@{VERSION}"
            subprocess.run(["go", "install", module], check=True, env={**os.environ, "GOBIN": str(CACHE)})
    return found


@dataclass(frozen=True)
class Bucket:
    """A fresh bucket, and the folder behind it."""

    name: str
    endpoint: str
    folder: Path

    def environment(self) -> dict[str, str]:
        """What a user would set."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
        }


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and folder of the server."""
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    command = [str(program()), "--access", ACCESS, "--secret", SECRET, "--port", f"127.0.0.1:{port}"]
    log = (folder.parent / "s3.log").open("wb")
    server = subprocess.Popen([*command, "posix", str(folder)], stdout=log, stderr=log)
    log.close()
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
                break
            except urllib.error.HTTPError as answer:
                answer.close()
                break
            except OSError:
                assert server.poll() is None, (folder.parent / "s3.log").read_text()
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", folder
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


@pytest.fixture
def bucket(
    s3_server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Bucket:
    """A bucket of the test's own; the variables that name the server are set."""
    endpoint, folder = s3_server
    name = f"t{abs(hash(request.node.nodeid)) % 10**12:012}"
    (folder / name).mkdir()
    made = Bucket(name, endpoint, folder / name)
    for key, value in made.environment().items():
        monkeypatch.setenv(key, value)
    return made
