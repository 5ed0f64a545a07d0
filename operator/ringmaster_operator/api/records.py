"""What an iteration left, for people: the prompt as it was sent, transcript, diff, the output of checks."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
import asyncio
import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path

from ringmaster_operator.api import problems
from ringmaster_operator.api.beads import PREFIX, Authorization
from ringmaster_operator.api.objects import missing
from ringmaster_operator.api.people import People
from ringmaster_operator.claims.hygiene import clean_record
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.history import History, StoredIteration
from ringmaster_operator.kube import BEADS
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.records import Record, RecordInfo, RecordKind, RecordList, inflated
from ringmaster_operator.resources.scalars import Name
from ringmaster_operator.store import Store

Body = dict[str, Any]
Id = Annotated[int, Path(ge=0, le=2**53 - 1, description="`id` of the iteration.")]
ABOUT = {
    RecordKind.PROMPT: "it was not sent, or is older than what is kept",
    RecordKind.TRANSCRIPT: "it was not sent, or is older than what is kept",
    RecordKind.DIFF: "there was no branch, or it is older than what is kept",
    RecordKind.CHECKS: "no acceptance command ran",
}


def _read(content: bytes) -> Body:
    """A packed record for people: without what looks like a credential."""
    body: Body = clean_record(json.loads(inflated(content)))
    return body


def _checks(found: StoredIteration) -> Body:
    return {"results": found.verify}


def _size(body: Body) -> int:
    return len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))


def _shown(found: StoredIteration, kind: RecordKind, facts: Body, content: Body) -> Record:
    return Record.read(
        {
            "kind": kind,
            "iterationId": found.id,
            "attempt": found.attempt,
            "iteration": found.iteration,
            **facts,
            kind.value: content,
        }
    )


def _facts(*, size: int, truncated: bool, at: datetime) -> Body:
    return {"size": size, "truncated": truncated, "at": at}


def routes(store: Store, history: History, people: People) -> APIRouter:
    """All need the right to get Beads."""
    prefix = PREFIX + "/{name}/iterations/{iteration_id}/records"
    router = APIRouter(prefix=prefix, tags=["beads"], responses=problems.RESPONSES)

    async def iteration(namespace: str, name: str, number: int, authorization: str | None) -> StoredIteration:
        await people.allowed(authorization, verb="get", kind=BEADS, namespace=namespace)
        bead = store.bead((namespace, name))
        uid = bead.metadata.uid if bead else await history.uid_of(namespace=namespace, bead=name)
        if uid is None:
            raise missing(BEADS, namespace, name)
        found = await history.iteration_of(bead_uid=uid, iteration_id=number)
        if found is None:
            raise Refused(ProblemCode.NOT_FOUND, f"bead {name} has no iteration with id {number}")
        return found

    @router.get("", operation_id="listRecords", response_model_exclude_none=True)
    async def list_(
        namespace: Name, name: Name, iteration_id: Id, authorization: Authorization = None
    ) -> RecordList:
        """What there is of an iteration."""
        found = await iteration(namespace, name, iteration_id, authorization)
        kept = await history.records_of(iteration_id=found.id)
        items = [
            RecordInfo(kind=RecordKind(item.kind), size=item.size, truncated=item.truncated, at=item.at)
            for item in kept
        ]
        if found.verify:
            items.append(RecordInfo(kind=RecordKind.CHECKS, size=_size(_checks(found)), at=found.at))
        return RecordList(items=items)

    @router.get("/{kind}", operation_id="getRecord", response_model_exclude_none=True)
    async def get(
        namespace: Name,
        name: Name,
        iteration_id: Id,
        kind: RecordKind,
        authorization: Authorization = None,
    ) -> Record:
        """One record. Transcripts and diffs may have some hundred kilobytes."""
        found = await iteration(namespace, name, iteration_id, authorization)
        if kind is RecordKind.CHECKS and found.verify:
            content = _checks(found)
            facts = _facts(size=_size(content), truncated=False, at=found.at)
            return _shown(found, kind, facts, content)
        kept = await history.record_content(iteration_id=found.id, kind=kind.value)
        if kept is None:
            where = f"attempt {found.attempt}, iteration {found.iteration} of bead {name}"
            raise Refused(ProblemCode.NOT_FOUND, f"{where} has no {kind.value}: {ABOUT[kind]}")
        record, packed = kept
        facts = _facts(size=record.size, truncated=record.truncated, at=record.at)
        return await asyncio.to_thread(lambda: _shown(found, kind, facts, _read(packed)))

    return router
