"""A change of roles and users is taken back from its line in the audit log, if it still stands."""

from __future__ import annotations

from typing import Any

from support.front import Browser, Front

GRANT = {"subject": "user:bob", "namespace": "red", "role": "maintainer"}


async def last(browser: Browser, **query: Any) -> dict[str, Any]:
    """The newest line that fits."""
    found: list[dict[str, Any]] = (await browser.get("audit", limit=1, **query)).json()["items"]
    return found[0]


async def roles(admin: Browser) -> dict[tuple[str, str], str]:
    items = (await admin.get("roles")).json()["items"]
    return {(item["subject"], item["namespace"]): item["role"] for item in items}


async def test_roles_come_back_as_they_were(api: Front, admin: Browser) -> None:
    await api.user(admin, "bob", red="viewer")
    await admin.put("roles", GRANT)
    raised = await last(admin)
    undone = await admin.post(f"audit/{raised['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert (await roles(admin))["user:bob", "red"] == "viewer"
    told = undone.json()
    assert (told["undoOf"], told["person"]) == (raised["id"], "user:ada")
    assert (told["before"], told["after"]) == (raised["after"], raised["before"])
    assert (await last(admin))["id"] == told["id"]
    assert (await admin.get(f"audit/{raised['id']}")).json()["undoneBy"] == told["id"]
    twice = await admin.post(f"audit/{raised['id']}/undo")
    assert (twice.status_code, f"by change {told['id']}" in twice.text) == (409, True)
    again = await admin.post(f"audit/{told['id']}/undo")  # an undoing is a change like others
    assert again.status_code == 200
    assert (await roles(admin))["user:bob", "red"] == "maintainer"


async def test_a_role_that_was_given_goes_and_one_that_was_taken_comes(api: Front, admin: Browser) -> None:
    await api.user(admin, "bob", red="viewer")
    given = await last(admin, action="role.grant", name="user:bob")
    assert (await admin.post(f"audit/{given['id']}/undo")).status_code == 200
    assert ("user:bob", "red") not in await roles(admin)
    await admin.put("roles", GRANT)
    await admin.delete("roles", subject="user:bob", namespace="red")
    taken = await last(admin)
    assert taken.get("after") is None
    assert (await admin.post(f"audit/{taken['id']}/undo")).status_code == 200
    assert (await roles(admin))["user:bob", "red"] == "maintainer"


async def test_what_others_did_since_is_not_undone_with_it(api: Front, admin: Browser) -> None:
    eve = await api.user(admin, "eve", all="admin")
    await api.user(admin, "bob", red="viewer")
    await admin.put("roles", GRANT)
    mine = await last(admin)
    await eve.put("roles", {**GRANT, "role": "contributor"})
    hers = await last(admin)
    refused = await admin.post(f"audit/{mine['id']}/undo")
    assert refused.status_code == 409
    assert f"'contributor'}}, last changed by user:eve (change {hers['id']})" in refused.json()["detail"]
    assert (await roles(admin))["user:bob", "red"] == "contributor"


async def test_only_who_made_it_or_manages_users_undoes_it(api: Front, admin: Browser) -> None:
    red = await api.user(admin, "red-admin", red="admin")
    blue = await api.user(admin, "blue-admin", blue="admin", red="viewer")
    await api.user(admin, "bob")
    await red.put("roles", GRANT)
    mine = await last(red, person="user:red-admin", action="role.grant")
    seen = await blue.post(f"audit/{mine['id']}/undo")
    assert (seen.status_code, "only they" in seen.text) == (403, True)
    stranger = await api.user(admin, "stranger")
    assert (await stranger.post(f"audit/{mine['id']}/undo")).status_code == 404
    await admin.delete("roles", subject="user:red-admin", namespace="red")
    lowered = await red.post(f"audit/{mine['id']}/undo")  # one's own, without the right by now
    assert (lowered.status_code, "may not update users" in lowered.text) == (403, True)
    assert (await admin.post(f"audit/{mine['id']}/undo")).status_code == 200


async def test_a_read_only_token_undoes_nothing(api: Front, admin: Browser) -> None:
    await api.user(admin, "bob", red="viewer")
    mine = await last(admin, action="role.grant", name="user:bob")
    reader = api.bearer(await admin.token(role="viewer"))
    assert (await reader.post(f"audit/{mine['id']}/undo")).status_code == 403
    assert (await api.browser().post(f"audit/{mine['id']}/undo")).status_code == 401


async def test_users_come_back_and_the_last_administrator_stays(api: Front, admin: Browser) -> None:
    bob = await api.user(admin, "bob", all="admin")
    granted = await last(admin, action="role.grant", name="user:bob")
    await admin.patch("users/bob", {"disabled": True})
    shut = await last(admin)
    assert (await admin.post(f"audit/{shut['id']}/undo")).status_code == 200
    assert (await bob.get("auth/me")).status_code == 401  # what had ended stays so
    assert (await bob.sign_in("bob")).status_code == 200
    assert (await bob.delete("roles", subject="user:ada", namespace="*")).status_code == 204
    refused = await bob.post(f"audit/{granted['id']}/undo")
    assert refused.status_code == 409
    assert (await bob.names())[-1] == "bob"


async def test_what_cannot_be_undone_says_so(api: Front, admin: Browser) -> None:
    await api.user(admin, "bob")
    for action in ("user.create", "session.open"):
        entry = await last(admin, action=action)
        refused = await admin.post(f"audit/{entry['id']}/undo")
        assert (refused.status_code, "nothing that can be undone" in refused.text) == (409, True)
    assert (await admin.post("audit/999999/undo")).status_code == 404
    assert (await admin.post("audit/0/undo")).status_code == 422
