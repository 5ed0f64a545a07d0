"""Installing onto a host with a real systemd: from a bundle, twice, upgraded, gone back from, taken off."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import account
from support.machine import Machine
from support.operators import free_port
from support.renders import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

LONG = bool(os.environ.get("RINGMASTER_LONG"))
RINGMASTER = str(ROOT / ".venv" / "bin" / "ringmaster")
MOST_EXPOSED = {"ringmaster-operator.service": 2.0, "ringmaster-tmux-host.service": 5.5}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command = [str(ROOT / "hack" / "bundle"), "--folder", "--out", str(tmp_path_factory.mktemp("dist"))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return Path(done.stdout.strip())


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    place = tmp_path / "machine"
    place.mkdir()
    with Machine(place) as made:
        yield made


class Site:
    """The machine with an API server that it reaches, and a port of its own."""

    def __init__(self, machine: Machine, cluster: Any, folder: Path) -> None:
        account.install(cluster, "tmux-host", kinds=(*account.RIGHTS, "CustomResourceDefinition"))
        self.machine = machine
        self.kubeconfig = account.kubeconfig(cluster, folder / "operator.kubeconfig")
        self.port = free_port()
        settings = f"RINGMASTER_API_PORT={self.port}\nKUBECONFIG=/etc/ringmaster/kubeconfig\n"
        settings += "RINGMASTER_DATABASE_URL=sqlite:////var/lib/ringmaster/ringmaster.db\n"
        settings += "RINGMASTER_STATE_DIRECTORY=/var/lib/ringmaster\n"
        settings += "RINGMASTER_BACKUP_TARGET=/var/backups/ringmaster\n"
        machine.said("mkdir", "-p", "/etc/ringmaster")
        machine.said("sh", "-c", f"printf '{settings}' > /etc/ringmaster/ringmaster.env")

    def install(self, source: Path, *more: str) -> subprocess.CompletedProcess[str]:
        where = ("--from", str(source), "--kubeconfig", str(self.kubeconfig), "--yes", *more)
        return self.machine.run(RINGMASTER, "install", "host", *where, PIP_NO_INDEX="1")

    def works(self) -> None:
        ready = f"http://127.0.0.1:{self.port}/readyz"
        assert self.machine.run("curl", "-fsS", ready).returncode == 0
        self.machine.said("systemctl", "is-active", "ringmaster-operator.service")


def changed(bundle: Path, folder: Path, text: str) -> Path:
    """The same bundle with another operator in its wheel."""
    other = folder / "bundle"
    shutil.copytree(bundle, other, copy_function=os.link)
    (wheel,) = (other / "wheels").glob("ringmaster-*.whl")
    old = zipfile.ZipFile(wheel)
    wheel.unlink()
    with old, zipfile.ZipFile(wheel, "w") as fresh:
        for item in old.infolist():
            data = old.read(item)
            if item.filename == "ringmaster_operator/main.py":
                data = text.encode() + b"\n" + data.replace(b"from __future__ import annotations", b"")
            if not item.filename.endswith("RECORD"):
                fresh.writestr(item, data)
            else:
                lines = [line for line in data.decode().splitlines() if "operator/main.py" not in line]
                fresh.writestr(item, "\n".join([*lines, "ringmaster_operator/main.py,,"]) + "\n")
    return other


def test_a_host_is_installed_upgraded_and_cleared(
    bundle: Path, machine: Machine, cluster: Any, tmp_path: Path
) -> None:
    site = Site(machine, cluster, tmp_path)
    assert "ok       systemd" in machine.said(RINGMASTER, "doctor", "host")
    done = site.install(bundle)
    assert done.returncode == 0, (done, machine.run("journalctl", "--no-pager", "-n", "30").stdout)
    site.works()
    done = site.install(bundle)
    assert (done.returncode, "nothing to change" in done.stderr) == (0, True), done
    _is_guarded(machine)
    machine.said("systemctl", "start", "ringmaster-backup@hourly.service")
    assert "ringmaster-hourly-" in machine.said("ls", "/var/backups/ringmaster")
    assert "ringmaster-backup-daily.timer" in machine.said("systemctl", "list-timers", "--no-pager")
    if LONG:
        _is_upgraded(site, bundle, tmp_path)
    machine.said(RINGMASTER, "uninstall", "--host", "--yes")
    assert machine.run(RINGMASTER, "uninstall", "--host", "--yes").returncode == 3
    assert "ringmaster.db" in machine.said("ls", "/var/lib/ringmaster")
    if LONG:
        assert site.install(bundle).returncode == 0  # and it goes on with what was kept
        site.works()
    machine.said(RINGMASTER, "uninstall", "--host", "--yes", "--purge")
    left = "ls -d /opt/ringmaster /etc/ringmaster /var/lib/ringmaster /etc/systemd/system/ringmaster* 2>&1"
    assert machine.run("sh", "-c", left).stdout.count("No such file") == 4
    assert machine.run("id", "ringmaster").returncode == 1


def _is_guarded(machine: Machine) -> None:
    """A user of its own, a sandbox as tight as stated, its log in the journal, its files for itself."""
    user = machine.said("systemctl", "show", "-P", "MainPID", "ringmaster-operator.service").strip()
    assert machine.said("stat", "-c", "%U", f"/proc/{user}").strip() == "ringmaster"
    for unit, most in MOST_EXPOSED.items():
        verdict = machine.said("systemd-analyze", "security", "--no-pager", unit)
        (figure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", verdict)
        assert float(figure) <= most, unit
    log = machine.said("journalctl", "--no-pager", "-u", "ringmaster-operator.service", "-o", "cat")
    assert "serving workers" in log
    for path, mode in (("kubeconfig", "640"), ("ringmaster.env", "640")):
        said = machine.said("stat", "-c", "%a %U", f"/etc/ringmaster/{path}")
        assert path == "ringmaster.env" or said.split() == [mode, "root"]


def _is_upgraded(site: Site, bundle: Path, folder: Path) -> None:
    """To another version, twice; and back from one that does not start, with nothing lost."""
    (folder / "next").mkdir()
    (folder / "broken").mkdir()
    done = site.install(changed(bundle, folder / "next", "# the next version"))
    assert done.returncode == 0, done
    site.works()
    assert "manual" in site.machine.said("ls", "/var/backups/ringmaster")
    current = site.machine.said("readlink", "/opt/ringmaster/current")
    done = site.install(folder / "next" / "bundle")
    assert "nothing to change" in done.stderr
    broken = changed(bundle, folder / "broken", "raise SystemExit('this version is broken')")
    done = site.install(broken, "--timeout", "10")
    assert done.returncode == 1, done
    assert "the former version is back" in done.stderr
    assert "this version is broken" in done.stderr
    assert site.machine.said("readlink", "/opt/ringmaster/current") == current
    site.works()
