"""Changes of beads, Workers, lessons and notifications, each with the line that it leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from support.audited import Body, Line, Scene, desired
from support.sessions import Session, make_worker


def create_bead(scene: Scene) -> Line:
    scene.inside("POST", "beads", {"name": "made", "spec": {"title": "Made"}})
    return scene.line("bead.create", "Bead", "made", after={"title": "Made"})


def patch_bead(scene: Scene) -> Line:
    name = scene.bead("Ready", title="Old")
    scene.inside("PATCH", f"beads/{name}", {"spec": {"title": "Fresh"}}, match="*")
    before, after = ({"spec": {"title": title}} for title in ("Old", "Fresh"))
    return scene.line("bead.patch", "Bead", name, before=before, after=after)


def delete_bead(scene: Scene) -> Line:
    name = scene.bead("Ready", title="Gone")
    scene.inside("DELETE", f"beads/{name}")
    return scene.line("bead.delete", "Bead", name, before={"title": "Gone"})


def wish(act: str, before: str, after: str) -> Callable[[Scene], Line]:
    def row(scene: Scene) -> Line:
        name = scene.bead("Held" if before == "Hold" else "Ready", desired=before)
        scene.inside("POST", f"beads/{name}/{act}")
        return scene.line(f"bead.{act}", "Bead", name, before=desired(before), after=desired(after))

    return row


def spec_of(scene: Scene, name: str) -> Body:
    found: Body = scene.tenants.cluster.get("bead", name, "-n", scene.namespace)["spec"]
    return found


def retry(scene: Scene) -> Line:
    name = scene.bead("Cancelled", desired="Cancel")
    scene.inside("POST", f"beads/{name}/retry", {"fromScratch": True})
    before = {"spec": {"retry": None, "desired": "Cancel", "retryFrom": "Work"}}
    trigger = spec_of(scene, name)["retry"]
    after = {"spec": {"retry": trigger, "desired": "Run", "retryFrom": "Scratch"}}
    return scene.line("bead.retry", "Bead", name, before=before, after=after)


def reopen(scene: Scene) -> Line:
    asked = {"question": "Which?", "answer": "this", "answeredBy": "me"}
    name = scene.bead("Succeeded", type="decision", decision=asked)
    scene.inside("POST", f"beads/{name}/reopen")
    kept = {"deadline": None, "default": None}
    answers = [{"answer": "this", "answeredBy": "me", **kept}, {"answer": None, "answeredBy": None, **kept}]
    before = {"spec": {"reopen": None, "desired": "Run", "decision": answers[0]}}
    trigger = spec_of(scene, name)["reopen"]
    after = {"spec": {"reopen": trigger, "desired": "Run", "decision": answers[1]}}
    return scene.line("bead.reopen", "Bead", name, before=before, after=after)


def steer(scene: Scene) -> Line:
    name = scene.bead("Ready")
    scene.inside("POST", f"beads/{name}/steer", {"text": "Use tabs"})
    [note] = spec_of(scene, name)["steering"]
    assert note["text"] == "Use tabs"
    after = {"spec": {"steering": [note]}}
    return scene.line("bead.steer", "Bead", name, before={"spec": {"steering": []}}, after=after)


def decide(scene: Scene) -> Line:
    name = scene.bead("NeedsDecision", type="decision", decision={"question": "Which?"})
    scene.inside("POST", f"beads/{name}/decide", {"answer": "this"})
    answers = [(None, None), ("this", scene.ada.name)]
    told = [{"spec": {"decision": {"answer": text, "answeredBy": by}}} for text, by in answers]
    return scene.line("bead.decide", "Bead", name, before=told[0], after=told[1])


# --- Workers, costs, lessons ---


def scale(scene: Scene) -> Line:
    scene.inside("PUT", "workers/fleet/scale", {"replicas": 3})
    before, after = ({"spec": {"replicas": number}} for number in (0, 3))
    return scene.line("worker.scale", "Worker", "fleet", before=before, after=after)


def suspend(scene: Scene) -> Line:
    scene.inside("PUT", "workers/fleet/suspend", {"suspend": True})
    scene.inside("PUT", "workers/fleet/suspend", {"suspend": False})
    before, after = ({"spec": {"suspend": value}} for value in (True, False))
    return scene.line("worker.suspend", "Worker", "fleet", before=before, after=after)


def override(scene: Scene) -> Line:
    scene.inside("PUT", "capabilities/rust/workers/fleet", {"override": 0.9})
    before, after = ({"capability": "rust", "override": value} for value in (None, 0.9))
    return scene.line("capability.override", "Worker", "fleet", before=before, after=after)


def reset(scene: Scene) -> Line:
    scene.inside("DELETE", "capabilities/rust/workers/fleet")
    return scene.line("capability.reset", "Worker", "fleet", after={"capability": "rust"})


def reprice(scene: Scene) -> Line:
    name = scene.bead("Ready")

    async def work() -> None:
        session = Session(scene.url, scene.worker)
        claimed = await session.pull(wait=20, bead=name)
        assert claimed is not None
        row = {"position": "1", "model": "gpt-4o", "provider": "openai", "inputTokens": 1_000_000}
        status, said = await session.report(claimed, usage={"requests": [row]})
        assert status == 200, said
        await session.close()

    asyncio.run(work())
    done = scene.inside("POST", "costs/reprice")
    assert (done["rows"], done["usd"] > 0) == (1, True)
    return scene.line("costs.reprice", "Costs", "prices", after={"rows": 1, "usd": done["usd"]})


def type_keys(scene: Scene) -> Line:
    """Into a session that this operator runs itself."""
    spec = {"tmux": {"host": "typing"}, "suspend": True, "replicas": 1}
    make_worker(scene.tenants.cluster, scene.namespace, "typist", **spec)
    end = time.monotonic() + 60
    place = "workers/typist/sessions/typist-0"
    where = f"/api/v1/namespaces/{scene.namespace}/{place}/screen"
    while (seen := scene.ada.call("GET", where)).status_code != 200 or not seen.json()["live"]:
        assert time.monotonic() < end, seen.text
        time.sleep(0.2)
    scene.inside("POST", f"{place}/keys", {"text": "a word of mine", "key": "Enter"})
    scene.tenants.cluster.kubectl("delete", "worker", "typist", "-n", scene.namespace)
    after = {"worker": "typist", "characters": 14, "key": "Enter"}
    return scene.line("session.type", "Session", "typist-0", after=after)


UNTOUCHED: Body = {"state": "active", "endorsedBy": [], "retiredReason": ""}
"""A lesson that nobody has done anything to."""


def lesson(scene: Scene) -> Body:
    text = next(scene.taught)
    made: Body = scene.inside("POST", "lessons", {"lesson": text})
    return made


def add_lesson(scene: Scene) -> Line:
    made = lesson(scene)
    after = {**UNTOUCHED, "endorsedBy": made.get("endorsedBy", []), "lesson": made["lesson"]}
    return scene.line("lesson.add", "Lesson", str(made["id"]), after=after)


def import_lessons(scene: Scene) -> Line:
    items = [{"lesson": "Run the linter before the tests"}]
    body = {"version": 1, "namespace": "elsewhere", "items": items}
    done = scene.inside("POST", "lessons/import", body)
    assert done == {"added": 1, "strengthened": 0}
    found: list[Body] = scene.inside("GET", "lessons")["items"]
    number = next(item["id"] for item in found if item["lesson"] == "Run the linter before the tests")
    return scene.line(
        "lesson.import", "Lesson", "import", after={"from": "elsewhere", **done, "lessons": [number]}
    )


def endorse(scene: Scene) -> Line:
    number = str(lesson(scene)["id"])
    scene.inside("POST", f"lessons/{number}/endorse", {})
    after = {**UNTOUCHED, "endorsedBy": [scene.ada.name]}
    return scene.line("lesson.endorse", "Lesson", number, before=UNTOUCHED, after=after)


def retire(scene: Scene) -> Line:
    number = str(lesson(scene)["id"])
    scene.inside("POST", f"lessons/{number}/retire", {"reason": "old"})
    after = {**UNTOUCHED, "state": "retired", "retiredReason": "old"}
    return scene.line("lesson.retire", "Lesson", number, before=UNTOUCHED, after=after)


def notification(act: str, *, own: bool) -> Callable[[Scene], Line]:
    """Of ada herself, or of her namespace; removed again, since a channel tells each once."""
    mine = {"channel": "hook", "address": ""}
    later = {**mine, "digest": "hourly"}

    def row(scene: Scene) -> Line:
        place = "me/notifications" if own else f"namespaces/{scene.namespace}/notifications"
        number = scene.call(scene.ada, "POST", place, {"channel": "hook"})["id"]
        if act == "change":
            scene.call(scene.ada, "PUT", f"{place}/{number}", {"channel": "hook", "digest": "hourly"})
        elif act == "test":
            scene.call(scene.ada, "POST", f"{place}/{number}/test")
        scene.call(scene.ada, "DELETE", f"{place}/{number}")
        states: dict[str, Body] = {
            "add": {"after": mine},
            "change": {"before": mine, "after": later},
            "remove": {"before": mine},
            "test": {},
        }
        where = {"namespace": ""} if own else {}
        return scene.line(f"notification.{act}", "Notification", str(number), **states[act], **where)

    return row


ROWS: dict[str, Callable[[Scene], Line]] = {
    "createBead": create_bead,
    "patchBead": patch_bead,
    "deleteBead": delete_bead,
    "holdBead": wish("hold", "Run", "Hold"),
    "resumeBead": wish("resume", "Hold", "Run"),
    "cancelBead": wish("cancel", "Run", "Cancel"),
    "retryBead": retry,
    "reopenBead": reopen,
    "steerBead": steer,
    "decideBead": decide,
    "scaleWorker": scale,
    "suspendWorker": suspend,
    "typeKeys": type_keys,
    "overrideConfidence": override,
    "resetConfidence": reset,
    "repriceCosts": reprice,
    "addLesson": add_lesson,
    "importLessons": import_lessons,
    "endorseLesson": endorse,
    "retireLesson": retire,
    "addMyNotification": notification("add", own=True),
    "changeMyNotification": notification("change", own=True),
    "removeMyNotification": notification("remove", own=True),
    "testMyNotification": notification("test", own=True),
    "addNotification": notification("add", own=False),
    "changeNotification": notification("change", own=False),
    "removeNotification": notification("remove", own=False),
    "testNotification": notification("test", own=False),
}
