"""The loop with everything real but the operator and the model."""

from __future__ import annotations

from support.station import Station, git, scenario, steps

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}


def test_a_bead_from_pull_to_report(station: Station) -> None:
    verify = {"verify": ["grep -q yes made.txt"]}
    station.add(description=scenario(steps(WRITE, {"done": "made it"})), acceptance=verify)
    station.desk.stop_when_empty = True
    done = station.run("worker", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = station.desk.reports.values()
    assert report.outcome.kind == "success"
    assert report.pushed
    assert report.branch == "ringmaster/fix-it"
    assert report.changed_files == 1
    assert report.commit == git(station.origin, "rev-parse", "ringmaster/fix-it").strip()
    assert station.branch_file("fix-it", "made.txt") == "yes\n"
    assert sum(row.output_tokens for row in report.usage.requests) > 0
    assert [check.exit_code for check in report.verify] == [0]
    assert "bead fix-it (P2; attempt 1 of 3, iteration 1): Do fix-it" in done.stdout
    assert "told to stop" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
