"""Channels and sending: what a file may say, where nothing can be made to go, and what arrives."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from ringmaster_operator.clock import Clock
from ringmaster_operator.notify import channels, words
from ringmaster_operator.notify.channels import ChannelsError
from ringmaster_operator.notify.sending import TEST, Outgoing, SendError, Sending
from support.receivers import SECRET, mailbox, receiver

# apprise looks whether Python has this module
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

OLD_SECRET = "whsec_" + "YW5vdGhlci1zZWNyZXQtMDEyMzQ1Njc4OTAxMjM0"
NOTICE = {
    "kind": "failed",
    "at": "2026-11-24T12:00:00Z",
    "namespace": "shop",
    "name": "fix-it",
    "what": "Failed: fix-it (Fix the login)",
    "why": "tests fail: <b>1</b> & @everyone",
    "page": "/ui/shop/beads/fix-it",
    "command": "ringmaster retry fix-it -n shop",
}
MESSAGE = Outgoing(id="message-1", notices=[NOTICE])


class Desk:
    """Sending by a file of the test."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.sending = Sending(file, clock=Clock(), web_url="https://ringmaster.example.com/")

    def write(self, text: str) -> None:
        self.file.write_text(text)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path / "channels.toml")
    yield made
    await made.sending.close()


def hook(url: str, *more: str, secrets: str = f'"{SECRET}"') -> str:
    return "\n".join(["[channels.hook]", f'webhook = "{url}"', f"secrets = [{secrets}]", *more])


async def test_a_webhook_is_signed_as_standard_webhooks_has_it(desk: Desk) -> None:
    with receiver() as there:
        desk.write(hook(f"{there.url}/in", "local = true", secrets=f'"{SECRET}", "{OLD_SECRET}"'))
        await desk.sending.send("hook", "", MESSAGE)
    [post] = there.posts
    assert post.path == "/in"
    assert post.id == "message-1"
    for secret in (SECRET, OLD_SECRET):
        told = Webhook(secret).verify(post.body, post.headers)
        assert told["data"]["notices"][0]["url"] == "https://ringmaster.example.com/ui/shop/beads/fix-it"
        assert told["data"]["notices"][0]["command"] == "ringmaster retry fix-it -n shop"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(post.body.replace(b"fix-it", b"fix-at"), post.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(post.body, post.headers | {"webhook-id": "message-2"})


async def test_an_e_mail_has_all_that_one_needs(desk: Desk) -> None:
    with mailbox() as box:
        desk.write(
            f'[channels.mail]\nurl = "mailto://127.0.0.1:{box.port}?from=ringmaster@example.com&to={{address}}"\n'
            "address = '[a-z]+@example\\.com'\nlocal = true\n"
        )
        await desk.sending.send("mail", "ada@example.com", MESSAGE)
        with pytest.raises(SendError, match="does not take this address"):
            await desk.sending.send("mail", "ada@elsewhere.example", MESSAGE)
        with pytest.raises(SendError, match="does not take this address"):
            await desk.sending.send("mail", "ada@example.com,eve@example.com", MESSAGE)
    assert len(box.mails) == 1
    assert box.mails[0]["to"] == "ada@example.com"
    assert box.mails[0]["subject"] == "[shop] Failed: fix-it (Fix the login)"
    text = box.text()
    assert "https://ringmaster.example.com/ui/shop/beads/fix-it" in text
    assert "ringmaster retry fix-it -n shop" in text
    assert "@everyone" not in text


@pytest.mark.parametrize(("status", "final"), [(500, False), (404, False), (302, False), (410, True)])
async def test_what_is_not_taken(desk: Desk, status: int, final: bool) -> None:
    with receiver() as there, receiver() as elsewhere:
        there.answers, there.location = [status], elsewhere.url
        desk.write(hook(there.url, "local = true"))
        with pytest.raises(SendError, match=str(status)) as caught:
            await desk.sending.send("hook", "", MESSAGE)
        assert caught.value.final is final
        assert elsewhere.posts == []  # redirects are not followed


async def test_this_machine_is_called_only_where_that_is_meant(desk: Desk) -> None:
    for url in (
        "http://127.0.0.1:1",
        "http://localhost:1",
        "http://[::1]:1",
        "http://169.254.169.254/latest",
    ):
        with pytest.raises(ChannelsError, match="this machine or link-local"):
            channels_of(desk, hook(url))
    import socket

    name = socket.gethostname()
    desk.write(hook(f"http://{name}:1"))
    found = {str(item[4][0]) for item in socket.getaddrinfo(name, None)}
    if any(channels.stays_here(address) for address in found):
        with pytest.raises(SendError, match="leads to this machine"):
            await desk.sending.send("hook", "", MESSAGE)


def channels_of(desk: Desk, text: str) -> dict[str, channels.Channel]:
    desk.write(text)
    return channels.read(desk.file)


async def test_a_service_that_cannot_be_reached_tells_no_secret(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.write(
        '[channels.talk]\nurl = "jsons://ada:topsecretword@127.0.0.1:9/tokentokentoken"\nlocal = true\n'
    )
    with caplog.at_level(logging.DEBUG), pytest.raises(SendError) as caught:
        await desk.sending.send("talk", "", MESSAGE)
    for told in (str(caught.value), caplog.text):
        assert "topsecretword" not in told
        assert "tokentokentoken" not in told
    desk.write('[channels.talk]\nurl = "nonsense://token"\n')
    with pytest.raises(SendError, match="not one that apprise knows"):
        await desk.sending.send("talk", "", MESSAGE)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nonsense", "not TOML"),
        ("[channels.a]", "give either url"),
        ('[channels.a]\nurl = "slack://x/y/z"\nwebhook = "https://h"\nsecrets = ["S"]', "secret"),
        ('[channels.a]\nwebhook = "https://h.example"', "needs secrets"),
        ('[channels.a]\nwebhook = "https://h.example"\nsecrets = ["topsecretword"]', "whsec_ and base64"),
        ('[channels.a]\nwebhook = "ftp://topsecretword.example"\nsecrets = []', "http:// or https://"),
        ('[channels.a]\nwebhook = "https://topsecretword@h.example/"\nsecrets = []', "without a user"),
        ('[channels.a]\nurl = "ntfys://{address}/x"\naddress = ".*"', "after the host"),
        ('[channels.a]\nurl = "ntfys://h.example/{address}"', "address goes with"),
        ('[channels.a]\nurl = "ntfys://h.example/x"\naddress = ".*"', "address goes with"),
        ('[channels.a]\nurl = "ntfys://h.example/{address}"\naddress = "("', "regular expression"),
        ('[channels.a]\nurl = "ntfys://h.example/x"\ntopsecret = "topsecretword"', "Extra inputs"),
        ('[channels.A]\nurl = "ntfys://h.example/x"', "String should match"),
    ],
)
async def test_a_file_with_a_fault_says_which(desk: Desk, text: str, fault: str) -> None:
    with pytest.raises(ChannelsError) as caught:
        channels_of(desk, text)
    assert fault in str(caught.value)
    assert "topsecretword" not in str(caught.value)


async def test_without_a_file_there_is_no_way_to_send() -> None:
    sending = Sending(None, clock=Clock(), web_url="")
    assert await sending.channels() == {}
    with pytest.raises(SendError, match="no channel hook"):
        await sending.send("hook", "", MESSAGE)
    await sending.close()


async def test_an_address_stays_one_part_of_the_path(desk: Desk) -> None:
    channel = channels_of(desk, '[channels.a]\nurl = "ntfys://h.example/{address}?x=1"\naddress = ".+"')["a"]
    assert channel.filled("a/b?c#d@e") == "ntfys://h.example/a%2Fb%3Fc%23d%40e?x=1"
    assert not channel.takes("..")
    assert not channel.takes("")
    assert channel.for_people


def test_many_notices_are_one_message_of_bounded_length() -> None:
    many = [NOTICE | {"name": f"bead-{number}", "what": f"Failed: bead-{number}"} for number in range(100)]
    decision = NOTICE | {"kind": "decision", "what": "Decision needed: <!channel> now", "namespace": "bank"}
    assert words.title(many) == "[shop] 100 beads failed"
    assert words.title([NOTICE, decision]) == "[Ringmaster] 1 decision to make, 1 bead failed"
    text = words.text([decision, *many], "")
    assert "and 71 more" in text
    assert "<!channel>" not in text
    assert len(words.title([NOTICE | {"what": "x" * 900}])) == words.MOST_TITLE
    assert words.text([TEST], "")
