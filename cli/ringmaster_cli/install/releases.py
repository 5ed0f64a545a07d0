"""Versions of Ringmaster on a host: each in a folder of its own, and a link to the one that runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from ringmaster_cli.exits import CliError, UsageError
from ringmaster_cli.install.shell import call, tried

TOP = Path("/opt/ringmaster")
CURRENT = TOP / "current"
DONE = ".complete"
SUITS = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
INSTALL_SECONDS = 1800.0


def wheel_of(source: Path) -> Path:
    """The wheel of Ringmaster that a file or a bundle's folder holds. Raises UsageError."""
    if source.is_file() and source.suffix == ".whl":
        return source
    found = sorted(source.glob("wheels/ringmaster-*.whl")) or sorted(source.glob("ringmaster-*.whl"))
    if len(found) != 1:
        raise UsageError(f"{source}: one wheel of ringmaster is wanted there, {len(found)} found")
    return found[0]


def python() -> str:
    """A Python that the operator's user may run too: the system's, else this one. Raises CliError."""
    for program in ("/usr/bin/python3", "/usr/local/bin/python3", sys.executable):
        if Path(program).exists() and tried([program, "-c", SUITS]).returncode == 0:
            return program
    raise CliError("no Python 3.11 or newer with venv is installed: apt install python3-venv, say")


def put(source: Path) -> Path:
    """Install the source into a folder of its own, unless it is there already. Raises CliError.

    A bundle has all packages, so nothing is asked of an index; else pip gets them from where it is set up to.
    """
    wheel = wheel_of(source)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()[:12]
    release = TOP / "releases" / f"{wheel.name.split('-')[1]}-{digest}"
    if (release / DONE).exists():
        return release
    shutil.rmtree(release, ignore_errors=True)
    release.parent.mkdir(parents=True, exist_ok=True)
    call(python(), "-m", "venv", str(release), seconds=INSTALL_SECONDS)
    bundled = len(list(wheel.parent.glob("*.whl"))) > 1
    offline = ["--no-index", f"--find-links={wheel.parent}"] if bundled else []
    pip = [str(release / "bin" / "pip"), "--quiet", "--disable-pip-version-check", "install", *offline]
    call(*pip, f"ringmaster[operator,continuous] @ {wheel.resolve().as_uri()}", seconds=INSTALL_SECONDS)
    (release / DONE).touch()
    return release


def units(release: Path) -> Path | None:
    """The folder with the units of a release."""
    return next(release.glob("lib/python3*/site-packages/ringmaster_cli/data/systemd"), None)


def current() -> Path | None:
    """The release that the link leads to."""
    return CURRENT.resolve() if CURRENT.exists() else None


def switch(release: Path) -> None:
    """Make it the current one, in one step."""
    fresh = CURRENT.with_name(".current")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(release.relative_to(TOP))
    os.replace(fresh, CURRENT)


def tidy(*kept: Path | None) -> None:
    """Delete all releases but these."""
    for release in (TOP / "releases").iterdir():
        if release not in kept:
            shutil.rmtree(release, ignore_errors=True)
