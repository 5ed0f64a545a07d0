"""What a session keeps on disk, so that neither a crash nor a step-by-step script loses anything.

Under RINGMASTER_HOME/claims/<namespace>/<session>/ (0700, files 0600):
  wish        the id of a claim that was asked for and not yet answered: asked again, it is the same claim
  claim.json  the claim that is held, and how far the work on it has come
  worktree    name of the worktree that was made last, to be removed where a crash prevented it
  spool/      reports that the operator has not acknowledged, each named by its report id
  records/    what people look at of reported iterations, until the operator has it (loop.kept)
  refused/    reports that it refused, for people
Every write is atomic and on the disk before it counts.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ringmaster_cli.exits import CliError, Refused, UsageError

Body = dict[str, Any]
SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The environment of a session (RINGMASTER_*)."""

    url: str
    """RINGMASTER_URL: address of the operator's API."""
    token_file: Path
    """RINGMASTER_TOKEN_FILE: file that holds the bearer token; read anew for every call."""
    worker: str
    """RINGMASTER_WORKER: name of the Worker."""
    session: str
    """RINGMASTER_SESSION: name of this session."""
    namespace: str
    """RINGMASTER_NAMESPACE: for people's eyes; the operator takes it from the token."""
    home: Path
    """RINGMASTER_HOME: mirrors, worktrees, transcripts and this session's state."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """From the environment. Raises UsageError that names everything missing or malformed."""
        needed = ("RINGMASTER_URL", "RINGMASTER_TOKEN_FILE", "RINGMASTER_WORKER")
        if missing := [name for name in needed if not environ.get(name)]:
            raise UsageError(f"set {', '.join(missing)}: this command speaks to a Ringmaster operator")
        worker = environ["RINGMASTER_WORKER"]
        session = environ.get("RINGMASTER_SESSION") or worker
        if not NAME.fullmatch(worker):
            raise UsageError(f"RINGMASTER_WORKER is not the name of a Worker: {worker!r}")
        if not SESSION.fullmatch(session):
            raise UsageError(f"RINGMASTER_SESSION is not the name of a session: {session!r}")
        namespace = environ.get("RINGMASTER_NAMESPACE", "")
        if namespace and not NAME.fullmatch(namespace):
            raise UsageError(f"RINGMASTER_NAMESPACE is not the name of a namespace: {namespace!r}")
        home = environ.get("RINGMASTER_HOME") or "~/.local/state/ringmaster"
        return cls(
            url=environ["RINGMASTER_URL"],
            token_file=Path(environ["RINGMASTER_TOKEN_FILE"]).expanduser(),
            worker=worker,
            session=session,
            namespace=namespace,
            home=Path(home).expanduser(),
        )


@dataclass(kw_only=True)
class Held:
    """The claim that this session holds."""

    claimed: Body
    """The protocol's Claimed, as the operator sent it last."""
    prompt: str = ""
    """File of the prompt of the current iteration; empty until it is built."""
    running: bool = False
    """An agent has been started and its end was not seen yet."""
    resumes: int = 0
    """How often this iteration ended the process that worked on it."""

    @property
    def claim_id(self) -> str:
        return str(self.claimed["claimId"])

    @property
    def fence(self) -> int:
        return int(self.claimed["fence"])

    @property
    def attempt(self) -> int:
        return int(self.claimed["attempt"])

    @property
    def iteration(self) -> int:
        return int(self.claimed["iteration"])

    @property
    def bead(self) -> str:
        return str(self.claimed["bead"]["name"])


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """A finished report on its way."""

    claim_id: str
    bead: str
    report: Body
    """The protocol's ReportRequest."""
    unpublished: bool = False
    """The work is committed, and whether its branch was pushed is not known: to be done before it is sent."""
    saved_at: float = field(default_factory=time.time)

    @property
    def report_id(self) -> str:
        return str(self.report["reportId"])


class State:
    """The files of one session."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.home / "claims" / (settings.namespace or "_") / settings.session
        self._claim = self.folder / "claim.json"
        self._wish = self.folder / "wish"
        self._spool = self.folder / "spool"
        self._worktree = self.folder / "worktree"
        self._unsaved: dict[str, Spooled] = {}
        with told("the session's state"):
            for folder in [*reversed(self._spool.parents), self._spool]:
                folder.mkdir(exist_ok=True, mode=0o700)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the session for one process. Raises Refused when another one has it."""
        with told("the session's lock"):
            lock = open(self.folder / "lock", "a", encoding="ascii")  # noqa: SIM115
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(
                    f"another process works as session {self.folder.name} in {self.folder}; "
                    "give this one its own RINGMASTER_SESSION"
                ) from None
            yield

    def wish(self) -> str:
        """The id of the claim to ask for: the unanswered one of last time, else a fresh one."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            kept = self._wish.read_text(encoding="ascii").strip()
            if re.fullmatch(r"[A-Za-z0-9-]{8,64}", kept):
                return kept
        fresh = str(uuid.uuid4())
        write(self._wish, fresh.encode())
        return fresh

    def forget_wish(self) -> None:
        """The wish was answered, or its id is used up."""
        self._wish.unlink(missing_ok=True)

    def held(self) -> Held | None:
        """The claim that is held; a file that no version of ours wrote is put aside."""
        data = load(self._claim)
        if data is None:
            return None
        known = {f.name for f in fields(Held)}
        try:
            held = Held(**{key: value for key, value in data.items() if key in known})
            _ = (held.claim_id, held.fence, held.attempt, held.iteration, held.bead)
        except (KeyError, TypeError, ValueError):
            self._claim.replace(self._claim.with_suffix(".unreadable"))
            return None
        return held

    def hold(self, held: Held) -> None:
        """Remember the claim."""
        write(self._claim, json.dumps(asdict(held)).encode())

    def let_go(self) -> None:
        """The claim is over."""
        self._claim.unlink(missing_ok=True)

    def works_in(self, worktree: str) -> None:
        """Remember the worktree's name."""
        write(self._worktree, worktree.encode())

    def worked_in(self) -> str:
        """The worktree that was made last; empty when it is known to be gone."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return Path(self._worktree.read_text(encoding="utf-8")).name
        return ""

    def worktree_gone(self) -> None:
        """The last worktree is not ours to remove any more."""
        self._worktree.unlink(missing_ok=True)

    def spool(self, item: Spooled) -> str:
        """Put a report on disk, in place of an earlier one of the same id.

        Where the disk does not take it, it is kept in memory, and the returned text says so.
        """
        try:
            write(self._spool / f"{item.report_id}.json", json.dumps(asdict(item)).encode())
        except CliError as fault:
            self._unsaved[item.report_id] = item
            return f"the report is only in memory: {fault}"
        self._unsaved.pop(item.report_id, None)
        return ""

    @property
    def unsaved(self) -> bool:
        """Whether a report is only in memory."""
        return bool(self._unsaved)

    def spooled(self) -> list[Spooled]:
        """Undelivered reports, oldest first."""
        found = list(self._unsaved.values())
        for path in self._spool.glob("*.json"):
            data = load(path)
            try:
                item = Spooled(**(data or {}))
                _ = item.report_id
            except (TypeError, KeyError):
                path.replace(path.with_suffix(".unreadable"))
                continue
            if item.report_id not in self._unsaved:
                found.append(item)
        return sorted(found, key=lambda item: item.saved_at)

    def delivered(self, report_id: str) -> None:
        """The operator has it. Where its file cannot go, it is sent again, which changes nothing."""
        self._unsaved.pop(report_id, None)
        with contextlib.suppress(OSError):
            (self._spool / f"{report_id}.json").unlink()

    def refused(self, report_id: str) -> Path:
        """The operator will never take it: kept for people. Returns where."""
        target = self.folder / "refused" / f"{report_id}.json"
        self._unsaved.pop(report_id, None)
        with contextlib.suppress(FileNotFoundError):
            target.parent.mkdir(exist_ok=True, mode=0o700)
            (self._spool / f"{report_id}.json").replace(target)
        return target


def load(path: Path) -> Body | None:
    """A JSON object, or None when there is none that can be read."""
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def write(path: Path, content: bytes) -> None:
    """Replace a file by a complete one that is on the disk. Raises CliError."""
    with told(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Turn the machine's refusals into one line."""
    try:
        yield
    except OSError as fault:
        hint = " (free some space)" if fault.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise CliError(f"{what} cannot be written: {fault.strerror or fault}{hint}") from fault
