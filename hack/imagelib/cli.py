"""The command line of hack/image."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from types import FrameType

from imagelib import base, context, engine
from imagelib.run import ImageError, images_dir
from kubecluster.files import lock, remove, say

TARGETS = ("operator", "worker", "test-agent")
USERS_BASE = "python:3.13-slim"
DESCRIPTION = f"""\
Builds the images localhost/ringmaster/NAME:dev from this checkout and prints the path of each one's archive:
  operator    the operator
  worker      a session of a Worker; put your agent on top of it (docs/agent-image.md)
  test-agent  a worker whose agent is hack/scripted-agent, for tests and demos
What did not change is not built again. With Docker or podman the base is {USERS_BASE}; buildah needs
no container engine, and its base is made here from Debian's packages."""
EPILOG = """\
examples:
  hack/image build                               all three
  hack/cluster load $(hack/image build)          ... and onto the node of a local cluster
  hack/image build worker --base python:3.12-slim --archive worker.tar
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hack/image", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="build images and print their archives", allow_abbrev=False)
    build.add_argument("target", nargs="?", default="all", choices=[*TARGETS, "all"], help="default: all")
    build.add_argument("--engine", default="auto", choices=["auto", *engine.NAMES], help="what builds")
    build.add_argument("--base", help="base image, or `local` for one made from Debian's packages")
    build.add_argument("--archive", type=Path, help="put the archive of the one target here")
    commands.add_parser("clean", help="remove the archives, the local base and buildah's layers")
    return parser


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code: 1 for a failure, 2 for bad usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "build" and options.archive and options.target == "all":
        parser.error("--archive is for one target: name it")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with lock(images_dir() / "lock", "another hack/image is at work: waiting for it"):
            if options.command == "clean":
                _clean()
            else:
                _build(options)
        return 0
    except (ImageError, OSError) as error:
        say(f"hack/image: {error}")
        return 1
    except KeyboardInterrupt:
        say("hack/image: interrupted; the next build goes on from the layers that are done")
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _build(options: argparse.Namespace) -> None:
    builder = engine.choose(options.engine)
    chosen = options.base or ("local" if builder.name == "buildah" else USERS_BASE)
    targets = TARGETS if options.target == "all" else (options.target,)
    stamp = context.stamp(builder.name, chosen, *base.PACKAGES)
    stale = [target for target in targets if not _is_fresh(target, stamp)]
    if stale:
        with tempfile.TemporaryDirectory(prefix="ringmaster-image-") as folder:
            _make(builder, chosen, stale, stamp, Path(folder))
    for target in targets:
        path = _archive(target)
        if options.archive:
            shutil.copyfile(path, options.archive)
            path = options.archive
        print(path)


def _make(builder: engine.Engine, chosen: str, targets: list[str], stamp: str, folder: Path) -> None:
    files, hidden = folder / "context", folder / "secrets"
    for made in (files, hidden):
        made.mkdir(mode=0o700)
    context.lay_out(files)
    arguments = {"BASE": base.local_base(builder) if chosen == "local" else chosen}
    secrets = context.secrets(hidden)
    for target in targets:
        tag = f"localhost/ringmaster/{target}:dev"
        builder.build(
            files, dockerfile=context.DATA / "Dockerfile", tag=tag, title=f"{target}: image",
            target=target, arguments=arguments, secrets=secrets,
        )  # fmt: skip
        path = _archive(target)
        draft = path.with_name(f".{path.name}")
        remove(draft)
        builder.save(tag, draft, title=f"{target}: archive")
        remove(_stamp(target))
        draft.rename(path)
        _stamp(target).write_text(stamp)


def _archive(target: str) -> Path:
    return images_dir() / f"{target}.tar"


def _stamp(target: str) -> Path:
    return images_dir() / f"{target}.stamp"


def _is_fresh(target: str, stamp: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return _archive(target).exists() and _stamp(target).read_text() == stamp
    return False


def _clean() -> None:
    """All but the lock, which this process holds."""
    for entry in images_dir().iterdir():
        if entry.name != "lock":
            if os.path.ismount(entry / "root" / "overlay"):
                raise ImageError(f"{entry} is in use: end what builds there")
            remove(entry)
