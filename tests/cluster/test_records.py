"""What an iteration leaves, from a real worker to a person's terminal."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from support.manifests import bead, listed
from support.operators import OperatorProcess
from support.people import accounts
from support.sessions import make_worker
from support.station import AGENT, PROGRAM, Station, scenario, small_origin, steps

pytestmark = pytest.mark.cluster
VERIFY = {"verify": ["grep -q yes made.txt"]}
FIRST = steps(
    {"say": "I try 世界"}, {"write": {"path": "made.txt", "text": "no\n"}}, {"done": "it is"}, iteration=1
)
SECOND = steps(
    {"run": "echo looked; exit 3"},
    {"write": {"path": "made.txt", "text": "yes\n"}},
    {"write": {"path": "世界.txt", "text": "wide\n" * 3}},
    {"done": "now it is"},
    iteration=2,
)


class Reader:
    """Somebody at a terminal who may only read."""

    def __init__(self, operator: OperatorProcess, token: str, namespace: str) -> None:
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(operator.folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "RINGMASTER_URL": operator.url,
            "RINGMASTER_TOKEN": token,
        }
        self.namespace = namespace

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *args, "-n", self.namespace],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ok(self, *args: str, **env: str) -> str:
        done = self.run(*args, **env)
        print(f"$ ringmaster {' '.join(args)}\n{done.stdout}{done.stderr}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self.ok(*args, "--json"))


@pytest.fixture(scope="module")
def reader(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A bead that took two iterations, and one that nobody has worked on."""
    folder = tmp_path_factory.mktemp("records")
    namespace = f"records-{os.urandom(4).hex()}"
    cluster.kubectl("create", "namespace", namespace)
    operator = OperatorProcess(cluster.kubeconfig, namespace, folder)
    operator.start()
    token = make_worker(cluster, namespace, agent={"profile": "claude-code", "command": [str(AGENT)]})
    origin = small_origin(folder)
    station = Station(desk=operator, folder=folder, origin=origin, extra={"RINGMASTER_NAMESPACE": namespace})
    station.token_file.write_text(token)
    told = {"repository": {"url": str(origin)}, "acceptance": VERIFY, "description": scenario(FIRST, SECOND)}
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("fix-it", **told)]))
    done = station.run("worker", "run", "--once", timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    cluster.kubectl("create", "-n", namespace, "-f-", stdin=listed([bead("idle", desired="Hold")]))
    yield Reader(operator, accounts(cluster, namespace)["reader"], namespace)
    operator.stop()
    print(operator.tail())


def test_the_diff_is_the_newest_iteration_s_unless_another_is_asked_for(reader: Reader) -> None:
    shown = reader.ok("diff", "fix-it")
    assert "A made.txt " in shown
    assert "+yes" in shown
    first = reader.json("diff", "fix-it", "--iteration", "1")
    assert "+no\n" in first["diff"]["patch"]
    stat = reader.ok("diff", "fix-it", "--stat")
    assert stat.rstrip().endswith("2 files changed, 4 lines added, 0 removed")
    assert "+wide" not in stat
    bars = [re.split(r"\|", line)[0] for line in stat.splitlines() if "|" in line]
    from rich.cells import cell_len

    assert len({cell_len(bar) for bar in bars}) == 1  # wide characters keep the columns


def test_colours_are_for_terminals_that_want_them(reader: Reader) -> None:
    assert "\x1b" not in reader.ok("diff", "fix-it")
    assert "\x1b[32m" in reader.ok("diff", "fix-it", FORCE_COLOR="1", TERM="xterm-256color")
    plain = reader.ok("diff", "fix-it", FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1")
    assert "\x1b[32m" not in plain


def test_the_transcript_says_what_the_agent_said_and_did(reader: Reader) -> None:
    shown = reader.ok("transcript", "fix-it", "--iteration", "1")
    assert re.search(r"^\d\d:\d\d:\d\d  I try 世界$", shown, re.MULTILINE)
    latest = reader.ok("transcript", "fix-it", "-f")  # the bead is done: it ends by itself
    assert "> Bash echo looked; exit 3" in latest
    assert "! looked" in latest
    events = reader.json("transcript", "fix-it")["transcript"]["events"]
    assert {"tool", "error", "text"} <= {event["kind"] for event in events}


def test_the_prompt_is_the_one_that_was_sent(reader: Reader) -> None:
    record = reader.json("prompt", "fix-it")["prompt"]
    text = "".join(segment["text"] for segment in record["segments"])
    assert hashlib.sha256(text.encode()).hexdigest() == record["digest"]
    assert reader.ok("prompt", "fix-it").rstrip() == text.rstrip()
    explained = reader.ok("prompt", "fix-it", "--explain")
    assert explained.startswith("PART ")
    assert f"sha256 {record['digest'][:12]}" in explained


def test_the_timeline_tells_it_in_order(reader: Reader) -> None:
    shown = reader.ok("timeline", "fix-it")
    marks = ["attempt 1 by fleet/fleet-0", "iteration 1", "iteration 2", "attempt 1 ended after"]
    places = [shown.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "`grep -q yes made.txt` exited 1" in shown
    assert "success: now it is; 1 check passed" in shown
    assert "tokens in" in shown
    items = reader.json("timeline", "fix-it")["items"]
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    assert {"claimed", "iteration", "ended"} <= {item["what"] for item in items}


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("diff", "nothing-here"), 4, "nothing-here"),
        (("timeline", "nothing-here"), 4, "nothing-here"),
        (("transcript", "nothing-here"), 4, "nothing-here"),
        (("prompt", "idle"), 3, "no iteration of bead idle was reported yet"),
        (("diff", "fix-it", "--attempt", "9"), 3, "no such iteration"),
        (("diff", "fix-it", "--iteration", "0"), 2, "iteration"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(
    reader: Reader, args: tuple[str, ...], code: int, words: str
) -> None:
    done = reader.run(*args)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bead_without_a_history_has_an_empty_timeline(reader: Reader) -> None:
    done = reader.run("timeline", "idle")
    assert done.returncode == 0
    assert "attempt" not in done.stdout
