"""What an agent does to its session's own files is put back, and reports that are not ours are not sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringmaster_cli.loop import conversation
from ringmaster_cli.loop.context import Context, api_for
from ringmaster_cli.loop.sealed import sealed
from ringmaster_cli.loop.stop import Stop
from ringmaster_cli.state import Settings, Spooled, State
from support.desk import Desk
from support.prompts import made
from support.station import PROGRAM, Station, scenario, steps

REPORT = {"reportId": "11111111-1", "fence": 1, "iteration": 1, "outcome": {"kind": "success"}}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    token = tmp_path / "token"
    token.write_text("x")
    settings = Settings(
        url="http://127.0.0.1:1", token_file=token, worker="w", session="w-0", namespace="demo", home=tmp_path
    )
    said: list[str] = []
    api = api_for(settings, say=said.append, stop=Stop())
    return Context(settings=settings, state=State(settings), api=api, say=said.append)


def test_a_report_that_appears_meanwhile_is_put_aside(context: Context) -> None:
    forged = context.state.folder / "spool" / "forged.json"
    with sealed(context):
        forged.write_text("{}")
    assert context.state.spooled() == []
    assert (context.state.folder / "refused" / "forged.json.not-ours").read_text() == "{}"


def test_a_report_that_was_there_survives_being_changed_or_taken(context: Context) -> None:
    items = [Spooled(claim_id="c", bead="b", report={**REPORT, "reportId": name}) for name in ("one", "two")]
    for item in items:
        context.state.spool(item)
    with sealed(context):
        (context.state.folder / "spool" / "one.json").write_text('{"claim_id": "other"}')
        (context.state.folder / "spool" / "two.json").unlink()
    assert sorted(context.state.spooled(), key=lambda item: item.report_id) == items


def test_wish_and_worktree_are_what_they_were_even_when_the_run_fails(context: Context) -> None:
    context.state.works_in("mine")

    def run() -> None:
        with sealed(context):
            (context.state.folder / "wish").write_text("11111111-2222")
            context.state.works_in("theirs")
            raise RuntimeError("the run failed")

    with pytest.raises(RuntimeError, match="the run failed"):
        run()
    assert context.state.worked_in() == "mine"
    assert not (context.state.folder / "wish").exists()


@pytest.mark.parametrize(("name", "good"), [("--model=x", False), ("a b", False), ("ses_0-9.A", True)])
def test_only_an_id_goes_on_with_a_conversation(tmp_path: Path, name: str, good: bool) -> None:
    claimed = made()
    conversation.keep(tmp_path, claimed, agent_session=name, profile="p", folder=tmp_path, session="w-0")
    assert (conversation.recall(tmp_path, claimed) is not None) is good


def test_a_process_that_lets_go_of_everything_ends_with_its_run(station: Station[Desk]) -> None:
    attack = Path(__file__).parents[2] / "support" / "attack.py"
    sign = station.folder / "sign"
    later = {"run": f"{PROGRAM[0]} {attack} later made.txt no {sign}", "must": True}
    station.add(
        description=scenario(
            steps({"write": {"path": "made.txt", "text": "yes\n"}}, later, {"done": "made"})
        ),
        acceptance={"verify": [f"touch {sign}; sleep 1; grep -q yes made.txt"]},
    )
    done = station.run("worker", "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = station.desk.reports.values()
    assert report.outcome.kind == "success"
    assert station.branch_file("fix-it", "made.txt") == "yes\n"
