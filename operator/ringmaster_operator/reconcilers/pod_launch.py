"""What a Worker's pods are started with. Secrets are only named: the kubelet puts them in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ringmaster_operator.kube import Kube
from ringmaster_operator.reconcilers.launching import LaunchError, ensure_account, fingerprint, owner_of
from ringmaster_operator.resources.protocol import ACCOUNT_PREFIX
from ringmaster_operator.resources.worker import Mode, Worker
from ringmaster_operator.runtimes.pod.manifest import TOKEN_FILE, WORKSPACE, PodSession, pod
from ringmaster_operator.store import Key

PROGRAM = ("ringmaster", "worker", "run")


@dataclass(frozen=True)
class PodLaunch:
    """What all pods of a Worker share."""

    template: PodSession

    @property
    def fingerprint(self) -> str:
        return self.template.fingerprint

    def session(self, name: str) -> PodSession:
        return replace(self.template, name=name, env={**self.template.env, "RINGMASTER_SESSION": name})


class PodLauncher:
    """Makes PodLaunches. url is what sessions call."""

    resumable = False

    def __init__(self, *, kube: Kube, url: str) -> None:
        self._kube = kube
        self._url = url
        self._accounts: dict[Key, str] = {}

    async def launch(self, worker: Worker) -> PodLaunch:
        """Raises LaunchError when the Worker has no pod settings."""
        settings = worker.spec.pod
        if settings is None:
            raise LaunchError("PodSettingsMissing", "spec.pod is missing: name an image in spec.pod.image")
        namespace, name = worker.key
        agent = worker.spec.agent
        plain = {item.name: item.value or "" for item in agent.env if item.value_from is None}
        refs = [(item.name, item.value_from.secret_key_ref) for item in agent.env if item.value_from]
        session = PodSession(
            namespace=namespace,
            name=name,
            worker=name,
            command=(*PROGRAM, "--once") if worker.spec.mode is Mode.ONCE else PROGRAM,
            env={**plain, **self._own_env(worker)},
            fingerprint="none",
            settings=settings,
            account=ACCOUNT_PREFIX + name,
            owner=owner_of(worker),
            secrets=tuple(item.secret_ref.name for item in agent.env_from),
            secret_env={variable: (ref.name, ref.key) for variable, ref in refs},
        )
        return PodLaunch(replace(session, fingerprint=fingerprint(pod(session))))

    async def token(self, worker: Worker) -> datetime | None:
        """The kubelet makes and renews the token; only its account has to be there."""
        if self._accounts.get(worker.key) != worker.metadata.uid:
            await ensure_account(self._kube, worker)
            self._accounts[worker.key] = worker.metadata.uid
        return None

    def look_again(self, worker: Worker) -> bool:
        return False

    async def tidy(self, worker: Worker, name: str) -> str:
        """What a pod leaves goes with it."""
        return ""

    def forget(self, key: Key) -> None:
        self._accounts.pop(key, None)

    def _own_env(self, worker: Worker) -> dict[str, str]:
        return {
            "RINGMASTER_URL": self._url,
            "RINGMASTER_TOKEN_FILE": TOKEN_FILE,
            "RINGMASTER_NAMESPACE": worker.metadata.namespace,
            "RINGMASTER_WORKER": worker.metadata.name,
            "RINGMASTER_HOME": WORKSPACE,
        }
