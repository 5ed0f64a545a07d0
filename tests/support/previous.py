"""An earlier Ringmaster, built from its own sources: what an upgrade begins with.

The newest release that this checkout has as a tag (v...), else the commit below; a checkout without history
has neither, and then it is this version under another name. `Previous.said` tells which; tests print it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ringmaster_operator.history import migrate
from support.clusters import REPOSITORY

if str(REPOSITORY / "hack") not in sys.path:
    sys.path.append(str(REPOSITORY / "hack"))

from imagelib.context import SOURCES, uv
from imagelib.run import images_dir

#: Before the tables of records: it writes schema 0009.
COMMIT = "f7b9c9c6bb8e94efbf66dde6ef2b7fa29f3a4010"
TAG = "previous"
NAMES = ("operator", "test-agent")
#: It upgrades the history and then ends: what is hardest to go back from.
BREAKS = """\
import asyncio, os, sys
if sys.argv[1:] == ["run"]:
    from ringmaster_operator.history import History
    history = asyncio.run(History.open(os.environ["RINGMASTER_DATABASE_URL"]))
    raise SystemExit("this version is broken")
"""
NEXT = f"""\
from alembic import op
import sqlalchemy as sa
revision = "9999"
down_revision = "{migrate.head()}"
branch_labels = depends_on = None
def upgrade():
    op.add_column("attempt", sa.Column("mood", sa.String()))
"""


@dataclass(frozen=True)
class Previous:
    """Its sources, and what it is."""

    tree: Path
    said: str
    key: str

    def schemas(self) -> set[str]:
        """The revisions of the history that it knows."""
        found = self.tree.glob("operator/ringmaster_operator/history/migrations/versions/0*.py")
        return {path.name.partition("_")[0] for path in found}

    def wheel(self, out: Path) -> Path:
        """Its wheel."""
        build = [uv(), "build", "--quiet", "--wheel", "--out-dir", str(out)]
        subprocess.run(build, cwd=self.tree, check=True)
        return next(out.glob("ringmaster-*.whl"))

    def images(self) -> list[str]:
        """Archives of localhost/ringmaster/operator:previous and test-agent:previous; built once."""
        kept = images_dir() / f"previous-{self.key}"
        if not kept.exists():
            with tempfile.TemporaryDirectory(prefix="previous-", dir=images_dir()) as scratch:
                done = Path(scratch, "done")
                done.mkdir()
                for name, archive in zip(NAMES, self._built(Path(scratch, "cache")), strict=True):
                    _renamed(archive, done / f"{name}.tar", f"localhost/ringmaster/{name}:{TAG}")
                done.rename(kept)
        return [str(kept / f"{name}.tar") for name in NAMES]

    def _built(self, cache: Path) -> list[Path]:
        """By its own hack/image, in a place of its own but for the base, which takes longest to make."""
        own = cache / "ringmaster" / "images"
        own.mkdir(parents=True, mode=0o700)
        for base in images_dir().glob("base*"):
            (own / base.name).symlink_to(base)
        ask = subprocess.run([uv(), "cache", "dir"], stdout=subprocess.PIPE, text=True, check=True)
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "UV_CACHE_DIR": ask.stdout.strip()}
        command = [str(self.tree / "hack" / "image"), "build"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        paths = {path.stem: path for path in map(Path, done.stdout.split())}
        return [paths[name] for name in NAMES]


def previous(folder: Path) -> Previous:
    """Its sources, laid out in an empty folder."""
    for commit, said in (_tag(), (COMMIT, f"commit {COMMIT[:7]}")):
        if commit and _git("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0:
            packed = subprocess.run(
                ["git", "archive", "--format=tar", commit], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True
            )
            with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as sources:
                sources.extractall(folder, filter="data")
            return Previous(folder, said, commit[:12])
    return Previous(_renewed(folder), "this version, since the checkout has no history", "none")


def _tag() -> tuple[str, str]:
    found = _git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^").stdout.strip()
    return _git("rev-parse", f"{found}^{{commit}}").stdout.strip() if found else "", f"release {found}"


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False)


def _renewed(folder: Path) -> Path:
    """This checkout, with a remark that makes it another one."""
    shutil.rmtree(folder)
    junk = shutil.ignore_patterns("__pycache__")
    for name in (*SOURCES, "hack"):
        source = REPOSITORY / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=junk, symlinks=True)
        else:
            shutil.copy(source, folder / name)
    with (folder / "operator/ringmaster_operator/main.py").open("a", encoding="utf-8") as file:
        file.write("\n# the previous version\n")
    return folder


def _renamed(source: Path, archive: Path, name: str) -> None:
    """An OCI archive under another name."""
    with tarfile.open(source) as old, tarfile.open(archive, "w") as fresh:
        for item in old:
            data = old.extractfile(item).read() if item.isfile() else b""  # type: ignore[union-attr]
            if item.name.removeprefix("./") == "index.json":
                index = json.loads(data)
                for manifest in index["manifests"]:
                    manifest["annotations"]["org.opencontainers.image.ref.name"] = name
                data = json.dumps(index).encode()
                item.size = len(data)
            fresh.addfile(item, io.BytesIO(data))
