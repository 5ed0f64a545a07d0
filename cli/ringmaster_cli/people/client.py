"""The operator's API as typed calls, for one person and namespace: what our own commands and programs use.

    client = Client(identify(url, account=None, namespace="team", context=None))
    for item in client.beads(phase="Ready"):
        client.hold(item.name)

Every call raises a CliError that says what to do. Answers are the models of the contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from ringmaster_cli.people.api import exchange, result
from ringmaster_cli.people.identity import Identity
from ringmaster_operator.resources.base import Model
from ringmaster_operator.resources.bead import Bead
from ringmaster_operator.resources.bead_api import AttemptInfo, BeadInfo, EventInfo, IterationInfo, NewBead
from ringmaster_operator.resources.budget_api import BudgetList
from ringmaster_operator.resources.capability_api import ConfidenceHistory
from ringmaster_operator.resources.event_api import ObjectEvent
from ringmaster_operator.resources.order_api import Explanation, Place, ProjectInfo
from ringmaster_operator.resources.overview_api import Overview
from ringmaster_operator.resources.records import Record, RecordInfo, RecordList
from ringmaster_operator.resources.worker import Worker

Body = dict[str, Any]
M = TypeVar("M", bound=Model)
PAGE = 500


class Client:
    """One person, one namespace."""

    def __init__(self, who: Identity) -> None:
        self._who = who

    @property
    def namespace(self) -> str:
        return self._who.namespace

    def beads(self, **filters: str | list[str]) -> Iterator[BeadInfo]:
        """Beads that fit all filters: phase, priority, type, label, worker, parent, text, sort."""
        return self._pages(BeadInfo, "/beads", filters)

    def bead(self, name: str) -> Bead:
        """One bead, with its status."""
        return Bead.read(self._call("GET", f"/beads/{_word(name)}"))

    def create(self, wish: NewBead, *, key: str | None = None) -> Bead:
        """Make a bead; the same key again within a day is the same bead."""
        headers = {"Idempotency-Key": key} if key else {}
        body = wish.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        return Bead.read(self._call("POST", "/beads", body, headers))

    def patch(self, name: str, spec: Body, *, version: str | None = None, labels: Body | None = None) -> Bead:
        """Merge into a bead; with version (its resourceVersion) only if that is still the newest."""
        match = {"If-Match": f'"{version}"' if version else "*"}
        body = {"spec": spec, **({"labels": labels} if labels else {})}
        return Bead.read(self._call("PATCH", f"/beads/{_word(name)}", body, match))

    def delete(self, name: str) -> None:
        """Delete a bead; its history stays."""
        self._call("DELETE", f"/beads/{_word(name)}")

    def hold(self, name: str) -> Bead:
        return self._act(name, "hold")

    def resume(self, name: str) -> Bead:
        return self._act(name, "resume")

    def cancel(self, name: str) -> Bead:
        return self._act(name, "cancel")

    def retry(self, name: str, *, from_scratch: bool = False) -> Bead:
        return self._act(name, "retry", {"fromScratch": from_scratch})

    def reopen(self, name: str) -> Bead:
        return self._act(name, "reopen")

    def steer(self, name: str, text: str) -> Bead:
        """Say something to the agent that works on it."""
        return self._act(name, "steer", {"text": text})

    def decide(self, name: str, answer: str) -> Bead:
        """Answer a decision, as this person."""
        return self._act(name, "decide", {"answer": answer})

    def attempts(self, name: str) -> Iterator[AttemptInfo]:
        """The newest first, as all of a bead's history."""
        return self._pages(AttemptInfo, f"/beads/{_word(name)}/attempts")

    def iterations(self, name: str, page: int = PAGE) -> Iterator[IterationInfo]:
        return self._pages(IterationInfo, f"/beads/{_word(name)}/iterations", page=page)

    def records(self, name: str, iteration: int) -> list[RecordInfo]:
        """What there is of an iteration, by its id."""
        path = f"/beads/{_word(name)}/iterations/{iteration}/records"
        return RecordList.read(self._call("GET", path)).items

    def record(self, name: str, iteration: int, kind: str) -> Record:
        """One record of an iteration."""
        path = f"/beads/{_word(name)}/iterations/{iteration}/records/{_word(kind)}"
        return Record.read(self._call("GET", path))

    def events(self, name: str) -> Iterator[EventInfo]:
        return self._pages(EventInfo, f"/beads/{_word(name)}/events")

    def happened(self, **filters: str | list[str]) -> Iterator[ObjectEvent]:
        """What was told in the namespace: kind, name, type, reason, text, since, until; the newest first."""
        return self._pages(ObjectEvent, "/events", filters)

    def order(self, page: int = PAGE) -> Iterator[Place]:
        """What may be claimed, best first."""
        return self._pages(Place, "/order", page=page)

    def explain(self, name: str) -> Explanation:
        """Why a bead stands where it does."""
        return Explanation.read(self._call("GET", f"/beads/{_word(name)}/explanation"))

    def workers(self) -> Iterator[Worker]:
        return self._pages(Worker, "/workers")

    def scale(self, worker: str, replicas: int) -> Worker:
        """Keep so many sessions."""
        return Worker.read(self._call("PUT", f"/workers/{_word(worker)}/scale", {"replicas": replicas}))

    def suspend(self, worker: str, suspend: bool = True) -> Worker:
        """Let a Worker take no new beads, or take them again."""
        return Worker.read(self._call("PUT", f"/workers/{_word(worker)}/suspend", {"suspend": suspend}))

    def projects(self) -> Iterator[ProjectInfo]:
        """The namespaces that this person may see."""
        return self._pages(ProjectInfo, "", root="/namespaces")

    def budgets(self) -> BudgetList:
        """As they stand now."""
        return BudgetList.read(self._call("GET", "/budgets"))

    def overview(self) -> Overview:
        """What needs a person, what runs, what is done and spent."""
        return Overview.read(self._call("GET", "/overview"))

    def confidence_history(self, capability: str, *, worker: str | None, limit: int) -> ConfidenceHistory:
        """The newest changes of what is known of a capability."""
        query = urlencode({"limit": limit, **({"worker": worker} if worker else {})})
        return ConfidenceHistory.read(self._call("GET", f"/capabilities/{_word(capability)}/history?{query}"))

    def _act(self, name: str, act: str, body: Body | None = None) -> Bead:
        return Bead.read(self._call("POST", f"/beads/{_word(name)}/{act}", body))

    def _pages(
        self,
        model: type[M],
        path: str,
        filters: dict[str, str | list[str]] | None = None,
        root: str = "",
        page: int = PAGE,
    ) -> Iterator[M]:
        query: dict[str, Any] = {**(filters or {}), "limit": page}
        while True:
            found = self._call("GET", f"{path}?{urlencode(query, doseq=True)}", root=root)
            yield from (model.read(item) for item in found["items"])
            if not found.get("next"):
                return
            query["cursor"] = found["next"]

    def _call(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        headers: dict[str, str] | None = None,
        root: str = "",
    ) -> Body:
        where = root or f"/namespaces/{_word(self._who.namespace)}"
        sent = {"Authorization": f"Bearer {self._who.token}", **(headers or {})}
        answer = exchange(self._who.url, method, where + path, headers=sent, body=body)
        return result(answer, url=self._who.url, token=self._who.token)


def _word(text: str) -> str:
    return quote(text, safe="")
