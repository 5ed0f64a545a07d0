"""What models and machines cost, as a project writes it down."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.scalars import line

Rate = Annotated[float, Field(ge=0, le=100_000)]


class Price(Model):
    """What a model costs from a day on, in US dollars for a million tokens; tokens count once."""

    model: Annotated[str, line(128, 1)]
    """Name of the model, as the agent tells it; * stands for any characters."""
    provider: Annotated[str, line(64)] = ""
    """Only of this provider, as the agent tells it."""
    since: date | None = None
    """First day (UTC) that it counts for; unset: since ever. Of several for a name the latest counts."""
    input: Rate
    """Input tokens that no cache had."""
    cached_input: Rate | None = None
    """Input tokens read from a cache; as input when unset."""
    cache_write: Rate | None = None
    """Input tokens written to a cache; as input when unset."""
    cache_write_hour: Rate | None = None
    """Those kept for an hour; as cacheWrite when unset."""
    output: Rate
    """Output tokens."""
    reasoning: Rate | None = None
    """Output tokens of reasoning; as output when unset."""
    request: Rate = 0.0
    """US dollars for each request."""


class Infrastructure(Model):
    """What a session's time costs, besides its tokens."""

    pod_usd_per_hour: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """US dollars for an hour of an iteration in a pod."""
    tmux_usd_per_hour: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """US dollars for an hour of an iteration in a tmux session."""
