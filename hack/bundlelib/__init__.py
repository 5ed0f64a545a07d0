"""The bundle: wheels of Ringmaster and all that it needs, rendered manifests, images where wanted."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from imagelib import context
from imagelib.run import ImageError, images_dir, run
from kubecluster.files import REPOSITORY, ClusterError, say
from manifestlib import render

LISTS = "SHA256SUMS"
README = """\
Ringmaster, to be installed without a network.

  sha256sum --check --quiet SHA256SUMS
  python3 -m venv tool && tool/bin/pip install --no-index --find-links wheels 'ringmaster[operator]'
  sudo tool/bin/ringmaster install host --from . --kubeconfig FILE
  tool/bin/ringmaster install cluster --overlay FOLDER --image REGISTRY/ringmaster/operator:TAG

manifests/ has what the overlays render to; images/, where it is there, archives for a registry or a node.
"""


def main(arguments: Sequence[str]) -> int:
    """Make the archive and print its name; 0, or 1 with one line of why not."""
    parser = argparse.ArgumentParser(
        prog="hack/bundle",
        description="Make one archive from which Ringmaster is installed without a network.",
        allow_abbrev=False,
    )
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder that gets it (dist)")
    parser.add_argument("--images", action="store_true", help="also build the images and put them in")
    parser.add_argument("--folder", action="store_true", help="leave it a folder, not an archive")
    options = parser.parse_args(arguments)
    try:
        print(bundle(options.out, images=options.images, folder=options.folder))
    except (ImageError, ClusterError) as error:
        say(f"hack/bundle: {error}")
        return 1
    return 0


def bundle(out: Path, *, images: bool, folder: bool) -> Path:
    """Lay it out, list the hashes, pack it. Raises ImageError."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=out) as scratch:
        top = Path(scratch, "ringmaster")
        (top / "wheels").mkdir(parents=True)
        wheel = _packages(top, Path(scratch))
        (top / "manifests").mkdir()
        for name, place in render.RENDERED.items():
            (top / "manifests" / f"{name}.yaml").write_text(render.render(place), encoding="utf-8")
        if images:
            _images(top / "images")
        (top / "README").write_text(README, encoding="utf-8")
        _sums(top)
        done = out / f"ringmaster-{wheel.name.split('-')[1]}-bundle"
        if folder:
            shutil.rmtree(done, ignore_errors=True)
            return Path(shutil.move(top, done))
        archive = done.with_suffix(done.suffix + ".tar.gz")
        draft = Path(scratch, archive.name)
        with tarfile.open(draft, "w:gz", compresslevel=1) as packed:  # wheels are packed already
            packed.add(top, arcname=done.name)
        return draft.rename(archive)


def _packages(top: Path, scratch: Path) -> Path:
    """The wheel, the sdist, and the locked packages of the operator for this machine's Python."""
    uv = context.uv()
    built = scratch / "built"
    run([uv, "build", "--quiet", "--out-dir", str(built)], title="wheel and sdist", cwd=REPOSITORY)
    (wheel,) = built.glob("*.whl")
    shutil.move(next(built.glob("*.tar.gz")), top)
    locked = scratch / "operator.txt"
    options = ["--frozen", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate"]
    extras = ["--extra", "operator", "--extra", "continuous"]
    export = [uv, "export", "--quiet", *options, *extras, "--output-file", str(locked)]
    run(export, title="locked packages", cwd=REPOSITORY)
    get = [_pip(scratch), "download", "--quiet", "--require-hashes", "--only-binary=:all:"]
    words = [*get, "--requirement", str(locked), "--dest", str(top / "wheels")]
    run(words, title="packages", cwd=REPOSITORY)
    return Path(shutil.move(wheel, top / "wheels"))


def _pip(scratch: Path) -> str:
    """The project's environment has none."""
    run(["/usr/bin/env", "python3", "-m", "venv", str(scratch / "pip")], title="pip", cwd=scratch)
    return str(scratch / "pip" / "bin" / "pip")


def _images(there: Path) -> None:
    there.mkdir()
    command = [sys.executable, str(REPOSITORY / "hack" / "image"), "build", "all"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise ImageError("the images could not be built")
    for name in ("operator", "worker"):
        shutil.copy(images_dir() / f"{name}.tar", there)


def _sums(top: Path) -> None:
    files = sorted(path for path in top.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(top)}\n" for path in files]
    (top / LISTS).write_text("".join(lines), encoding="utf-8")
