"""Invitations over HTTP, where one must be invited."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from support.account_site import PASSWORD, AccountSite, Person, account_site, link_in

from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.ids import UserId
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.persistence.embedded.stack import EmbeddedUrls


@pytest.fixture
async def site(servers: EmbeddedUrls) -> AsyncIterator[AccountSite]:
    async with account_site(servers, {"STREAMHUB_REGISTRATION": "invited"}) as site:
        yield site


def somebody(**changes: str) -> dict[str, str]:
    handle = f"u{secrets.token_hex(6)}"
    body = {"email": f"{handle}@example.org", "handle": handle, "name": "Ann"}
    return {**body, "password": PASSWORD, **changes}


async def member(servers: EmbeddedUrls) -> dict[str, str]:
    """Somebody who came while registering was open."""
    async with account_site(servers) as open_site:
        person = await open_site.person()
        return {"login": person.handle}


async def inviter(site: AccountSite, servers: EmbeddedUrls) -> Person:
    who = await member(servers)
    answer = await site.post("/v1/auth/login", **who, password=PASSWORD)
    return site.signed_in(await answer.json(), "")


async def come(site: AccountSite, invitation: str, **changes: str) -> ClientResponse:
    return await site.post("/v1/auth/invited", invitation=invitation, **somebody(**changes))


async def made(by: Person, **wanted: object) -> dict[str, Any]:
    return dict(await by.json("POST", "/v1/invitations", wanted))


async def test_only_who_is_invited_comes_in(site: AccountSite, servers: EmbeddedUrls) -> None:
    ann = await inviter(site, servers)
    refused = await site.post("/v1/auth/register", **somebody())
    assert refused.status == 403
    invitation = (await made(ann))["invitation"]
    granted = await come(site, invitation)
    assert granted.status == 201
    assert not (await granted.json())["user"]["email_confirmed"]
    used_up = await come(site, invitation)
    unknown = await come(site, "shi_" + "A" * 43)
    for response in (used_up, unknown, await come(site, "no such thing")):
        assert (response.status, (await response.json())["code"]) == (403, "forbidden")
    assert (await ann.json("GET", "/v1/invitations"))["items"] == []


async def test_of_a_hundred_who_come_at_once_one_gets_in(
    site: AccountSite, servers: EmbeddedUrls
) -> None:
    ann = await inviter(site, servers)
    invitation = (await made(ann))["invitation"]
    answers = await asyncio.gather(*(come(site, invitation) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [201] + [403] * 19


async def test_a_use_that_came_to_nothing_is_given_back(
    site: AccountSite, servers: EmbeddedUrls
) -> None:
    ann = await inviter(site, servers)
    invitation = (await made(ann))["invitation"]
    taken = await come(site, invitation, handle=ann.handle)
    assert taken.status == 409
    assert (await come(site, invitation)).status == 201


async def test_an_invitation_by_mail_is_for_its_address_and_proves_it(
    site: AccountSite, servers: EmbeddedUrls
) -> None:
    ann = await inviter(site, servers)
    guest = somebody()
    answer = await made(ann, email=guest["email"])
    assert "shi_" not in str(answer)
    invitation = link_in(await site.mail(guest["email"], "invitation"))
    other = await come(site, invitation)
    assert (other.status, (await other.json())["field"]) == (400, "email")
    granted = await site.post("/v1/auth/invited", invitation=invitation, **guest)
    assert (await granted.json())["user"]["email_confirmed"]


async def test_an_invitation_is_ended_by_who_made_it_alone(
    site: AccountSite, servers: EmbeddedUrls
) -> None:
    ann, bob = await inviter(site, servers), await inviter(site, servers)
    invitation = await made(ann, uses=5)
    path = f"/v1/invitations/{invitation['id']}"
    assert (await bob.call("DELETE", path)).status == 404
    assert (await ann.call("DELETE", path)).status == 204
    assert (await ann.call("DELETE", path)).status == 404
    assert (await come(site, invitation["invitation"])).status == 403
    recorded = await site.recorded(invitation["id"])
    assert recorded == ["invitation.created", "invitation.revoked"]


async def test_an_invitation_of_somebody_who_was_suspended_lets_nobody_in(
    site: AccountSite, servers: EmbeddedUrls
) -> None:
    ann = await inviter(site, servers)
    invitation = (await made(ann))["invitation"]
    await PostgresAccountEdits(site.pool).edit(UserId(ann.id), AccountEdit(status="suspended"), [])
    await site.hear()
    assert (await come(site, invitation)).status == 403
    assert (await ann.call("POST", "/v1/invitations", {})).status == 403


async def test_an_invitation_ends_after_its_days(site: AccountSite, servers: EmbeddedUrls) -> None:
    ann = await inviter(site, servers)
    invitation = await made(ann, days=1)
    await site.pool.execute(
        "UPDATE invitations SET expires_at = created_at WHERE id = $1", invitation["id"]
    )
    assert (await come(site, invitation["invitation"])).status == 403


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"uses": 0}, "uses"),
        ({"uses": 1001}, "uses"),
        ({"days": 91}, "days"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@example.org", "uses": 2}, "uses"),
    ],
)
async def test_an_invitation_that_may_not_be_is_refused_by_name(
    site: AccountSite, servers: EmbeddedUrls, wanted: dict[str, object], field: str
) -> None:
    ann = await inviter(site, servers)
    response = await ann.call("POST", "/v1/invitations", wanted)
    assert (response.status, (await response.json())["field"]) == (400, field)


async def test_where_accounts_are_closed_nobody_invites_and_nobody_comes(
    servers: EmbeddedUrls,
) -> None:
    async with account_site(servers, {"STREAMHUB_REGISTRATION": "closed"}) as closed:
        ann = await inviter(closed, servers)
        assert (await ann.call("POST", "/v1/invitations", {})).status == 403
        assert (await come(closed, "shi_" + "A" * 43)).status == 403


@pytest.mark.parametrize(("who", "roles"), [("moderators", "moderator"), ("admins", "admin")])
async def test_who_may_invite_is_a_setting(servers: EmbeddedUrls, who: str, roles: str) -> None:
    async with account_site(servers, {"STREAMHUB_INVITERS": who}) as site:
        ann = await site.person()
        refused = await ann.call("POST", "/v1/invitations", {})
        assert (refused.status, (await refused.json())["code"]) == (403, "forbidden")
        await site.pool.execute("UPDATE users SET role = $2 WHERE id = $1", ann.id, roles)
        site.accounts.principals.changed(ann.id)
        assert (await made(ann))["uses"] == 0


async def test_nobodys_mailbox_is_flooded_with_invitations(
    site: AccountSite, servers: EmbeddedUrls
) -> None:
    ann, bob = await inviter(site, servers), await inviter(site, servers)
    guest = somebody()["email"]
    for by in (ann, bob, ann):
        await made(by, email=guest)
    refused = await bob.call("POST", "/v1/invitations", {"email": guest.upper()})
    assert (refused.status, (await refused.json())["code"]) == (429, "rate_limited")
    assert (await site.mailed(guest)).count("invitation") == 3
    await made(bob, email=somebody()["email"])


async def test_the_database_holds_no_link(site: AccountSite, servers: EmbeddedUrls) -> None:
    ann = await inviter(site, servers)
    invitation = await made(ann)
    row = await site.pool.fetchrow(
        "SELECT invitations::text AS row FROM invitations WHERE id = $1", invitation["id"]
    )
    assert row is not None
    assert invitation["invitation"].removeprefix("shi_") not in row["row"]


async def test_a_deleted_account_leaves_no_invitation_and_no_address_it_invited(
    site: AccountSite, servers: EmbeddedUrls
) -> None:
    ann, guest = await inviter(site, servers), somebody()
    await made(ann, email=guest["email"])
    assert (await ann.post("/v1/me/delete", current_password=PASSWORD)).status == 204
    count = "SELECT count(*) FROM invitations WHERE email = $1"
    assert await site.pool.fetchval(count, guest["email"]) == 0
