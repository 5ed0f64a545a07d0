"""What a pod's status says of its session. Pure.

What its surroundings did to a pod (no image, no room, no memory, a drain, a lost node) is told apart from
what its program did: that is nobody's failed attempt.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ringmaster_operator.runtimes.pod.manifest import CONTAINER, FINGERPRINT, WORKER_LABEL
from ringmaster_operator.runtimes.protocol import SessionInfo, SessionState

Body = dict[str, Any]

OVERDUE = timedelta(seconds=30)
"""A pod that should have ended this long ago is on a node that nobody hears of."""
MESSAGE_LENGTH = 500
IMAGE = frozenset(
    {
        *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"),
        *("RegistryUnavailable", "SignatureValidationFailed"),
    }
)
BACK_OFF = re.compile(r'Back-off pulling image "[^"]*"(: (ErrImagePull|RegistryUnavailable): )?')
DISRUPTIONS = {
    "PreemptionByScheduler": "Preempted",
    "EvictionByEvictionAPI": "Drained",
    "DeletionByTaintManager": "NodeLost",
    "DeletionByPodGC": "NodeLost",
    "TerminationByKubelet": "Evicted",
}
CANNOT_RUN = frozenset({"StartError", "ContainerCannotRun"})
NOT_RUN = re.compile(r"\[FATAL tini \(\d+\)\] |env: ")
"""How tini and env say that there is no such program or folder."""


def session(pod: Body, now: datetime) -> SessionInfo:
    """The session that this pod is."""
    info = _base(pod)
    status = pod.get("status", {})
    container = _container(pod)
    ended, running = container.get("terminated"), container.get("running")
    disruption = _disruption(pod)
    leaves = _time(pod["metadata"].get("deletionTimestamp"))
    if ended is None and leaves is not None and now - leaves > OVERDUE:
        words = "its node does not answer, so nobody knows how it ended"
        return replace(info, state=SessionState.LOST, reason="NodeLost", message=words)
    if ended is not None or status.get("phase") in ("Failed", "Succeeded"):
        info = _ended(info, ended or {}, status)
        if info.reason in ("", "OOMKilled") and (disruption[0] or leaves is not None):
            return _gone(info, *disruption)
        return info
    if running is not None:
        started = _time(running.get("startedAt")) or info.started_at
        reason, words = disruption if leaves is not None else ("", "")
        return replace(
            info, state=SessionState.RUNNING, started_at=started, reason=reason, message=_cut(words)
        )
    reason, words = _obstacle(pod, container.get("waiting") or {})
    return replace(info, state=SessionState.STARTING, reason=reason, message=_cut(words))


def vanished(pod: Body) -> SessionInfo:
    """The session of a pod that was deleted by someone else."""
    ended = _container(pod).get("terminated") or {}
    return _gone(_ended(_base(pod), ended, pod.get("status", {})), *_disruption(pod))


def started(pod: Body) -> bool:
    """Whether its container ever ran, so that there is output to ask for."""
    state = _container(pod)
    return "running" in state or "terminated" in state


def exit_code(pod: Body) -> int | None:
    """Of the container, once it has ended."""
    return (_container(pod).get("terminated") or {}).get("exitCode")


def _base(pod: Body) -> SessionInfo:
    meta = pod["metadata"]
    return SessionInfo(
        namespace=meta["namespace"],
        name=meta["name"],
        worker=meta.get("labels", {}).get(WORKER_LABEL, ""),
        state=SessionState.STARTING,
        fingerprint=meta.get("annotations", {}).get(FINGERPRINT, ""),
        run=meta["uid"],
        started_at=_time(meta.get("creationTimestamp")),
    )


def _ended(info: SessionInfo, ended: Body, status: Body) -> SessionInfo:
    code = ended.get("exitCode")
    started_at = _time(ended.get("startedAt")) or info.started_at
    last = _last_line(ended.get("message", ""))
    info = replace(info, state=SessionState.EXITED, started_at=started_at, exit_code=code)
    if reason := status.get("reason"):  # the kubelet ended it, or did not take it: Evicted, OutOfmemory, ...
        words = status.get("message") or f"the node ended it: {reason}"
        return replace(info, state=SessionState.LOST, reason=_word(reason), message=_cut(words))
    if ended.get("reason") == "OOMKilled":
        words = "it used more memory than spec.pod.resources.limits.memory allows, and was killed"
        return replace(info, reason="OOMKilled", message=words)
    if ended.get("reason") in CANNOT_RUN or (code in (125, 126, 127) and NOT_RUN.match(last)):
        words = last or "its program cannot be run"
        return replace(info, state=SessionState.UNSTARTABLE, message=_cut(words))
    if code is None:
        return replace(info, state=SessionState.LOST, message="its pod ended, and nothing says how")
    words = f"exit code {code}" if code <= 128 else f"ended by signal {code - 128}"
    return replace(info, message=words)


def _gone(info: SessionInfo, reason: str, words: str) -> SessionInfo:
    reason = reason or info.reason or "PodDeleted"
    words = words or info.message if info.reason else words or "its pod was deleted from outside"
    return replace(info, state=SessionState.LOST, reason=reason, message=_cut(words))


def _disruption(pod: Body) -> tuple[str, str]:
    for item in pod.get("status", {}).get("conditions") or []:
        if item.get("type") == "DisruptionTarget" and item.get("status") == "True":
            reason = DISRUPTIONS.get(item.get("reason", ""), _word(item.get("reason", "")))
            return reason, item.get("message", "")
    return "", ""


def _obstacle(pod: Body, waiting: Body) -> tuple[str, str]:
    """Why it does not run yet: a word and a sentence, both empty while nothing is wrong."""
    reason, words = waiting.get("reason", ""), waiting.get("message", "")
    if reason in IMAGE:
        # The kubelet changes between two words for the same trouble; whoever reads needs one.
        image = pod["spec"]["containers"][0].get("image", "")
        told = BACK_OFF.sub("", words)
        return "ImagePullFailed", f"image {image} cannot be had{': ' if told else ''}{told}"
    if reason == "CreateContainerConfigError":
        missing = words.startswith(("secret ", "couldn't find key", "references non-existent secret"))
        return ("SecretMissing" if missing else "ContainerConfigError"), words
    if reason not in ("", "ContainerCreating", "PodInitializing"):
        return _word(reason), words
    for item in pod.get("status", {}).get("conditions") or []:
        if item.get("type") == "PodScheduled" and item.get("status") == "False":
            return _word(item.get("reason") or "Unschedulable"), item.get("message", "")
    return "", ""


def _container(pod: Body) -> Body:
    """The state of the session's container: waiting, running or terminated."""
    for item in pod.get("status", {}).get("containerStatuses") or []:
        if item.get("name") == CONTAINER:
            state: Body = item.get("state") or {}
            return state
    return {}


def _word(reason: str) -> str:
    kept = "".join(letter for letter in reason if letter.isascii() and letter.isalnum())[:64]
    return kept if kept[:1].isalpha() else "Unknown"


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return "".join(letter for letter in (lines[-1] if lines else "") if letter.isprintable())


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MESSAGE_LENGTH else line[: MESSAGE_LENGTH - 3] + "..."


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
