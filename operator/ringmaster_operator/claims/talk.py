"""What passes between people and a running agent: its question and their answer, their notes and its word
that it was told them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ringmaster_operator.board.answers import answer_of
from ringmaster_operator.claims.leases import Lease
from ringmaster_operator.claims.questions import Questions, decision_name
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.kube import BEADS, Conflict, Kube, KubeError, NotFound
from ringmaster_operator.resources.bead import Bead, SteeringNote
from ringmaster_operator.resources.protocol import Answered, Asked, AskRequest, ProblemCode
from ringmaster_operator.statuses import Statuses
from ringmaster_operator.store import Store

log = logging.getLogger(__name__)


class Talk:
    """Questions out of, and words into, running iterations."""

    def __init__(self, *, store: Store, kube: Kube, statuses: Statuses, questions: Questions) -> None:
        self._store = store
        self._kube = kube
        self._statuses = statuses
        self._questions = questions

    async def ask(self, lease: Lease, bead: Bead, request: AskRequest) -> Asked:
        """Make the decision bead of a running iteration. Raises Refused when the cluster does not take it."""
        if request.iteration != lease.iteration:
            raise Refused(ProblemCode.INVALID, f"iteration {lease.iteration} is the one that runs")
        try:
            name = await self._questions.ask(bead, request.question, request)
        except KubeError as error:
            detail = f"the question cannot be asked now, ask again: {error}"
            raise Refused(ProblemCode.UNAVAILABLE, detail) from error
        return Asked(decision=name)

    def answered(self, lease: Lease) -> Answered | None:
        """The answer to the question of the running iteration."""
        name = decision_name(lease.key[1], lease.fence, lease.iteration)
        decision = self._store.bead((lease.key[0], name))
        answer = answer_of(decision) if decision is not None else None
        return Answered(decision=name, answer=answer) if answer is not None else None

    def untold(self, bead: Bead) -> list[SteeringNote]:
        """Notes that no agent was told yet."""
        return [note for note in bead.spec.steering if note.id not in bead.status.steering_delivered]

    async def told(self, bead: Bead, ids: Sequence[str]) -> None:
        """Write down that an agent was told these notes; what fails now is said again by the session."""
        while True:
            present = [note.id for note in bead.spec.steering]
            delivered = [i for i in present if i in ids or i in bead.status.steering_delivered]
            if delivered == bead.status.steering_delivered:
                return
            status = bead.status.model_copy(update={"steering_delivered": delivered})
            try:
                await self._statuses.write(bead, status)
                return
            except Conflict:
                fresh = await self._fresh(bead)
                if fresh is None:
                    return
                bead = fresh
            except (NotFound, KubeError) as error:
                log.info("steering of %s/%s is not acknowledged yet: %s", *bead.key, error)
                return

    async def _fresh(self, bead: Bead) -> Bead | None:
        try:
            body = await self._kube.get(BEADS, *bead.key)
        except KubeError:
            return None
        self._store.observe(body)
        found = Bead.read(body)
        return found if found.metadata.uid == bead.metadata.uid else None
