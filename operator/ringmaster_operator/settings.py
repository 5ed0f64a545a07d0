"""Every setting of the operator, with unit, default and the reason for it. Environment: RINGMASTER_<NAME>."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

STATE = Path("~/.local/state/ringmaster")


class Settings(BaseSettings):
    """Read from RINGMASTER_* variables."""

    model_config = SettingsConfigDict(
        env_prefix="RINGMASTER_", use_attribute_docstrings=True, frozen=True, extra="ignore"
    )

    database_url: str = f"sqlite:///{STATE}/ringmaster.db"
    """SQLAlchemy URL of the history database: sqlite:///PATH or postgresql+psycopg://..."""
    state_directory: Path = STATE
    """Folder for the tmux host's files: tokens, logs, mirrors, worktrees."""
    namespace: str = ""
    """Watch only this namespace; all when empty."""
    api_host: str = "127.0.0.1"
    """Address that the HTTP API listens on. Loopback by default: nothing is open before someone says so."""
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8420
    """Port of the HTTP API, health and metrics; 0 takes a free one."""
    public_url: str = ""
    """What sessions are told to call; http://api_host:api_port when empty."""
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """Seconds without a heartbeat until a bead goes to someone else. Long enough for an operator restart."""
    backoff_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds before the first retry of a failed bead; doubles with every attempt."""
    backoff_limit_seconds: Annotated[float, Field(ge=0, le=86400)] = 3600.0
    """Where the doubling ends, in seconds."""
    sweep_seconds: Annotated[float, Field(ge=5, le=86400)] = 300.0
    """Seconds between lists of names that find what a broken watch lost. A read, never a write."""
    token_cache_seconds: Annotated[float, Field(ge=0, le=600)] = 60.0
    """Seconds that a reviewed token is trusted without asking the API server again."""
    token_grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 600.0
    """Seconds that it is still trusted while the API server does not answer, so that reports come in."""
    reconcile_workers: Annotated[int, Field(ge=1, le=64)] = 8
    """Objects that are reconciled at the same time."""
    tmux_host: Annotated[str, Field(pattern=r"^([A-Za-z0-9][-A-Za-z0-9_.]{0,62})?$")] = ""
    """Name of the tmux host that this process is; none when empty."""
    tmux_poll_seconds: Annotated[float, Field(ge=0.5, le=60)] = 5.0
    """Seconds between looks at the local tmux sessions. Local only: it costs the API server nothing."""
    log_format: Literal["human", "json"] = "human"
    """human for terminals, json for collectors."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is logged."""
