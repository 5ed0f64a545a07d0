"""Costs for people: sums by groups as JSON and CSV, what is to come, prices and what lacks one."""

# No postponed annotations here: FastAPI reads them, and the callers of a route are known in a closure only.
import csv
import io
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import PlainTextResponse, Response

from ringmaster_operator.api import problems
from ringmaster_operator.api.auditing import Audit
from ringmaster_operator.api.paging import USUAL, Cursor, Limit, Place, decoded, page
from ringmaster_operator.api.people import People
from ringmaster_operator.claims.costs import Costs
from ringmaster_operator.claims.prices import Prices as PriceLists
from ringmaster_operator.claims.refusals import Refused
from ringmaster_operator.history import FILTERS, GROUPINGS, LABEL, TIMES, Question
from ringmaster_operator.kube import BEADS
from ringmaster_operator.resources.cost_api import (
    CostForecast,
    CostGroup,
    CostReport,
    CostSums,
    Prices,
    RepriceAnswer,
)
from ringmaster_operator.resources.protocol import ProblemCode
from ringmaster_operator.resources.scalars import Name

MOST_GROUPINGS = 3
MOST_FILTERS = 10
_MICRO = 1_000_000
_LARGEST = 9_000_000_000.0
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Who = Annotated[str | None, Header(alias="Authorization")]
Word = Annotated[str, Query(max_length=400)]


class Form(StrEnum):
    JSON = "json"
    CSV = "csv"


By = Annotated[
    list[Word],
    Query(max_length=MOST_GROUPINGS, description=f"Groupings: {', '.join(GROUPINGS)}, label:KEY."),
]
Where = Annotated[
    list[Word],
    Query(
        max_length=MOST_FILTERS,
        description=f"NAME=VALUE each, all must hold: {', '.join(FILTERS)}, label:KEY."
        " tree is a bead and all below it.",
    ),
]
Since = Annotated[date | None, Query(description="First day (UTC).")]
Until = Annotated[date | None, Query(description="Last day (UTC).")]
As = Annotated[Form, Query(alias="format", description="csv has all groups, json a page of them.")]
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


def routes(costs: Costs, lists: PriceLists, people: People, audit: Audit) -> APIRouter:
    """GET needs the right to get beads (of the namespace, or of all), reprice that to update them."""
    router = APIRouter(prefix="/api/v1", tags=["people"], responses=problems.RESPONSES)
    _sums(router, costs, people)
    _rest(router, costs, lists, people)
    _reprice(router, costs, lists, people, audit)
    return router


def _sums(router: APIRouter, costs: Costs, people: People) -> None:
    async def report(question: Question, form: Form, limit: int, cursor: str | None) -> CostReport | Response:
        if form is Form.CSV:
            text = _csv(question, await costs.groups(question))
            return PlainTextResponse(text, media_type="text/csv; charset=utf-8")
        groups, total = await costs.groups_and_total(question)
        return _report(question, groups, total, limit=limit, cursor=cursor)

    @router.get(
        "/namespaces/{namespace}/costs",
        operation_id="listCosts",
        response_model=CostReport,
        response_model_exclude_none=True,
        responses=CSV,
    )
    async def of_namespace(
        namespace: Name,
        by: By = [],  # noqa: B006 - FastAPI copies it
        where: Where = [],  # noqa: B006
        since: Since = None,
        until: Until = None,
        form: As = Form.JSON,
        limit: Limit = USUAL,
        cursor: Cursor = None,
        authorization: Who = None,
    ) -> CostReport | Response:
        """Costs of a namespace by groups; those of a time in its order, others the dearest first."""
        await people.allowed(authorization, verb="get", kind=BEADS, namespace=namespace)
        return await report(_question(namespace, by, where, since, until), form, limit, cursor)

    @router.get(
        "/costs",
        operation_id="listAllCosts",
        response_model=CostReport,
        response_model_exclude_none=True,
        responses=CSV,
    )
    async def of_all(
        by: By = [],  # noqa: B006
        where: Where = [],  # noqa: B006
        since: Since = None,
        until: Until = None,
        form: As = Form.JSON,
        limit: Limit = USUAL,
        cursor: Cursor = None,
        authorization: Who = None,
    ) -> CostReport | Response:
        """Costs of all namespaces, for who may get beads in all of them."""
        await people.allowed(authorization, verb="get", kind=BEADS, namespace="")
        return await report(_question("", by, where, since, until), form, limit, cursor)


def _rest(router: APIRouter, costs: Costs, lists: PriceLists, people: People) -> None:
    prefix = "/namespaces/{namespace}/costs"

    @router.get(f"{prefix}/forecast", operation_id="forecastCosts", response_model_exclude_none=True)
    async def forecast(namespace: Name, epic: Name | None = None, authorization: Who = None) -> CostForecast:
        """What the month, and an epic, will have cost in the end, beside the budgets."""
        await people.allowed(authorization, verb="get", kind=BEADS, namespace=namespace)
        return await costs.forecast(namespace, epic)

    @router.get(f"{prefix}/prices", operation_id="listPrices", response_model_exclude_none=True)
    async def prices(namespace: Name, authorization: Who = None) -> Prices:
        """The price lists in force, and the models that have no price."""
        await people.allowed(authorization, verb="get", kind=BEADS, namespace=namespace)
        return await costs.prices(namespace)


def _reprice(router: APIRouter, costs: Costs, lists: PriceLists, people: People, audit: Audit) -> None:
    path = "/namespaces/{namespace}/costs/reprice"

    @router.post(path, operation_id="repriceCosts", response_model_exclude_none=True)
    async def reprice(namespace: Name, authorization: Who = None) -> RepriceAnswer:
        """Give a price to requests that have none; those that have one keep it."""
        person = await people.allowed(authorization, verb="update", kind=BEADS, namespace=namespace)
        done = await lists.reprice(namespace)
        usd = round(done.usd, 6)
        if done.rows:
            after = {"rows": done.rows, "usd": usd}
            await audit.note(
                person, "costs.reprice", kind="Costs", namespace=namespace, name="prices", after=after
            )
        return RepriceAnswer(rows=done.rows, usd=usd, gaps=await costs.gaps(namespace))


def _question(
    namespace: str, by: list[str], where: list[str], since: date | None, until: date | None
) -> Question:
    for name in by:
        _known(name, GROUPINGS, "group by")
    if len(set(by)) < len(by):
        raise Refused(ProblemCode.INVALID, "by: each grouping once")
    if since is not None and until is not None and until < since:
        raise Refused(ProblemCode.INVALID, f"until {until} is before since {since}")
    wanted: dict[str, str] = {}
    for item in where:
        name, equals, value = item.partition("=")
        _known(name, FILTERS, "filter by")
        if not equals or name in wanted:
            raise Refused(ProblemCode.INVALID, f"where {item!r}: NAME=VALUE, each name once")
        if "\x00" in value:
            raise Refused(ProblemCode.INVALID, "where: a value has no NUL")
        wanted[name] = value
    return Question(by=by, namespace=namespace, since=since, until=until, where=wanted)


def _known(name: str, names: tuple[str, ...], what: str) -> None:
    label = name.startswith(LABEL) and len(name) > len(LABEL) and "\x00" not in name
    if name not in names and not label:
        raise Refused(ProblemCode.INVALID, f"cannot {what} {name!r}: {', '.join(names)} or label:KEY")


def _report(
    question: Question, groups: list[CostGroup], total: CostSums, *, limit: int, cursor: str | None
) -> CostReport:
    timed = bool(question.by) and question.by[0] in TIMES
    scope = f"costs {question!r}"

    def key(group: CostGroup) -> Place:
        usd = -int(min(max(group.usd, -_LARGEST), _LARGEST) * _MICRO)
        return (group.keys[0], usd, *group.keys) if timed else (usd, *group.keys)

    types = [str] * len(question.by)
    after = decoded(cursor, scope, *([str, int, *types] if timed else [int, *types]))
    items, following = page(groups, key=key, limit=limit, after=after, scope=scope)
    return CostReport(
        by=list(question.by),
        since=question.since,
        until=question.until,
        total=total,
        items=items,
        next=following,
    )


def _csv(question: Question, groups: list[CostGroup]) -> str:
    """A line a group; a value that a spreadsheet would take for a formula gets a ' before it."""
    out = io.StringIO()
    names = list(CostSums.model_fields)
    heads = [CostSums.model_fields[name].alias or name for name in names]
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*question.by, *heads])
    for group in groups:
        cells = [f"'{key}" if key.startswith(_FORMULA) else key for key in group.keys]
        writer.writerow([*cells, *(_cell(getattr(group, name)) for name in names)])
    return out.getvalue()


def _cell(value: float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:.6f}".rstrip("0").rstrip(".")
