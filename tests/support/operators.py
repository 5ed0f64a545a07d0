"""An operator as a user starts it: its own process, its own database, ended by pid."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

NOT_HANDED_ON = ("RINGMASTER_", "PYTHONDONTWRITEBYTECODE")
"""Settings of whoever tests; and an installed operator never compiles its modules again at each start."""


#: None of those that the kernel gives to whoever asks for any port, nor of those that hack/cluster takes.
PORTS = range(11_000, 20_000)
_next_port = itertools.cycle(random.SystemRandom().sample(PORTS, len(PORTS)))


def free_port() -> int:
    """A port that is free, and stays so: whoever is killed there must come back on the same one."""
    for port in _next_port:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there are always more ports")


@dataclass
class OperatorProcess:
    """`ringmaster-operator run` on one namespace."""

    kubeconfig: Path
    namespace: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    prefix: tuple[str, ...] = ()
    """What runs it: a command that enters another network, say."""
    patience: float = 120.0
    """Seconds within which it must be ready."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        return self.settings.get("RINGMASTER_DATABASE_URL", f"sqlite:///{self.folder}/ringmaster.db")

    @property
    def log(self) -> Path:
        return self.folder / "operator.log"

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it says that it is ready."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(NOT_HANDED_ON)},
            "KUBECONFIG": str(self.kubeconfig),
            "RINGMASTER_NAMESPACE": self.namespace,
            "RINGMASTER_DATABASE_URL": self.database,
            "RINGMASTER_STATE_DIRECTORY": str(self.folder / "state"),
            "RINGMASTER_API_PORT": str(self.port),
            **self.settings,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "ringmaster_operator", "run"],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds: float | None = None) -> None:
        seconds = seconds or self.patience
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None
            code = self.process.poll()
            assert code is None, f"the operator ended with {code}:\n{self.tail()}"
            if self.answers():
                return
            time.sleep(0.05)
        raise AssertionError(f"the operator is not ready after {seconds} s:\n{self.tail()}")

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """SIGKILL: as a crash, with nothing said before."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        return int(self.process.returncode)

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        lines = (line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{")))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)
