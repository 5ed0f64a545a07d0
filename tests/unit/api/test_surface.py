"""The API's document: names that clients rely on, and that it says of each call who may make it."""

from __future__ import annotations

import re

from ringmaster_operator.api.document import operations
from support.surface import app

#: Never renamed, moved or taken away.
OPERATIONS = {
    "listAudit": "GET /audit",
    "getAuditEntry": "GET /audit/{id}",
    "undoChange": "POST /audit/{id}/undo",
    "claimFirstAdmin": "POST /auth/first-admin",
    "getMe": "GET /auth/me",
    "listSignInMethods": "GET /auth/methods",
    "finishOidcSignIn": "GET /auth/oidc/callback",
    "exchangeOidcCode": "POST /auth/oidc/exchange",
    "startOidcSignIn": "GET /auth/oidc/start",
    "endOidcSession": "GET /auth/oidc/sign-out",
    "changePassword": "POST /auth/password",
    "listSessions": "GET /auth/sessions",
    "endSession": "DELETE /auth/sessions/{id}",
    "signIn": "POST /auth/sign-in",
    "signOut": "POST /auth/sign-out",
    "listTokens": "GET /auth/tokens",
    "createToken": "POST /auth/tokens",
    "revokeToken": "DELETE /auth/tokens/{id}",
    "claimBead": "POST /claims",
    "heartbeat": "POST /claims/{claim_id}/heartbeat",
    "ask": "POST /claims/{claim_id}/question",
    "release": "POST /claims/{claim_id}/release",
    "report": "POST /claims/{claim_id}/reports",
    "keepRecords": "POST /claims/{claim_id}/reports/{report_id}/records",
    "listRecords": "GET /namespaces/{namespace}/beads/{name}/iterations/{iteration_id}/records",
    "getRecord": "GET /namespaces/{namespace}/beads/{name}/iterations/{iteration_id}/records/{kind}",
    "getScreen": "GET /namespaces/{namespace}/workers/{name}/sessions/{session}/screen",
    "watchScreen": "GET /namespaces/{namespace}/workers/{name}/sessions/{session}/screen/watch",
    "typeKeys": "POST /namespaces/{namespace}/workers/{name}/sessions/{session}/keys",
    "getWork": "GET /claims/{claim_id}/work",
    "listAllCosts": "GET /costs",
    "listProjects": "GET /namespaces",
    "listBeads": "GET /namespaces/{namespace}/beads",
    "createBead": "POST /namespaces/{namespace}/beads",
    "deleteBead": "DELETE /namespaces/{namespace}/beads/{name}",
    "getBead": "GET /namespaces/{namespace}/beads/{name}",
    "patchBead": "PATCH /namespaces/{namespace}/beads/{name}",
    "listAttempts": "GET /namespaces/{namespace}/beads/{name}/attempts",
    "cancelBead": "POST /namespaces/{namespace}/beads/{name}/cancel",
    "decideBead": "POST /namespaces/{namespace}/beads/{name}/decide",
    "listBeadEvents": "GET /namespaces/{namespace}/beads/{name}/events",
    "explainBead": "GET /namespaces/{namespace}/beads/{name}/explanation",
    "holdBead": "POST /namespaces/{namespace}/beads/{name}/hold",
    "listIterations": "GET /namespaces/{namespace}/beads/{name}/iterations",
    "reopenBead": "POST /namespaces/{namespace}/beads/{name}/reopen",
    "resumeBead": "POST /namespaces/{namespace}/beads/{name}/resume",
    "retryBead": "POST /namespaces/{namespace}/beads/{name}/retry",
    "steerBead": "POST /namespaces/{namespace}/beads/{name}/steer",
    "listBackupSchedules": "GET /namespaces/{namespace}/backup-schedules",
    "listBudgets": "GET /namespaces/{namespace}/budgets",
    "listCapabilities": "GET /namespaces/{namespace}/capabilities",
    "getCapability": "GET /namespaces/{namespace}/capabilities/{name}",
    "getCapabilityHistory": "GET /namespaces/{namespace}/capabilities/{name}/history",
    "resetConfidence": "DELETE /namespaces/{namespace}/capabilities/{name}/workers/{worker}",
    "overrideConfidence": "PUT /namespaces/{namespace}/capabilities/{name}/workers/{worker}",
    "listCosts": "GET /namespaces/{namespace}/costs",
    "forecastCosts": "GET /namespaces/{namespace}/costs/forecast",
    "listPrices": "GET /namespaces/{namespace}/costs/prices",
    "repriceCosts": "POST /namespaces/{namespace}/costs/reprice",
    "getOrder": "GET /namespaces/{namespace}/order",
    "getOverview": "GET /namespaces/{namespace}/overview",
    "watchNamespace": "GET /namespaces/{namespace}/watch",
    "listWorkers": "GET /namespaces/{namespace}/workers",
    "getWorker": "GET /namespaces/{namespace}/workers/{name}",
    "scaleWorker": "PUT /namespaces/{namespace}/workers/{name}/scale",
    "suspendWorker": "PUT /namespaces/{namespace}/workers/{name}/suspend",
    "revokeRole": "DELETE /roles",
    "listRoles": "GET /roles",
    "grantRole": "PUT /roles",
    "listUsers": "GET /users",
    "createUser": "POST /users",
    "getUser": "GET /users/{name}",
    "changeUser": "PATCH /users/{name}",
}


def test_operations_keep_their_names_and_places() -> None:
    found = {
        operation["operationId"]: f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, method, operation in operations(app().openapi())
    }
    assert {name: found.get(name) for name in OPERATIONS} == OPERATIONS


def test_every_operation_is_named_once_described_and_secured() -> None:
    made = app().openapi()
    schemes = set(made["components"]["securitySchemes"])
    names = []
    for path, _, operation in operations(made):
        name = operation["operationId"]
        names.append(name)
        assert re.fullmatch("[a-z]+([A-Z][a-z]*)*", name), name
        assert operation["summary"].endswith((".", "?", ":", ";", ",")), f"{name} has no docstring"
        assert len(operation["tags"]) == 1, name
        assert "security" in operation, name
        assert all(set(one) <= schemes for one in operation["security"]), name
        assert not [item for item in operation.get("parameters", []) if item["name"] == "authorization"]
        assert path.startswith("/api/v1/")
    assert sorted(names) == sorted(set(names))


def test_errors_are_problems_and_the_document_is_openapi_31() -> None:
    made = app().openapi()
    assert made["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in made["components"]["schemas"]
    for _, _, operation in operations(made):
        for status, answer in operation["responses"].items():
            if status[0] not in "23":
                assert set(answer["content"]) == {"application/problem+json"}, operation["operationId"]
