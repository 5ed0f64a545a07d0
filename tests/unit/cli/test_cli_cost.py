"""`ringmaster cost` as it looks: table, bars, colours, notes, CSV; days as people write them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringmaster_cli.exits import UsageError
from ringmaster_cli.people import cost_show
from ringmaster_cli.people.days import first_day, last_day


def group(key: str, usd: float, **more: Any) -> dict[str, Any]:
    figures = {"inputTokens": 1000, "outputTokens": 10, "requests": 2, "attempts": 1}
    return {"keys": [key], "usd": usd, **figures, **more}


def report(*items: dict[str, Any], **total: Any) -> dict[str, Any]:
    return {"by": ["model"], "items": list(items), "total": group("", 15.0, **total)}


def test_the_longest_bar_is_the_dearest_group_and_nothing_reaches_the_terminal_raw(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    cost_show.chart(report(group("opus", 10.0), group("evil \x1b[31m\x07", 5.0), group("", 0.0)), limit=30)
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert [line.split()[0] for line in lines] == ["MODEL", "opus", "evil", "(none)", "TOTAL"]
    assert [line.count("█") for line in lines] == [0, 24, 12, 0, 0]
    assert "\x1b" not in told.out
    assert "\x07" not in told.out
    assert told.err == ""


def test_bars_are_coloured_where_colours_are_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    cost_show.chart(report(group("opus", 10.0)), limit=30)
    assert "\x1b[32m" in capsys.readouterr().out


def test_what_is_to_be_known_of_the_figures_is_said_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    apart = {"differs": True, "agentUsd": 12.0, "comparedUsd": 10.0}
    cost_show.chart(report(group("a", 10.0), group("b", 5.0), unpricedRequests=1200, **apart), limit=1)
    told = capsys.readouterr()
    assert "b" not in [line.split()[0] for line in told.out.splitlines()]
    assert "1 more group: --limit 2 shows all" in told.err
    assert "1,200 requests have no price: ringmaster cost prices" in told.err
    assert "the same work is $12.00, not $10.00: more than 5 % apart" in told.err
    cost_show.chart(report(group("a", 10.0, differs=True)), limit=1)
    assert "more than 5 % apart for a" in capsys.readouterr().err


def test_csv_has_every_figure_and_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    cost_show.as_csv(report(group("=1+1", 0.125, differs=False), group('with "quotes", and more', 2.0)))
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(line["model"], float(line["usd"])) for line in lines] == [
        ("'=1+1", 0.125),
        ('with "quotes", and more', 2.0),
    ]
    assert lines[0]["differs"] == "false"
    assert lines[0]["inputTokens"] == "1000"


def test_prices_and_what_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    own = {"model": "mine", "input": 0.25, "output": 1.0}
    gap: dict[str, Any] = {
        "model": "new",
        "provider": "",
        "first": "2026-11-01T00:00:00Z",
        "last": "2026-11-02T00:00:00Z",
    }
    gap |= {"requests": 5, "inputTokens": 5000, "outputTokens": 7}
    cost_show.prices({"table": "a list 1", "own": [own], "gaps": [gap]})
    text = capsys.readouterr().out
    assert "mine   any       ever    0.25  as input  as input       1        0" in text
    assert "2026-11-01  2026-11-02" in text
    cost_show.gaps([])
    assert capsys.readouterr().out == "every request has a price\n"


def test_days_as_people_write_them() -> None:
    today = datetime.now(UTC).date()
    assert first_day("7d") in {(today - timedelta(days=n)).isoformat() for n in (6, 7)}  # past midnight
    assert first_day("2w") in {(today - timedelta(days=n)).isoformat() for n in (13, 14)}
    assert first_day("2026-01-31") == last_day("2026-01-31") == "2026-01-31"
    assert (first_day("month") or "").endswith("-01")
    assert first_day("ever") is None
    assert last_day(None) is None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "7", "d", "-1d", "99999w", "7D"])
def test_other_days_are_refused_with_what_a_day_is(text: str) -> None:
    with pytest.raises(UsageError, match=r"a day is 2026-01-31, 7d, 4w or today, or month or ever"):
        first_day(text)


@pytest.mark.parametrize("text", ["ever", "month"])
def test_a_range_does_not_end_with_a_word_for_its_beginning(text: str) -> None:
    with pytest.raises(UsageError, match="a day is"):
        last_day(text)
