"""The ways to send that the operator's file names: RINGMASTER_NOTIFY_FILE, TOML, with the secrets in it.

Nobody else can say where anything is sent: a subscription names a channel and, where that asks for one, a
recipient, which never reaches the part of the address that says which host is called.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator

from ringmaster_operator.notify.signing import key_of
from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.notify_api import ChannelInfo, ChannelName
from ringmaster_operator.resources.rules import rule
from ringmaster_operator.resources.scalars import Flag, Name, line

PLACE = "{address}"
MARK = "ringmaster-address"
NAMESPACE = "namespace:"
"""Begins the owner of what is told for all of a namespace."""
MOST_BYTES = 262_144


class ChannelsError(Exception):
    """The file cannot be used; the text says why, and repeats nothing of what is in it."""


@rule(
    "has(self.url) != has(self.webhook)",
    "give either url, for a service, or webhook",
    holds=lambda s: (s.url is None) != (s.webhook is None),
)
@rule(
    "has(self.webhook) == has(self.secrets)",
    "a webhook needs secrets, and nothing else takes them",
    holds=lambda s: (s.webhook is None) == (not s.secrets),
)
@rule(
    "has(self.address) == self.url.contains('{address}')",
    "address goes with {address} in the url or webhook, after the host",
    holds=lambda s: (s.address is not None) == s.takes_address and not s.moves_host(),
)
@rule(
    "self.local",
    "the host is this machine or link-local: local = true says that this is meant",
    holds=lambda s: s.local or not is_local(host_of(s.filled(MARK))),
)
class Channel(Model):
    """One way to send."""

    about: Annotated[str, line(200)] = ""
    """For people who choose one."""
    url: SecretStr | None = None
    """Address of a service, as apprise has them: slack://..., mailtos://..., ntfys://..."""
    webhook: SecretStr | None = None
    """http or https address that signed JSON is posted to."""
    secrets: Annotated[list[SecretStr], Field(max_length=5)] = Field(default_factory=list)
    """Of a webhook: whsec_ and base64 of 24 to 64 bytes. It signs with each, so that one can be replaced."""
    address: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    """Pattern of the whole address that a subscription gives; it takes the place of {address}."""
    namespaces: Annotated[list[Name], Field(max_length=200)] | None = None
    """Whose subscriptions may use it; every namespace's when unset."""
    people: Flag | None = None
    """Whether people may use it for themselves; when unset, those that take an address."""
    local: Flag = False
    """Whether it may be this machine or a link-local address."""

    @field_validator("webhook")
    @classmethod
    def _is_http(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.match(r"https?://[^/@]+(/|$)", value.get_secret_value()):
            raise ValueError("a webhook is http:// or https:// and a host, without a user")
        return value

    @field_validator("secrets")
    @classmethod
    def _are_keys(cls, value: list[SecretStr]) -> list[SecretStr]:
        for secret in value:
            key_of(secret.get_secret_value())
        return value

    @field_validator("address")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error:
            raise ValueError("not a regular expression") from None
        return value

    @property
    def _raw(self) -> str:
        found = self.webhook or self.url
        return found.get_secret_value() if found is not None else ""

    @property
    def takes_address(self) -> bool:
        return PLACE in self._raw

    @property
    def for_people(self) -> bool:
        return self.takes_address if self.people is None else self.people

    def serves(self, owner: str) -> bool:
        """Whether a subscription of that owner (user:NAME or namespace:NAME) may use it."""
        if not owner.startswith(NAMESPACE):
            return self.for_people
        return self.namespaces is None or owner.removeprefix(NAMESPACE) in self.namespaces

    def moves_host(self) -> bool:
        """Whether an address would be part of who is called or with which credentials."""
        return MARK in urlsplit(self.filled(MARK)).netloc

    def filled(self, address: str) -> str:
        """What is called."""
        return self._raw.replace(PLACE, quote(address, safe=""))

    def takes(self, address: str) -> bool:
        """Whether a subscription may give that address."""
        if self.address is None or not address:
            return self.address is None and not address
        return address.strip(".") != "" and re.fullmatch(self.address, address) is not None

    def words(self) -> list[str]:
        """The parts of it that no message about it may repeat."""
        parts = re.split(r"[/:@?&=#,]+", self._raw)[1:]
        return [part for part in parts if len(part) > 3 and part != PLACE]

    def info(self, name: str) -> ChannelInfo:
        return ChannelInfo(
            name=name,
            about=self.about,
            takes_address=self.takes_address,
            signed=self.webhook is not None,
        )


class _File(Model):
    channels: Annotated[dict[ChannelName, Channel], Field(max_length=200)]


def read(path: Path) -> dict[str, Channel]:
    """The channels of a file, by name. Raises ChannelsError."""
    try:
        with path.expanduser().open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise ChannelsError(f"{path} has more than {MOST_BYTES} bytes")
        return _File.model_validate(tomllib.loads(raw.decode())).channels
    except OSError as error:
        raise ChannelsError(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise ChannelsError(f"{path}: {where}: {fault['msg'].removeprefix('Value error, ')}") from None
    except ValueError as error:
        place = re.search(r"\(at [^()]*\)", str(error))
        raise ChannelsError(f"{path} is not TOML{' ' + place[0] if place else ''}") from None


def fault(channels: Mapping[str, Channel], owner: str, name: str, address: str) -> str:
    """Why a subscription of that owner may not go there; empty where it may."""
    channel = channels.get(name)
    if channel is None or not channel.serves(owner):
        names = ", ".join(sorted(name for name, item in channels.items() if item.serves(owner)))
        return f"there is no channel {name} for this; there is: {names or 'none'}"
    if not channel.takes(address):
        return (
            f"channel {name} {'does not take that address' if channel.takes_address else 'takes no address'}"
        )
    return ""


def host_of(url: str) -> str:
    """The host of an address; empty where there is none, or it cannot be told."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_local(host: str) -> bool:
    """Whether it is written as this machine or a link-local address; names are not looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return stays_here(host)
    except ValueError:
        return False


def stays_here(address: str) -> bool:
    """Whether an IP address is this machine's, link-local or of no single host. Raises ValueError."""
    found = ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast
