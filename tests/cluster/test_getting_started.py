"""docs/getting-started.md: its commands, in its order, do what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringmaster_operator.runtimes.tmux.server import socket_directory
from support.clusters import KUBECTL
from support.docs import blocks
from support.operators import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.tmux, pytest.mark.timeout(900)]

PAGE = "getting-started.md"
OURS = ("hack/", "eval ", "export PATH", "kubectl apply --server-side", "ringmaster-operator run")
"""Beginnings of the lines that set up what the tests have: a cluster, the definitions, an operator."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A person's home, with a short path."""
    folder = Path(tempfile.mkdtemp(prefix="rm-start-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def operator(cluster: Any, namespace: str, home: Path) -> Iterator[OperatorProcess]:
    state = home / ".local" / "state" / "ringmaster"
    settings = {"RINGMASTER_TMUX_HOST": "local", "RINGMASTER_STATE_DIRECTORY": str(state)}
    operator = OperatorProcess(cluster.kubeconfig, namespace, home, settings=settings)
    operator.start()
    yield operator
    operator.stop()
    for socket in socket_directory().glob(f"ringmaster-local-*-{namespace}"):
        subprocess.run(["tmux", "-L", socket.name, "kill-server"], capture_output=True, check=False)
        socket.unlink(missing_ok=True)


def script(home: Path) -> str:
    """The page's commands, with the repository in this test's folder."""
    lines = [
        line
        for block in blocks("sh")
        if block.page.name == PAGE
        for line in block.text.splitlines()
        if not line.startswith(OURS)
    ]
    return "\n".join(lines).replace("/tmp/hello", f"{home}/hello")


def test_the_page_does_what_it_says(
    cluster: Any, namespace: str, operator: OperatorProcess, home: Path
) -> None:
    (objects,) = (block for block in blocks("yaml") if block.page.name == PAGE)
    (home / "hello.yaml").write_text(objects.text.replace("/tmp/hello", f"{home}/hello"))
    kubeconfig = home / "kubeconfig"
    shutil.copy(cluster.kubeconfig, kubeconfig)
    env = {
        "PATH": f"{Path(sys.executable).parent}:{KUBECTL.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "KUBECONFIG": str(kubeconfig),
        "ANTHROPIC_API_KEY": "no-key",
        **{
            f"GIT_{who}_{what}": "me@localhost"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    use = ["kubectl", "config", "set-context", "--current", f"--namespace={namespace}"]
    subprocess.run(use, env=env, check=True, capture_output=True)
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script(home)],
        cwd=home, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + operator.tail()
    shown = done.stdout
    assert shown.index("bead.ringmaster.dev/greet condition met") < shown.index("Hello from greet")
    assert " Failed " in shown.partition("get bead never -o wide")[2]
    assert cluster.get("beads,workers", "-n", namespace)["items"] == []
