"""A run of an agent, by real processes: what it gives back, what bounds it, that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import stat
import time

import pytest

from ringmaster_cli.agents.profiles import Profile, ProfileError
from ringmaster_cli.outcome import Changes, judge
from ringmaster_operator.resources.bead import OutcomeKind, Reason
from support.agents import SCRIPTED, Room, make_bead, marked, shell

NONE = Changes(files=0, commits=0)


def reason_of(result: object, changes: Changes = NONE) -> tuple[OutcomeKind, Reason | None]:
    outcome, _ = judge(result=result, changes=changes, verify=[], bead=make_bead())  # type: ignore[arg-type]
    return outcome.kind, outcome.reason


def test_a_whole_run(room: Room) -> None:
    result = room.play(
        {"write": {"path": "src/a.py", "text": "one\n"}},
        {"replace": {"path": "src/a.py", "old": "one", "new": "two"}},
        {"run": "cat src/a.py; exit 3"},
        {"say": "It works."},
        {"done": "Changed a.py."},
    )
    assert (room.work / "src/a.py").read_text() == "two\n"
    assert (result.ended, result.exit_code) == ("exit", 0)
    assert result.final_text == "Changed a.py.\n\nRINGMASTER: done"
    assert [marker.kind for marker in result.markers] == ["done"]
    assert (result.progress.turns, result.progress.tool_calls) == (5, 3)
    assert len(result.usage.requests) == 5
    assert result.usage.reported_usd == pytest.approx(
        sum(row.computed_usd or 0 for row in result.usage.requests)
    )
    assert room.told[-1] == result.progress
    assert room.lines[:2] == ["Claude Code, model claude-sonnet-4-5", "> Write src/a.py"]
    assert result.started_at < result.finished_at
    assert stat.S_IMODE(room.transcript.stat().st_mode) == 0o600
    assert room.transcript.read_text().count("\n") == 10


def test_the_prompt_is_no_argument(room: Room) -> None:
    generic = room.run("secret words", profile="generic", command=shell("cat; cat /proc/$$/cmdline"))
    assert generic.final_text.splitlines()[0].startswith("secret words")
    assert generic.final_text.count("secret words") == 1
    by_file = Profile(name="mine", command=["/bin/cat"], prompt="file", prompt_args=["{prompt_file}"])
    assert room.run("other words", profile=by_file).final_text == "other words"


def test_the_environment_is_the_given_one(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGMASTER_TOKEN_FILE", "/secret")
    profile = Profile(name="mine", command=["/usr/bin/env"], env={"A": "profile", "B": "profile"})
    lines = room.run(profile=profile, env={"A": "worker"}).final_text.splitlines()
    assert {"A=worker", "B=profile"} <= set(lines)
    assert not any(line.startswith("RINGMASTER_TOKEN_FILE") for line in lines)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["no-such-agent"], "the agent program no-such-agent is not on the PATH of this session"),
        (["/no/such/agent"], "the agent program /no/such/agent does not exist"),
        (["/etc/passwd"], "the agent program /etc/passwd is not executable"),
        (["/etc"], "the agent program /etc does not exist"),
    ],
)
def test_a_missing_program_is_named(room: Room, command: list[str], message: str) -> None:
    result = room.run(command=command)
    assert (result.ended, result.exit_code, result.stop_reason) == ("missing", None, message)
    assert reason_of(result) == (OutcomeKind.FAILED, Reason.CONFIGURATION)


def test_a_missing_program_of_a_profile_comes_with_its_install_hint(room: Room) -> None:
    result = room.run(env={"PATH": "/nowhere"})
    assert result.stop_reason.endswith("install it with: npm install -g @anthropic-ai/claude-code")


def test_a_program_that_is_no_program(room: Room) -> None:
    path = room.path / "agent"
    path.write_bytes(b"\x00\x01not a program")
    path.chmod(0o755)
    result = room.run(command=[path])
    assert result.ended == "missing"
    assert "could not be started: Exec format error" in result.stop_reason


def test_no_program_at_all(room: Room) -> None:
    with pytest.raises(ProfileError, match=r"spec\.agent\.command"):
        room.run(profile="generic")


def test_a_silent_agent_is_timed_out(room: Room) -> None:
    """Where a monitor waits for lines, an agent that prints none runs for ever."""
    result = room.run(profile="generic", command=shell(f"sleep 300 # {room.path}"), timeout=1)
    assert result.ended == "timeout"
    assert 1 <= result.seconds < 10
    assert marked(str(room.path)) == []
    assert reason_of(result) == (OutcomeKind.FAILED, Reason.TIMEOUT)


def test_a_hang_is_a_stall(room: Room) -> None:
    result = room.play({"say": "Let me think."}, {"hang": 300}, stall=1)
    assert (result.ended, result.exit_code) == ("stalled", None)
    assert [row.output_tokens for row in result.usage.requests] == [160]
    assert reason_of(result) == (OutcomeKind.FAILED, Reason.STALLED)


def test_the_same_error_again_and_again_is_a_stall(room: Room) -> None:
    loop = 'i=0; while :; do i=$((i+1)); echo "Error: try $i failed"; sleep 0.1; done'
    result = room.run(profile="generic", command=shell(loop), stall=1)
    assert result.ended == "stalled"
    again = room.play({"repeat": {"text": "Error: no route", "times": 1000, "every": 0.05}}, stall=1)
    assert again.ended == "stalled"


def test_a_long_tool_call_is_no_stall(room: Room) -> None:
    result = room.play({"sleep": 2.5}, {"done": "ok"}, stall=1)
    assert (result.ended, result.exit_code) == ("exit", 0)


def test_new_lines_are_progress(room: Room) -> None:
    steady = "for i in 1 2 3 4 5 6; do echo module $i; sleep 0.5; done"
    assert room.run(profile="generic", command=shell(steady), stall=2).ended == "exit"


def test_stops_when_told_and_says_why(room: Room) -> None:
    end = time.monotonic() + 1
    result = room.play(
        {"hang": 300}, should_stop=lambda: "the claim was lost" if time.monotonic() > end else None
    )
    assert (result.ended, result.stop_reason) == ("stopped", "the claim was lost")
    assert result.seconds < 10


def test_fifty_megabytes_in_bounded_space(room: Room) -> None:
    result = room.play({"noise": 50_000_000}, {"done": "ok"})
    assert (result.ended, result.final_text) == ("exit", "ok\n\nRINGMASTER: done")
    text = room.transcript.read_bytes()
    assert len(text) < 17_000_000
    assert b"bytes left out here]" in text
    assert text.rstrip().endswith(b"}")


def test_fifty_megabytes_on_one_line(room: Room) -> None:
    program = "head -c 50000000 /dev/zero | tr '\\0' x; echo; echo the end"
    result = room.run(profile="generic", command=shell(program))
    assert result.final_text.endswith("the end")
    assert any("50,000,000 bytes on one line" in line for line in room.lines)
    assert room.transcript.stat().st_size < 100_000


def test_a_last_line_without_end_counts(room: Room) -> None:
    result = room.run(profile="generic", command=shell("printf 'one\\ntwo'"))
    assert result.final_text == "one\ntwo"


def test_bytes_that_are_no_text(room: Room) -> None:
    result = room.run(profile="generic", command=shell("printf '\\377\\376 \\033[2J\\000x\\n'"))
    assert result.final_text == "\ufffd\ufffd \ufffdx"
    assert room.lines == ["\ufffd\ufffd \ufffdx"]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"error": "API Error: 529 Overloaded"}, (OutcomeKind.FAILED, Reason.PROVIDER)),
        ({"error": "Invalid API key"}, (OutcomeKind.FAILED, Reason.CREDENTIALS)),
        ({"error": "out of ideas"}, (OutcomeKind.FAILED, Reason.AGENT_ERROR)),
        ({"refuse": "I will not."}, (OutcomeKind.FAILED, Reason.REFUSED)),
        ({"empty": True}, (OutcomeKind.FAILED, Reason.EMPTY_SUCCESS)),
        ({"exit": 7}, (OutcomeKind.FAILED, Reason.AGENT_ERROR)),
        ({"signal": 9}, (OutcomeKind.FAILED, Reason.AGENT_ERROR)),
        ({"failed": "no way"}, (OutcomeKind.FAILED, Reason.AGENT_ERROR)),
        ({"incomplete": "half"}, (OutcomeKind.INCOMPLETE, None)),
        ({"ask": {"question": "A or B?"}}, (OutcomeKind.NEEDS_DECISION, None)),
    ],
)
def test_each_way_to_end(
    room: Room, step: dict[str, object], expected: tuple[OutcomeKind, Reason | None]
) -> None:
    steps = [step] if "empty" in step else [{"run": "true"}, step]
    assert reason_of(room.play(*steps)) == expected


def test_the_cause_of_a_failed_exit_is_its_last_words(room: Room) -> None:
    result = room.run(command=shell("echo 'Error: 401 Unauthorized' >&2; exit 1"))
    assert (result.exit_code, result.error_reason) == (1, Reason.CREDENTIALS)
    assert result.error_text == "Error: 401 Unauthorized"


def test_the_last_words_of_one_that_was_killed_are_no_cause(room: Room) -> None:
    result = room.run(command=shell("echo 'warning: model m not found' >&2; kill -9 $$"))
    assert (result.exit_code, result.error_reason) == (-9, None)
    assert result.error_text == "the agent was ended by signal 9; its last words: warning: model m not found"
    assert reason_of(result) == (OutcomeKind.FAILED, Reason.AGENT_ERROR)


def test_a_tools_words_are_no_cause(room: Room) -> None:
    """A test log that quotes a status is no failure of the model's service."""
    result = room.play({"run": "echo 'HTTP 401 Unauthorized; 529 Overloaded'; exit 1"}, {"exit": 1})
    assert result.error_reason is None
    assert reason_of(result) == (OutcomeKind.FAILED, Reason.AGENT_ERROR)


def test_resuming_names_the_conversation(room: Room) -> None:
    first = room.play({"say": "hello"})
    again = room.play({"say": "hello again"}, resume=first.agent_session)
    assert again.agent_session == first.agent_session
    positions = {row.position for row in (*first.usage.requests, *again.usage.requests)}
    assert len(positions) == len(first.usage.requests) + len(again.usage.requests)


def test_scripted_runs_by_attempt_and_iteration(room: Room) -> None:
    scenario = {
        "runs": [
            {"attempt": 1, "steps": [{"error": "fails once"}]},
            {"attempt": 2, "iteration": 1, "steps": [{"incomplete": "go on"}]},
            {"match": "use sqlite", "steps": [{"done": "as decided"}]},
        ],
        "steps": [{"failed": "no run fits"}],
    }
    (room.path / "scenario.json").write_text(json.dumps(scenario))
    env = {"RINGMASTER_SCENARIO": str(room.path / "scenario.json")}

    def play(attempt: int, iteration: int, prompt: str = "") -> str:
        numbers = {"RINGMASTER_ATTEMPT": str(attempt), "RINGMASTER_ITERATION": str(iteration)}
        result = room.run(prompt, command=[SCRIPTED], env=env | numbers)
        return result.error_text or result.final_text

    assert play(1, 1) == "fails once"
    assert play(2, 1) == "RINGMASTER: incomplete: go on"
    assert play(2, 2) == "RINGMASTER: failed: no run fits"
    assert play(2, 2, "Please use sqlite.") == "as decided\n\nRINGMASTER: done"


def test_scripted_says_what_is_wrong_with_its_scenario(room: Room) -> None:
    result = room.run("no scenario here", command=[SCRIPTED])
    assert (result.exit_code, result.is_error) == (2, True)
    assert "no scenario block in the prompt" in result.error_text
    assert os.access(SCRIPTED, os.X_OK)
