"""What a Worker's tmux sessions are started with: program, environment, token.

The worker holds no cluster rights, only a short-lived token for Ringmaster's API, in a file that is renewed
under it. Secrets are read for the agent's environment and go nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ringmaster_operator.clock import Clock
from ringmaster_operator.kube import SECRETS, Forbidden, Kube, NotFound
from ringmaster_operator.reconcilers.launching import LaunchError, ensure_account, fingerprint
from ringmaster_operator.resources.protocol import ACCOUNT_PREFIX, AUDIENCE
from ringmaster_operator.resources.worker import Mode, Worker
from ringmaster_operator.runtimes.protocol import SessionSpec
from ringmaster_operator.runtimes.tmux.files import write_private
from ringmaster_operator.runtimes.tmux.runtime import PASSED_ENV
from ringmaster_operator.store import Key

PROGRAM = (sys.executable, "-m", "ringmaster_cli", "worker")
TIDY_SECONDS = 60.0
TOKEN_SECONDS = 3600
SECRET_SECONDS = 60.0
"""How long a Secret that was read is taken as it was."""


@dataclass(frozen=True, kw_only=True)
class TmuxLaunch:
    """What all sessions of a Worker share."""

    namespace: str
    worker: str
    command: tuple[str, ...]
    env: dict[str, str]
    home: Path
    place: str
    fingerprint: str

    def session(self, name: str) -> SessionSpec:
        return SessionSpec(
            namespace=self.namespace,
            name=name,
            worker=self.worker,
            command=self.command,
            env={**self.env, "RINGMASTER_SESSION": name},
            working_directory=str(self.home),
            fingerprint=self.fingerprint,
            place=self.place,
        )


class TmuxLauncher:
    """Makes Launches. url is what sessions call; state_directory holds tokens and, by default, the home."""

    resumable = True

    def __init__(self, *, kube: Kube, clock: Clock, state_directory: Path, url: str) -> None:
        self._kube = kube
        self._clock = clock
        self._state = state_directory.expanduser().resolve()
        self._url = url
        self._renewals: dict[Key, tuple[str, datetime]] = {}
        self._secrets: dict[Key, tuple[float, dict[str, str]]] = {}

    def home(self, worker: Worker) -> Path:
        """Where the Worker's sessions keep mirrors and worktrees."""
        chosen = worker.spec.tmux.working_directory if worker.spec.tmux else None
        return Path(chosen).expanduser() if chosen else self._state / "home"

    async def launch(self, worker: Worker) -> TmuxLaunch:
        """Raises LaunchError, and KubeError when the API server does not answer."""
        agent = await self._agent_env(worker)
        home = self.home(worker)
        try:
            await asyncio.to_thread(home.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LaunchError("BadWorkingDirectory", f"cannot make {home}: {error.strerror}") from error
        namespace, name = worker.key
        command = [*PROGRAM, "run"]
        if worker.spec.mode is Mode.ONCE:
            command.append("--once")
        env = {**agent, **self._own_env(worker)}
        place = (worker.spec.tmux.socket_name if worker.spec.tmux else None) or ""
        return TmuxLaunch(
            namespace=namespace,
            worker=name,
            command=tuple(command),
            env=env,
            home=home,
            place=place,
            fingerprint=fingerprint([command, sorted(env.items()), str(home), place, worker.metadata.uid]),
        )

    async def tidy(self, worker: Worker, name: str) -> str:
        """Clear up after a session that will not come back; what it says, if there was anything to do.

        Most sessions have done so themselves: only one that was killed leaves a claim, a worktree or reports.
        """
        claims = self.home(worker) / "claims" / worker.metadata.namespace / name
        left = any((claims / file).exists() for file in ("claim.json", "worktree"))
        if not left and not any((claims / "spool").glob("*")):
            return ""
        inherited = {key: os.environ[key] for key in PASSED_ENV if key in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(*PROGRAM, "tidy"),
            env={**inherited, **self._own_env(worker), "RINGMASTER_SESSION": name},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), TIDY_SECONDS)
        except TimeoutError:
            process.kill()
            return f"clearing up took longer than {TIDY_SECONDS:g} s"
        return said.decode("utf-8", "replace").strip()

    async def token(self, worker: Worker) -> datetime:
        """See to a valid token in the Worker's file; returns when to renew it. Raises as launch() does."""
        known = self._renewals.get(worker.key)
        now = self._clock.now()
        if known is not None and known[0] == worker.metadata.uid and known[1] > now:
            return known[1]
        namespace, name = worker.key
        await ensure_account(self._kube, worker)
        answer = await self._kube.token_request(
            namespace, ACCOUNT_PREFIX + name, audience=AUDIENCE, seconds=TOKEN_SECONDS
        )
        path = self._token_file(worker.key)
        try:
            await asyncio.to_thread(_write_token, path, str(answer["token"]))
        except OSError as error:
            raise LaunchError("StateNotWritable", f"cannot write {path}: {error.strerror}") from error
        expires = datetime.fromisoformat(str(answer["expirationTimestamp"]).replace("Z", "+00:00"))
        renew = now + max((expires - now) / 2, timedelta(seconds=1))
        self._renewals[worker.key] = (worker.metadata.uid, renew)
        return renew

    def look_again(self, worker: Worker) -> bool:
        """Secrets are read here, and may be others tomorrow."""
        agent = worker.spec.agent
        return bool(agent.env_from) or any(item.value_from for item in agent.env)

    def forget(self, key: Key) -> None:
        """The Worker is gone."""
        self._renewals.pop(key, None)
        self._token_file(key).unlink(missing_ok=True)

    def _own_env(self, worker: Worker) -> dict[str, str]:
        return {
            "RINGMASTER_URL": self._url,
            "RINGMASTER_TOKEN_FILE": str(self._token_file(worker.key)),
            "RINGMASTER_NAMESPACE": worker.metadata.namespace,
            "RINGMASTER_WORKER": worker.metadata.name,
            "RINGMASTER_HOME": str(self.home(worker)),
        }

    def _token_file(self, key: Key) -> Path:
        return self._state / "tokens" / key[0] / key[1]

    async def _agent_env(self, worker: Worker) -> dict[str, str]:
        namespace, agent = worker.metadata.namespace, worker.spec.agent
        env: dict[str, str] = {}
        for source in agent.env_from:
            env.update(await self._secret((namespace, source.secret_ref.name)))
        for variable in agent.env:
            if variable.value_from is None:
                env[variable.name] = variable.value or ""
                continue
            ref = variable.value_from.secret_key_ref
            content = await self._secret((namespace, ref.name))
            if ref.key not in content:
                raise LaunchError("SecretMissing", f"Secret {ref.name} has no key {ref.key}")
            env[variable.name] = content[ref.key]
        return {name: value for name, value in env.items() if _usable(name, value)}

    async def _secret(self, key: Key) -> dict[str, str]:
        known = self._secrets.get(key)
        now = self._clock.monotonic()
        if known is not None and now - known[0] < SECRET_SECONDS:
            return known[1]
        try:
            body = await self._kube.get(SECRETS, *key)
        except NotFound:
            raise LaunchError(
                "SecretMissing", f"there is no Secret {key[1]} in {key[0]}: create it"
            ) from None
        except Forbidden as error:
            raise LaunchError("SecretForbidden", f"Secret {key[1]} may not be read: {error}") from None
        try:
            content = {
                name: base64.b64decode(value).decode("utf-8")
                for name, value in (body.get("data") or {}).items()
            }
        except (binascii.Error, UnicodeDecodeError):
            raise LaunchError("SecretUnusable", f"Secret {key[1]} holds what is not UTF-8 text") from None
        self._secrets[key] = (now, content)
        return content


def _usable(name: str, value: str) -> bool:
    """Keys of a Secret that are no variable names are left out, as Kubernetes does."""
    return name.isascii() and name.isidentifier() and "\0" not in value


def _write_token(path: Path, token: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, token)
