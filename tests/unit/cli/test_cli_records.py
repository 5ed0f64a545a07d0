"""What an iteration leaves for people reaches the operator: after the report, whole, and without secrets."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from support.desk import Desk
from support.station import Station, scenario, steps

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}
SECRET = "correct-horse-battery-7"  # known by its variable's name alone
TOKEN = "ghp_" + "a1B2" * 9


def kept(station: Station[Desk]) -> list[dict[str, Any]]:
    """Records by kind, report by report."""
    return [station.desk.records[report_id] for report_id in station.desk.reports]


def on_disk(station: Station[Desk]) -> list[str]:
    return sorted(path.name for path in (station.state / "records").glob("*"))


def test_prompt_transcript_and_diff_are_kept_as_they_were(station: Station[Desk]) -> None:
    run = steps({"say": "I begin"}, WRITE, {"run": "echo seen; exit 3"}, {"done": "made it"})
    station.add(description=scenario(run), acceptance={"verify": ["grep -q yes made.txt"]})
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,), (records,) = station.desk.reports.values(), kept(station)
    assert list(records) == ["prompt", "transcript", "diff"]

    prompt = records["prompt"]
    text = "".join(segment["text"] for segment in prompt["segments"])
    assert report.prompt is not None
    assert hashlib.sha256(text.encode()).hexdigest() == prompt["digest"] == report.prompt.digest
    named = {segment["name"] for segment in prompt["segments"] if segment["name"]}
    assert {"bead", "acceptance", "finish"} <= named <= {part["name"] for part in prompt["parts"]}

    events = [(event["kind"], event["tool"], event["text"]) for event in records["transcript"]["events"]]
    assert ("text", "", "I begin") in events
    assert ("tool", "Bash", "echo seen; exit 3") in events
    [said] = [text for kind, _, text in events if kind == "error"]
    assert "seen" in said
    assert all(event["at"] for event in records["transcript"]["events"])

    diff = records["diff"]
    assert diff["commit"] == report.commit
    assert diff["files"] == [{"path": "made.txt", "status": "A", "added": 1, "removed": 0, "binary": False}]
    assert "+yes\n" in diff["patch"]
    assert on_disk(station) == []


def test_each_iteration_has_its_own(station: Station[Desk]) -> None:
    station.add(
        description=scenario(
            steps({"write": {"path": "made.txt", "text": "no\n"}}, {"done": "it is"}, iteration=1),
            steps(WRITE, {"done": "now it is"}, iteration=2),
        ),
        acceptance={"verify": ["grep -q yes made.txt"]},
    )
    assert station.run("worker", "run", "--once").returncode == 0
    first, second = kept(station)
    assert "+no\n" in first["diff"]["patch"]
    assert "+yes\n" in second["diff"]["patch"]
    assert first["prompt"]["digest"] != second["prompt"]["digest"]
    assert "exits 1" in json.dumps(second["prompt"])


def test_secrets_are_taken_out_before_they_are_sent(station: Station[Desk]) -> None:
    station.extra["DEPLOY_PASSWORD"] = SECRET
    leak = {"write": {"path": "notes.txt", "text": f"use {SECRET} or {TOKEN}\n"}}
    run = steps({"run": "env"}, {"say": f"it is {SECRET}"}, leak, {"done": f"with {TOKEN}"})
    file = station.folder / "leak.json"
    file.write_text(json.dumps({"runs": [run]}))
    station.extra["RINGMASTER_SCENARIO"] = str(file)
    station.add(description=f"The token is {TOKEN}.")
    assert station.run("worker", "run", "--once").returncode == 0
    (records,) = kept(station)
    said = json.dumps(records)
    assert SECRET not in said
    assert TOKEN not in said
    assert said.count("[redacted]") >= 5
    assert "use [redacted] or [redacted]" in records["diff"]["patch"]


def test_an_operator_that_is_away_gets_them_later(station: Station[Desk]) -> None:
    station.desk.fault = lambda method, path: (
        (503, {"detail": "later"}) if path.endswith("/records") else None
    )
    station.add(description=scenario(steps(WRITE, {"done": "made it"})))
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "records of bead fix-it are sent later" in done.stdout
    (report_id,) = station.desk.reports
    assert on_disk(station) == [f"{report_id}.json"]
    station.desk.fault = lambda method, path: None
    station.add("next-one", description=scenario(steps(WRITE, {"done": "made it"})))
    assert station.run("worker", "run", "--once").returncode == 0
    assert [sorted(records) for records in kept(station)] == [["diff", "prompt", "transcript"]] * 2
    assert on_disk(station) == []


def test_an_operator_that_knows_no_records_gets_reports_as_before(station: Station[Desk]) -> None:
    missing = (404, {"code": "not_found", "title": "no", "detail": "no such path"})
    station.desk.fault = lambda method, path: missing if path.endswith("/records") else None
    station.add(description=scenario(steps(WRITE, {"done": "made it"})))
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(station.desk.reports) == 1
    assert on_disk(station) == []


def test_an_agent_cannot_slip_in_records_of_another_bead(station: Station[Desk]) -> None:
    station.desk.fault = lambda method, path: (
        (503, {"detail": "later"}) if path.endswith("/records") else None
    )
    station.add("first", description=scenario(steps(WRITE, {"done": "made it"})))
    assert station.run("worker", "run", "--once").returncode == 0
    folder = station.state / "records"
    spoil = f"cd {folder} && for f in *; do sed -i s/prompt/diff/ $f; cp $f other.json; done"
    station.add("second", description=scenario(steps({"run": spoil}, WRITE, {"done": "made it"})))
    done = station.run("worker", "run", "--once")
    assert "were changed while the agent ran, and are put back" in done.stdout
    station.desk.fault = lambda method, path: None
    assert station.run("worker", "run", "--once").returncode == 3
    assert [sorted(records) for records in kept(station)] == [["diff", "prompt", "transcript"]] * 2


def test_a_file_that_is_none_of_ours_holds_nothing_up(station: Station[Desk]) -> None:
    (station.state / "records").mkdir(parents=True)
    for number, content in enumerate(["[]", "not json", '{"claimId": 3}']):
        (station.state / "records" / f"{number}.json").write_text(content)
    station.add(description=scenario(steps(WRITE, {"done": "made it"})))
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert on_disk(station) == []
