"""The report on lessons as a table."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]
ARMS = (("withLessons", "with lessons"), ("heldOut", "held out"), ("nothingFitted", "nothing fitted"))
HEAD = ("", "ATTEMPTS", "SUCCEEDED", "RATE (95 %)", "ITERATIONS (95 %)", "DOLLARS (95 %)")


def shown(report: Body) -> str:
    """A row for each group of attempts, and in words what the difference is worth."""
    rows = [HEAD, *(_row(name, report[key]) for key, name in ARMS)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.append(_verdict(report))
    lines.append(f"{report['lessons']} lessons are active, {report['retired']} retired.")
    return "\n".join(lines)


def _row(name: str, arm: Body) -> tuple[str, ...]:
    rate, rounds, usd = (arm.get(key) for key in ("successRate", "iterations", "usd"))
    return (
        name,
        str(arm["attempts"]),
        str(arm["succeeded"]),
        f"{rate['value']:.0%} ({rate['low']:.0%} to {rate['high']:.0%})" if rate else "-",
        f"{rounds['value']:.2f} ({rounds['low']:.2f} to {rounds['high']:.2f})" if rounds else "-",
        f"{usd['value']:.4f} ({usd['low']:.4f} to {usd['high']:.4f})" if usd else "-",
    )


def _verdict(report: Body) -> str:
    gain = report.get("gain")
    if gain is None:
        return "No difference can be told: there are no attempts of one of the first two kinds yet."
    points = [f"{100 * gain[key]:+.0f}" for key in ("value", "low", "high")]
    sure = gain["low"] > 0 or gain["high"] < 0
    words = "" if sure else "; it may be chance"
    return f"Lessons change the success rate by {points[0]} points ({points[1]} to {points[2]}){words}."
