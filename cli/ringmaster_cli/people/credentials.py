"""What `ringmaster login` keeps: one API token for each server, in a file that nobody else can read."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ringmaster_cli.exits import CliError, UsageError

MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Held:
    """A token of a server."""

    url: str
    token: str
    id: int
    """By which the server knows the token that the login made; 0 for one that was given."""
    name: str
    """Whose it is."""
    expires_at: str


class Credentials:
    """The file. Raises CliError where it is broken, or open to others."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or place()

    def of(self, url: str | None) -> Held | None:
        """The token of a server; without url, of the one that was logged in to last."""
        servers = self._read()
        key = server(url) if url else next(reversed(servers), "")
        found = servers.get(key)
        if found is None:
            return None
        try:
            return Held(
                key, str(found["token"]), int(found["id"]), str(found["name"]), str(found["expiresAt"])
            )
        except (KeyError, TypeError, ValueError) as fault:
            raise self._broken() from fault

    def keep(self, held: Held) -> None:
        """In the place of what was kept for that server."""
        with self._changing() as servers:
            servers.pop(held.url, None)
            servers[held.url] = {
                "token": held.token,
                "id": held.id,
                "name": held.name,
                "expiresAt": held.expires_at,
            }

    def forget(self, url: str) -> None:
        """Keep nothing for that server."""
        with self._changing() as servers:
            servers.pop(server(url), None)

    def _read(self) -> dict[str, Any]:
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as fault:
            raise UsageError(f"{self.path} cannot be read: {fault.strerror}") from fault
        if stat.S_IMODE(mode) & 0o077:
            raise UsageError(f"{self.path} is open to other users: chmod 600 it, and log in again")
        try:
            servers = json.loads(content)["servers"]
            if not isinstance(servers, dict) or not all(isinstance(item, dict) for item in servers.values()):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError) as fault:
            raise self._broken() from fault
        return dict(servers)

    def _broken(self) -> CliError:
        return UsageError(f"{self.path} is not what `ringmaster login` writes: delete it, and log in again")

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """Change what is kept; all of it is written, or nothing, and two at a time wait for each other."""
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (folder / f".{self.path.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                servers = self._read()
                yield servers
                self._write(servers)
        except OSError as fault:
            raise UsageError(f"{self.path} cannot be written: {fault.strerror}") from fault

    def _write(self, servers: dict[str, Any]) -> None:
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"servers": servers}, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def place() -> Path:
    """RINGMASTER_CREDENTIALS, else ringmaster/credentials below the user's configuration."""
    chosen = os.environ.get("RINGMASTER_CREDENTIALS")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "ringmaster" / "credentials"


def server(url: str) -> str:
    """A server's URL in the one form that it is kept under. Raises UsageError."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise UsageError(f"{url!r} is no server: it must start with http:// or https:// and name a host")
    if parts.username or parts.query or parts.fragment:
        raise UsageError("a server's URL must hold no user name, query or fragment")
    if port == {"http": 80, "https": 443}[parts.scheme]:
        port = None
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def is_private(url: str) -> bool:
    """Whether nobody on the way can read along: https, or this machine."""
    import ipaddress

    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
