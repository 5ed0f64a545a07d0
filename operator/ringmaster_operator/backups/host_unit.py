"""What systemd knows of the operator's unit: the settings that it runs with, and the user of its files."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ringmaster_operator.backups.errors import BackupError

API_PORT = "8420"


def systemctl(*words: str) -> str:
    """What systemctl says, asked as who started this program. Raises BackupError."""
    root: dict[str, Any] = {"user": 0, "group": 0} if os.getuid() == 0 else {}
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False, **root)
    except OSError as error:
        raise BackupError(f"systemctl cannot be run: {error.strerror}; stop the operator by hand") from error
    if done.returncode:
        raise BackupError(f"systemctl {' '.join(words)}: {' '.join(done.stderr.split())[:300]}")
    return str(done.stdout)


def adopt(unit: str) -> None:
    """Take over the settings of a unit into this program's environment, where they are not set already.

    So a command that names the unit need not be told where its database and backups are. Raises BackupError
    when there is no such unit, or its settings cannot be read.
    """
    if _show(unit, "LoadState") != "loaded":
        raise BackupError(f"there is no unit {unit} on this machine; systemctl list-units names them")
    for name, value in _settings(unit).items():
        if name not in ("PATH", "HOME"):
            os.environ.setdefault(name, value)


def address() -> str:
    """Where the operator of this environment answers."""
    return f"http://127.0.0.1:{os.environ.get('RINGMASTER_API_PORT') or API_PORT}"


@contextmanager
def as_its_user(unit: str) -> Iterator[None]:
    """Root works with the rights of the unit's user: files get the right owner, and no link leads astray.

    Only `systemctl` goes on as root. Raises BackupError when the user is not there.
    """
    name = _show(unit, "User") or "root"
    if os.geteuid() != 0 or name == "root":
        yield
        return
    try:
        person = pwd.getpwnam(name)
    except KeyError:
        raise BackupError(f"the user {name} of unit {unit} is not on this machine") from None
    groups, home = os.getgroups(), os.environ.get("HOME", "/root")
    os.initgroups(name, person.pw_gid)
    os.setegid(person.pw_gid)
    os.seteuid(person.pw_uid)
    os.environ["HOME"] = person.pw_dir
    try:
        yield
    finally:
        os.environ["HOME"] = home
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _show(unit: str, what: str) -> str:
    return systemctl("show", "-P", what, "--", unit).strip()


def _settings(unit: str) -> dict[str, str]:
    """As systemd reads them: files go before what stands in the unit."""
    found = dict(item.partition("=")[::2] for item in shlex.split(_show(unit, "Environment")))
    for line in _show(unit, "EnvironmentFiles").splitlines():
        name, _, rest = line.rpartition(" (ignore_errors=")
        file = Path(name)
        try:
            found |= _variables(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            if rest.startswith("no"):
                raise BackupError(f"the settings {file} of unit {unit} are not there") from error
        except OSError as error:
            raise BackupError(
                f"the settings {file} of unit {unit} cannot be read: {error.strerror}; run this as root"
            ) from error
    return found


def _variables(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        name, there, value = line.strip().partition("=")
        if there and not name.startswith(("#", ";")):
            found[name.strip()] = _plain(value.strip())
    return found


def _plain(value: str) -> str:
    """Without the quotes that may be around it."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
