"""How sessions end, in every runtime: by themselves, when told, and with their surroundings."""

from __future__ import annotations

import pytest

from ringmaster_operator.runtimes.protocol import (
    SessionState,
)
from support.runtimes import NAMESPACE, Place, by_name, ended, logged, spec

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        sys.stdout.write('daemon\\n'); sys.stdout.flush()
        time.sleep(600)
    os._exit(0)
sys.stdout.write('begun\\n'); sys.stdout.flush()
time.sleep(600)
"""


class Endings:
    @pytest.mark.parametrize("code", [0, 1, 7, 127])
    async def test_exit_code_is_seen(self, place: Place, code: int) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0", "/bin/sh", "-c", f"echo over; exit {code}"))
        info = await ended(runtime, "w-0")
        assert (info.state, info.exit_code) == (SessionState.EXITED, code)
        await logged(runtime, "w-0", "over")

    async def test_signal_is_seen(self, place: Place) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0", "/bin/sh", "-c", "kill -9 $$"))
        assert (await ended(runtime, "w-0")).exit_code == 137

    async def test_ended_session_is_started_anew(self, place: Place) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0", "/bin/false"))
        await ended(runtime, "w-0")
        info = await runtime.start(spec("w-0"))
        assert info.state is SessionState.RUNNING

    async def test_whole_tree_ends(self, place: Place) -> None:
        runtime = place.runtime()
        mark = "whole-tree-of-conformance"
        await runtime.start(spec("w-0", place.python, "-c", DAEMON, mark))
        await logged(runtime, "w-0", "daemon")
        assert sum(mark in line for line in await place.command_lines()) == 2
        await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)
        assert not [line for line in await place.command_lines() if mark in line]

    async def test_daemon_left_by_an_ended_session_ends_with_it(self, place: Place) -> None:
        runtime = place.runtime()
        mark = "left-daemon-of-conformance"
        quick = DAEMON[: DAEMON.rindex("time.sleep")] + "time.sleep(0.5)"
        await runtime.start(spec("w-0", place.python, "-c", quick, mark))
        await ended(runtime, "w-0")
        await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)
        assert not [line for line in await place.command_lines() if mark in line]

    async def test_stubborn_program_is_killed_after_the_grace(self, place: Place) -> None:
        runtime = place.runtime()
        program = "trap 'echo asked' TERM; echo begun; while :; do sleep 0.1; done"
        await runtime.start(spec("w-0", "/bin/sh", "-c", program))
        await logged(runtime, "w-0", "begun")
        result = await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)
        assert result.forced >= 1
        await logged(runtime, "w-0", "asked")

    async def test_willing_program_ends_in_its_own_way(self, place: Place) -> None:
        runtime = place.runtime()
        program = "trap 'echo tidied; exit 0' TERM; echo begun; while :; do sleep 0.1; done"
        await runtime.start(spec("w-0", "/bin/sh", "-c", program))
        await logged(runtime, "w-0", "begun")
        result = await runtime.stop((NAMESPACE, "w-0"), grace_seconds=10)
        assert result.forced == 0
        await logged(runtime, "w-0", "tidied")

    async def test_lost_surroundings_are_told_and_survived(self, place: Place) -> None:
        runtime = place.runtime()
        mark = "lost-of-conformance"
        await runtime.start(spec("w-0", place.python, "-c", DAEMON, mark))
        await logged(runtime, "w-0", "daemon")
        await place.lose("w-0")
        info = (await by_name(runtime))["w-0"]
        assert (info.state, info.fingerprint, info.worker) == (SessionState.LOST, "f1", "w")
        again = await runtime.start(spec("w-0"))
        assert again.state is SessionState.RUNNING
        assert not [line for line in await place.command_lines() if mark in line]

    async def test_screen_is_saved_before_the_end(self, place: Place) -> None:
        runtime = place.runtime()
        program = "printf 'last w\\303\\266rds\\n'; exec sleep 600"
        await runtime.start(spec("w-0", "/bin/sh", "-c", program))
        await logged(runtime, "w-0", "last wörds")
        assert "last wörds" in await runtime.screen((NAMESPACE, "w-0"))
        result = await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)
        assert "last wörds" in result.screen
        assert "last wörds" in await place.runtime().screen((NAMESPACE, "w-0"))

    async def test_discard_leaves_nothing(self, place: Place) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0"))
        await logged(runtime, "w-0", "begun")
        await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)
        await runtime.discard((NAMESPACE, "w-0"))
        assert await runtime.logs((NAMESPACE, "w-0")) == ""
        assert await runtime.screen((NAMESPACE, "w-0")) == ""
