"""The API for people as our own client and commands speak it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ringmaster_cli.exits import CliError
from ringmaster_cli.people.client import Client
from ringmaster_cli.people.identity import Identity
from ringmaster_operator.resources.bead_api import NewBead
from support.operators import OperatorProcess
from support.people import Person, phase, until

pytestmark = pytest.mark.cluster


def retitled(client: Client, name: str, title: str) -> str:
    """The title after a change of the newest version: the operator may write the status meanwhile."""
    for _ in range(20):
        version = client.bead(name).metadata.resource_version
        with contextlib.suppress(CliError):
            return client.patch(name, {"title": title}, version=version).spec.title
    raise AssertionError("it changes again and again")


def test_our_own_client_speaks_all_of_it(people: Callable[[str], Person], operator: OperatorProcess) -> None:
    editor = people("editor")
    client = Client(Identity(operator.url, editor.namespace, editor.token))
    wish = NewBead.check({"spec": {"title": "By the client", "priority": "P1"}})
    made = client.create(wish, key="once")
    assert client.create(wish, key="once").metadata.uid == made.metadata.uid
    name = made.metadata.name
    until(lambda: [item.name for item in client.beads(phase=["Ready"], label=[])] == [name])
    assert [place.name for place in client.order()] == [name]
    assert client.explain(name).rank == 1
    assert retitled(client, name, "Changed") == "Changed"
    with pytest.raises(CliError, match="by now"):
        client.patch(name, {"title": "Late"}, version="1")
    assert client.hold(name).spec.desired == "Hold"
    client.resume(name)
    assert client.steer(name, "Mind the gap").spec.steering[0].text == "Mind the gap"
    client.cancel(name)
    until(lambda: client.bead(name).status.phase == "Cancelled")
    client.retry(name)
    assert not list(client.attempts(name))
    assert not list(client.iterations(name))
    assert all(event.message for event in client.events(name))
    assert list(client.workers()) == []
    assert editor.namespace in [project.namespace for project in client.projects()]
    assert client.budgets().items == []
    client.delete(name)
    until(lambda: not list(client.beads()))


def test_commands_about_beads_need_no_kubeconfig(
    people: Callable[[str], Person], operator: OperatorProcess, tmp_path: Path
) -> None:
    editor = people("editor")
    editor.ok("POST", "/beads", {"name": "job", "spec": {"title": "Job"}})
    question = {"title": "Which?", "type": "decision", "decision": {"question": "Which one?"}}
    editor.ok("POST", "/beads", {"name": "which", "spec": question})
    until(lambda: phase(editor, "which") == "NeedsDecision")

    def ringmaster(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "KUBECONFIG": str(tmp_path / "none"),
            "RINGMASTER_URL": operator.url,
            "RINGMASTER_TOKEN": editor.token,
        }
        program = [sys.executable, "-m", "ringmaster_cli", *arguments, "-n", editor.namespace]
        return subprocess.run(program, env=environment, capture_output=True, text=True, check=False)

    held = ringmaster("hold", "job")
    assert (held.returncode, "held" in held.stderr) == (0, True), held
    assert editor.ok("GET", "/beads/job")["spec"]["desired"] == "Hold"
    assert "Which one?" in ringmaster("decisions").stdout
    assert ringmaster("decide", "which", "That one").returncode == 0
    made = editor.ok("GET", "/beads/which")["spec"]["decision"]
    assert made["answer"] == "That one"
    assert made["answeredBy"].endswith(":editor")
    none = ringmaster("hold", "nothing")
    assert none.returncode != 0
    assert none.stderr.count("\n") == 1
