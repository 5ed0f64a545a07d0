"""Prometheus metrics. Labels are bounded: never a bead, a session or a person."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

registry = CollectorRegistry()
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)

queue_depth = Gauge("workqueue_depth", "Keys that wait", ["name"], registry=registry)
queue_adds = Counter("workqueue_adds", "Keys marked dirty", ["name"], registry=registry)
reconciles = Counter("ringmaster_reconcile", "Reconciles by result", ["name", "result"], registry=registry)
reconcile_seconds = Histogram(
    "ringmaster_reconcile_time_seconds", "Seconds of one reconcile", ["name"], registry=registry
)
api_writes = Counter("ringmaster_api_writes", "Writes to the API server", ["kind"], registry=registry)

beads = Gauge("ringmaster_beads", "Beads by phase", ["namespace", "phase"], registry=registry)
claims = Counter("ringmaster_claims", "Claims: granted, conflict", ["result"], registry=registry)
claim_seconds = Histogram(
    "ringmaster_claim_seconds",
    "Seconds from choosing a bead to the granted claim",
    registry=registry,
    buckets=(0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25, 0.5, 1, 5),
)
score_seconds = Histogram(
    "ringmaster_score_seconds", "Seconds from outlining what has changed to its new scores", registry=registry
)
leases = Gauge("ringmaster_leases", "Claims that are held", registry=registry)
leases_lost = Counter("ringmaster_leases_lost", "Claims whose session fell silent", registry=registry)
reports = Counter("ringmaster_reports", "Reports by outcome", ["outcome"], registry=registry)
reports_refused = Counter("ringmaster_reports_refused", "Reports with an old fence", registry=registry)
records = Counter("ringmaster_records", "Records of iterations kept", ["kind"], registry=registry)
records_dropped = Counter(
    "ringmaster_records_dropped", "Records that went by age or for room", ["reason"], registry=registry
)
records_bytes = Gauge(
    "ringmaster_records_bytes",
    "Packed bytes of records at the last look",
    ["namespace"],
    registry=registry,
)
outbox = Gauge(
    "ringmaster_outbox", "Committed reports whose status patch is still to come", registry=registry
)
waiting = Gauge("ringmaster_waiting_sessions", "Sessions that wait for a bead", registry=registry)
tokens = Counter(
    "ringmaster_tokens",
    "Tokens used: input (cache_read and cache_write are part of it), output (reasoning is part of it)",
    ["provider", "model", "kind"],
    registry=registry,
)
cost = Counter(
    "ringmaster_cost_usd",
    "Dollars spent, by the project's prices, computed from the public list or as reported by the agent",
    ["provider", "model", "source"],
    registry=registry,
)
sign_ins = Counter(
    "ringmaster_sign_ins", "People signing in: accepted, refused", ["result"], registry=registry
)
genai_tokens = Histogram(
    "gen_ai_client_token_usage",
    "Tokens of a request (OpenTelemetry's gen_ai.client.token.usage)",
    ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"],
    registry=registry,
    buckets=[4**power for power in range(14)],
)
watch_restarts = Counter("ringmaster_watch_restarts", "Restarts of the watch", registry=registry)
tasks = Gauge(
    "ringmaster_tasks", "Tasks of the event loop: steady where as many sessions wait", registry=registry
)

notices = Counter(
    "ringmaster_notices",
    "Notifications: sent, given_up, or settled before they were told",
    ["result"],
    registry=registry,
)
notices_failed = Counter(
    "ringmaster_notice_failures", "Messages that a channel did not take, to be tried again", registry=registry
)
notices_waiting = Gauge("ringmaster_notices_waiting", "Notifications that are still to go", registry=registry)

_BACKUP = ["namespace", "schedule"]
backup_runs = Counter(
    "ringmaster_backup_runs",
    "Backups (hourly, daily, manual) and rehearsals",
    [*_BACKUP, "run", "result"],
    registry=registry,
)
backup_success = Gauge(
    "ringmaster_backup_last_success_timestamp_seconds",
    "When the newest backup was complete",
    _BACKUP,
    registry=registry,
)
backup_bytes = Gauge("ringmaster_backup_bytes", "Size of the newest backup", _BACKUP, registry=registry)
backup_fresh = Gauge(
    "ringmaster_backup_fresh", "0 when backups are overdue, else 1", _BACKUP, registry=registry
)
backup_verified = Gauge(
    "ringmaster_backup_verified",
    "0 when the last rehearsal failed, else 1: a backup that cannot be read back is a failed run",
    _BACKUP,
    registry=registry,
)
backup_followed = Gauge(
    "ringmaster_backup_followed",
    "1 while a continuous copy of the history is made, 0 when that has ended, NaN where none ever was",
    registry=registry,
)
