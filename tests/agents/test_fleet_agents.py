"""Claude Code and Codex, the real programs, each a Worker of a whole fleet, against stand-ins of their APIs.

What a user sees of each ending is looked at where a user looks: in the bead's status.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.fleet import Fleet
from support.manifests import bead
from support.standin import Mode, StandIn
from support.station import git

pytestmark = [pytest.mark.agents, pytest.mark.cluster, pytest.mark.tmux, pytest.mark.timeout(600)]

FINAL = "Made it.\n\nRINGMASTER: done"
MAKE = "echo yes > made.txt"
CODEX_CONFIG = """
model_provider = "standin"
[model_providers.standin]
name = "stand-in"
base_url = "{url}"
env_key = "STANDIN_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""


@dataclass
class Crew:
    """A fleet whose Worker runs one agent program against one stand-in."""

    fleet: Fleet
    stand_in: StandIn

    def start(
        self, name: str, *, mode: Mode = Mode.NORMAL, command: str = MAKE, size: int = 0, checked: bool = True
    ) -> None:
        """A bead of one attempt, under an API that behaves so; checked: with an acceptance command."""
        stand_in = self.stand_in
        stand_in.mode, stand_in.command, stand_in.size = mode, command, size
        stand_in.requests.clear()
        limits = {"maxAttempts": 1, "maxIterations": 1}
        repository = {"url": str(self.fleet.origin)}
        verify = {"verify": ["grep -q yes made.txt"] if checked else []}
        self.fleet.apply(bead(name, repository=repository, limits=limits, acceptance=verify))

    def ends(self, name: str, **how: Any) -> dict[str, Any]:
        """Run a bead, and return its status after the first attempt; the bead is deleted then."""
        self.start(name, **how)
        return self.end(name)

    def end(self, name: str) -> dict[str, Any]:
        self.fleet.until(lambda: self.fleet.outcome(name), f"{name} has an outcome")
        status = self.fleet.status(name)
        self.fleet.cluster.kubectl("delete", "bead", name, "-n", self.fleet.namespace)
        self.fleet.idle("w-0")
        return status

    def kill_agent(self, name: str) -> None:
        """SIGKILL the agent's own program, as the kernel does when memory runs out."""
        self.fleet.until(lambda: self.stand_in.requests, "the agent has asked its model")
        worker = self.fleet.workers()["w-0"]
        for process in self.fleet.processes()["w-0"]:
            with suppress(psutil.NoSuchProcess):
                if process.ppid() == worker and name in process.cwd():
                    process.kill()


@contextmanager
def crew(
    cluster: Any,
    folder: Path,
    agent: Callable[[StandIn], tuple[dict[str, Any], dict[str, str]]],
) -> Iterator[Crew]:
    with StandIn(final=FINAL) as stand_in:
        fleet = Fleet(cluster, folder)
        spec, env = agent(stand_in)
        home = folder / "agent-home"
        home.mkdir()
        env = {"HOME": str(home), "PATH": "/usr/bin:/bin", **env}
        listed = [{"name": name, "value": value} for name, value in env.items()]
        try:
            fleet.operator.start()
            fleet.apply(fleet.worker(agent={**spec, "env": listed}))
            fleet.idle("w-0")
            yield Crew(fleet, stand_in)
        finally:
            fleet.clean()
            print(fleet.operator.tail(100))


@pytest.fixture(scope="module")
def claude(
    own_cluster: Any, program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crew]:
    def agent(stand_in: StandIn) -> tuple[dict[str, Any], dict[str, str]]:
        path, model = str(program("claude-code")), "claude-sonnet-4-5"
        return {"profile": "claude-code", "command": [path], "model": model}, {
            "ANTHROPIC_BASE_URL": stand_in.url,
            "ANTHROPIC_API_KEY": "fake",
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }

    with crew(own_cluster, tmp_path_factory.mktemp("claude"), agent) as made:
        yield made


@pytest.fixture(scope="module")
def codex(
    own_cluster: Any, program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crew]:
    # Its home may not lie in the folder for temporary files.
    home = Path(tempfile.mkdtemp(prefix=".codex-test-", dir=Path.home()))

    def agent(stand_in: StandIn) -> tuple[dict[str, Any], dict[str, str]]:
        (home / "config.toml").write_text(CODEX_CONFIG.format(url=stand_in.url))
        path, model = str(program("codex")), "gpt-5.1-codex"
        return {"profile": "codex", "command": [path], "model": model}, {
            "CODEX_HOME": str(home),
            "STANDIN_KEY": "fake",
        }

    try:
        with crew(own_cluster, tmp_path_factory.mktemp("codex"), agent) as made:
            yield made
    finally:
        shutil.rmtree(home)


def published(made: Crew, status: dict[str, Any], name: str) -> None:
    """The bead's branch has one commit, the one in the status, with what the agent made."""
    fleet = made.fleet
    assert (status["phase"], status["outcome"]["kind"]) == ("Succeeded", "success"), status
    assert status["outcome"]["summary"] == "Made it."
    assert status["branch"] == f"ringmaster/{name}"
    assert git(fleet.origin, "rev-parse", status["branch"]).strip() == status["commit"]
    assert fleet.commits(name) == 1
    assert git(fleet.origin, "show", f"{status['branch']}:made.txt") == "yes\n"


def verdict(status: dict[str, Any]) -> tuple[str, str | None]:
    outcome = status["outcome"]
    return outcome["kind"], outcome.get("reason")


def test_claude_code_finishes_a_bead(claude: Crew) -> None:
    status = claude.ends("claude-works")
    published(claude, status, "claude-works")
    cost = status["cost"]
    assert (cost["inputTokens"], cost["cachedInputTokens"], cost["outputTokens"]) == (9200, 8000, 100)
    # 2 x (100 fresh + 500 written + 4000 read) + 100 written by the model, at list price.
    expected = 2 * (100 * 3 + 500 * 3.75 + 4000 * 0.3) / 1e6 + 100 * 15 / 1e6
    assert cost["usd"] == pytest.approx(expected, abs=1e-6)
    assert cost["unpricedRequests"] == 0


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.OVERLOADED, "Provider"),
        (Mode.UNAUTHORIZED, "Credentials"),
        (Mode.REFUSAL, "Refused"),
        (Mode.EMPTY, "EmptySuccess"),
    ],
)
def test_what_failed_claude_code_is_in_the_beads_status(claude: Crew, mode: Mode, reason: str) -> None:
    status = claude.ends(f"claude-{mode}", mode=mode)
    assert verdict(status) == ("failed", reason), status


def test_claude_code_killed_in_the_middle_is_an_error_of_the_agent(claude: Crew) -> None:
    claude.start("claude-killed", mode=Mode.HANG)
    claude.kill_agent("claude-killed")
    status = claude.end("claude-killed")
    assert (*verdict(status), status["phase"]) == ("failed", "AgentError", "Failed"), status["outcome"]
    assert "-9" in status["outcome"]["summary"] or "signal 9" in status["outcome"]["summary"]


def test_fifty_megabytes_of_claude_codes_words(claude: Crew) -> None:
    status = claude.ends("claude-huge", mode=Mode.HUGE, size=50_000_000)
    assert (status["phase"], status["outcome"]["kind"]) == ("Succeeded", "success"), status
    assert len(status["outcome"]["summary"]) <= 4096
    transcripts = claude.fleet.folder / "state" / "home" / "transcripts"
    assert max(path.stat().st_size for path in transcripts.iterdir()) < 17_000_000


def test_codex_finishes_a_bead(codex: Crew) -> None:
    status = codex.ends("codex-works")
    published(codex, status, "codex-works")
    cost = status["cost"]
    assert (cost["inputTokens"], cost["cachedInputTokens"], cost["outputTokens"]) == (10_000, 8000, 120)
    # Two requests of 1000 fresh, 4000 cached and 60 written tokens, at list price.
    expected = 2 * (1000 * 1.25 + 4000 * 0.125 + 60 * 10) / 1e6
    assert cost["usd"] == pytest.approx(expected, abs=1e-6)
    assert cost["unpricedRequests"] == 0


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.OVERLOADED, "Provider"),
        (Mode.UNAUTHORIZED, "Credentials"),
        # Codex drops the model's words of refusal and exits 0: only that nothing came of it can be told.
        (Mode.REFUSAL, "EmptySuccess"),
        (Mode.EMPTY, "EmptySuccess"),
    ],
)
def test_what_failed_codex_is_in_the_beads_status(codex: Crew, mode: Mode, reason: str) -> None:
    status = codex.ends(f"codex-{mode}", mode=mode, checked=False)
    kind, said = verdict(status)
    assert said == reason, status
    assert kind in ("failed", "likely_failed")


def test_codex_killed_in_the_middle_is_an_error_of_the_agent(codex: Crew) -> None:
    codex.start("codex-killed", mode=Mode.HANG)
    codex.kill_agent("codex-killed")
    status = codex.end("codex-killed")
    assert (*verdict(status), status["phase"]) == ("failed", "AgentError", "Failed"), status["outcome"]


def test_fifty_megabytes_of_codexs_output(codex: Crew) -> None:
    status = codex.ends("codex-huge", command=f"head -c 50000000 /dev/zero | tr '\\0' x; {MAKE}")
    published(codex, status, "codex-huge")
