"""The loop of `ringmaster top`: keys, what is heard, signals, and a picture when something has changed."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType

from ringmaster_cli.exits import CliError, Stopped, Unreachable
from ringmaster_cli.people.client import Client
from ringmaster_cli.people.feed import Feed
from ringmaster_cli.people.identity import Identity
from ringmaster_cli.top.acts import Hands, Heard
from ringmaster_cli.top.items import Rows
from ringmaster_cli.top.keys import PASTED
from ringmaster_cli.top.model import World
from ringmaster_cli.top.pages import page_rows
from ringmaster_cli.top.screen import Screen
from ringmaster_cli.top.ui import Intent, Item, Prompt, Ui
from ringmaster_cli.top.view import boxes, draw

PICTURE_SECONDS = 0.1
"""Between two pictures at least: what comes meanwhile is in the next one."""
TICK_SECONDS = 1.0
"""Ages grow."""
ESCAPE_SECONDS = 0.05
"""What follows an Esc within it belongs to it."""
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Top:
    """One run, for one person."""

    def __init__(self, screen: Screen, people: Sequence[Identity]) -> None:
        self._screen = screen
        self._world = World([who.namespace for who in people])
        self._ui = Ui()
        self._rows = Rows.of(self._world, self._ui)
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        feeds = {who.namespace: Feed(who) for who in people}
        self._hands = Hands({who.namespace: Client(who) for who in people}, feeds, self._wake)
        self._ended = 0
        self._done = False

    def run(self) -> None:
        """Until the person quits. Raises Stopped after a signal, and what keeps all namespaces from view."""
        before = {number: signal.signal(number, self._signal) for number in ENDING}
        before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, self._resized)
        try:
            with self._screen:
                self._hands.start()
                self._loop()
        finally:
            self._hands.stop()
            for number, handler in before.items():
                signal.signal(number, handler)
            for end in self._pipe:
                os.close(end)
        if self._ended:
            raise Stopped(f"ended by {signal.Signals(self._ended).name}")

    def _signal(self, number: int, _: FrameType | None) -> None:
        self._ended, self._done = number, True
        self._wake()

    def _resized(self, *_: object) -> None:
        self._screen.forget()
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # full is awake enough, closed is ended
            os.write(self._pipe[1], b".")

    def _loop(self) -> None:
        dirty, drawn = True, 0.0
        while not self._done:
            now = time.monotonic()
            due = drawn + (PICTURE_SECONDS if dirty else TICK_SECONDS)
            if now >= due:
                self._picture()
                dirty, drawn = False, now
                continue
            wait = min(due - now, ESCAPE_SECONDS) if self._screen.keys.waits else due - now
            ready, _, _ = select.select([self._screen.fileno(), self._pipe[0]], [], [], wait)
            if self._pipe[0] in ready:
                self._drain()
                dirty = self._hear() or dirty
            if self._screen.fileno() in ready:
                self._keys(self._screen.read())
                dirty, drawn = True, 0.0  # a key is answered at once
            elif self._screen.keys.waits and not ready:
                self._keys(self._screen.keys.flush())
                dirty, drawn = True, 0.0

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._pipe[0], 4096):
                pass

    def _picture(self) -> None:
        columns, lines = self._screen.size()
        self._rows = Rows.of(self._world, self._ui)
        self._screen.show(draw(self._world, self._ui, self._rows, columns, lines, self._world.now()))

    # -- keys -----------------------------------------------------------------------------------

    def _keys(self, keys: Sequence[str] | None) -> None:
        if keys is None:
            self._done = True
            return
        for key in keys:
            if key.startswith(PASTED):
                self._ui.paste(key.removeprefix(PASTED))
                continue
            columns, lines = self._screen.size()
            self._rows = Rows.of(self._world, self._ui)  # as it is, not as it was drawn
            items = self._rows.items(self._world, self._ui.pane)
            room = boxes(columns, lines, self._rows)[self._ui.pane].rows - 1
            height = page_rows(lines) if self._ui.page else room
            self._ui.settle(self._ui.pane, items)
            intent = self._ui.handle(key, items, height)
            if intent is not None:
                self._do(intent, columns)
            if self._done:
                return

    def _do(self, intent: Intent, columns: int) -> None:
        here: Mapping[str, Callable[[], None]] = {
            "quit": self._quit,
            "pause": self._pause,
            "redraw": self._screen.forget,
        }
        if intent.what in here:
            here[intent.what]()
        elif intent.what == "attach" and intent.item is not None:
            self._attach(intent.item)
        else:
            self._ui.say("...")
            self._hands.do(intent, columns, self._world.now())

    def _quit(self) -> None:
        self._done = True

    def _pause(self) -> None:
        """To the shell; `fg` comes back."""
        with self._screen.lent():
            os.kill(os.getpid(), signal.SIGSTOP)

    def _attach(self, item: Item) -> None:
        """Lend the terminal to what shows the session."""
        worker = self._world.workers.get((item.namespace, item.worker))
        sessions = worker.status.sessions if worker is not None else []
        found = next((session for session in sessions if session.name == item.session), None)
        if found is None or not found.attach:
            why = (found.message or found.state) if found is not None else "it is gone"
            self._ui.say(f"{item.session} cannot be attached to: {why}", trouble=True)
            return
        env = {name: value for name, value in os.environ.items() if name != "TMUX"}  # within tmux too
        with self._screen.lent():
            try:
                code = subprocess.run(shlex.split(found.attach), env=env, check=False).returncode
            except OSError as fault:
                self._ui.say(f"{found.attach}: {fault.strerror}", trouble=True)
                return
        words = f"back from {item.session}" if code == 0 else f"{found.attach}: exit {code}"
        self._ui.say(words, trouble=code != 0)

    # -- what is heard --------------------------------------------------------------------------

    def _hear(self) -> bool:
        """Take in all that threads have told; whether there was anything."""
        heard = False
        while not self._hands.heard.empty():
            self._take(self._hands.heard.get())
            heard = True
        return heard

    def _take(self, told: Heard) -> None:
        namespace, ui = told.namespace, self._ui
        if told.fault is not None:
            self._lost(namespace, told.fault)
        elif told.news is not None:
            self._news(told)
        elif told.view is not None:
            self._world.seen(namespace, told.view, told.ranks or {}, datetime.now(UTC))
        elif told.page is not None:
            ui.shown, ui.detail = told.page
            ui.page, ui.scroll = "detail", 0
            ui.say("")
        elif told.question is not None:
            item, lines = told.question
            ui.prompt = Prompt("decide", "answer (a number or words, Esc: not now): ", item, lines=lines)
            ui.say("")
        else:
            ui.say(told.said, trouble=told.trouble)

    def _news(self, told: Heard) -> None:
        news, world = told.news, self._world
        assert news is not None  # noqa: S101 - the caller looked
        if news.what == "offline":
            if told.namespace in world.loading:
                raise Unreachable(f"the operator cannot be reached: {news.why}")
            world.away[told.namespace] = news.why
        elif news.what == "begin":
            world.begun(told.namespace, news.steps)
        else:
            world.away.pop(told.namespace, None)
            world.apply(told.namespace, news.steps)

    def _lost(self, namespace: str, fault: CliError) -> None:
        """A namespace that is not to be seen: of several the others stay."""
        if len(self._world.namespaces) == 1:
            raise fault
        self._world.drop(namespace)
        self._ui.say(f"{namespace}: {fault}", trouble=True)
