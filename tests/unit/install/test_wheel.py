"""What is built has all that it needs: kinds, overlays, units, migrations, profiles."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.renders import ROOT

sys.path.append(str(ROOT / "hack"))

DATA = {top: f"ringmaster_cli/data/{top}/" for top in ("kustomize", "crds", "systemd")}
SOURCES = {"operator/ringmaster_operator": "ringmaster_operator/", "cli/ringmaster_cli": "ringmaster_cli/"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from imagelib.context import uv

    folder = tmp_path_factory.mktemp("built")
    subprocess.run([uv(), "build", "--quiet", "--out-dir", str(folder)], cwd=ROOT, check=True)
    return folder


def test_the_wheel_is_whole(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for top, there in {**DATA, **SOURCES}.items():
        tracked = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", top],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        wanted = {there + line.removeprefix(f"{top}/") for line in tracked.stdout.split()}
        assert wanted
        assert wanted - names == set()


def test_the_sdist_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    from imagelib.context import uv

    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    subprocess.run(
        [uv(), "build", "--quiet", "--wheel", "--out-dir", str(tmp_path / "w")], cwd=source, check=True
    )
    (again,), (first,) = (tmp_path / "w").glob("*.whl"), built.glob("*.whl")
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(first).namelist()
