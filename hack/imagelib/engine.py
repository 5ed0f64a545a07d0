"""Docker, podman or buildah: whichever the machine has builds the same Dockerfile."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagelib.run import ImageError, ask, images_dir, run

NAMES = ("docker", "podman", "buildah")


@dataclass(frozen=True)
class Engine:
    """One program and what it always gets."""

    name: str
    options: tuple[str, ...] = ()

    def build(
        self,
        context: Path,
        *,
        dockerfile: Path,
        tag: str,
        title: str,
        target: str = "",
        arguments: Mapping[str, str] | None = None,
        secrets: Mapping[str, Path] | None = None,
    ) -> None:
        """Build a Dockerfile, or one target of it, in a folder. Layers of earlier builds are used again."""
        command = [self.name, *self.options, "build", "--file", str(dockerfile), "--tag", tag]
        if target:
            command += ["--target", target]
        for name, value in (arguments or {}).items():
            command += ["--build-arg", f"{name}={value}"]
        for name, path in (secrets or {}).items():
            command += ["--secret", f"id={name},src={path}"]
        if self.name == "buildah":
            command.append("--layers")
        environment = {"DOCKER_BUILDKIT": "1", "BUILDAH_ISOLATION": "chroot"}
        run([*command, str(context)], title=title, cwd=context, environment=environment)

    def save(self, tag: str, archive: Path, *, title: str) -> None:
        """Write the image as an archive that keeps its name."""
        match self.name:
            case "docker":
                command = ["save", "--output", str(archive), tag]
            case "podman":
                command = ["save", "--format", "oci-archive", "--output", str(archive), tag]
            case _:
                command = ["push", tag, f"oci-archive:{archive}:{tag}"]
        run([self.name, *self.options, *command], title=title, cwd=archive.parent)

    def has(self, tag: str) -> bool:
        """Whether the engine keeps such an image."""
        return ask(self.name, *self.options, "inspect", "--type", "image", tag) is not None


def choose(wanted: str) -> Engine:
    """The engine of that name, or with `auto` the first that works here."""
    names = NAMES if wanted == "auto" else (wanted,)
    for name in names:
        if name == "buildah" and shutil.which("buildah"):
            return _buildah()
        # `docker` is often there without an engine behind it.
        if name != "buildah" and shutil.which(name) and ask(name, "info", "--format", "{{json .}}"):
            return Engine(name)
    if wanted == "auto":
        raise ImageError(
            "there is no container engine: `hack/setup --for test` installs buildah, which needs none"
        )
    raise ImageError(f"{wanted} is missing or its engine does not answer; --engine auto takes what is there")


def _buildah() -> Engine:
    """buildah with its layers in our own cache, so that nobody else's images are touched."""
    storage = images_dir() / "storage"
    options = ("--root", str(storage / "root"), "--runroot", str(storage / "run"))
    for driver in ("overlay", "vfs"):  # vfs works everywhere, and copies each layer whole
        engine = Engine("buildah", (*options, "--storage-driver", driver))
        if ask(engine.name, *engine.options, "images", "--quiet") is not None:
            return engine
    raise ImageError("buildah cannot keep images here: run it as root, or use podman")
