"""What a pod's status says of its session, and how a Worker's patch is laid over its pod."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringmaster_operator.resources.worker_runtime import PodSettings
from ringmaster_operator.runtimes.pod.manifest import FINGERPRINT, WORKER_LABEL, PodSession, merged, pod
from ringmaster_operator.runtimes.pod.reading import session, vanished
from ringmaster_operator.runtimes.protocol import SessionState

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
THEN = "2026-01-05T11:00:00Z"


def found(*, deleted: str = "", conditions: tuple[dict[str, str], ...] = (), **status: Any) -> dict[str, Any]:
    state = status.pop("state", None)
    if state is not None:
        status["containerStatuses"] = [{"name": "worker", "state": state}]
    meta = {"namespace": "n", "name": "w-0", "uid": "u", "creationTimestamp": THEN}
    meta |= {"deletionTimestamp": deleted} if deleted else {}
    return {
        "metadata": {**meta, "labels": {WORKER_LABEL: "w"}, "annotations": {FINGERPRINT: "f"}},
        "spec": {"containers": [{"name": "worker", "image": "i:1"}]},
        "status": {"conditions": list(conditions), **status},
    }


def ended(code: int, **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "startedAt": THEN, **more}}


def disrupted(reason: str) -> tuple[dict[str, str], ...]:
    return ({"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "must go"},)


NO_ROOM = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "full"}
STATES: dict[str, tuple[dict[str, Any], SessionState, str]] = {
    "made": (found(), SessionState.STARTING, ""),
    "pulling": (found(state={"waiting": {"reason": "ContainerCreating"}}), SessionState.STARTING, ""),
    "no name": (
        found(state={"waiting": {"reason": "InvalidImageName"}}),
        SessionState.STARTING,
        "ImagePullFailed",
    ),
    "no room": (
        found(
            conditions=(
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "full"},
            )
        ),
        SessionState.STARTING,
        "Unschedulable",
    ),
    "runs": (found(state={"running": {"startedAt": THEN}}), SessionState.RUNNING, ""),
    "done": (found(phase="Succeeded", state=ended(0)), SessionState.EXITED, ""),
    "killed": (found(phase="Failed", state=ended(137)), SessionState.EXITED, ""),
    "memory": (found(phase="Failed", state=ended(137, reason="OOMKilled")), SessionState.EXITED, "OOMKilled"),
    "no program": (
        found(phase="Failed", state=ended(127, message="[FATAL tini (7)] exec x failed: No such file")),
        SessionState.UNSTARTABLE,
        "",
    ),
    "its own 127": (found(phase="Failed", state=ended(127, message="x: not found")), SessionState.EXITED, ""),
    "no init": (
        found(phase="Failed", state=ended(128, reason="StartError")),
        SessionState.UNSTARTABLE,
        "",
    ),
    "evicted": (
        found(phase="Failed", reason="Evicted", message="low on memory", state=ended(137)),
        SessionState.LOST,
        "Evicted",
    ),
    "not admitted": (found(phase="Failed", reason="OutOfmemory"), SessionState.LOST, "OutOfmemory"),
}


@pytest.mark.parametrize("what", STATES)
def test_a_status_is_one_state_and_one_reason(what: str) -> None:
    body, state, reason = STATES[what]
    info = session(body, NOW)
    assert (info.state, info.reason) == (state, reason)
    assert (info.worker, info.fingerprint, info.run) == ("w", "f", "u")
    assert (not reason) or info.message


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("PreemptionByScheduler", "Preempted"),
        ("EvictionByEvictionAPI", "Drained"),
        ("DeletionByTaintManager", "NodeLost"),
        ("DeletionByPodGC", "NodeLost"),
        ("TerminationByKubelet", "Evicted"),
    ],
)
def test_who_deleted_a_pod_is_told(reason: str, word: str) -> None:
    soon = (NOW + timedelta(seconds=20)).isoformat()
    leaving = found(deleted=soon, conditions=disrupted(reason), state=ended(0))
    for info in (session(leaving, NOW), vanished(leaving)):
        assert (info.state, info.reason, info.message) == (SessionState.LOST, word, "must go")


def test_a_pod_that_is_asked_to_end_still_runs_and_one_that_should_have_ended_is_lost() -> None:
    running = {"running": {"startedAt": THEN}}
    soon, past = NOW + timedelta(seconds=20), NOW - timedelta(seconds=31)
    assert session(found(deleted=soon.isoformat(), state=running), NOW).state is SessionState.RUNNING
    info = session(found(deleted=past.isoformat(), state=running), NOW)
    assert (info.state, info.reason) == (SessionState.LOST, "NodeLost")


def test_the_words_for_an_image_do_not_change_with_each_try() -> None:
    cause = "failed to resolve reference: not found"
    tries = (
        {"reason": "ErrImagePull", "message": cause},
        {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "i:1": ErrImagePull: {cause}'},
    )
    told = {session(found(state={"waiting": item}), NOW).message for item in tries}
    assert told == {f"image i:1 cannot be had: {cause}"}


def test_a_patch_is_merged_by_key_and_cannot_change_whose_pod_it_is() -> None:
    template = {
        "metadata": {"name": "other", "labels": {"team": "a", WORKER_LABEL: "x"}, "ownerReferences": []},
        "spec": {
            "containers": [
                {"name": "worker", "env": [{"name": "A", "value": "2"}], "workingDir": None},
                {"name": "helper", "image": "h"},
            ],
            "volumes": [{"name": "tmp", "$patch": "delete"}],
        },
    }
    settings = PodSettings.check({"image": "i:1", "template": template})
    owner = {"kind": "Worker", "name": "w", "uid": "u"}
    made = pod(
        PodSession(
            namespace="n", name="w-0", worker="w", command=("run",), env={"A": "1", "B": "$(A)"},
            fingerprint="f", settings=settings, owner=owner,
        )
    )  # fmt: skip
    meta, (container, helper) = made["metadata"], made["spec"]["containers"]
    assert (meta["name"], meta["labels"][WORKER_LABEL], meta["labels"]["team"]) == ("w-0", "w", "a")
    assert meta["ownerReferences"] == [owner]
    env = {item["name"]: item["value"] for item in container["env"]}
    assert (env["A"], env["B"]) == ("2", "$$(A)")
    assert "workingDir" not in container
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert helper == {"name": "helper", "image": "h"}
    assert "tmp" not in {volume["name"] for volume in made["spec"]["volumes"]}


def test_named_resources_replace_the_defaults_of_both_sides() -> None:
    settings = PodSettings.check({"image": "i", "resources": {"requests": {"memory": "8Gi"}}})
    made = pod(
        PodSession(
            namespace="n", name="w-0", worker="w", command=("run",), fingerprint="f", settings=settings
        )
    )
    resources = made["spec"]["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": "100m", "memory": "8Gi"}, "limits": {"cpu": "2"}}


def test_what_is_no_list_of_names_is_replaced() -> None:
    assert merged({"env": [{"name": "A"}]}, {"env": 3}) == {"env": 3}
    assert merged({"env": "x"}, {"env": [{"name": "A"}]}) == {"env": [{"name": "A"}]}
