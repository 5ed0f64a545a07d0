"""One run of an agent: start it, listen to it, bound it, end everything it started, say what happened."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO

import psutil

from ringmaster_cli.agents.facts import MAX_ERROR_TEXT, Facts, clip
from ringmaster_cli.agents.faults import classify
from ringmaster_cli.agents.markers import read_markers
from ringmaster_cli.agents.meter import Meter
from ringmaster_cli.agents.model import AgentResult, AgentRun, Ended
from ringmaster_cli.agents.process import cannot_start, end_family, start
from ringmaster_cli.agents.readers import make_reader
from ringmaster_cli.agents.readers.base import Context, Heard, Reader
from ringmaster_cli.agents.stream import Line, Lines, Transcript
from ringmaster_cli.agents.tape import Tape
from ringmaster_cli.agents.watch import Watch
from ringmaster_cli.cost import price_usage
from ringmaster_operator.resources.bead import Reason
from ringmaster_operator.resources.protocol import Progress

__all__ = ["AgentResult", "AgentRun", "run_agent"]

CHUNK = 256 * 1024
TICK = 0.2
"""Seconds between two looks at clock and stop request when the agent is silent."""
DRAIN = 2.0
"""Seconds that output is still read after the program has ended: what it left running may hold the pipe."""
TELL = 1.0
"""Seconds between two reports of progress."""


@dataclass
class _Pipe:
    """One of the two output streams."""

    stream: IO[bytes]
    hear: Callable[[str], Heard]
    error: bool
    lines: Lines = field(default_factory=Lines)


def run_agent(
    run: AgentRun,
    *,
    on_progress: Callable[[Progress], None],
    on_line: Callable[[str], None],
    should_stop: Callable[[], str | None],
) -> AgentResult:
    """Run an agent to its end and leave none of its processes behind.

    on_progress gets the counts when they changed, at most once a second; on_line gets readable lines for the
    pane; should_stop is asked several times a second and ends the run with the reason that it returns.
    Raises ProfileError when the profile names no program and the run gives none.
    """
    argv = run.profile.argv(
        prompt_file=run.prompt_file, model=run.model, resume=run.resume, command=run.command, args=run.args
    )
    env = {**run.profile.env, **run.env}
    started = datetime.now(UTC)
    fault = cannot_start(argv[0], cwd=run.cwd, search=env.get("PATH", os.defpath))
    if fault and run.profile.install and not run.command:
        fault = f"{fault}; install it with: {run.profile.install}"
    if not fault:
        try:
            return _Running(run, argv, env, on_progress, on_line, should_stop, started).finish()
        except OSError as error:
            fault = f"{argv[0]} could not be started: {error.strerror or error}"
    return AgentResult(
        ended="missing",
        stop_reason=fault,
        is_error=True,
        error_reason=Reason.CONFIGURATION,
        error_text=fault,
        started_at=started,
        finished_at=datetime.now(UTC),
    )


class _Running:
    """The state of one run."""

    def __init__(
        self,
        run: AgentRun,
        argv: Sequence[str],
        env: Mapping[str, str],
        on_progress: Callable[[Progress], None],
        on_line: Callable[[str], None],
        should_stop: Callable[[], str | None],
        started: datetime,
    ) -> None:
        self.run = run
        self.on_progress = on_progress
        self.on_line = on_line
        self.should_stop = should_stop
        self.started = started
        self.run_id = uuid.uuid4().hex
        context = Context(
            provider=run.profile.provider,
            model=run.model or "",
            resumed=run.resume is not None,
            env=env,
            started_at=started,
        )
        self.reader: Reader = make_reader(run.profile.events, context)
        self.transcript = Transcript(run.transcript)
        self.tape = Tape(run.profile.name, run.profile.events)
        self.meter = Meter(at=started, prices=run.prices)
        by_stdin = run.profile.prompt == "stdin"
        with open(run.prompt_file if by_stdin else os.devnull, "rb") as prompt:
            try:
                self.process = start(argv, cwd=run.cwd, env=env, stdin=prompt.fileno(), run_id=self.run_id)
            except OSError:
                self.transcript.close()
                raise
        self.root = psutil.Process(self.process.pid)
        self.clock = time.monotonic()
        self.watch = Watch(timeout=run.timeout, stall=run.stall, start=self.clock)
        self.progressed_at: datetime | None = None
        self.told = 0.0
        self.untold = False

    @property
    def facts(self) -> Facts:
        return self.reader.facts

    def finish(self) -> AgentResult:
        """Listen until the end, whatever it is."""
        pipes = [
            _Pipe(stream, hear, error)
            for stream, hear, error in (
                (self.process.stdout, self.reader.line, False),
                (self.process.stderr, self.reader.error_line, True),
            )
            if stream is not None
        ]
        try:
            ended, why = self._listen(pipes)
            # Strays of a program that has ended by itself, or whatever the first try left.
            end_family(self.root, self.run_id)
            for pipe in pipes:
                self._flush(pipe)
        finally:
            end_family(self.root, self.run_id)
            for pipe in pipes:
                pipe.stream.close()
            code = self._reap()
            self.transcript.close()
        self.reader.close()
        self._tell(time.monotonic(), at_once=True)
        return self._result(ended, why, code)

    def _reap(self) -> int | None:
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return None

    def _listen(self, pipes: Sequence[_Pipe]) -> tuple[Ended, str]:
        gone: float | None = None
        with selectors.DefaultSelector() as selector:
            for pipe in pipes:
                os.set_blocking(pipe.stream.fileno(), False)
                selector.register(pipe.stream, selectors.EVENT_READ, pipe)
            while True:
                heard = self._pump(selector)
                now = time.monotonic()
                self._tell(now)
                if gone is None and self.process.poll() is not None:
                    gone = now
                if gone is not None and (not selector.get_map() or not heard or now - gone > DRAIN):
                    return "exit", ""
                if gone is None and (end := self._due(now)):
                    self._drain(selector)
                    return end

    def _due(self, now: float) -> tuple[Ended, str] | None:
        """Whether the run must be ended from outside now."""
        if (reason := self.should_stop()) is not None:
            return "stopped", reason
        match self.watch.verdict(self.facts, now=now):
            case "timeout":
                return "timeout", f"the agent was ended after {self.run.timeout:g} seconds, its time limit"
            case "stalled":
                return "stalled", f"the agent made no progress for {self.run.stall:g} seconds"
            case None:
                return None

    def _drain(self, selector: selectors.BaseSelector) -> None:
        """End the run, and read its last words: agents print their usage when they are asked to end."""
        end_family(self.root, self.run_id)
        end = time.monotonic() + DRAIN
        while selector.get_map() and time.monotonic() < end and self._pump(selector, wait=0.05):
            pass

    def _pump(self, selector: selectors.BaseSelector, *, wait: float = TICK) -> bool:
        """Read what there is; True when there was something."""
        if not selector.get_map():
            time.sleep(wait if self.process.poll() is None else 0)
            return False
        ready = selector.select(wait)
        for key, _ in ready:
            pipe: _Pipe = key.data
            chunk = pipe.stream.read(CHUNK)
            if chunk:
                for line in pipe.lines.feed(chunk):
                    self._hear(pipe, line)
            elif chunk is not None:
                selector.unregister(pipe.stream)
                self._flush(pipe)
        return bool(ready)

    def _flush(self, pipe: _Pipe) -> None:
        """The last line need not have an end."""
        for line in pipe.lines.close():
            self._hear(pipe, line)

    def _hear(self, pipe: _Pipe, line: Line) -> None:
        heard = self.reader.cut_line(line.text, line.size) if line.cut else pipe.hear(line.text)
        if heard.keep:
            self.transcript.write(line)
            self.tape.hear(line.text, error=pipe.error)
        for words in heard.show:
            self.on_line(words)

    def _tell(self, now: float, *, at_once: bool = False) -> None:
        if self.watch.saw(self.facts, now=now):
            self.progressed_at = datetime.now(UTC)
            self.untold = True
        if self.untold and (at_once or now - self.told >= TELL):
            self.told, self.untold = now, False
            self.on_progress(self._progress())

    def _progress(self) -> Progress:
        tokens, usd = self.meter.read(self.facts)
        return Progress(
            tokens=tokens,
            usd=usd,
            turns=self.facts.turns,
            tool_calls=self.facts.tool_calls,
            open_tool_calls=len(self.facts.open_tools),
            output_tokens=self.facts.output_tokens,
            last_progress_at=self.progressed_at,
            note=self.facts.note[:512],
        )

    def _result(self, ended: Ended, why: str, code: int | None) -> AgentResult:
        facts, by_itself = self.facts, ended == "exit"
        seconds, finished = time.monotonic() - self.clock, datetime.now(UTC)
        text, reason = facts.error_text, facts.error_reason
        if by_itself and code and not text:
            # Nothing in the stream says why it failed, so its last words outside it are the cause; those of
            # one that was killed are not.
            text = clip("\n".join(facts.tail), MAX_ERROR_TEXT)
            if code > 0:
                reason = classify(text)
            else:
                last = f"; its last words: {text}" if text else ""
                text = f"the agent was ended by signal {-code}{last}"
        return AgentResult(
            ended=ended,
            exit_code=code if by_itself else None,
            stop_reason=why or facts.stop_reason,
            usage=price_usage(facts.spent.values(), reported_usd=facts.reported_usd, at=self.started),
            final_text=facts.final_text,
            agent_session=facts.session[:256],
            is_error=facts.is_error,
            refused=facts.refused,
            error_reason=reason,
            error_text=text,
            progress=self._progress(),
            markers=read_markers(facts.final_text),
            played=self.tape.played(),
            seconds=seconds,
            started_at=self.started,
            finished_at=finished,
        )
