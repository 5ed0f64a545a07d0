"""A machine with systemd and an API server that it reaches, onto which Ringmaster is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support import account
from support.machine import Machine
from support.operators import free_port
from support.renders import ROOT

RINGMASTER = str(ROOT / ".venv" / "bin" / "ringmaster")
MAIN = "ringmaster_operator/main.py"
PYTHON = "/opt/ringmaster/current/bin/python"
READ = """\
import json, sqlite3, sys
found = sqlite3.connect("file:/var/lib/ringmaster/ringmaster.db?mode=ro", uri=True)
print(json.dumps(found.execute(sys.argv[1]).fetchall()))
"""


def make_bundle(out: Path) -> Path:
    """An unpacked bundle of this checkout."""
    command = [str(ROOT / "hack" / "bundle"), "--folder", "--out", str(out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return Path(done.stdout.strip())


def stated_exposure() -> dict[str, float]:
    """What docs/install.md says of each unit's exposure; a timer's figure is its service's."""
    found: dict[str, float] = {}
    for line in (ROOT / "docs" / "install.md").read_text(encoding="utf-8").splitlines():
        figure = re.fullmatch(r"\| (`ringmaster-.*) \| ([0-9.]+) \|", line)
        for unit in re.findall(r"`(ringmaster-[\w@-]+\.(?:service|timer))`", figure[1] if figure else ""):
            name = re.sub(r"ringmaster-backup-(\w+)\.timer", r"ringmaster-backup@\1.service", unit)
            assert figure is not None
            found[name] = float(figure[2])
    return found


class Site:
    """The machine with an API server that it reaches, and a port of its own."""

    def __init__(self, machine: Machine, cluster: Any, folder: Path) -> None:
        account.install(cluster, "tmux-host", kinds=(*account.RIGHTS, "CustomResourceDefinition"))
        self.machine = machine
        self.kubeconfig = account.kubeconfig(cluster, folder / "operator.kubeconfig")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = f"RINGMASTER_API_PORT={self.port}\nKUBECONFIG=/etc/ringmaster/kubeconfig\n"
        settings += "RINGMASTER_DATABASE_URL=sqlite:////var/lib/ringmaster/ringmaster.db\n"
        settings += "RINGMASTER_STATE_DIRECTORY=/var/lib/ringmaster\n"
        settings += "RINGMASTER_BACKUP_TARGET=/var/backups/ringmaster\n"
        machine.said("mkdir", "-p", "/etc/ringmaster")
        machine.said("sh", "-c", f"printf '{settings}' > /etc/ringmaster/ringmaster.env")

    def install(self, source: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`ringmaster install host`, without an index of packages."""
        where = ("--from", str(source), "--kubeconfig", str(self.kubeconfig), "--yes", *more)
        offline = {"PIP_NO_INDEX": "1", **environment}
        return self.machine.run(RINGMASTER, "install", "host", *where, seconds=900, **offline)

    def works(self) -> None:
        assert self.machine.run("curl", "-fsS", f"{self.url}/readyz").returncode == 0
        self.machine.said("systemctl", "is-active", "ringmaster-operator.service")

    def ringmaster(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The installed program, as root."""
        return self.machine.run("/opt/ringmaster/current/bin/ringmaster", *words)

    def rows(self, query: str) -> list[list[Any]]:
        """Of the history, read beside the operator and with the rights of its user."""
        read = ("setpriv", "--reuid=ringmaster", "--regid=ringmaster", "--clear-groups", PYTHON, "-c", READ)
        found: list[list[Any]] = json.loads(self.machine.said(*read, query))
        return found

    def owners(self) -> set[str]:
        """Whose the files of history and backups are."""
        where = ("/var/lib/ringmaster", "/var/backups/ringmaster")
        return set(self.machine.said("find", *where, "-printf", "%u\\n").split())


def changed(bundle: Path, folder: Path, text: str, more: Mapping[str, str] | None = None) -> Path:
    """The same bundle with another operator in its wheel: text before its main.py, and more files."""
    other = folder / "bundle"
    shutil.copytree(bundle, other, copy_function=os.link)
    (wheel,) = (other / "wheels").glob("ringmaster-*.whl")
    old = zipfile.ZipFile(wheel)
    wheel.unlink()
    with old, zipfile.ZipFile(wheel, "w") as fresh:
        for item in old.infolist():
            data = old.read(item)
            if item.filename == MAIN:
                data = text.encode() + b"\n" + data.replace(b"from __future__ import annotations", b"")
            if item.filename.endswith("RECORD"):
                lines = [line for line in data.decode().splitlines() if MAIN not in line]
                data = "\n".join([*lines, *(f"{name},," for name in (MAIN, *(more or {})))]).encode() + b"\n"
            fresh.writestr(item, data)
        for name, content in (more or {}).items():
            fresh.writestr(name, content)
    return other
