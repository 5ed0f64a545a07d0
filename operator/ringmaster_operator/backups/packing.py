"""Compressing, encrypting, hashing: streams, so that a large database never sits in memory."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pyrage  # type: ignore[import-untyped]

from ringmaster_cli.exits import UsageError
from ringmaster_operator.backups.errors import BackupError, Damaged
from ringmaster_operator.backups.gentle import Paced
from ringmaster_operator.resources.backup import Compression

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 1 << 20
LEVELS = {Compression.GZIP: 6, Compression.ZSTD: 3, Compression.NONE: 0}
HARD = 15
"""zstd's level for backups that are kept long: a fifth smaller than gzip's best, and still MB/s."""
ENDINGS = {Compression.GZIP: ".gz", Compression.ZSTD: ".zst", Compression.NONE: ""}
AGE = ".age"


@dataclass(frozen=True)
class Packed:
    """Sizes in bytes and SHA-256 of a file and of what it was made from."""

    bytes: int
    sha256: str
    raw_bytes: int
    raw_sha256: str


class _Hashing:
    """A file that is read or written, and hashed on the way."""

    def __init__(self, file: IO[bytes], paced: Paced | None = None) -> None:
        self._file = file
        self._paced = paced
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: Any) -> int:
        self._hash.update(data)
        self.bytes += len(data)
        count = self._file.write(data)
        if self._paced is not None:
            self._paced.wrote(count)
        return count

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        self.bytes += len(data)
        return data

    def flush(self) -> None:
        self._file.flush()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def pack(source: Path, into: Path, *, compression: Compression, level: int | None = None) -> Packed:
    """Compress `source` into a new file, synced to disk."""
    level = LEVELS[compression] if level is None else level
    with source.open("rb") as plain, _create(into) as file:
        raw, out = _Hashing(plain), _Hashing(file, Paced(file.fileno()))
        if compression is Compression.NONE:
            _copy(raw.read, out.write)
        elif compression is Compression.GZIP:
            with gzip.GzipFile(fileobj=cast(IO[bytes], out), mode="wb", compresslevel=level, mtime=0) as gz:
                _copy(raw.read, gz.write)
        else:
            options: dict[int, int] = {
                zstd.CompressionParameter.compression_level: level,
                zstd.CompressionParameter.checksum_flag: 1,
            }
            with zstd.ZstdFile(cast(IO[bytes], out), mode="wb", options=options) as packed:
                _copy(raw.read, packed.write)
        _sync(file)
        return Packed(out.bytes, out.sha256, raw.bytes, raw.sha256)


def unpack(source: Path, into: Path, *, compression: Compression) -> Packed:
    """The reverse. Raises Damaged for a file that is not whole."""
    with source.open("rb") as file, _create(into) as plain:
        packed, raw = _Hashing(file), _Hashing(plain, Paced(plain.fileno()))
        try:
            if compression is Compression.NONE:
                _copy(packed.read, raw.write)
            elif compression is Compression.GZIP:
                with gzip.GzipFile(fileobj=cast(IO[bytes], packed), mode="rb") as gz:
                    _copy(gz.read, raw.write)
            else:
                with zstd.ZstdFile(cast(IO[bytes], packed), mode="rb") as compressed:
                    _copy(compressed.read, raw.write)
        except (EOFError, gzip.BadGzipFile, zstd.ZstdError) as error:
            raise Damaged(f"it does not decompress: {error}") from error
        except OSError as error:
            raise _local(into, error) from error
        except Exception as error:  # zlib.error, which gzip lets through
            raise Damaged(f"it does not decompress: {error}") from error
        _copy(packed.read, lambda _: None)  # what follows the end counts too
        _sync(plain)
        return Packed(packed.bytes, packed.sha256, raw.bytes, raw.sha256)


def hashed(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file."""
    with path.open("rb") as file:
        content = _Hashing(file)
        _copy(content.read, lambda _: None)
        return content.bytes, content.sha256


def recipients(keys: Sequence[str]) -> list[pyrage.x25519.Recipient]:
    """age public keys. Raises UsageError."""
    try:
        return [pyrage.x25519.Recipient.from_str(key) for key in keys]
    except pyrage.RecipientError as error:
        raise UsageError(f"not an age public key (age1...): {error}") from error


def identities(path: Path) -> list[pyrage.x25519.Identity]:
    """The private keys of an age identity file. Raises UsageError; no key is ever shown."""
    try:
        lines = path.read_text().split()
    except (OSError, ValueError) as error:
        raise UsageError(f"the identity file {path} cannot be read: {error}") from error
    try:
        found = [
            pyrage.x25519.Identity.from_str(word) for word in lines if word.startswith("AGE-SECRET-KEY-")
        ]
    except pyrage.IdentityError as error:
        raise UsageError(f"the identity file {path} has a key that is not one") from error
    if not found:
        raise UsageError(f"the identity file {path} has no AGE-SECRET-KEY-...")
    return found


def encrypt(source: Path, into: Path, keys: Sequence[str]) -> tuple[int, str]:
    """Encrypt to public keys; size and hash of the result."""
    with source.open("rb") as plain, _create(into) as file:
        out = _Hashing(file, Paced(file.fileno()))
        pyrage.encrypt_io(plain, out, recipients(keys))
        _sync(file)
        return out.bytes, out.sha256


def decrypt(source: Path, into: Path, identity: Path) -> None:
    """Decrypt. Raises Damaged for a file that is changed, BackupError for a key that does not fit."""
    keys = identities(identity)
    with source.open("rb") as file, _create(into) as plain:
        try:
            pyrage.decrypt_io(file, plain, keys)
        except pyrage.DecryptError as error:
            if "No matching keys" in str(error):
                raise BackupError(f"none of the keys in {identity} opens it") from error
            raise Damaged(f"it does not decrypt: {error}") from error
        except OSError as error:
            if error.errno is None:  # age's own word for a changed or cut file
                raise Damaged(f"it does not decrypt: {error}") from error
            raise _local(into, error) from error


def sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _local(path: Path, error: OSError) -> BackupError:
    return BackupError(f"{path.parent} cannot be written: {error.strerror or error}")


def _create(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b")


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
    while chunk := read(CHUNK):
        write(chunk)
