"""What an image is made of: the wheel, the locked packages, and a stamp that tells when any of it changed."""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from imagelib.run import ImageError, ask, run
from kubecluster.files import HERE, REPOSITORY, cache_dir

DATA = HERE.parent / "image.d"
AGENT = HERE.parent / "scripted-agent"
EXTRAS = {"worker": (), "operator": ("--extra", "operator", "--extra", "continuous")}
SOURCES = (
    "pyproject.toml",
    "uv.lock",
    "README.md",
    "LICENSE",
    "operator/ringmaster_operator",
    "cli/ringmaster_cli",
    "kustomize",
    "crds",
    "systemd",
)
#: pip's settings that say where packages come from, and how they are reached.
SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
AUTHORITIES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def stamp(*more: str) -> str:
    """Changes with everything that goes into the images; `more` is what else the image depends on."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in _inputs():
        digest.update(f"{path.relative_to(REPOSITORY)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _inputs() -> Iterator[Path]:
    for top in (*(REPOSITORY / name for name in SOURCES), DATA, AGENT):
        found = sorted(top.rglob("*")) if top.is_dir() else [top]
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def lay_out(folder: Path) -> None:
    """Fill the folder with what the Dockerfile copies. Raises ImageError."""
    program = uv()
    for target, extras in EXTRAS.items():
        options = ["--frozen", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate", *extras]
        out = ["--output-file", str(folder / f"{target}.txt")]
        run(
            [program, "export", "--quiet", *options, *out], title=f"{target}: locked packages", cwd=REPOSITORY
        )
    run(
        [program, "build", "--quiet", "--wheel", "--out-dir", str(folder / "wheel")],
        title="wheel",
        cwd=REPOSITORY,
    )
    (folder / "wheel" / ".gitignore").unlink(missing_ok=True)
    shutil.copy(DATA / "add-packages", folder)
    shutil.copy(AGENT, folder)


def secrets(folder: Path) -> dict[str, Path]:
    """How this machine reaches its package index: for the build alone, never part of an image."""
    config = configparser.ConfigParser(interpolation=None)
    config["global"] = _pip_settings()
    authorities = next((os.environ[name] for name in AUTHORITIES if os.environ.get(name)), SYSTEM_AUTHORITIES)
    if Path(authorities).is_file():
        config["global"]["cert"] = "/run/secrets/ca.pem"
    else:
        authorities = os.devnull
    with (folder / "pip.conf").open("w") as file:
        config.write(file)
    shutil.copyfile(authorities, folder / "ca.pem")
    return {"pip.conf": folder / "pip.conf", "ca.pem": folder / "ca.pem"}


def _pip_settings() -> dict[str, str]:
    found: dict[str, str] = {}
    if index := os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL"):
        found["index-url"] = index
    home = Path.home()
    places = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    if given := os.environ.get("PIP_CONFIG_FILE"):
        places.append(Path(given))
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read(places, encoding="utf-8")
    except configparser.Error as error:
        raise ImageError(f"pip's configuration cannot be read: {error}") from None
    for name in SETTINGS:
        for section in ("global", "install"):
            if config.has_option(section, name):
                found[name] = config.get(section, name)
        variable = f"PIP_{name.replace('-', '_').upper()}"
        if value := os.environ.get(variable) or os.environ.get(variable.replace("PIP_", "PIP_DEFAULT_")):
            found[name] = value
    return found


def uv() -> str:
    for program in (
        "uv",
        str(cache_dir().parent / "uv" / "bin" / "uv"),
    ):  # the second: where hack/setup puts it
        if ask(program, "--version"):
            return program
    raise ImageError("uv is missing: `hack/setup` installs it")
