"""Money: each request by itself, nothing unknown as 0."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from ringmaster_cli.agents.readers.base import dollars
from ringmaster_cli.cost import Spent, price, price_usage
from ringmaster_cli.loop.report import merge
from ringmaster_operator.resources.protocol import MAX_USD
from support.agents import WHEN

SONNET = "claude-sonnet-4-5"


def cost(**row: object) -> float | None:
    return price(Spent(position="1", **row), at=WHEN)  # type: ignore[arg-type]


def test_cache_tokens_are_part_of_the_input() -> None:
    found = cost(model=SONNET, provider="anthropic", input=4600, cache_read=4000, cache_write=500, output=80)
    assert found == pytest.approx((100 * 3 + 500 * 3.75 + 4000 * 0.3 + 80 * 15) / 1e6)


def test_writes_kept_for_an_hour_cost_more() -> None:
    short = cost(model=SONNET, input=50_000, cache_write=50_000)
    long = cost(model=SONNET, input=50_000, cache_write=50_000, cache_write_1h=50_000)
    assert short == pytest.approx(50_000 * 3.75 / 1e6)
    assert long == pytest.approx(50_000 * 6 / 1e6)


def test_tiers_count_by_request() -> None:
    """Ten requests of 100k tokens are ten small ones, however they are told."""
    ten = [Spent(position=str(n), model=SONNET, input=100_000, output=1_000) for n in range(10)]
    usage = price_usage(ten, reported_usd=None, at=WHEN)
    each = sum(row.computed_usd or math.nan for row in usage.requests)
    summed = cost(model=SONNET, input=1_000_000, output=10_000, requests=10)
    as_one = cost(model=SONNET, input=1_000_000, output=10_000)
    assert each == pytest.approx(3.15)
    assert summed == pytest.approx(3.15)
    assert as_one is not None
    assert as_one > 6


@pytest.mark.parametrize("model", ["no-such-model-9", "", "local/llama-of-mine-7b-x"])
def test_an_unknown_price_is_none_not_zero(model: str) -> None:
    assert cost(model=model, input=1_000, output=1_000) is None
    usage = price_usage([Spent(position="1", model=model, input=10, output=1)], reported_usd=0.5, at=WHEN)
    assert [(row.model, row.computed_usd) for row in usage.requests] == [(model, None)]
    assert usage.reported_usd == 0.5


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("claude-sonnet-4-5-20250929", "anthropic"),
        ("anthropic/claude-sonnet-4-5", ""),
        ("claude-sonnet-4-5", "a-gateway-of-mine"),
        ("gpt-5.1-codex", "openai"),
        ("gemini-2.5-pro", "google"),
    ],
)
def test_models_are_found_by_any_of_their_names(model: str, provider: str) -> None:
    found = cost(model=model, provider=provider, input=1_000, output=1_000)
    assert found is not None
    assert found > 0


def test_contradicting_figures_are_evened_out() -> None:
    assert cost(model=SONNET, input=10, cache_read=4000, cache_write=500, output=1) is not None


def test_requests_that_never_reached_the_model_are_no_rows() -> None:
    usage = price_usage([Spent(position="1", model=SONNET)], reported_usd=0.0, at=WHEN)
    assert (usage.requests, usage.reported_usd, usage.price_version) == ([], 0.0, "")


def test_the_price_table_is_named() -> None:
    usage = price_usage([Spent(position="1", model=SONNET, input=1)], reported_usd=None, at=WHEN)
    assert usage.price_version.startswith("genai-prices ")


def test_the_table_is_loaded_only_when_there_is_something_to_price() -> None:
    program = (
        "import sys, ringmaster_cli.agents.run, ringmaster_cli.outcome; "
        "sys.exit('genai_prices' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_sums_beyond_any_sense_are_cut_to_what_a_report_takes() -> None:
    rows = [Spent(position=str(n), model="mine", input=1, reported_usd=9e5) for n in range(3)]
    first = price_usage([*rows, rows[0].plus(rows[1]).named("4")], reported_usd=1e300, at=WHEN)
    assert (first.reported_usd, first.requests[3].reported_usd) == (MAX_USD, MAX_USD)
    [merged] = merge(first.requests)
    assert merged.reported_usd == MAX_USD
    assert dollars(MAX_USD * 2) is None, "no amount: what it really cost is not known"
