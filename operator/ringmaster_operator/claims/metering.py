"""Reports as metrics. Providers and models are names that agents tell, so only so many are told apart."""

from __future__ import annotations

from ringmaster_operator import metrics
from ringmaster_operator.resources.protocol import ModelUsage, ReportRequest

MOST_MODELS = 100
"""Pairs of provider and model that have series of their own."""
OTHER = "_OTHER"
"""For the rest, as OpenTelemetry writes it."""
MOST_REQUESTS = 1000
"""Observations for one row: a stretch of more requests counts as so many."""
PROVIDERS = {"google": "gcp.gemini", "bedrock": "aws.bedrock", "azure": "azure.ai.openai", "": OTHER}
"""Names of the GenAI conventions, where they are others than the agents'."""


class Names:
    """The pairs that have series of their own: the first that come."""

    def __init__(self, most: int = MOST_MODELS) -> None:
        self._most = most
        self._known: set[tuple[str, str]] = set()

    def of(self, provider: str, model: str) -> tuple[str, str]:
        """The labels of a pair."""
        if (provider, model) not in self._known:
            if len(self._known) >= self._most:
                return OTHER, OTHER
            self._known.add((provider, model))
        return provider, model


_names = Names()


def count(request: ReportRequest) -> None:
    """An accepted report, once."""
    metrics.reports.labels(str(request.outcome.kind)).inc()
    for row in request.usage.requests:
        provider, model = _names.of(row.provider, row.model)
        kinds = {
            "input": row.input_tokens,
            "cache_read": row.cache_read_tokens,
            "cache_write": row.cache_write_tokens,
            "output": row.output_tokens,
            "reasoning": row.reasoning_tokens,
        }
        for kind, tokens in kinds.items():
            metrics.tokens.labels(provider, model, kind).inc(tokens)
        usd, source = _cost(row)
        if usd is not None:
            metrics.cost.labels(provider, model, source).inc(usd)
        _observe(row, PROVIDERS.get(provider, provider), model)


def _cost(row: ModelUsage) -> tuple[float | None, str]:
    if row.computed_usd is None:
        return row.reported_usd, "reported"
    return row.computed_usd, "project" if row.price_version.startswith("project") else "computed"


def _observe(row: ModelUsage, provider: str, model: str) -> None:
    """Each request of the row, as so many average ones."""
    number = max(1, min(row.requests, MOST_REQUESTS))
    for kind, tokens in (("input", row.input_tokens), ("output", row.output_tokens)):
        series = metrics.genai_tokens.labels("chat", provider, model, kind)
        for _ in range(number):
            series.observe(tokens / number)
