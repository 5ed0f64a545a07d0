"""People and a running agent: its questions, their answers and words, the allowance that it works within."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.desk import Desk
from support.loops import WRITE, said, started, until, working
from support.station import Station, scenario, steps

NOTE = {"id": "n1", "text": "Tabs, not café spaces."}
"""The scenario itself is in the prompt, but with its letters escaped: only the note matches."""
MATCH = "café"


def hanging(station: Station[Desk], *first: dict[str, Any]) -> dict[str, Any]:
    """A run that shows when it is at work, and is silent then without an open tool call."""
    return steps(*first, {"run": f"touch {station.folder}/working"}, {"hang": 60}, {"done": "late"})


def test_a_note_reaches_the_agent_at_its_next_turn(station: Station[Desk]) -> None:
    told = steps({"write": {"path": "tabs.txt", "text": "\t"}}, {"done": "with tabs"}, match=MATCH)
    station.add(description=scenario(told, hanging(station, WRITE)))
    with started(station, "worker", "run", "--once") as process:
        until(lambda: working(station))
        station.desk.steering.append(NOTE)
        text = said(process)
    assert "telling the agent what a person has to say" in text
    [report] = station.desk.reports.values()
    assert (report.outcome.kind, report.steered) == ("success", ["n1"])
    assert station.branch_file("fix-it", "made.txt") == "yes\n"
    assert station.branch_file("fix-it", "tabs.txt") == "\t"
    assert any(beat.steered == ["n1"] for beat in station.desk.heartbeats)
    runs = {row.position.split("_")[1] for row in report.usage.requests if row.position.startswith("msg_")}
    assert len(runs) == 2, "what both runs used is counted"


def test_a_note_that_was_there_before_is_in_the_first_prompt(station: Station[Desk]) -> None:
    told = steps(WRITE, {"done": "with tabs"}, match=MATCH)
    station.add(description=scenario(told, steps({"failed": "nobody told me"})), steering=[NOTE])
    done = station.run("worker", "run", "--once")
    assert "telling the agent" not in done.stdout
    [report] = station.desk.reports.values()
    assert (report.outcome.kind, report.steered) == ("success", ["n1"])


def test_an_agent_asks_and_its_run_ends_with_the_question(station: Station[Desk]) -> None:
    command = (
        "ringmaster ask 'Which queue?' --option 'a=old' --option b --recommend b --deadline 4h --default b"
    )
    station.add(description=scenario(steps(WRITE, {"run": command, "must": True}, {"done": "asked"})))
    station.run("worker", "run", "--once")
    [report] = station.desk.reports.values()
    assert report.outcome.kind == "needs_decision"
    question = report.question
    assert question is not None
    assert (question.question, question.fallback) == ("Which queue?", ("b", 14400))
    assert [(item.name, item.consequence) for item in question.options] == [("a", "old"), ("b", "")]


def test_an_answer_that_comes_in_time_reaches_the_agent(station: Station[Desk]) -> None:
    station.desk.answer = "the blue one"
    command = "ringmaster ask 'Which?' --wait 30s > answer.txt"
    station.add(description=scenario(steps({"run": command, "must": True}, {"done": "as told"})))
    station.run("worker", "run", "--once")
    [report] = station.desk.reports.values()
    assert (report.outcome.kind, report.question) == ("success", None)
    assert station.branch_file("fix-it", "answer.txt") == "the blue one\n"
    assert len(station.desk.questions) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Which?", "--deadline", "4h"), "--deadline and --default go together"),
        (("Which?", "--deadline", "soon", "--default", "a"), "'soon' is not a duration"),
        (("Which?", "--option", "a", "--deadline", "1h", "--default", "b"), "--default must be one of"),
        (("",), "the question cannot be asked so"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    station: Station[Desk], arguments: tuple[str, ...], says: str
) -> None:
    done = station.run("ask", *arguments)
    assert done.returncode == 2
    assert says in done.stderr


def test_more_is_asked_for_before_the_allowance_is_used_up(station: Station[Desk]) -> None:
    """Heartbeats are 20 s apart here: one that comes in between was made for the allowance."""
    station.desk.lease_seconds = 60
    station.desk.allowance = {"tokens": 10_000}
    spend = {"tokens": {"input": 4000, "cached": 0, "output": 500}}
    station.add(description=scenario(hanging(station, WRITE, spend, {"say": "one"}, {"say": "two"})))
    with started(station, "worker", "run", "--once") as process:
        until(lambda: any(beat.progress.tokens >= 8_000 for beat in station.desk.heartbeats))
        station.desk.order = ("release", "the project has spent $5.00 of $5.00 today")
        beat = next(beat for beat in station.desk.heartbeats if beat.progress.tokens >= 8_000)
        assert beat.progress.usd is not None
        text = said(process)
    assert "the project has spent $5.00 of $5.00 today" in text
    [report] = station.desk.reports.values()
    assert report.outcome.kind == "incomplete"
    assert station.branch_file("fix-it", "made.txt") == "yes\n"


def test_a_limit_of_dollars_ends_the_agent_while_it_works(station: Station[Desk]) -> None:
    spend = {"tokens": {"input": 400_000, "cached": 0, "output": 500}}
    station.add(description=scenario(hanging(station, WRITE, spend, {"say": "dear"})), costUsd=0.5)
    station.run("worker", "run", "--once")
    [report] = station.desk.reports.values()
    assert (report.outcome.kind, report.outcome.reason) == ("failed", "Budget")
    assert "$0.50 is exceeded" in report.outcome.summary


def test_dollars_of_a_model_that_only_the_project_prices_are_counted_meanwhile(
    station: Station[Desk],
) -> None:
    station.desk.prices = [{"model": "of-ours*", "input": 2.0, "output": 0.0}]
    spend = {"tokens": {"input": 400_000, "cached": 0, "output": 500}}
    play = {"model": "of-ours-7b", "runs": [hanging(station, WRITE, spend, {"say": "dear"})]}
    station.add(description=f"```scenario\n{json.dumps(play)}\n```\n", costUsd=0.5)
    station.run("worker", "run", "--once")
    [report] = station.desk.reports.values()
    assert (report.outcome.kind, report.outcome.reason) == ("failed", "Budget")
    assert "$0.50 is exceeded" in report.outcome.summary


def test_the_next_iteration_goes_on_with_the_conversation(station: Station[Desk]) -> None:
    first = steps(WRITE, {"incomplete": "the rest"}, iteration=1)
    second = steps({"write": {"path": "more.txt", "text": "x"}}, {"done": "all"}, iteration=2)
    station.add(
        description=scenario(first, second), parent={"name": "p", "title": "Parent", "description": "x"}
    )
    done = station.run("worker", "run", "--once")
    assert "going on with conversation" in done.stdout
    assert [report.outcome.kind for report in station.desk.reports.values()] == ["incomplete", "success"]
    prompt = (station.state / "prompt.md").read_text()
    assert "# Your task" in prompt
    assert "# What it belongs to" not in prompt, "that it knows already"


def test_a_conversation_that_is_gone_begins_anew(station: Station[Desk]) -> None:
    first = steps(WRITE, {"incomplete": "the rest"}, iteration=1)
    gone = f"test -e {station.folder}/gone"
    rest = steps({"write": {"path": "more.txt", "text": "x"}}, {"done": "all"}, iteration=2)
    station.add(description=scenario(first, rest))
    wrapper = station.folder / "agent"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *--resume*) {gone} || {{ touch {station.folder}/gone; '
        f'echo "No conversation found" >&2; exit 1; }};; esac\nexec {station.desk.agent["command"][0]} "$@"\n'
    )
    wrapper.chmod(0o755)
    station.desk.agent = {**station.desk.agent, "command": [str(wrapper)]}
    done = station.run("worker", "run", "--once")
    assert "that conversation is gone" in done.stdout
    assert [report.outcome.kind for report in station.desk.reports.values()] == ["incomplete", "success"]
