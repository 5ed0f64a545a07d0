"""What every runtime must do. A runtime's test module gives a `place` fixture and inherits the suite.

The sessions prove things by what they print, never by files of this machine, so that the suite says the
same about a pod on a node far away.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ringmaster_operator.runtimes import ansi
from ringmaster_operator.runtimes.protocol import (
    SessionFault,
    SessionState,
)
from support.runtimes import NAMESPACE, Place, by_name, logged, spec
from unit.runtimes.endings import Endings

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


class RuntimeConformance(Endings):
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
