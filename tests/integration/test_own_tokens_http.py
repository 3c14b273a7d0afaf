"""Personal tokens and bots over HTTP."""

import time
from collections.abc import AsyncIterator

import pytest
from support.account_site import AccountSite, Person, account_site

from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.ids import UserId
from streamhub.domain.own_tokens import MAX_BOTS
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.persistence.embedded.stack import EmbeddedUrls

READ = {"name": "CI", "scopes": ["chat:read"]}


@pytest.fixture
async def site(servers: EmbeddedUrls) -> AsyncIterator[AccountSite]:
    async with account_site(servers) as site:
        yield site


async def status(site: AccountSite, token: str, path: str = "/v1/me") -> int:
    return (await site.call("GET", path, token=token)).status


async def bot_of(owner: Person) -> dict[str, str]:
    made = await owner.json("POST", "/v1/me/bots", {"handle": f"b{owner.handle[1:]}", "name": "B"})
    return dict(made)


async def test_a_token_is_shown_once_acts_within_its_scopes_and_is_ended(
    site: AccountSite,
) -> None:
    ann, bob = await site.person(), await site.person()
    made = await ann.json("POST", "/v1/me/tokens", READ)
    token = made.pop("token")
    listed = (await ann.json("GET", "/v1/me/tokens"))["items"]
    assert listed == [made]
    assert (made["scopes"], token[:4]) == (["chat:read"], "shp_")
    assert await status(site, token) == 200
    assert await status(site, token, "/v1/me/tokens") == 403  # no token makes or sees tokens
    assert (await site.call("POST", "/v1/me/tokens", READ, token)).status == 403
    (used,) = (await ann.json("GET", "/v1/me/tokens"))["items"]
    assert used["last_address"] == "127.0.0.1"
    path = f"/v1/me/tokens/{made['id']}"
    assert (await bob.call("DELETE", path)).status == 404
    assert (await ann.call("DELETE", path)).status == 204
    await site.hear()
    assert await status(site, token) == 401
    assert (await ann.call("DELETE", path)).status == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["account"]}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"name": ""}, "name"),
        ({"expires_at": 1}, "expires_at"),
    ],
)
async def test_a_token_that_may_not_be_is_refused_by_name(
    site: AccountSite, change: dict[str, object], field: str
) -> None:
    ann = await site.person()
    response = await ann.call("POST", "/v1/me/tokens", {**READ, **change})
    assert (response.status, (await response.json())["field"]) == (400, field)


async def test_a_token_is_good_until_it_expires(site: AccountSite) -> None:
    ann = await site.person()
    later = int(time.time() * 1000) + 400
    made = await ann.json("POST", "/v1/me/tokens", {**READ, "expires_at": later})
    assert await status(site, made["token"]) == 200
    while time.time() * 1000 <= later:
        await status(site, made["token"])
    assert await status(site, made["token"]) == 401


async def test_a_bot_acts_by_its_tokens_and_belongs_to_its_owner(site: AccountSite) -> None:
    ann, bob = await site.person(), await site.person()
    bot = await bot_of(ann)
    tokens = f"/v1/me/bots/{bot['id']}/tokens"
    made = await ann.json("POST", tokens, {"name": "x", "scopes": ["chat:read", "chat:write"]})
    me = await (await site.call("GET", "/v1/me", token=made["token"])).json()
    assert (me["id"], me["handle"]) == (bot["id"], bot["handle"])
    assert (await ann.call("POST", tokens, {"name": "x", "scopes": ["admin"]})).status == 400
    for method, path in (
        ("GET", tokens),
        ("DELETE", f"{tokens}/{made['id']}"),
        ("DELETE", f"/v1/me/bots/{bot['id']}"),
    ):
        assert (await bob.call(method, path)).status == 404
    assert (await bob.call("POST", tokens, READ)).status == 404
    renamed = await ann.json("PATCH", f"/v1/me/bots/{bot['id']}", {"name": "Robot"})
    assert (renamed["name"], renamed["handle"]) == ("Robot", bot["handle"])
    assert (await ann.json("GET", "/v1/me/bots"))["items"] == [renamed]


async def test_a_bot_that_was_deleted_acts_no_more(site: AccountSite) -> None:
    ann = await site.person()
    bot = await bot_of(ann)
    made = await ann.json("POST", f"/v1/me/bots/{bot['id']}/tokens", READ)
    assert await status(site, made["token"]) == 200
    assert (await ann.call("DELETE", f"/v1/me/bots/{bot['id']}")).status == 204
    await site.hear()
    assert await status(site, made["token"]) == 401
    assert (await ann.json("GET", "/v1/me/bots"))["items"] == []


async def test_a_bot_rests_while_its_owner_does(site: AccountSite) -> None:
    ann = await site.person()
    bot = await bot_of(ann)
    made = await ann.json("POST", f"/v1/me/bots/{bot['id']}/tokens", READ)
    assert await status(site, made["token"]) == 200
    edits = PostgresAccountEdits(site.pool)
    for state, expected in (("suspended", 401), ("active", 200)):
        edit = AccountEdit(status="suspended" if state == "suspended" else "active")
        await edits.edit(UserId(ann.id), edit, [])
        await site.hear()
        assert await status(site, made["token"]) == expected


async def test_a_person_has_twenty_bots_at_most(site: AccountSite) -> None:
    ann = await site.person()
    for number in range(MAX_BOTS + 1):
        body = {"handle": f"{ann.handle}-{number}", "name": "B"}
        response = await ann.call("POST", "/v1/me/bots", body)
        assert response.status == (201 if number < MAX_BOTS else 422)
