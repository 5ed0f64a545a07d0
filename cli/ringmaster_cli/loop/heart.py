"""The heartbeat: tells the operator that we are at it, and hears what it wants."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from ringmaster_cli.client import Body
from ringmaster_cli.exits import CliError, Fenced, LostClaim
from ringmaster_cli.loop.context import Context, api_for
from ringmaster_cli.state import Held

BEATS_PER_LEASE = 3.0
SHORTEST_SECONDS = 0.2


@dataclass(frozen=True)
class Ending:
    """Why the work must end now."""

    kind: Literal["lost", "fenced", "cancel", "release"]
    reason: str


class Heart:
    """Beats in a thread of its own for as long as the with block runs.

    An operator that cannot be reached ends nothing: it may only be restarting, and whether the claim still
    holds is asked again before anything is published.
    """

    def __init__(self, context: Context, held: Held) -> None:
        self._context = context
        self._held = held
        self._api = api_for(context.settings, say=lambda _: None, stop=context.stop)
        self._ended = threading.Event()
        self._ending: Ending | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.progress: Body = {}
        """The protocol's Progress; replaced as a whole by whoever watches the agent."""

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=1.0)

    @property
    def ending(self) -> Ending | None:
        """Why the work must end now, if it must: by the operator, or because this process is to stop."""
        if self._ending is None and self._context.stop.reason is not None:
            return Ending("release", self._context.stop.reason)
        return self._ending

    def should_stop(self) -> str | None:
        """As the agent's runner asks it."""
        return self.ending.reason if self.ending else None

    def check(self) -> None:
        """Raises LostClaim when nothing may be done under the claim any more."""
        if self._ending is not None and self._ending.kind in ("lost", "fenced"):
            raise (Fenced if self._ending.kind == "fenced" else LostClaim)(self._ending.reason)

    def obey(self, order: object, reason: object) -> None:
        """Take an order of the operator, from wherever it came."""
        words = str(reason or "")
        if order == "cancel":
            self._ending = Ending("cancel", words or "the bead was cancelled")
        elif order == "release":
            self._ending = Ending("release", words or "the operator wants the bead back")

    def _run(self) -> None:
        try:
            self._beat()
        finally:
            self._api.close()

    def _beat(self) -> None:
        lease, silent = float(self._held.claimed.get("leaseSeconds", 60)), False
        while not self._ended.wait(max(lease / BEATS_PER_LEASE, SHORTEST_SECONDS)):
            request = {
                "fence": self._held.fence,
                "iteration": self._held.iteration,
                "progress": self.progress,
            }
            try:
                answer = self._api.heartbeat(self._held.claim_id, request, patience=0)
            except LostClaim as lost:
                self._ending = Ending("fenced" if isinstance(lost, Fenced) else "lost", str(lost))
                return
            except CliError as trouble:
                if not silent:
                    self._context.say(f"heartbeat not heard: {trouble}")
                silent = True
                continue
            silent = False
            lease = float(answer.get("leaseSeconds", lease))
            self.obey(answer.get("order"), answer.get("reason"))
