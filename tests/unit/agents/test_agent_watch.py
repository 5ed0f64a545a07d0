"""Progress, not presence."""

from __future__ import annotations

from ringmaster_cli.agents.facts import MORE, Facts
from ringmaster_cli.agents.watch import Watch
from ringmaster_cli.cost import Spent


def test_silence_is_a_stall_and_then_a_timeout() -> None:
    watch, facts = Watch(timeout=100, stall=10, start=1000), Facts()
    assert watch.verdict(facts, now=1009.9) is None
    assert watch.verdict(facts, now=1010) == "stalled"
    assert watch.verdict(facts, now=1100) == "timeout"


def test_progress_puts_the_stall_off() -> None:
    watch, facts = Watch(timeout=100, stall=10, start=0), Facts()
    facts.turn()
    assert watch.saw(facts, now=9)
    assert watch.verdict(facts, now=18) is None
    assert watch.verdict(facts, now=19) == "stalled"


def test_the_same_error_again_is_no_progress() -> None:
    watch, facts = Watch(timeout=100, stall=10, start=0), Facts()
    for now in range(1, 10):
        facts.fail("overloaded", None)
        assert not watch.saw(facts, now=now)
    assert watch.verdict(facts, now=10) == "stalled"


def test_an_open_tool_call_is_bounded_by_the_timeout_alone() -> None:
    watch, facts = Watch(timeout=100, stall=10, start=0), Facts()
    assert facts.begin_tool("t1", "Bash")
    watch.saw(facts, now=1)
    assert watch.verdict(facts, now=99) is None
    assert watch.verdict(facts, now=100) == "timeout"
    facts.end_tool("t1")
    watch.saw(facts, now=50)
    assert watch.verdict(facts, now=59) is None
    assert watch.verdict(facts, now=60) == "stalled"


def test_the_same_usage_again_is_no_progress() -> None:
    watch, facts = Watch(timeout=100, stall=10, start=0), Facts()
    facts.spend(Spent(position="1", output=5))
    assert watch.saw(facts, now=1)
    facts.spend(Spent(position="1", output=5))
    assert not watch.saw(facts, now=2)
    facts.spend(Spent(position="1", output=6))
    assert watch.saw(facts, now=3)


def test_very_many_requests_are_summed_up_not_lost() -> None:
    facts = Facts()
    for number in range(5_100):
        for output in (1, 3):
            facts.spend(Spent(position=str(number), input=2, output=output))
    assert len(facts.spent) == 5_000
    assert facts.spent[MORE].requests == 101
    assert sum(row.output for row in facts.spent.values()) == facts.output_tokens == 3 * 5_100
    assert sum(row.requests for row in facts.spent.values()) == 5_100
