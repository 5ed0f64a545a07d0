"""What a machine or a cluster must have before Ringmaster is put there: a verdict and a remedy for each."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from ringmaster_cli.agents.profiles import known_profiles, load_profile
from ringmaster_cli.exits import CliError
from ringmaster_cli.install import releases
from ringmaster_cli.install.kubectl import Kubectl
from ringmaster_cli.install.shell import call, tried

GOOD, FAIR, BAD = "ok", "warning", "fault"
OLDEST_SERVER = (1, 32)
FIXED_SQLITE = (3, 51, 3)
ROOM_BYTES = 2 * 1024**3
SKEW_SECONDS = 5.0
RIGHTS = (
    ("create", "customresourcedefinitions.apiextensions.k8s.io"),
    ("create", "clusterroles.rbac.authorization.k8s.io"),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
    ("create", "namespaces"),
    ("create", "deployments.apps"),
)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; the message of anything but ok says what to do."""

    name: str
    verdict: str
    message: str


def cluster(kubectl: Kubectl, *, volume: bool = True) -> list[Check]:
    """Of a cluster; volume: the history goes onto one."""
    found = [_guarded("API server", lambda: _server(kubectl))]
    if found[0].verdict == BAD:
        return found
    found.append(_guarded("clock", lambda: _clock(kubectl)))
    found.append(_guarded("rights", lambda: _rights(kubectl)))
    found.append(_guarded("DNS", lambda: _dns(kubectl)))
    if volume:
        found.append(_guarded("storage class", lambda: _storage(kubectl)))
    return found


def host(*, tmux: bool) -> list[Check]:
    """Of this machine; tmux: sessions run here."""
    checks: list[tuple[str, Callable[[], tuple[str, str]]]] = [
        ("Python", _python),
        ("SQLite", _sqlite),
        ("systemd", _systemd),
        ("disk", lambda: _disk(Path("/var/lib"))),
    ]
    if tmux:
        checks += [("git", lambda: _program("git")), ("tmux", lambda: _program("tmux")), ("agents", _agents)]
    return [_guarded(name, check) for name, check in checks]


def _guarded(name: str, check: Callable[[], tuple[str, str]]) -> Check:
    try:
        return Check(name, *check())
    except (CliError, OSError, ValueError, KeyError, IndexError) as error:
        return Check(name, BAD, str(error) or type(error).__name__)


def _server(kubectl: Kubectl) -> tuple[str, str]:
    version = kubectl.json("version")["serverVersion"]
    text = str(version["gitVersion"])
    major, minor = (int("".join(filter(str.isdigit, version[part]))) for part in ("major", "minor"))
    if (major, minor) < OLDEST_SERVER:
        return BAD, f"{text} is older than 1.{OLDEST_SERVER[1]}: upgrade the cluster"
    return GOOD, text


def _clock(kubectl: Kubectl) -> tuple[str, str]:
    """The API server says its time with each answer."""
    said = kubectl.tried("get", "--raw=/healthz", "-v=8").stderr
    dates = [line.strip().removeprefix("Date: ") for line in said.splitlines() if "\tDate: " in line]
    if not dates:
        return FAIR, "the API server did not say what time it has"
    skew = abs(parsedate_to_datetime(dates[0]).timestamp() - time.time())
    if skew > SKEW_SECONDS:
        return FAIR, f"{skew:.0f} s apart from the API server's: switch time synchronisation on"
    return GOOD, f"within {SKEW_SECONDS:.0f} s of the API server's"


def _rights(kubectl: Kubectl) -> tuple[str, str]:
    lacking = [f"{verb} {kind}" for verb, kind in RIGHTS if not kubectl.may(verb, kind)]
    if lacking:
        return BAD, f"you may not {', '.join(lacking)}: installing needs an administrator of the cluster"
    return GOOD, "you may install"


def _dns(kubectl: Kubectl) -> tuple[str, str]:
    slices = kubectl.json("get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")["items"]
    services = kubectl.tried("get", "service", "kube-dns", "-n", "kube-system").returncode == 0
    if not slices and not services:
        return FAIR, "no kube-dns in kube-system: sessions find the operator by its name"
    return GOOD, "kube-dns is there"


def _storage(kubectl: Kubectl) -> tuple[str, str]:
    classes = kubectl.json("get", "storageclasses")["items"]
    mark = "storageclass.kubernetes.io/is-default-class"
    default = [
        item["metadata"]["name"]
        for item in classes
        if item["metadata"].get("annotations", {}).get(mark) == "true"
    ]
    if not default:
        return (
            BAD,
            "no default storage class: make one the default, or name one in your overlay",
        )
    return GOOD, default[0]


def _python() -> tuple[str, str]:
    found = releases.python()
    return GOOD, f"{found} {call(found, '--version').strip().removeprefix('Python ')}"


def _sqlite() -> tuple[str, str]:
    try:
        from pysqlite3 import dbapi2  # type: ignore[import-untyped]
    except ImportError:
        return FAIR, "the operator's packages are not in this environment; installing brings their SQLite"
    version = tuple(map(int, dbapi2.sqlite_version.split(".")))
    if version < FIXED_SQLITE:
        return BAD, f"{dbapi2.sqlite_version} can damage a database (fixed in 3.51.3): upgrade pysqlite3"
    return GOOD, dbapi2.sqlite_version


def _systemd() -> tuple[str, str]:
    if not Path("/run/systemd/system").is_dir():
        return BAD, "systemd does not run this machine"
    return GOOD, call("systemctl", "--version").split("\n")[0]


def _disk(place: Path) -> tuple[str, str]:
    free = shutil.disk_usage(place).free
    if free < ROOM_BYTES:
        return BAD, f"{free >> 20} MB free at {place}, 2048 are wanted"
    return GOOD, f"{free >> 30} GB free at {place}"


def _program(name: str) -> tuple[str, str]:
    if shutil.which(name) is None:
        return BAD, f"{name} is not installed"
    option = "-V" if name == "tmux" else "--version"
    return GOOD, tried([name, option]).stdout.strip()


def _agents() -> tuple[str, str]:
    there = [name for name in sorted(known_profiles()) if _has(name)]
    if not there:
        return FAIR, "no agent program that a profile knows is in PATH"
    return GOOD, ", ".join(there)


def _has(profile: str) -> bool:
    words = load_profile(profile).command
    return bool(words) and shutil.which(words[0]) is not None
