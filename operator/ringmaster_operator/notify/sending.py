"""One message to one channel: a signed webhook, or a service by apprise. Errors hold no secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from ringmaster_operator.clock import Clock
from ringmaster_operator.history import StoredSubscription
from ringmaster_operator.notify import channels, signing, words
from ringmaster_operator.notify.channels import Channel, ChannelsError
from ringmaster_operator.resources.redaction import Redactor

log = logging.getLogger(__name__)

CALL_SECONDS = 15.0
SERVICE_SECONDS = 120.0
"""For a service by apprise, which has shorter limits of its own for each connection."""
MOST_ERROR = 250
TEST = {
    "kind": "test",
    "namespace": "",
    "name": "",
    "what": "Ringmaster can reach you",
    "why": "Somebody asked for this test message. Nothing else happened.",
    "page": "",
    "command": "ringmaster notify list",
}
GONE = 410


class SendError(Exception):
    """It was not taken; the text says why."""

    def __init__(self, detail: str, *, final: bool = False) -> None:
        super().__init__(detail[:MOST_ERROR])
        self.final = final
        """Whether trying again is of no use."""


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """What is sent."""

    id: str
    notices: Sequence[dict[str, Any]]


class Sending:
    """Knows the channels, as the file has them at present, and sends by them."""

    def __init__(self, file: Path | None, *, clock: Clock, web_url: str) -> None:
        self._file = file
        self._clock = clock
        self._web_url = web_url
        self._http = httpx2.AsyncClient(timeout=CALL_SECONDS, follow_redirects=False)
        self._trouble = ""

    async def close(self) -> None:
        await self._http.aclose()

    async def channels(self) -> dict[str, Channel]:
        """Those of the file; none where none is set. Raises ChannelsError."""
        if self._file is None:
            return {}
        try:
            found = await asyncio.to_thread(channels.read, self._file)
        except ChannelsError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                log.error("RINGMASTER_NOTIFY_FILE: %s", error)
            raise
        self._trouble = ""
        return found

    async def check(self, to: StoredSubscription) -> None:
        """Raises SendError where its owner may not use its channel any more: the file may have changed."""
        channel = await self._channel(to.channel)
        if not channel.serves(to.owner):
            raise SendError(f"channel {to.channel} is not open to this any more")

    async def send(self, name: str, address: str, message: Outgoing) -> None:
        """Send by a channel; raises SendError."""
        channel = await self._channel(name)
        if not channel.takes(address):
            raise SendError(f"channel {name} does not take this address")
        if channel.webhook is not None:
            await self._post(channel, channel.filled(address), message)
        else:
            await self._by_service(channel, channel.filled(address), message)

    async def _channel(self, name: str) -> Channel:
        try:
            channel = (await self.channels()).get(name)
        except ChannelsError as error:
            raise SendError(f"the operator's channels cannot be read: {error}") from error
        if channel is None:
            raise SendError(f"the operator has no channel {name}")
        return channel

    async def _post(self, channel: Channel, url: str, message: Outgoing) -> None:
        notices = [words.linked(notice, self._web_url) for notice in message.notices]
        now = self._clock.now()
        told = {
            "type": "test" if notices[0]["kind"] == TEST["kind"] else "notices",
            "timestamp": now.isoformat().replace("+00:00", "Z"),
            "data": {"title": words.title(notices), "notices": notices},
        }
        body = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
        secrets = [secret.get_secret_value() for secret in channel.secrets]
        signed = signing.headers(secrets, id=message.id, at=int(now.timestamp()), body=body)
        try:
            if not channel.local:
                await _refuse_local(url)
            answer = await self._http.post(
                url, content=body, headers={**signed, "content-type": "application/json"}
            )
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
            raise SendError(f"the webhook cannot be reached: {type(error).__name__}") from error
        if not answer.is_success:
            raise SendError(f"the webhook answered {answer.status_code}", final=answer.status_code == GONE)

    async def _by_service(self, channel: Channel, url: str, message: Outgoing) -> None:
        title, text = words.title(message.notices), words.text(message.notices, self._web_url)
        try:
            async with asyncio.timeout(SERVICE_SECONDS):
                fault = await asyncio.to_thread(_notify, url, title, text)
        except TimeoutError:
            raise SendError(f"the service did not answer within {SERVICE_SECONDS:.0f} s") from None
        if fault is not None:
            raise SendError(Redactor(channel.words()).text(fault))


async def _refuse_local(url: str) -> None:
    """Raises SendError where the name leads to this machine or a link-local address."""
    host = channels.host_of(url)
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    if any(channels.stays_here(str(item[4][0])) for item in found):
        raise SendError("the webhook's host leads to this machine or a link-local address")


class _Heard(logging.Handler):
    """Keeps what apprise says in this thread: it answers with yes and no alone."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._here = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        self._here.last = record.getMessage()

    def take(self) -> str:
        found, self._here.last = getattr(self._here, "last", ""), ""
        return str(found)


_heard = _Heard()


def _notify(url: str, title: str, text: str) -> str | None:
    """Send in this thread; what is wrong, or None."""
    import apprise  # takes a second: only where somebody uses it

    logger = logging.getLogger("apprise")
    if _heard not in logger.handlers:
        # What it logs may hold parts of addresses; it is told where secrets are taken out.
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        logger.addHandler(_heard)
    asset = apprise.AppriseAsset(
        app_id="Ringmaster",
        app_desc="Ringmaster",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    _heard.take()
    service = apprise.Apprise(asset=asset)
    try:
        if not service.add(url):
            return "the channel's url is not one that apprise knows"
        sent = service.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # whatever a plug-in does, the operator goes on
        return f"the service failed: {type(error).__name__}"
    return None if sent else (_heard.take() or "the service did not take it")
