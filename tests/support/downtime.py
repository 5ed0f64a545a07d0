"""How long something says that it is not ready, asked all the time meanwhile."""

from __future__ import annotations

import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.clusters import KUBECTL, Cluster

EVERY_SECONDS = 0.05


def answers(url: str) -> bool:
    """Whether it says that it is ready."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@dataclass
class Downtime:
    """`seconds` is the longest time without a good answer, once it is over."""

    url: str
    seconds: float = 0.0
    asked: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Until stopped; the last moments count too."""
        good = time.monotonic()
        while not self._stop.wait(EVERY_SECONDS):
            self.asked += 1
            if answers(self.url):
                self.seconds, good = (
                    max(self.seconds, time.monotonic() - good - EVERY_SECONDS),
                    time.monotonic(),
                )
        self.seconds = max(self.seconds, time.monotonic() - good - EVERY_SECONDS)


@contextmanager
def downtime(url: str, what: str) -> Iterator[Downtime]:
    """Tells it at the end."""
    found = Downtime(url)
    thread = threading.Thread(target=found.watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found._stop.set()
        thread.join()
        print(f"{what}: not ready for {found.seconds:.1f} s, asked {found.asked} times")


@contextmanager
def service(cluster: Cluster, namespace: str, name: str, port: int) -> Iterator[str]:
    """The address of a Service on 127.0.0.1, for as long as this lasts: through the API server's proxy."""
    command = [str(KUBECTL), f"--kubeconfig={cluster.kubeconfig}", "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            said = proxy.stdout.readline()  # Starting to serve on 127.0.0.1:PORT
            assert "127.0.0.1:" in said, said
            address = said.split()[-1]
            yield f"http://{address}/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy"
        finally:
            proxy.terminate()
