"""Budgets for people: limits, what is spent, what is set aside."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
from typing import Annotated

from fastapi import APIRouter, Header

from ringmaster_operator.api import problems
from ringmaster_operator.api.people import People
from ringmaster_operator.claims.funds import Funds
from ringmaster_operator.kube import WORKERS
from ringmaster_operator.resources.budget_api import BudgetList
from ringmaster_operator.resources.scalars import Name


def routes(funds: Funds, people: People) -> APIRouter:
    """GET needs the right to get Workers in the namespace."""
    prefix = "/api/v1/namespaces/{namespace}/budgets"
    router = APIRouter(prefix=prefix, tags=["budgets"], responses=problems.RESPONSES)

    @router.get("", operation_id="listBudgets", response_model_exclude_none=True)
    async def listed(namespace: Name, authorization: Annotated[str | None, Header()] = None) -> BudgetList:
        """Every budget of the namespace, as it stands now."""
        await people.allowed(authorization, verb="get", kind=WORKERS, namespace=namespace)
        return BudgetList(items=funds.overview(namespace))

    return router
