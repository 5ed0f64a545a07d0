"""The OpenAPI document: what FastAPI makes of the routes, and what it cannot know of them.

Whoever calls is told by a header that OpenAPI describes as a security scheme, not as a parameter; and every
error is problem+json.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.warnings import UnsupportedFieldAttributeWarning

from ringmaster_operator.api.caller import CSRF_HEADER, SECURE_COOKIE
from ringmaster_operator.api.once import PARAMETER, PREFIX
from ringmaster_operator.api.problems import MEDIA

Body = dict[str, Any]
METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
WORKERS_PREFIX = "/api/v1/claims"
SCHEMES: Body = {
    "workerToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A short-lived token of the Worker's service account, for the audience `ringmaster`.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token of Ringmaster's, or a token of the cluster.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": SECURE_COOKIE,
        "description": f"A session that was signed in; changes need {CSRF_HEADER} as well.",
    },
}
PEOPLE: list[Body] = [{"bearer": []}, {"cookie": []}]
"""What a person may come with; one of these is enough."""
PROBLEM: Body = {"schema": {"$ref": "#/components/schemas/Problem"}}


@contextmanager
def quiet() -> Iterator[None]:
    """The models build their validators late; FastAPI's annotations then look lost to pydantic."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
        yield


def document(app: FastAPI) -> Body:
    """The app's document, made once."""
    if app.openapi_schema is None:
        with quiet():
            made = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                routes=app.routes,
                separate_input_output_schemas=False,
            )
        made.setdefault("components", {})["securitySchemes"] = SCHEMES
        for path, method, operation in operations(made):
            _secure(path, operation)
            if method == "post" and path.startswith(PREFIX):
                operation.setdefault("parameters", []).append(PARAMETER)
            _explain(operation)
        schemas = made["components"].get("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = made
    return app.openapi_schema


def operations(document: Body) -> Iterator[tuple[str, str, Body]]:
    """(path, method, operation) of every call."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


def _secure(path: str, operation: Body) -> None:
    parameters = operation.get("parameters", [])
    named = [item for item in parameters if item["name"].lower() == "authorization"]
    left = [item for item in parameters if item not in named]
    if left:
        operation["parameters"] = left
    else:
        operation.pop("parameters", None)
    who = [{"workerToken": []}] if path.startswith(WORKERS_PREFIX) else PEOPLE
    operation["security"] = who if named else []


def _explain(operation: Body) -> None:
    """Its first sentence as summary, and one form of answer for every error."""
    operation["summary"] = operation.get("description", "").partition("\n")[0].strip()
    for status, answer in operation["responses"].items():
        if not status.startswith(("2", "3")):
            answer["content"] = {MEDIA: PROBLEM}
            if status in ("429", "503"):
                answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
