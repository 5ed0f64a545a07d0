"""The product's images, and one that is spoiled, for the node of a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.clusters import REPOSITORY

HACK = REPOSITORY / "hack"
WORKER = "localhost/ringmaster/worker:dev"
AGENT = "localhost/ringmaster/test-agent:dev"
SPOILED = "localhost/ringmaster/spoiled:dev"
SPOILED_FILE = f"""\
FROM {WORKER}
USER 0
RUN rm /usr/bin/git /usr/bin/tini && chown 0:0 /workspace
ENV LANG=C PYTHONCOERCECLOCALE=0
ENTRYPOINT []
USER 65532
"""


def build(target: str = "all") -> list[str]:
    """The archives of the images of this checkout; built where it changed."""
    command = [str(HACK / "image"), "build", target]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return printed.splitlines()


def spoil(folder: Path) -> str:
    """The archive of an image on top of the worker's that keeps some points of the contract no more."""
    return derive(folder, SPOILED, SPOILED_FILE)


def derive(folder: Path, tag: str, text: str) -> str:
    """The archive of an image that a Dockerfile makes in a folder."""
    if str(HACK) not in sys.path:
        sys.path.append(str(HACK))
    from imagelib.engine import choose

    name = tag.rpartition("/")[2].partition(":")[0]
    engine, archive = choose("auto"), folder / f"{name}.tar"
    (folder / "Dockerfile").write_text(text)
    engine.build(folder, dockerfile=folder / "Dockerfile", tag=tag, title=f"{name}: image")
    engine.save(tag, archive, title=f"{name}: archive")
    return str(archive)
