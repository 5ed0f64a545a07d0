"""Installing onto a host with a real systemd: from a bundle, twice, upgraded, gone back from, taken off."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.hosts import RINGMASTER, Site, changed, make_bundle, stated_exposure
from support.machine import Machine

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

LONG = bool(os.environ.get("RINGMASTER_LONG"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("dist"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    place = tmp_path / "machine"
    place.mkdir()
    with Machine(place) as made:
        yield made


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
    _is_restored(site)
    assert "ringmaster-backup-daily.timer" in machine.said("systemctl", "list-timers", "--no-pager")
    if LONG:
        _is_upgraded(site, bundle, tmp_path)
    machine.said("mkdir", "/etc/systemd/system/ringmaster-operator.service.d")  # an administrator's
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
    stated = stated_exposure()
    assert "ringmaster-operator.service" in stated
    for unit, most in stated.items():
        verdict = machine.said("systemd-analyze", "security", "--no-pager", unit)
        (figure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", verdict)
        assert float(figure) <= most, unit
    log = machine.said("journalctl", "--no-pager", "-u", "ringmaster-operator.service", "-o", "cat")
    assert "serving workers" in log
    for path, mode in (("kubeconfig", "640"), ("ringmaster.env", "640")):
        said = machine.said("stat", "-c", "%a %U", f"/etc/ringmaster/{path}")
        assert path == "ringmaster.env" or said.split() == [mode, "root"]


def _is_restored(site: Site) -> None:
    """By root, who names the unit and nothing else; all files stay the operator's own."""
    done = site.ringmaster("restore", "latest", "--unit", "ringmaster-operator", "--force")
    assert done.returncode == 0, done
    assert "restored ringmaster-hourly-" in done.stdout
    site.works()
    assert site.owners() == {"ringmaster"}
    done = site.ringmaster("restore", "latest", "--unit", "ringmaster-other", "--force")
    assert (done.returncode, "there is no unit ringmaster-other" in done.stderr) == (1, True), done


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
