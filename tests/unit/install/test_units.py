"""The systemd units: well formed, and as tight as they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from support.hosts import stated_exposure
from support.renders import ROOT

UNITS = sorted((ROOT / "systemd").iterdir())


def test_units_are_well_formed(tmp_path: Path) -> None:
    """systemd's own judgement, with the programs where the units have them."""
    for unit in UNITS:
        text = unit.read_text().replace("/opt/ringmaster/current/bin/", "/usr/bin/env ")
        name = unit.name.replace("@.", "@hourly.")
        (tmp_path / name).write_text(text.replace("User=ringmaster\nGroup=ringmaster\n", ""))
    files = [str(path) for path in sorted(tmp_path.iterdir())]
    command = ["systemd-analyze", "verify", "--man=no", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "ringmaster" in line]
    assert ours == []


@pytest.mark.parametrize(("unit", "most"), stated_exposure().items())
def test_services_are_shut_in_as_stated(unit: str, most: float) -> None:
    file = ROOT / "systemd" / unit.replace("@hourly.", "@.").replace("@daily.", "@.")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (figure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(figure) <= most


def test_every_service_has_its_exposure_stated() -> None:
    services = {unit.name.replace("@.", "@hourly.") for unit in UNITS if unit.suffix == ".service"}
    assert services <= set(stated_exposure())
