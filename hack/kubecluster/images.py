"""Container images made of one static program each, for what a node itself runs: nothing is pulled."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from kubecluster.files import ClusterError, remove

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
#: Holds each pod's namespaces, and is there for whoever wants a shell in a pod.
BUSYBOX = "localhost/ringmaster/busybox:1"
DNS = "localhost/ringmaster/coredns:1"


@dataclass(frozen=True)
class Image:
    """One program, the other names that it goes by, and what runs by default."""

    name: str
    program: Path
    target: str
    command: tuple[str, ...]
    links: tuple[str, ...] = ()


def busybox() -> Image:
    """Debian's static busybox, with all that it can be called by."""
    program = shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin")
    if program is None:
        raise ClusterError("busybox is missing: `hack/setup --for test` installs busybox-static")
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    links = tuple(f"bin/{applet}" for applet in applets if applet != "busybox")
    return Image(BUSYBOX, Path(program), "bin/busybox", ("/bin/sleep", "inf"), links)


def write(image: Image, archive: Path) -> None:
    """Write the image as an OCI archive, the same bytes for the same program."""
    draft = archive.with_name(f".{archive.name}")
    with tarfile.open(draft, "w") as output:
        layer = _layer(image)
        config = {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Cmd": list(image.command), "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _blob(output, "config.v1+json", json.dumps(config).encode()),
            "layers": [_blob(output, "layer.v1.tar", layer)],
        }
        entry = _blob(output, "manifest.v1+json", json.dumps(manifest).encode())
        entry["annotations"] = {"io.containerd.image.name": image.name}
        index = {"schemaVersion": 2, "manifests": [entry]}
        _add(output, "index.json", json.dumps(index).encode())
        _add(output, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    remove(archive)
    draft.rename(archive)


def _layer(image: Image) -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as output:
        for folder, mode in (("bin", 0o755), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            output.addfile(entry)
        _add(output, image.target, image.program.read_bytes(), mode=0o755)
        for link in image.links:
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"/{image.target}"
            output.addfile(entry)
    return layer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _blob(archive: tarfile.TarFile, kind: str, content: bytes) -> dict[str, object]:
    digest = _digest(content)
    _add(archive, f"blobs/{digest.replace(':', '/')}", content)
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
