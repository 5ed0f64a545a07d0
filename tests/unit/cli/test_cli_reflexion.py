"""What an agent learned, from its words to the report: said by itself, asked for, or derived."""

from __future__ import annotations

import json

from support.desk import Desk
from support.station import Station, scenario, steps

NO = {"write": {"path": "made.txt", "text": "no\n"}}
YES = {"write": {"path": "made.txt", "text": "yes\n"}}
VERIFY = {"verify": ["echo it says; cat made.txt; grep -q yes made.txt"]}
LEARNED = "write yes, never no, into made files"
ANSWER = f"Tried: wrote no\nCause: misread\nRINGMASTER: lesson: {LEARNED}\nPaths: made.txt"


def asked(learned: str, *runs: dict[str, object]) -> str:
    """A scenario whose agent answers the question what it learned."""
    return f"```scenario\n{json.dumps({'runs': runs, 'learned': learned})}\n```"


def test_an_agent_that_says_nothing_is_asked_once_in_its_conversation(station: Station[Desk]) -> None:
    runs = (steps(NO, {"done": "made it"}, iteration=1), steps(YES, {"done": "now"}, iteration=2))
    station.add(description=asked(ANSWER, *runs), acceptance=VERIFY, reflect=True)
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = station.desk.reports.values()
    told = first.reflexion
    assert told is not None
    assert (told.source, told.lesson, told.cause) == (
        "asked",
        "write yes, never no, into made files",
        "misread",
    )
    assert told.applies.paths == ["made.txt"]
    assert told.applies.failure_class == "VerificationFailed"
    assert told.evidence is not None
    assert told.evidence.log == "it says\nno"
    assert (told.evidence.attempt, told.evidence.iteration) == (1, 1)
    assert first.outcome.kind == "incomplete"
    assert first.final_text.startswith("made it"), "its last words are those of its work"
    assert sum(row.requests for row in first.usage.requests) == 3, "what the answer used is counted"
    assert done.stdout.count("asking the agent what it learned") == 1
    assert second.reflexion is None, "a success is not asked about"
    assert len(list((station.home / "transcripts").glob("*-reflexion.log"))) == 1


def test_what_the_agent_says_by_itself_is_taken_and_nothing_asked(station: Station[Desk]) -> None:
    words = "RINGMASTER: lesson: write yes into made files\nWrong lessons: 4\nRINGMASTER: incomplete: no yes"
    station.add(
        description=scenario(steps(NO, {"say_and_end": words})),
        acceptance=VERIFY,
        reflect=True,
        maxIterations=1,
    )
    done = station.run("worker", "run", "--once")
    (report,) = station.desk.reports.values()
    assert report.reflexion is not None
    assert (report.reflexion.source, report.reflexion.contradicts) == ("agent", [4])
    assert "asking the agent" not in done.stdout


def test_an_agent_without_an_answer_leaves_what_the_facts_say(station: Station[Desk]) -> None:
    for number, learned in enumerate(("nothing that helps", "RINGMASTER: lesson: none")):
        station.add(
            f"bead-{number}",
            description=asked(learned, steps(NO, {"done": "made it"})),
            acceptance=VERIFY,
            reflect=True,
            maxIterations=1,
        )
        done = station.run("worker", "run", "--once")
        assert "it names nothing that it learned" in done.stdout
    assert [report.reflexion and report.reflexion.source for report in station.desk.reports.values()] == [
        "derived",
        "derived",
    ]


def test_a_switched_off_question_is_not_asked(station: Station[Desk]) -> None:
    station.add(description=asked(ANSWER, steps(NO, {"done": "x"})), acceptance=VERIFY, maxIterations=1)
    done = station.run("worker", "run", "--once")
    assert "asking the agent" not in done.stdout
    (report,) = station.desk.reports.values()
    assert report.reflexion is not None
    assert report.reflexion.source == "derived"


def test_an_answer_that_becomes_work_is_cut_short_and_changes_no_verdict(station: Station[Desk]) -> None:
    """The agent goes on working instead of answering: it writes what was wanted, and the outcome stays."""
    station.add(
        description=scenario(steps(NO, {"done": "x"})), acceptance=VERIFY, reflect=True, maxIterations=1
    )
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = station.desk.reports.values()
    assert (report.outcome.kind, report.reflexion and report.reflexion.source) == ("incomplete", "derived")


def test_secrets_of_the_environment_reach_no_report(station: Station[Desk]) -> None:
    secret = "correct-horse-battery"
    station.extra["DEPLOY_TOKEN"] = secret
    run = {"run": "echo $DEPLOY_TOKEN"}
    words = f"It is {secret}.\nRINGMASTER: lesson: the token {secret} is old\nRINGMASTER: failed: {secret}"
    verify = {"verify": ["echo $DEPLOY_TOKEN; false"]}
    station.add(
        description=scenario(steps(NO, run, {"say_and_end": words})), acceptance=verify, maxIterations=1
    )
    assert station.run("worker", "run", "--once").returncode == 0
    (report,) = station.desk.reports.values()
    said = json.dumps(report.body())
    assert secret not in said
    assert said.count("[redacted]") >= 4
    assert secret not in json.dumps([beat.body() for beat in station.desk.heartbeats])
