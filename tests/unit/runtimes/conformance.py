"""What every runtime must do. A runtime's test module gives a `place` fixture and inherits the suite.

The sessions prove things by what they print, never by files of this machine, so that the suite says the
same about a pod on a node far away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import pytest

from ringmaster_operator.runtimes import ansi
from ringmaster_operator.runtimes.protocol import (
    Runtime,
    SessionFault,
    SessionInfo,
    SessionSpec,
    SessionState,
)

NAMESPACE = "work"
FOREVER = ("/bin/sh", "-c", "echo begun; while :; do sleep 1; done")
BAD_NAMES = (
    "",
    "a;touch x",
    "$(id)",
    "`id`",
    "a\nb",
    "-x",
    "--",
    "a.b",
    "a:b",
    "a b",
    "A",
    "../a",
    "é",
    "=a",
    "#{pid}",
    "%0",
    "@1",
    "{last}",
    "x" * 300,
)
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


class Place(Protocol):
    """What the suite needs to know of the place that a runtime runs its sessions in."""

    python: str
    """A Python there."""

    def runtime(self, *, log_bytes: int | None = None) -> Runtime:
        """A new object for the same owner, as after a restart of the operator."""
        ...

    async def stranger(self, name: str) -> Callable[[], Awaitable[bool]]:
        """Start something of someone else under this name; the answer tells whether it still runs."""
        ...

    async def command_lines(self) -> list[str]:
        """Command lines of all processes there, zombies left out."""
        ...

    async def lose(self, name: str) -> None:
        """Take away what the session lives in, as a fallen server or a lost node does."""
        ...


def spec(name: str, *command: str, fingerprint: str = "f1", env: dict[str, str] | None = None) -> SessionSpec:
    return SessionSpec(
        namespace=NAMESPACE,
        name=name,
        worker=name.rpartition("-")[0] or "w",
        command=command or FOREVER,
        env=env or {},
        fingerprint=fingerprint,
    )


async def until(check: Callable[[], Awaitable[object]], what: str, seconds: float = 30.0) -> None:
    """Wait for a truth about another process; fails with `what` when it does not come."""
    deadline = time.monotonic() + seconds
    while not (met := await check()) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert met, f"not within {seconds} s: {what}"


async def logged(runtime: Runtime, name: str, text: str) -> None:
    async def check() -> bool:
        return text in await runtime.logs((NAMESPACE, name), lines=5000)

    await until(check, f"{text!r} in the log of {name}")


async def by_name(runtime: Runtime) -> dict[str, SessionInfo]:
    return {info.name: info for info in await runtime.sessions()}


async def ended(runtime: Runtime, name: str) -> SessionInfo:
    async def check() -> bool:
        return (await by_name(runtime))[name].state is not SessionState.RUNNING

    await until(check, f"{name} ends")
    return (await by_name(runtime))[name]


class RuntimeConformance:
    async def test_starts_lists_and_stops(self, place: Place) -> None:
        runtime = place.runtime()
        assert await runtime.sessions() == []
        info = await runtime.start(spec("w-0"))
        assert (info.namespace, info.name, info.worker, info.state) == (
            NAMESPACE,
            "w-0",
            "w",
            SessionState.RUNNING,
        )
        assert info.started_at is not None
        assert info.fingerprint == "f1"
        await logged(runtime, "w-0", "begun")
        listed = (await by_name(runtime))["w-0"]
        assert listed.last_output_at is not None
        assert replace(listed, last_output_at=None) == replace(info, last_output_at=None)
        assert (await runtime.stop(info.key, grace_seconds=2)).existed
        assert await runtime.sessions() == []

    async def test_what_it_shows_is_seen_in_colour(self, place: Place) -> None:
        runtime = place.runtime()
        words = "printf 'plain \\033[1;31mred\\033[0m \\344\\270\\226 over\\n'; sleep 600"
        await runtime.start(spec("w-0", "/bin/sh", "-c", words))
        await logged(runtime, "w-0", "over")
        view = await runtime.view((NAMESPACE, "w-0"), lines=50)
        [line] = [line for line in ansi.parsed(view.lines) if line]
        assert line == (
            {"text": "plain "},
            {"text": "red", "bold": True, "color": "red"},
            {"text": " 世 over"},
        )
        assert view.state is SessionState.RUNNING
        with pytest.raises(SessionFault, match="never-0"):
            await runtime.view((NAMESPACE, "never-0"))

    async def test_it_is_typed_into_or_says_why_not(self, place: Place) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0", "/bin/sh", "-c", 'read -r it; echo "got <$it>"; sleep 600'))
        if why := runtime.no_typing:
            with pytest.raises(SessionFault, match=why):
                await runtime.type((NAMESPACE, "w-0"), text="x")
            return
        for text in ("-l 'a' $(id) #{pid} ; ", "世;"):
            await runtime.type((NAMESPACE, "w-0"), text=text)
        await runtime.type((NAMESPACE, "w-0"), special="Enter")
        await logged(runtime, "w-0", "got <-l 'a' $(id) #{pid} ; 世;>")
        with pytest.raises(SessionFault, match="no key"):
            await runtime.type((NAMESPACE, "w-0"), special="-X")
        with pytest.raises(SessionFault, match="does not run"):
            await runtime.type((NAMESPACE, "never-0"), text="x")

    async def test_start_is_idempotent(self, place: Place) -> None:
        runtime = place.runtime()
        first = await runtime.start(spec("w-0"))
        again = await asyncio.gather(*(runtime.start(spec("w-0")) for _ in range(4)))
        assert {info.run for info in again} == {first.run}
        assert len(await runtime.sessions()) == 1

    async def test_stop_is_idempotent(self, place: Place) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0"))
        assert (await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)).existed
        assert not (await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)).existed
        assert not (await runtime.stop((NAMESPACE, "never-0"), grace_seconds=1)).existed

    async def test_other_fingerprint_is_refused_while_it_runs(self, place: Place) -> None:
        runtime = place.runtime()
        first = await runtime.start(spec("w-0"))
        with pytest.raises(SessionFault, match="stop it first"):
            await runtime.start(spec("w-0", fingerprint="f2"))
        assert (await by_name(runtime))["w-0"].run == first.run
        await runtime.stop(first.key, grace_seconds=1)
        assert (await runtime.start(spec("w-0", fingerprint="f2"))).fingerprint == "f2"

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

    async def test_missing_program_is_seen_at_once(self, place: Place) -> None:
        runtime = place.runtime()
        info = await runtime.start(spec("w-0", "no-such-program-here", "x"))
        assert info.state is SessionState.UNSTARTABLE
        assert "no-such-program-here" in info.message
        assert (await by_name(runtime))["w-0"].message == info.message
        assert (await runtime.start(spec("w-0"))).state is SessionState.RUNNING

    async def test_missing_directory_is_seen_at_once(self, place: Place) -> None:
        runtime = place.runtime()
        info = await runtime.start(replace(spec("w-0"), working_directory="/no/such/directory"))
        assert info.state is SessionState.UNSTARTABLE
        assert "/no/such/directory" in info.message

    async def test_environment_reaches_the_program_and_no_command_line(self, place: Place) -> None:
        runtime = place.runtime()
        program = (
            "import os; print('got', len(os.environ['SECRET']), flush=True); import time; time.sleep(600)"
        )
        secret = "hush-" + "v" * 40
        await runtime.start(spec("w-0", place.python, "-c", program, env={"SECRET": secret}))
        await logged(runtime, "w-0", f"got {len(secret)}")
        lines = await place.command_lines()
        assert any("time.sleep(600)" in line for line in lines)
        assert not any(secret in line for line in lines)

    @pytest.mark.parametrize(
        "value", ["ü€🎪", "two\nlines", "'\"`$HOME;#{x} %d\\", "", " ", "a=b", "x" * 60000]
    )
    async def test_values_arrive_unchanged(self, place: Place, value: str) -> None:
        runtime = place.runtime()
        program = "import os; print('is', ascii(os.environ['V'])[-50:], flush=True)"
        await runtime.start(
            spec("w-0", place.python, "-c", program, env={"V": value, "OPTIND": "x", "UID": "y"})
        )
        await logged(runtime, "w-0", f"is {ascii(value)[-50:]}")

    async def test_arguments_arrive_unchanged(self, place: Place) -> None:
        runtime = place.runtime()
        given = ["a b", "$HOME", ";", "x;", "--", "-t", "#{pid}", "%H", "ü"]
        program = "import sys; print(ascii(sys.argv[1:]), flush=True)"
        await runtime.start(spec("w-0", place.python, "-c", program, *given))
        await logged(runtime, "w-0", ascii(given))

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

    async def test_adopted_by_a_new_runtime(self, place: Place) -> None:
        info = await place.runtime().start(spec("w-0", fingerprint="abc"))
        later = place.runtime()
        found = (await by_name(later))["w-0"]
        assert (found.run, found.fingerprint, found.started_at) == (info.run, "abc", info.started_at)
        assert (await later.start(spec("w-0", fingerprint="abc"))).run == info.run
        await later.stop(found.key, grace_seconds=1)
        assert await place.runtime().sessions() == []

    async def test_strangers_are_left_alone(self, place: Place) -> None:
        runtime = place.runtime()
        lives = await place.stranger("other-0")
        await runtime.start(spec("w-0"))
        assert set(await by_name(runtime)) == {"w-0"}
        with pytest.raises(SessionFault, match="other-0"):
            await runtime.start(spec("other-0"))
        assert not (await runtime.stop((NAMESPACE, "other-0"), grace_seconds=1)).existed
        await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)
        assert await lives()

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

    async def test_log_is_bounded(self, place: Place) -> None:
        runtime = place.runtime(log_bytes=100_000)
        program = "import sys\nfor i in range(60_000): print('line', i)\nprint('the end', flush=True)"
        await runtime.start(spec("w-0", place.python, "-c", program))
        await logged(runtime, "w-0", "the end")
        text = await runtime.logs((NAMESPACE, "w-0"), lines=10**6)
        assert "line 59999" in text
        assert "line 1\n" not in text
        assert len(text) <= 3 * 100_000 + 65536

    async def test_logs_are_cut_to_the_lines_wanted(self, place: Place) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0", "/bin/sh", "-c", "for i in 1 2 3 4 5; do echo n$i; done"))
        await logged(runtime, "w-0", "n5")
        assert await runtime.logs((NAMESPACE, "w-0"), lines=2) == "n4\nn5"
        assert await runtime.logs((NAMESPACE, "never-0")) == ""

    async def test_discard_leaves_nothing(self, place: Place) -> None:
        runtime = place.runtime()
        await runtime.start(spec("w-0"))
        await logged(runtime, "w-0", "begun")
        await runtime.stop((NAMESPACE, "w-0"), grace_seconds=1)
        await runtime.discard((NAMESPACE, "w-0"))
        assert await runtime.logs((NAMESPACE, "w-0")) == ""
        assert await runtime.screen((NAMESPACE, "w-0")) == ""

    async def test_twenty_sessions(self, place: Place) -> None:
        runtime = place.runtime()
        names = [f"w-{number}" for number in range(20)]
        infos = await asyncio.gather(*(runtime.start(spec(name)) for name in names))
        assert len({info.run for info in infos}) == 20
        assert set(await by_name(runtime)) == set(names)
        await asyncio.gather(*(runtime.stop((NAMESPACE, name), grace_seconds=2) for name in names))
        assert await runtime.sessions() == []

    async def test_namespaces_keep_apart(self, place: Place) -> None:
        runtime = place.runtime()
        one = await runtime.start(spec("w-0"))
        two = await runtime.start(replace(spec("w-0"), namespace="play"))
        assert one.run != two.run
        await runtime.stop(two.key, grace_seconds=1)
        assert [info.key for info in await runtime.sessions()] == [one.key]

    @pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:20])
    async def test_names_that_could_mean_something_else_are_refused(self, place: Place, name: str) -> None:
        runtime = place.runtime()
        with pytest.raises(SessionFault, match="not allowed"):
            await runtime.start(spec(name))
        with pytest.raises(SessionFault, match="not allowed"):
            await runtime.start(replace(spec("w-0"), namespace=name))
        with pytest.raises(SessionFault, match="not allowed"):
            await runtime.start(replace(spec("w-0"), worker=name))
        with pytest.raises(SessionFault, match="not allowed"):
            await runtime.stop((NAMESPACE, name))
        with pytest.raises(SessionFault, match="not allowed"):
            await runtime.screen((NAMESPACE, name))
        with pytest.raises(SessionFault, match="not allowed"):
            runtime.attach_command((NAMESPACE, name))
        assert await runtime.sessions() == []

    @pytest.mark.parametrize(
        "wrong",
        [
            {"command": ()},
            {"command": ("a\0b",)},
            {"env": {"A B": "x"}},
            {"env": {"A": "x\0y"}},
            {"fingerprint": "a|b"},
            {"place": "-x;y"},
        ],
        ids=str,
    )
    async def test_what_cannot_be_passed_on_is_refused(self, place: Place, wrong: dict[str, object]) -> None:
        runtime = place.runtime()
        with pytest.raises(SessionFault):
            await runtime.start(replace(spec("w-0"), **wrong))  # type: ignore[arg-type]
        assert await runtime.sessions() == []

    async def test_secrets_are_not_in_the_repr(self) -> None:
        assert "hush" not in repr(spec("w-0", env={"S": "hush"}))
