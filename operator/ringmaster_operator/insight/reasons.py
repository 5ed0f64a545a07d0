"""Why a bead stands where it does, in words and as data."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ringmaster_operator.board.picking import hindered
from ringmaster_operator.board.ranking import PRIORITIES
from ringmaster_operator.board.scoring import MOST
from ringmaster_operator.board.texts import listed, stamp
from ringmaster_operator.insight.scene import Scene
from ringmaster_operator.insight.show import minutes, span


def urgency(scene: Scene, name: str) -> str:
    """Its priority, and where that comes from."""
    bead, view = scene.beads[name], scene.view(name)
    text = str(view.effective_priority)
    if view.inherited_from is not None:
        text += f", lent by {lent_by(scene, name)} (its own is {bead.spec.priority})"
    counted = PRIORITIES[view.age.rank]
    if view.ready and counted is not view.effective_priority:
        text += f", counts as {counted} by waiting"
    if view.age.overdue is not None:
        text += ", overdue: every second bead of P1 that a Worker takes is one like it"
    return text


def lent_by(scene: Scene, name: str) -> str:
    """The lender, and the way to it."""
    view = scene.view(name)
    lender = view.inherited_from or ""
    between = [step for step in view.inherited_path if step != lender]
    more = " → …" if view.inherited_path and view.inherited_path[-1] != lender else ""
    return lender if not between else f"{lender} through {' → '.join(between)}{more}"


def score(scene: Scene, name: str) -> str:
    """Its points, and what they are made of."""
    merit = scene.room.merits.get(name)
    if merit is None:
        return "0: too few dependencies to tell beads apart, so age decides"
    parts = (
        f"PageRank {merit.pagerank}, betweenness {merit.betweenness}, critical path {merit.critical}"
        f" ({minutes(merit.minutes)} of work in the longest chain), stated priority {merit.stated}"
    )
    ready = "; a quarter more because it may be claimed" if scene.view(name).ready else ""
    return f"{scene.view(name).score} of {MOST}: {parts}{ready}"


def waiting(scene: Scene, name: str) -> str:
    """How long it has lacked only a session, and when that counts; empty when it does not wait so."""
    since, age = scene.beads[name].status.waiting_since, scene.view(name).age
    if since is None:
        return ""
    text = f"since {stamp(since)} ({span(scene.now - since)})"
    if age.changes is not None:
        follows = "overdue" if age.rank == 1 else str(PRIORITIES[age.rank - 1])
        text += f"; {follows} in {span(age.changes - scene.now)}"
    return text


def turn(scene: Scene, name: str) -> str:
    """Whose turn it is in; empty where nobody shares."""
    fairness = scene.room.turns.fairness
    if fairness is None:
        return ""
    scene.room.tally()
    group = scene.room.group(name)
    running, weight = scene.room.turns.running[group], scene.room.turns.weight(group)
    return f"{fairness.label}={group or '(none)'}: {running} running for a weight of {weight:g}"


def explained(scene: Scene, name: str) -> dict[str, Any]:
    """Everything about one bead."""
    bead, view, graph = scene.beads[name], scene.view(name), scene.room.graph
    ranked = scene.ranked()
    able, lacking = scene.takers(name)
    merit = scene.room.merits.get(name)
    limits = sorted({limit for worker in scene.workers if (limit := hindered(scene.room, worker, name))})
    return {
        "name": name,
        "title": bead.spec.title,
        "phase": str(bead.status.phase) if bead.status.phase is not None else None,
        "reason": str(view.readiness),
        "message": view.message,
        "rank": ranked.index(name) + 1 if name in ranked else None,
        "of": len(ranked),
        "priority": str(bead.spec.priority),
        "effectivePriority": str(view.effective_priority),
        "countsAs": str(PRIORITIES[view.age.rank]),
        "inheritedFrom": view.inherited_from,
        "inheritedPath": list(view.inherited_path),
        "score": view.score,
        "shares": None
        if merit is None
        else {
            "pageRank": merit.pagerank,
            "betweenness": merit.betweenness,
            "criticalPath": merit.critical,
            "statedPriority": merit.stated,
            "chainMinutes": merit.minutes,
        },
        "waitingSince": stamp(bead.status.waiting_since) if bead.status.waiting_since else None,
        "waitsFor": list(view.blocked_by),
        "waitedForBy": sorted({*graph.dependents(name), *([bead.spec.parent] if bead.spec.parent else [])}),
        "chosenBecause": bead.status.claim.reason or None if bead.status.claim is not None else None,
        "waitingInAll": scene.waiting.count(name),
        "limits": limits,
        "workers": able,
        "otherWorkers": lacking,
    }


def explanation(scene: Scene, name: str) -> list[tuple[str, str]]:
    """The same as lines: what, and words for it."""
    data, bead, view = explained(scene, name), scene.beads[name], scene.view(name)
    finished = not scene.room.graph.facts[name].open
    lines = [("", f"{name}: {bead.spec.title}"), (str(view.readiness), view.message)]
    if finished:
        return lines
    if data["chosenBecause"]:
        lines.append(("Its Worker", data["chosenBecause"]))
    if data["rank"]:
        lines.append(("Place", f"{data['rank']} of {data['of']} that may be claimed"))
    lines += [("Priority", urgency(scene, name)), ("Score", score(scene, name))]
    for title, text in (("Waiting", waiting(scene, name)), ("Turn", turn(scene, name) if view.ready else "")):
        lines += [(title, text)] if text else []
    if data["waitsFor"]:
        lines.append(("Waits for", listed(data["waitsFor"])))
    if data["waitedForBy"]:
        lines.append(("Waited for by", f"{listed(data['waitedForBy'])} ({data['waitingInAll']} in all)"))
    lines += [("Held back", limit) for limit in data["limits"] if view.ready]
    lines += _workers(data, scene)
    return lines


def _workers(data: dict[str, Any], scene: Scene) -> list[tuple[str, str]]:
    if not scene.workers:
        return [("Workers", "there are none in this namespace")]
    able = ("Workers", f"{listed(data['workers'])} may take it") if data["workers"] else None
    others = [("Not" if able else "Workers", why) for why in data["otherWorkers"].values()]
    return [*([able] if able else []), *others]


def idle(scene: Scene, name: str) -> timedelta | None:
    """How long it has lacked only a session."""
    since = scene.beads[name].status.waiting_since
    return scene.now - since if since is not None else None
