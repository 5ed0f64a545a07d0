"""Reports as metrics: what is counted, under which names, and that agents cannot make endless series."""

from __future__ import annotations

import pytest

from ringmaster_operator import metrics
from ringmaster_operator.claims import metering
from ringmaster_operator.claims.metering import OTHER, Names, count
from ringmaster_operator.resources.protocol import ModelUsage, ReportRequest, Usage

NOON = "2026-11-24T12:00:00Z"


def value(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def report(*rows: ModelUsage) -> ReportRequest:
    outcome = {"kind": "success", "summary": ""}
    body = {"reportId": "report-1", "fence": 1, "iteration": 1, "outcome": outcome}
    request = ReportRequest.read(body | {"startedAt": NOON, "finishedAt": NOON})
    return request.model_copy(update={"usage": Usage(requests=list(rows))})


def test_tokens_dollars_and_the_names_of_the_conventions() -> None:
    row = ModelUsage(
        position="1",
        provider="google",
        model="metered",
        input_tokens=3000,
        cache_read_tokens=2000,
        output_tokens=30,
        reasoning_tokens=10,
        requests=3,
        computed_usd=0.5,
    )
    count(report(row, row.model_copy(update={"price_version": "project 2026-11-01", "computed_usd": 0.25})))
    by = {"provider": "google", "model": "metered"}
    kinds = {kind: value("ringmaster_tokens_total", **by, kind=kind) for kind in ("input", "reasoning")}
    assert kinds == {"input": 6000, "reasoning": 20}
    assert value("ringmaster_cost_usd_total", **by, source="computed") == 0.5
    assert value("ringmaster_cost_usd_total", **by, source="project") == 0.25
    genai = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "gcp.gemini",
        "gen_ai_request_model": "metered",
        "gen_ai_token_type": "input",
    }
    assert value("gen_ai_client_token_usage_count", **genai) == 6
    assert value("gen_ai_client_token_usage_sum", **genai) == 6000
    assert value("gen_ai_client_token_usage_bucket", **genai, le="1024.0") == 6
    assert value("gen_ai_client_token_usage_bucket", **genai, le="256.0") == 0


def test_so_many_models_have_series_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metering, "_names", Names(2))
    rows = [ModelUsage(position=str(n), provider="p", model=f"flood-{n}", output_tokens=1) for n in range(9)]
    for _ in range(2):
        count(report(*rows))
    series = {
        n
        for n in range(9)
        if value("ringmaster_tokens_total", provider="p", model=f"flood-{n}", kind="output")
    }
    assert series == {0, 1}
    assert value("ringmaster_tokens_total", provider=OTHER, model=OTHER, kind="output") == 14


def test_a_row_of_countless_requests_holds_nobody_up() -> None:
    row = ModelUsage(position="1", model="countless", output_tokens=10**12, requests=10**12)
    count(report(row))
    assert value("ringmaster_tokens_total", provider="", model="countless", kind="output") == 10**12
