"""The project's own prices: which counts, and what it comes to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringmaster_operator.resources.prices import in_force, own_price, price_for, priced
from ringmaster_operator.resources.project import Project
from ringmaster_operator.resources.protocol import ModelUsage, Usage
from ringmaster_operator.resources.rates import Price

DAY = date(2026, 11, 24)
TOML = """
[[prices]]
model = "mine-*"
input = 1.0
output = 4.0
[[prices]]
model = "mine-7b"
since = 2026-11-01
input = 2.0
cachedInput = 0.5
cacheWrite = 3.0
cacheWriteHour = 5.0
output = 8.0
reasoning = 6.0
request = 0.01
[[prices]]
model = "mine-7b"
since = 2026-11-24
input = 20.0
output = 80.0
[[prices]]
model = "mine-7b"
provider = "dear"
input = 100.0
output = 100.0
[infrastructure]
podUsdPerHour = 0.25
"""
LIST = Project.from_toml(TOML).prices


def row(model: str, **more: Any) -> ModelUsage:
    return ModelUsage(position="1", model=model, **more)


@pytest.mark.parametrize(
    ("model", "provider", "day", "chosen"),
    [
        ("mine-70b", "", DAY, 1.0),
        ("mine-7b", "", date(2026, 10, 31), 1.0),
        ("mine-7b", "", date(2026, 11, 23), 2.0),
        ("mine-7b", "", DAY, 20.0),
        ("mine-7b", "dear", DAY, 100.0),
        ("Mine-7b", "", DAY, None),
        ("other", "", DAY, None),
        ("", "", DAY, None),
    ],
)
def test_the_name_that_says_most_counts_and_of_these_the_latest(
    model: str, provider: str, day: date, chosen: float | None
) -> None:
    found = price_for(LIST, row(model, provider=provider), day)
    assert (found.input if found else None) == chosen


def test_each_token_counts_once() -> None:
    used = row(
        "mine-7b",
        input_tokens=1000,
        cache_read_tokens=600,
        cache_write_tokens=300,
        cache_write_hour_tokens=100,
        output_tokens=50,
        reasoning_tokens=20,
        requests=2,
    )
    expected = (100 * 2 + 600 * 0.5 + 200 * 3 + 100 * 5 + 30 * 8 + 20 * 6) / 1e6 + 2 * 0.01
    assert own_price(LIST[1], used) == pytest.approx(expected)


def test_what_is_not_said_costs_as_its_kind_does() -> None:
    used = row("m", input_tokens=1000, cache_read_tokens=600, cache_write_tokens=300, output_tokens=50)
    assert own_price(LIST[0], used) == pytest.approx((1000 * 1 + 50 * 4) / 1e6)


def test_contradicting_figures_are_evened_out() -> None:
    used = row("m", input_tokens=10, cache_read_tokens=4000, cache_write_tokens=500, reasoning_tokens=9)
    assert own_price(LIST[1], used) == pytest.approx(10 * 0.5 / 1e6 + 0.01)


def test_only_listed_models_get_the_projects_price() -> None:
    usage = Usage(requests=[row("mine-1", input_tokens=500_000), row("other", computed_usd=7.0)])
    found = priced(usage, LIST, datetime(2026, 11, 24, tzinfo=UTC))
    assert [(item.computed_usd, item.price_version) for item in found.requests] == [
        (0.5, "project"),
        (7.0, ""),
    ]
    assert priced(usage, [], datetime(2026, 11, 24, tzinfo=UTC)) is usage


@pytest.mark.parametrize("name", ["a[b", "a?b", "a*b"])
def test_only_a_star_is_special(name: str) -> None:
    price = Price(model=name, input=1, output=1)
    assert price_for([price], row(name), DAY) is price
    assert (price_for([price], row("axb"), DAY) is price) == ("*" in name)


def test_a_wrong_list_is_refused() -> None:
    for text in ('model = ""\ninput = 1\noutput = 1', 'model = "m"\ninput = -1\noutput = 1', 'model = "m"'):
        with pytest.raises(ValueError, match="prices"):
            Project.from_toml(f"[[prices]]\n{text}")


names = st.sampled_from(["m", "m*", "*m", "mm*"])
days = st.none() | st.dates(date(2026, 11, 22), date(2026, 11, 26))
providers = st.sampled_from(["", "p"])
own = st.builds(Price, model=names, provider=providers, since=days, input=st.just(1), output=st.just(1))


@given(st.lists(own, max_size=12), st.sampled_from(["m", "mm", "am"]), providers)
def test_what_is_in_force_prices_as_the_whole_list_does(
    prices: list[Price], model: str, provider: str
) -> None:
    sent = in_force(prices, DAY)
    used = row(model, provider=provider)
    assert price_for(sent, used, DAY) is price_for(prices, used, DAY)
    assert len({(price.provider, price.model) for price in sent}) == len(sent)
