"""The dashboard's files, read and compressed once: each with its ETag, all below one address of this version.

Pages name their files below an address that holds a digest of all of them, so a browser may keep them for
ever and asks for others as soon as another operator answers.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

STATIC = Path(__file__).parent / "static"
PLACE = "@STATIC@"
"""In index.html: the address of this version's files."""
PRELOADS = "@PRELOADS@"
"""In index.html: all modules at once, or a browser would find them one import after another."""
MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """One file as it is served."""

    media: str
    plain: bytes
    packed: bytes
    """The same, compressed by gzip."""
    etag: str

    @classmethod
    def of(cls, media: str, plain: bytes) -> Asset:
        """Compressed, and named by what is in it."""
        etag = f'"{hashlib.blake2s(plain, digest_size=12).hexdigest()}"'
        return cls(media, plain, gzip.compress(plain, 9, mtime=0), etag)


class Files:
    """All files of a folder."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._texts = {
            PurePosixPath(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.suffix in MEDIA
        }

    @cached_property
    def version(self) -> str:
        """A digest of all files."""
        digest = hashlib.blake2s(digest_size=8)
        for name, text in self._texts.items():
            digest.update(f"{name} {len(text)}\n".encode() + text)
        return digest.hexdigest()

    @cached_property
    def assets(self) -> dict[str, Asset]:
        """By their path below the version's address."""
        return {
            str(name): Asset.of(MEDIA[name.suffix], text)
            for name, text in self._texts.items()
            if name.suffix != ".html"
        }

    def page(self, root: str) -> Asset:
        """The page that all addresses of people get; root is where files of all versions are."""
        place = f"{root}/{self.version}"
        modules = [name for name in self.assets if name.startswith("js/") and name.endswith(".js")]
        preloads = "\n".join(f'<link rel="modulepreload" href="{place}/{name}">' for name in modules)
        text = self._texts[PurePosixPath("index.html")].decode()
        return Asset.of(MEDIA[".html"], text.replace(PRELOADS, preloads).replace(PLACE, place).encode())
