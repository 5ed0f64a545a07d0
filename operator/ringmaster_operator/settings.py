"""Every setting of the operator, with unit, default and the reason for it. Environment: RINGMASTER_<NAME>."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ringmaster_operator.resources.user_api import Everywhere, Role

STATE = Path("~/.local/state/ringmaster")


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks that commas separate; raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


class Settings(BaseSettings):
    """Read from RINGMASTER_* variables."""

    model_config = SettingsConfigDict(
        env_prefix="RINGMASTER_", use_attribute_docstrings=True, frozen=True, extra="ignore"
    )

    database_url: str = f"sqlite:///{STATE}/ringmaster.db"
    """SQLAlchemy URL of the history database: sqlite:///PATH or postgresql+psycopg://..."""
    state_directory: Path = STATE
    """Folder for the first administrator's code, and the tmux host's tokens, logs, mirrors, worktrees."""
    namespace: str = ""
    """Watch only this namespace; all when empty."""
    api_host: str = "127.0.0.1"
    """Address that the HTTP API listens on. Loopback by default: nothing is open before someone says so."""
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8420
    """Port of the HTTP API, health and metrics; 0 takes a free one."""
    public_url: str = ""
    """What sessions are told to call; http://api_host:api_port when empty."""
    web_url: str = ""
    """Where people's browsers reach this API, https://host; RINGMASTER_PUBLIC_URL when empty."""
    trusted_proxies: str = ""
    """Addresses or networks of proxies, with commas, whose word on the client's address and TLS counts."""
    local_accounts: bool = True
    """Let people sign in with passwords that Ringmaster keeps."""
    oidc_issuer: str = ""
    """OpenID provider that people sign in at, https://...; none when empty."""
    oidc_client_id: str = "ringmaster"
    """What the provider knows this operator as."""
    oidc_client_secret_file: Path | None = None
    """File with the client's secret, read for every sign-in; without one PKCE alone protects the client."""
    oidc_scopes: str = "openid profile email"
    """Scopes to ask for, with spaces; many providers want one more to tell groups."""
    oidc_name_claim: str = "preferred_username"
    """Claim whose value a user's name is made from, at the first sign-in."""
    oidc_group_claim: str = "groups"
    """Claim that lists a user's groups."""
    oidc_roles: dict[str, dict[Everywhere, Role]] = Field(default_factory=dict)
    """Roles of groups, as JSON: {"GROUP": {"NAMESPACE or *": "viewer|contributor|maintainer|admin"}}."""
    session_idle_seconds: Annotated[float, Field(ge=60, le=2_592_000)] = 28_800.0
    """Seconds without use until a browser's session ends."""
    session_seconds: Annotated[float, Field(ge=60, le=31_536_000)] = 604_800.0
    """Seconds until it ends in any case."""
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """Seconds without a heartbeat until a bead goes to someone else. Long enough for an operator restart."""
    backoff_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds before the first retry of a failed bead; doubles with every attempt."""
    backoff_limit_seconds: Annotated[float, Field(ge=0, le=86400)] = 3600.0
    """Where the doubling ends, in seconds."""
    estimate_usd: Annotated[float, Field(ge=0, le=10_000)] = 1.0
    """Dollars that are set aside for an iteration until some of its kind are known."""
    estimate_tokens: Annotated[int, Field(ge=0, le=1_000_000_000)] = 200_000
    """Tokens, likewise."""
    sweep_seconds: Annotated[float, Field(ge=5, le=86400)] = 300.0
    """Seconds between lists of names that find what a broken watch lost. A read, never a write."""
    token_cache_seconds: Annotated[float, Field(ge=0, le=600)] = 60.0
    """Seconds that a reviewed token is trusted without asking the API server again."""
    token_grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 600.0
    """Seconds that it is still trusted while the API server does not answer, so that reports come in."""
    leader_election: bool = False
    """Wait for a Lease before working, so that several replicas may run. Needs PostgreSQL."""
    leader_lease_name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] = "ringmaster"
    """Name of the Lease; operators of different namespaces need different ones."""
    leader_lease_namespace: str = ""
    """Namespace of the Lease; the pod's own when empty, else RINGMASTER_NAMESPACE."""
    leader_lease_seconds: Annotated[float, Field(ge=3, le=120)] = 8.0
    """Seconds without a renewal until another replica takes over."""
    leader_renew_seconds: Annotated[float, Field(ge=2, le=110)] = 6.0
    """Seconds without a renewal until the leader ends; less than the former, so that no two ever write."""
    leader_retry_seconds: Annotated[float, Field(ge=0.2, le=60)] = 1.5
    """Seconds between renewals, and between the looks of a replica that waits."""
    reconcile_workers: Annotated[int, Field(ge=1, le=64)] = 8
    """Objects that are reconciled at the same time."""
    pods: bool = False
    """Run the sessions of Workers of runtime Pod. Off until RINGMASTER_PUBLIC_URL says what pods can call."""
    pod_name: str = ""
    """Name of the operator's own pod, which the pods of backups are made after: image, settings, volumes."""
    backup_namespace: str = ""
    """Namespace whose BackupSchedules are obeyed, for a backup holds everybody's history: the pod's own when
    empty, and outside of a pod any that is watched."""
    tmux_host: Annotated[str, Field(pattern=r"^([A-Za-z0-9][-A-Za-z0-9_.]{0,62})?$")] = ""
    """Name of the tmux host that this process is; none when empty."""
    tmux_poll_seconds: Annotated[float, Field(ge=0.5, le=60)] = 5.0
    """Seconds between looks at the local tmux sessions. Local only: it costs the API server nothing."""
    records_days: Annotated[int, Field(ge=0, le=36_500)] = 30
    """Days that the prompts, transcripts and diffs of iterations are kept; with 0 none are taken."""
    records_mib: Annotated[int, Field(ge=1, le=1_048_576)] = 1024
    """MiB of them that a namespace may have, packed: the oldest go first."""
    notify_file: Path | None = None
    """TOML file with the channels of notifications and their secrets; without one nothing is ever sent."""
    log_format: Literal["human", "json"] = "human"
    """human for terminals, json for collectors."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is logged."""

    @property
    def web(self) -> str:
        """Where browsers reach this API; empty when nobody says."""
        return self.web_url or self.public_url

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        networks(value)
        return value

    @model_validator(mode="after")
    def _comes_back(self) -> Self:
        if self.oidc_issuer and not self.web:
            raise ValueError(
                "RINGMASTER_OIDC_ISSUER needs RINGMASTER_WEB_URL: where the provider sends browsers back to"
            )
        return self

    @model_validator(mode="after")
    def _can_lead(self) -> Self:
        if not self.leader_retry_seconds < self.leader_renew_seconds < self.leader_lease_seconds:
            raise ValueError(
                "RINGMASTER_LEADER_RETRY_SECONDS must be less than RINGMASTER_LEADER_RENEW_SECONDS, and that"
                " less than RINGMASTER_LEADER_LEASE_SECONDS"
            )
        if self.leader_election and self.database_url.startswith("sqlite"):
            raise ValueError(
                "RINGMASTER_LEADER_ELECTION needs PostgreSQL in RINGMASTER_DATABASE_URL: SQLite is a file"
                " that one process opens, run one operator with it"
            )
        return self
