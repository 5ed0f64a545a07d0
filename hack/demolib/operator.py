"""The operator as the demo's child process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from demolib.project import HOST
from demolib.shell import Cluster, DemoError

READY_SECONDS = 60.0


class Operator:
    """`ringmaster-operator run`, for the demo's namespace and tmux host."""

    def __init__(self, *, cluster: Cluster, folder: Path) -> None:
        self.database = folder / "ringmaster.db"
        self.log = folder / "operator.log"
        self.port = _free_port()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGMASTER_")}
        env = {
            **clean,
            "KUBECONFIG": str(cluster.kubeconfig),
            "RINGMASTER_NAMESPACE": cluster.namespace,
            "RINGMASTER_TMUX_HOST": HOST,
            "RINGMASTER_TMUX_POLL_SECONDS": "1",
            "RINGMASTER_DATABASE_URL": f"sqlite:///{self.database}",
            "RINGMASTER_STATE_DIRECTORY": str(folder / "state"),
            "RINGMASTER_API_PORT": str(self.port),
            "RINGMASTER_BACKOFF_SECONDS": "3",
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ringmaster_operator", "run"],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo, which ends the operator in its own order
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def check(self) -> None:
        """Raises DemoError when it has ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise DemoError(f"the operator ended with {code}; the end of its log:\n{self.tail()}")

    def wait_ready(self) -> None:
        """Until it answers that it is ready; raises DemoError."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            self.check()
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2),
            ):
                return
            time.sleep(0.1)
        raise DemoError(f"the operator is not ready after {READY_SECONDS:.0f} s; its log:\n{self.tail()}")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that takes too long."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
