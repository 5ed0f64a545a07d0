"""A base image made from the distribution's packages, for where no registry is reached."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from pathlib import Path

from imagelib.context import DATA
from imagelib.engine import Engine
from imagelib.run import ImageError, images_dir, run
from kubecluster.files import remove

SUITE = "bookworm"
PACKAGES = (
    *("python3", "python3-venv", "git", "tmux", "tini", "ca-certificates", "openssh-client"),
    "postgresql-client",
)
#: Of no use in a container, and half of its size.
LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache",
    "var/lib/apt/lists",
    "usr/share/perl",  # wrappers of pg_dump use it, the program itself does not
)
VERSION = hashlib.sha256("\n".join((SUITE, *PACKAGES, *LEFT_OUT)).encode()).hexdigest()[:8]
LOCAL = f"localhost/ringmaster/base:{SUITE}-{VERSION}"


def local_base(engine: Engine) -> str:
    """The name of the base in the engine, made if it is not there. Raises ImageError."""
    if not engine.has(LOCAL):
        context = images_dir() / f"base-{VERSION}"
        if not (context / "rootfs.tar").exists():
            _bootstrap(context)
        engine.build(context, dockerfile=DATA / "base.Dockerfile", tag=LOCAL, title="base image")
    return LOCAL


def _bootstrap(context: Path) -> None:
    if shutil.which("debootstrap") is None:
        raise ImageError(
            "the local base needs debootstrap: `hack/setup --for test` installs it; or give --base"
        )
    if os.geteuid() != 0:
        raise ImageError("the local base is made by debootstrap, which needs root: use sudo, or give --base")
    remove(context)
    rootfs = context / "rootfs"
    rootfs.mkdir(parents=True)
    include = f"--include={','.join(PACKAGES)}"
    command = ["debootstrap", "--variant=minbase", include, SUITE, str(rootfs)]
    run(command, title=f"base: Debian {SUITE} with {', '.join(PACKAGES)} (once, about a minute)", cwd=context)
    for name in LEFT_OUT:
        for entry in (rootfs / name).iterdir():
            remove(entry)
    draft = context / ".rootfs.tar"
    with tarfile.open(draft, "w") as archive:
        archive.add(rootfs, arcname=".")
    draft.rename(context / "rootfs.tar")
    remove(rootfs)
