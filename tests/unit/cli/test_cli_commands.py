"""The step commands as scripts see them: exit codes, JSON, messages; and that they start fast."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ringmaster_cli.exits import MEANINGS, Exit
from support.desk import Desk, bead
from support.station import ROOT, Station, one_line, scenario, steps

WRITE = {"write": {"path": "made.txt", "text": "yes\n"}}
VERIFY = {"verify": ["grep -q yes made.txt"]}
HEAVY = (
    "kubernetes",
    "sqlmodel",
    "sqlalchemy",
    "fastapi",
    "rich",
    "httpx2",
    "psutil",
    "genai_prices",
    "kopf",
)


def test_the_exit_codes_are_these() -> None:
    assert {code.name: code.value for code in Exit} == {
        "OK": 0,
        "INTERNAL": 1,
        "USAGE": 2,
        "NOTHING": 3,
        "REFUSED": 4,
        "LOST": 5,
        "UNREACHABLE": 6,
        "STOP": 7,
        "WORK_FAILED": 8,
        "FAULTS": 9,
    }
    assert set(MEANINGS) == set(Exit)


def test_step_by_step_as_json(station: Station[Desk]) -> None:
    station.add(description=scenario(steps(WRITE, {"done": "made it"})), acceptance=VERIFY)
    pulled = station.run("pull-bead", "--json")
    assert pulled.returncode == 0, pulled.stderr
    claimed = json.loads(pulled.stdout)["claimed"]
    assert (claimed["bead"]["name"], claimed["fence"], claimed["iteration"]) == ("fix-it", 1, 1)
    again = station.run("pull-bead", "--json")
    assert json.loads(again.stdout) == {"claimed": claimed}

    built = station.run("build-prompt", "-o", "prompt.md", "--json", "--explain")
    assert built.returncode == 0, built.stderr
    prompt = json.loads(built.stdout)
    assert set(prompt) == {"bead", "file", "tokens", "budgetTokens", "digest", "parts", "notes"}
    assert "Do fix-it" in (station.folder / "prompt.md").read_text()
    assert str(prompt["tokens"]) in built.stderr

    beat = station.run("heartbeat", "--json")
    assert json.loads(beat.stdout) == {
        "bead": "fix-it",
        "order": "continue",
        "reason": "",
        "leaseSeconds": 3.0,
        "steering": [],
    }

    ran = station.run("run-agent", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outcome"]["kind"] == "success"
    assert station.desk.reports == {}

    told = station.run("report-result", "--json")
    (report,) = station.desk.reports.values()
    assert report.prompt is not None
    assert (report.prompt.digest, report.prompt.tokens) == (prompt["digest"], prompt["tokens"])
    assert json.loads(told.stdout) == {"bead": "fix-it", "next": "done", "reason": "", "iteration": 1}
    assert station.branch_file("fix-it", "made.txt") == "yes\n"

    rest = station.run("report-result")
    assert (rest.returncode, one_line(rest.stderr)) == (3, "ringmaster: nothing to report: no bead is held\n")


@pytest.mark.parametrize("command", ["build-prompt", "run-agent", "heartbeat", "release"])
def test_without_a_bead_there_is_nothing_to_do(station: Station[Desk], command: str) -> None:
    done = station.run(command)
    assert (done.returncode, one_line(done.stderr)) == (
        3,
        "ringmaster: no bead is held: run pull-bead first\n",
    )


def test_verdicts_of_a_pull(station: Station[Desk]) -> None:
    nothing = station.run("pull-bead", "--json")
    assert nothing.returncode == Exit.NOTHING
    assert json.loads(nothing.stdout) == {"none": {"verdict": "nothing", "reason": "no bead is ready"}}
    station.desk.stop_when_empty = True
    stop = station.run("pull-bead")
    assert (stop.returncode, stop.stdout) == (Exit.STOP, "told to stop: no bead is ready\n")


def test_a_named_bead_and_no_other(station: Station[Desk]) -> None:
    station.add("first")
    station.add("second")
    assert "bead second" in station.run("pull-bead", "--bead", "second").stdout
    assert station.run("release", "--reason", "wrong one").returncode == 0
    assert station.desk.released == [("second", "wrong one")]


def test_a_repeated_pull_after_a_lost_answer_is_the_same_claim(station: Station[Desk]) -> None:
    station.add("first")
    station.add("second")
    lost = iter(["act"])
    station.desk.fault = lambda method, path: next(lost, None)
    assert "bead first" in station.run("pull-bead").stdout
    assert station.desk.fence == 1


def test_a_late_report_is_lost_and_not_repeated(station: Station[Desk]) -> None:
    station.add(description=scenario(steps(WRITE, {"done": "made it"})))
    assert station.run("pull-bead").returncode == 0
    assert station.run("run-agent").returncode == 0
    station.desk.take_away()
    done = station.run("report-result")
    assert done.returncode == Exit.LOST
    assert "was not taken" in done.stderr
    assert len(station.desk.refused) == 1
    assert station.run("report-result").returncode == Exit.NOTHING
    assert len(station.desk.refused) == 1


def test_work_that_cannot_start_waits_to_be_reported(station: Station[Desk]) -> None:
    station.add(repository={"url": "/nowhere/at/all"})
    assert station.run("pull-bead").returncode == 0
    built = station.run("build-prompt", "-o", "p.md")
    assert built.returncode == Exit.WORK_FAILED
    assert "the work cannot start" in built.stderr
    assert "/nowhere/at/all" in built.stderr
    assert station.run("report-result").returncode == 0
    (report,) = station.desk.reports.values()
    assert (report.outcome.kind, report.outcome.reason) == ("failed", "Repository")


def test_a_report_in_a_persons_words(station: Station[Desk]) -> None:
    station.add()
    assert station.run("pull-bead").returncode == 0
    early = station.run("report-result")
    assert early.returncode == Exit.USAGE
    assert "run-agent first, or give --outcome" in one_line(early.stderr)
    usage = station.folder / "usage.json"
    usage.write_text(json.dumps({"requests": [{"position": "m1", "model": "m", "outputTokens": 5}]}))
    spoken = ["--outcome", "failed", "--reason", "AgentError", "--summary", "żółć 🎪"]
    done = station.run("report-result", *spoken, "--commit", "abc123", "--usage", str(usage))
    assert done.returncode == 0, done.stderr
    (report,) = station.desk.reports.values()
    assert (report.outcome.kind, report.outcome.reason) == ("failed", "AgentError")
    assert report.outcome.summary == "żółć 🎪"
    assert (report.commit, report.usage.requests[0].output_tokens) == ("abc123", 5)


def test_what_an_agent_printed_is_read_for_its_usage(station: Station[Desk]) -> None:
    station.add(description=scenario(steps(WRITE, {"done": "made it"})))
    assert station.run("pull-bead").returncode == 0
    assert station.run("run-agent").returncode == 0
    (transcript,) = (station.home / "transcripts").iterdir()
    (station.folder / "printed.log").write_bytes(transcript.read_bytes())
    spool = next((station.state / "spool").iterdir())
    measured = json.loads(spool.read_bytes())["report"]["usage"]["requests"]
    spool.unlink()
    done = station.run("report-result", "--outcome", "success", "--agent-result", "printed.log")
    assert done.returncode == 0, done.stderr
    (report,) = station.desk.reports.values()
    assert [row.output_tokens for row in report.usage.requests] == [row["outputTokens"] for row in measured]
    assert "made it" in report.final_text


def test_words_of_others_do_not_steer_the_terminal(station: Station[Desk]) -> None:
    station.desk.beads.append(bead(title="\x1b]0;owned\x07red \x1b[31mtitle\x1b[0m"))
    done = station.run("pull-bead")
    assert "\x1b" not in done.stdout + done.stderr
    assert "red title" in done.stdout


@pytest.mark.parametrize(
    "module", ["ringmaster_cli.main", "ringmaster_cli.loop.pull", "ringmaster_cli.client"]
)
def test_the_steps_import_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_and_a_whole_pull_import_nothing_heavy(station: Station[Desk], desk: Desk) -> None:
    desk.beads.append(bead())
    code = (
        "import sys, atexit; sys.argv = ['ringmaster', *sys.argv[1:]]\n"
        f"heavy = lambda: [name for name in {HEAVY!r} if name in sys.modules]\n"
        "atexit.register(lambda: print(heavy(), file=sys.stderr))\n"
        "from ringmaster_cli.main import run; run()"
    )
    for args in (["--help"], ["pull-bead"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *args], env=station.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert done.stderr.splitlines()[-1] == "[]"


def test_a_wish_that_was_granted_and_is_over_is_wished_anew(station: Station[Desk]) -> None:
    station.add("first")
    claimed = json.loads(station.run("pull-bead", "--json").stdout)["claimed"]
    (station.state / "claim.json").unlink()
    (station.state / "wish").write_text(claimed["claimId"])
    station.desk.take_away()
    station.add("second")
    assert "bead second" in station.run("pull-bead").stdout
    assert station.desk.fence == 2


def test_the_documents_know_the_exit_codes_and_settings() -> None:
    text = (ROOT / "docs" / "worker-cli.md").read_text()
    assert [int(row) for row in re.findall(r"^\| (\d) \|", text, re.MULTILINE)] == list(Exit)
    program = "".join(path.read_text() for path in (ROOT / "cli" / "ringmaster_cli").rglob("*.py"))
    for setting in set(re.findall(r"`(RINGMASTER_\w+)`", text)):
        assert f'"{setting}"' in program


def test_help_names_every_command_and_exit_code(station: Station[Desk]) -> None:
    done = station.run("--help")
    for word in ("pull-bead", "build-prompt", "run-agent", "report-result", "heartbeat", "release", "worker"):
        assert word in done.stdout
    shown = station.run("exit-codes").stdout.splitlines()
    assert [int(line.split()[0]) for line in shown] == [code.value for code in Exit]
    assert station.run("--version").stdout.strip().count(".") == 2


def test_the_script_is_written_for_each_profile(station: Station[Desk], tmp_path: Path) -> None:
    done = station.run("worker", "script", "--agent", "claude-code", "-o", "work.sh")
    assert done.returncode == 0, done.stderr
    path = station.folder / "work.sh"
    assert path.stat().st_mode & 0o111
    text = path.read_text()
    assert "profile=claude-code" in text
    assert "--output-format" in text
    assert "@" not in "".join(line for line in text.splitlines() if line.startswith("profile"))
    subprocess.run(["bash", "-n", str(path)], check=True)
