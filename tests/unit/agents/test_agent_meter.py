"""What a run has used while it goes on: whose price counts."""

from __future__ import annotations

from ringmaster_cli.agents.facts import Facts
from ringmaster_cli.agents.meter import Meter
from ringmaster_cli.cost import Spent, price
from ringmaster_operator.resources.rates import Price
from support.agents import WHEN

SONNET = Spent(position="1", provider="anthropic", model="claude-sonnet-4-5", input=1000, output=100)
OURS = Spent(position="2", model="of-ours-7b", input=1_000_000, output=500_000)
PRICES = [Price(model="of-ours*", input=2.0, output=4.0)]


def facts(*rows: Spent, reported: float | None = None) -> Facts:
    return Facts(spent={row.position: row for row in rows}, reported_usd=reported)


def test_the_projects_own_price_counts_while_the_agent_runs() -> None:
    listed = price(SONNET, at=WHEN)
    assert listed
    meter = Meter(at=WHEN, prices=PRICES)
    tokens, usd = meter.read(facts(SONNET, OURS))
    assert (tokens, usd) == (1_501_100, 4.0 + listed)
    assert Meter(at=WHEN).read(facts(OURS)) == (1_500_000, None)


def test_the_own_price_comes_before_the_list_and_before_what_the_agent_says() -> None:
    cheap = [Price(model="*", input=1.0, output=1.0, request=0.5)]
    said = Spent(position="1", model=SONNET.model, input=1_000_000, reported_usd=9.0)
    assert Meter(at=WHEN, prices=cheap).read(facts(said, reported=9.0)) == (1_000_000, 1.5)
    nobodys = Spent(position="3", model="nobodys", input=10)
    assert Meter(at=WHEN, prices=PRICES).read(facts(OURS, nobodys, reported=9.0))[1] == 9.0


def test_a_request_that_grows_is_priced_again_and_one_that_failed_costs_nothing() -> None:
    meter = Meter(at=WHEN, prices=[Price(model="m", input=1.0, output=0.0, request=0.25)])
    first = Spent(position="1", model="m", input=1_000_000)
    assert meter.read(facts(first))[1] == 1.25
    grown = Spent(position="1", model="m", input=3_000_000)
    failed = Spent(position="2", model="m")
    assert meter.read(facts(grown, failed))[1] == 3.25
