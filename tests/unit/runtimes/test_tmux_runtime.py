"""The tmux runtime against a real tmux: the conformance suite, and what only tmux has."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ringmaster_operator.runtimes.protocol import RuntimeUnavailable, SessionFault, SessionState
from ringmaster_operator.runtimes.tmux.runtime import TmuxRuntime
from ringmaster_operator.runtimes.tmux.server import LOG_BYTES, TmuxServer, socket_directory
from support.runtimes import NAMESPACE, by_name, ended, logged, spec, until

pytest.register_assert_rewrite("unit.runtimes.conformance", "unit.runtimes.endings")
from unit.runtimes.conformance import RuntimeConformance  # noqa: E402

pytestmark = pytest.mark.tmux


class TmuxPlace:
    """A host of its own on this machine: own state folder, own sockets."""

    python = sys.executable

    def __init__(self, root: Path) -> None:
        self.root = root
        self.prefix = f"rm-test-{uuid.uuid4().hex[:12]}"

    def runtime(self, *, log_bytes: int | None = None, owner: str = "host-a") -> TmuxRuntime:
        return TmuxRuntime(
            owner=owner,
            state_directory=self.root,
            socket_prefix=self.prefix,
            log_bytes=log_bytes or LOG_BYTES,
        )

    def tmux(self, *args: str, socket: str = "") -> str:
        line = ["tmux", "-u", "-L", socket or f"{self.prefix}-{NAMESPACE}", "-f", "/dev/null", *args]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()

    async def stranger(self, name: str) -> Callable[[], Awaitable[bool]]:
        pid = self.tmux("new-session", "-d", "-P", "-F", "#{pane_pid}", "-s", name, "sleep 600")

        async def lives() -> bool:
            return psutil.pid_exists(int(pid)) and name in self.tmux("list-sessions", "-F", "#{session_name}")

        return lives

    async def command_lines(self) -> list[str]:
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            if process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.info["cmdline"] or []))
        return found

    async def lose(self, name: str) -> None:
        self.tmux("kill-server")

    async def clean(self) -> None:
        for owner in ("host-a", "host-b"):
            runtime = self.runtime(owner=owner)
            for info in await runtime.sessions():
                await runtime.stop(info.key, grace_seconds=0, keep_screen=False)
        for path in socket_directory().glob(f"{self.prefix}*"):
            line = ["tmux", "-L", path.name, "kill-server"]
            await asyncio.to_thread(subprocess.run, line, capture_output=True, check=False)
            path.unlink(missing_ok=True)


@pytest.fixture
async def place() -> AsyncIterator[TmuxPlace]:
    root = Path(tempfile.mkdtemp(prefix="rm-tmux-"))
    made = TmuxPlace(root / "it's #{pid} %H $(id)")
    try:
        yield made
    finally:
        await made.clean()
        shutil.rmtree(root)


class TestTmux(RuntimeConformance):
    async def test_server_and_session_see_no_secret_of_the_operator(
        self, place: TmuxPlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPERATOR_PASSWORD", "hush-hush")
        runtime = place.runtime()
        info = await runtime.start(spec("w-0"))
        server = psutil.Process(int(place.tmux("display-message", "-p", "#{pid}")))
        assert info.pid is not None
        for environment in (server.environ(), psutil.Process(info.pid).environ()):
            assert "PATH" in environment
            assert "OPERATOR_PASSWORD" not in environment

    async def test_files_are_private_and_the_launch_plan_is_gone(self, place: TmuxPlace) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0", env={"SECRET": "hush-hush"}))
        await logged(runtime, "w-0", "begun")
        directory = runtime.files((NAMESPACE, "w-0")).directory
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        for path in directory.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert "hush" not in path.read_text()
        assert not (directory / "launch.json").exists()

    async def test_named_socket(self, place: TmuxPlace) -> None:
        runtime = place.runtime()
        socket = f"{place.prefix}-own"
        await runtime.start(replace(spec("w-0"), place=socket))
        assert runtime.attach_command((NAMESPACE, "w-0")) == [
            *("tmux", "-L", socket, "attach-session", "-t=w-0")
        ]
        assert place.tmux("list-sessions", "-F", "#{session_name}", socket=socket) == "w-0"
        assert set(await by_name(place.runtime())) == {"w-0"}
        with pytest.raises(SessionFault, match="stop it first"):
            await runtime.start(spec("w-0", fingerprint="f2"))
        await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)
        assert await runtime.sessions() == []

    async def test_adopted_though_the_state_folder_is_lost(self, place: TmuxPlace) -> None:
        await place.runtime().start(spec("w-0"))
        shutil.rmtree(place.root)
        runtime = place.runtime()
        assert (await by_name(runtime))["w-0"].state is SessionState.RUNNING
        assert (await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)).existed
        assert await runtime.sessions() == []

    async def test_another_host_on_the_same_socket_is_a_stranger(self, place: TmuxPlace) -> None:
        await place.runtime().start(spec("w-0"))
        other = TmuxPlace(place.root / "b")
        other.prefix = place.prefix
        runtime = other.runtime(owner="host-b")
        assert await runtime.sessions() == []
        with pytest.raises(SessionFault, match="duplicate session"):
            await runtime.start(spec("w-0"))
        assert await runtime.sessions() == []
        assert set(await by_name(place.runtime())) == {"w-0"}

    async def test_a_user_splitting_the_window_changes_nothing(self, place: TmuxPlace) -> None:
        runtime = place.runtime()
        info = await runtime.start(spec("w-0"))
        place.tmux("split-window", "-t", "=w-0:", "sleep 600")
        place.tmux("new-window", "-t", "=w-0:", "sleep 600")
        assert (await by_name(runtime))["w-0"].pid == info.pid
        await logged(runtime, "w-0", "begun")
        assert "begun" in await runtime.screen(info.key)

    async def test_a_user_closing_the_program_is_seen(self, place: TmuxPlace) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0"))
        place.tmux("new-window", "-t", "=w-0:", "sleep 600")
        place.tmux("kill-window", "-t", "=w-0:0")
        info = await ended(runtime, "w-0")
        assert (info.exit_code, info.message) == (None, "its tmux pane was closed")
        assert (await runtime.start(spec("w-0"))).state is SessionState.RUNNING

    async def test_log_helpers_end_with_their_sessions(self, place: TmuxPlace) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0"))
        await logged(runtime, "w-0", "begun")
        log = str(runtime.files((NAMESPACE, "w-0")).log)
        assert sum(log in line for line in await place.command_lines()) == 1
        await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)

        async def over() -> bool:
            return not any(log in line for line in await place.command_lines())

        await until(over, "the log helper ends")

    async def test_ended_server_leaves_a_working_runtime(self, place: TmuxPlace) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0", "/bin/true"))
        await ended(runtime, "w-0")
        await place.lose("w-0")
        assert (await by_name(runtime))["w-0"].state is SessionState.LOST
        assert (await runtime.stop((NAMESPACE, "w-0"))).existed
        assert await runtime.sessions() == []

    async def test_tmux_not_installed(self, place: TmuxPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(RuntimeUnavailable, match="not installed"):
            await place.runtime().start(spec("w-0"))

    async def test_long_names_give_sockets_that_fit(self, place: TmuxPlace) -> None:
        runtime = place.runtime()
        for letter in "ab":
            long = replace(spec("w-0"), namespace=letter.rjust(63, "n"))
            assert (await runtime.start(long)).state is SessionState.RUNNING
        sockets = {runtime.attach_command(info.key)[2] for info in await runtime.sessions()}
        assert len(sockets) == 2
        for socket in sockets:
            assert len(os.fsencode(socket_directory() / socket)) < 100
            assert len(TmuxServer(socket).rows()) == 1

    @pytest.mark.parametrize("wrong", ["a b", "", "x;y", "-x"])
    def test_host_names_are_checked(self, wrong: str) -> None:
        with pytest.raises(SessionFault):
            TmuxRuntime(owner=wrong, state_directory=Path("/none"), socket_prefix="x")
        with pytest.raises(SessionFault):
            TmuxRuntime(owner="x", state_directory=Path("/none"), socket_prefix=wrong)
