"""The bodies of the people's API about notifications: who is told what, where, and when.

An address of a service with its tokens is in none of them: it has a name, and the operator's file knows more.
"""

from __future__ import annotations

import re
from datetime import time
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.lists import Unique
from ringmaster_operator.resources.rules import rule
from ringmaster_operator.resources.scalars import Flag, Name, Natural, ShortText, Time

MOST_SUBSCRIPTIONS = 20
"""Of one person, or of one namespace."""

ChannelName = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
Address = Annotated[str, StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9@#._+:=~-]*$")]
"""What a channel puts into its address: one recipient, room or topic."""
_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _time_of_day(value: Any) -> Any:
    if isinstance(value, time):  # as TOML has it without quotes
        value = value.isoformat("minutes")
    if not isinstance(value, str) or not re.fullmatch(_TIME, value):
        raise PydanticCustomError("time_of_day", "a time of day is written like 07:30")
    return value


TimeOfDay = Annotated[
    str, StringConstraints(min_length=5, max_length=5, pattern=_TIME), BeforeValidator(_time_of_day)
]
"""Hours and minutes, 00:00 to 23:59."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError("zone", "no such time zone; write it like Europe/Berlin or UTC") from None
    return name


TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
"""Name in the time zone database."""


class NoticeKind(StrEnum):
    """What somebody can be told."""

    DECISION = "decision"
    """A question waits for a person."""
    ESCALATION = "escalation"
    """A bead got stuck, and a person says how it goes on."""
    FAILED = "failed"
    """A bead has failed for good."""
    FINISHED = "finished"
    """An epic has succeeded."""
    BUDGET = "budget"
    """A budget is nearly spent, or spent."""
    BACKUP = "backup"
    """A backup or a trial restore failed, or the newest backup is too old."""
    WORKER = "worker"
    """A Worker's sessions do not come up by themselves."""
    OPERATOR = "operator"
    """The operator cannot do its work, or a project's settings have a fault."""


class Digest(StrEnum):
    """How often."""

    NOW = "now"
    """At once; what happens within seconds comes together."""
    HOURLY = "hourly"
    DAILY = "daily"


@rule("self.start != self.end", "start and end must differ", holds=lambda s: s.start != s.end)
class Quiet(Model):
    """Hours of each day without messages; they may span midnight."""

    start: TimeOfDay
    """Their first minute."""
    end: TimeOfDay
    """The first minute after them."""


class Telling(Model):
    """What a channel is told, and when."""

    channel: ChannelName
    """By which the messages go; the list of notifications names those there are."""
    address: Address = ""
    """Recipient, room or topic, for channels that ask for one."""
    kinds: Annotated[list[NoticeKind], Unique()] = Field(default_factory=list, max_length=20)
    """What to tell; everything when empty."""
    digest: Digest = Digest.NOW
    """now, hourly or daily."""
    daily_at: TimeOfDay = "08:00"
    """When a daily one goes."""
    quiet: Quiet | None = None
    """What happens then comes as one message at their end."""
    time_zone: TimeZone = "UTC"
    """Of dailyAt and quiet; summer time counts."""

    @property
    def target(self) -> tuple[str, str]:
        """Whom it reaches: there is one for each."""
        return self.channel, self.address


class SubscriptionRequest(Telling):
    """POST and PUT: who is told is the caller, or the namespace."""

    namespaces: Annotated[list[Name], Unique()] = Field(default_factory=list, max_length=64)
    """Of a person: where; everywhere that the person may see beads when empty."""
    muted_until: Time | None = None
    """No messages before; what happens meanwhile comes as one message then."""


class Subscription(SubscriptionRequest):
    """One way in which somebody is told."""

    id: Natural
    created_at: Time
    created_by: str
    declared: Flag = False
    """Whether the project's settings say it: it is changed and removed there."""
    waiting: Natural = 0
    """Notices that are still to go."""
    given_up: Natural = 0
    """Notices that could not be delivered within a day, of the last 60 days."""
    last_sent_at: Time | None = None
    last_error: ShortText = ""
    """Why the last attempt failed; empty when it did not."""
    last_error_at: Time | None = None


class ChannelInfo(Model):
    """A way to send that the operator knows."""

    name: ChannelName
    about: str = ""
    """In the words of who set it up."""
    takes_address: bool = False
    """Whether a subscription must say an address."""
    signed: bool = False
    """Whether it is a webhook with a signature."""


class SubscriptionList(Model):
    """All of one person or namespace, and the channels that they can use."""

    items: list[Subscription]
    channels: list[ChannelInfo]
    trouble: ShortText = ""
    """Why there are no channels, if something is wrong."""


class TestSent(Model):
    """POST test: a message was taken by its channel."""

    id: str
    """Of the message, as a webhook has it in webhook-id."""


def clock_time(text: TimeOfDay) -> time:
    """As a time of day."""
    return time.fromisoformat(text)
