"""Signing in by a real OpenID Connect provider, over HTTP."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse
from support.account_site import PASSWORD, AccountSite, Person, account_site
from support.openid import Provider, provider

from streamhub.domain.audit import AuditQuery
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.embedded.stack import EmbeddedUrls

BACK = "http://127.0.0.1:9/back"


def claims(subject: str, handle: str, *, verified: bool = True) -> dict[str, object]:
    return {
        "sub": subject,
        "name": handle.title(),
        "preferred_username": handle,
        "email": f"{handle}@id.example",
        "email_verified": verified,
    }


PEOPLE = [claims(f"s-{name}", name) for name in ("xena", "yves", "zoe", "admin")]
PEOPLE.append(claims("s-unsure", "unsure", verified=False))


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider(*PEOPLE) as found:
        yield found


@asynccontextmanager
async def site_of(
    urls: EmbeddedUrls, running: Provider, registration: str = "open"
) -> AsyncIterator[AccountSite]:
    environ = {
        "STREAMHUB_OPENID_ISSUER": running.issuer,
        "STREAMHUB_OPENID_CLIENT_SECRET": "the secret of this server",
        "STREAMHUB_OPENID_NAME": "Example ID",
        "STREAMHUB_OPENID_REDIRECTS": BACK,
        "STREAMHUB_REGISTRATION": registration,
    }
    async with account_site(urls, environ) as site:
        await site.pool.execute("DELETE FROM identities")
        await site.pool.execute("DELETE FROM users WHERE email LIKE '%@id.example'")
        yield site


@pytest.fixture
async def site(servers: EmbeddedUrls, running: Provider) -> AsyncIterator[AccountSite]:
    async with site_of(servers, running) as site:
        yield site


async def agreed(
    site: AccountSite,
    running: Provider,
    subject: str,
    path: str = "/v1/auth/openid/start",
    token: str | None = None,
) -> dict[str, str]:
    """What the client holds once the provider has sent its user back."""
    started = await site.call("POST", path, {"redirect_uri": BACK}, token)
    assert started.status == 200, await started.text()
    begun = await started.json()
    back = await running.agree(begun["url"], subject)
    return {"request": begun["request"], "state": back["state"], "code": back["code"]}


async def sign_in(site: AccountSite, running: Provider, subject: str) -> ClientResponse:
    return await site.post("/v1/auth/openid/finish", **await agreed(site, running, subject))


async def person(response: ClientResponse, site: AccountSite) -> Person:
    assert response.status == 200, await response.text()
    granted: dict[str, Any] = await response.json()
    return site.signed_in(granted, granted["user"].get("email", ""))


async def test_the_provider_is_named(site: AccountSite, running: Provider) -> None:
    listed = await (await site.call("GET", "/v1/auth/openid")).json()
    assert listed == {"items": [{"name": "Example ID", "issuer": running.issuer}]}


async def test_who_comes_first_gets_an_account_and_the_same_one_later(
    site: AccountSite, running: Provider
) -> None:
    xena = await person(await sign_in(site, running, "s-xena"), site)
    me = await xena.json("GET", "/v1/me")
    assert (me["handle"], me["name"], me["email"]) == ("xena", "Xena", "xena@id.example")
    assert me["email_confirmed"]
    again = await person(await sign_in(site, running, "s-xena"), site)
    assert again.id == xena.id
    assert (await xena.json("GET", "/v1/me/identities"))["items"][0]["subject"] == "s-xena"


async def test_a_handle_that_is_taken_is_varied(site: AccountSite, running: Provider) -> None:
    await site.pool.execute("DELETE FROM users WHERE handle = 'yves'")
    await site.person(handle="yves")
    yves = await person(await sign_in(site, running, "s-yves"), site)
    assert yves.handle.startswith("yves-")


async def test_an_address_that_was_not_confirmed_is_not_taken_over(
    site: AccountSite, running: Provider
) -> None:
    unsure = await person(await sign_in(site, running, "s-unsure"), site)
    assert "email" not in await unsure.json("GET", "/v1/me")


async def test_no_identity_takes_over_an_account_with_its_address(
    site: AccountSite, running: Provider
) -> None:
    owner = await site.person(email="zoe@id.example")
    refused = await sign_in(site, running, "s-zoe")
    assert refused.status == 409
    finish = await agreed(site, running, "s-zoe", "/v1/me/identities/start", token=owner.token)
    assert (await owner.post("/v1/me/identities", **finish)).status == 201
    zoe = await person(await sign_in(site, running, "s-zoe"), site)
    assert zoe.id == owner.id


async def test_an_answer_works_once_and_only_where_it_was_begun(
    site: AccountSite, running: Provider
) -> None:
    ann = await site.person()
    answer = await agreed(site, running, "s-xena")
    for wrong in ({"request": "x" * 43}, {"state": "x"}):
        response = await site.post("/v1/auth/openid/finish", **{**answer, **wrong})
        assert response.status == 401
    # A wrong state used the request up: nobody tries states.
    assert (await site.post("/v1/auth/openid/finish", **answer)).status == 401
    linking = await agreed(site, running, "s-xena", "/v1/me/identities/start", token=ann.token)
    assert (await site.post("/v1/auth/openid/finish", **linking)).status == 401


async def test_nobody_is_sent_back_to_where_the_server_was_not_told_of(site: AccountSite) -> None:
    for uri in ("http://127.0.0.1:9/back/", "https://evil.example/", "javascript:alert(1)", ""):
        response = await site.post("/v1/auth/openid/start", redirect_uri=uri)
        assert (response.status, (await response.json())["field"]) == (400, "redirect_uri")


async def test_an_identity_opens_one_account_and_is_taken_away_by_its_owner(
    site: AccountSite, running: Provider
) -> None:
    ann, bob = await site.person(), await site.person()
    for owner, status in ((ann, 201), (ann, 201), (bob, 409)):
        finish = await agreed(site, running, "s-xena", "/v1/me/identities/start", token=owner.token)
        assert (await owner.post("/v1/me/identities", **finish)).status == status
    identity = {"issuer": running.issuer, "subject": "s-xena"}
    unlink = "/v1/me/identities/unlink"
    assert (await bob.post(unlink, **identity, current_password=PASSWORD)).status == 404
    assert (await ann.post(unlink, **identity, current_password="wrong")).status == 401
    assert (await ann.post(unlink, **identity, current_password=PASSWORD)).status == 204
    assert (await ann.json("GET", "/v1/me/identities"))["items"] == []
    assert {"identity.linked", "identity.unlinked"} <= set(await site.recorded(ann.id))


async def test_the_only_way_in_is_not_taken_away(site: AccountSite, running: Provider) -> None:
    unsure = await person(await sign_in(site, running, "s-unsure"), site)
    response = await unsure.post(
        "/v1/me/identities/unlink", issuer=running.issuer, subject="s-unsure"
    )
    assert response.status == 409


async def test_where_one_must_be_invited_an_identity_makes_no_account(
    servers: EmbeddedUrls, running: Provider
) -> None:
    async with site_of(servers, running, "invited") as site:
        refused = await sign_in(site, running, "s-xena")
        assert (refused.status, (await refused.json())["code"]) == (403, "forbidden")
        (entry, *_) = await PostgresAuditLog(site.pool).entries(AuditQuery(kind="sign_in.failed"))
        assert entry.detail == "OpenID: no account here is linked to this identity"
        assert entry.address


async def test_without_a_provider_it_is_said(servers: EmbeddedUrls) -> None:
    async with account_site(servers) as site:
        assert await (await site.call("GET", "/v1/auth/openid")).json() == {"items": []}
        response = await site.post("/v1/auth/openid/start", redirect_uri=BACK)
        assert response.status == 404
