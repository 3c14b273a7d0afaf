"""The auth secret is changed while people are signed in: hosts one step apart work together, and
what the old secret made is no good once it is removed."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.account_site import PASSWORD, AccountSite, Person, account_site, code_in
from support.databases import fresh_database

from streamhub.cluster.office import open_office
from streamhub.config import Secret, load_settings
from streamhub.persistence.embedded.stack import EmbeddedUrls

OLD, NEW = "the old secret, of thirty-two bytes", "the new secret, of thirty-two bytes"


class Sites:
    """Hosts over one database, each with the secrets it was started with."""

    def __init__(self, urls: EmbeddedUrls, stack: AsyncExitStack) -> None:
        self.urls = urls
        self._stack = stack

    async def host(self, secret: str, *others: str, **environ: str) -> AccountSite:
        opened = account_site(self.urls, environ, Secret(secret, others))
        return await self._stack.enter_async_context(opened)

    async def reseal(self, secret: str, *others: str) -> dict[str, tuple[int, int]]:
        environ = {
            "STREAMHUB_DATABASE_URL": self.urls.postgres,
            "STREAMHUB_AUTH_SECRET": secret,
            "STREAMHUB_AUTH_OTHER_SECRETS": "\n".join(others),
        }
        async with open_office(load_settings(environ, cwd=Path("/nonexistent"))) as office:
            return {what: (done, lost) for what, (done, lost) in (await office.reseal()).items()}


@pytest.fixture
async def sites(servers: EmbeddedUrls) -> AsyncIterator[Sites]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(fresh_database(servers.postgres))
        yield Sites(replace(servers, postgres=database), stack)


async def me(site: AccountSite, token: str) -> int:
    return (await site.call("GET", "/v1/me", token=token)).status


async def test_hosts_one_step_apart_take_each_others_tokens(sites: Sites) -> None:
    before, after = await sites.host(OLD, NEW), await sites.host(NEW, OLD)
    ann = await before.person()
    assert await me(after, ann.token) == 200
    again = await after.post("/v1/auth/login", login=ann.handle, password=PASSWORD)
    assert await me(before, (await again.json())["access_token"]) == 200


async def test_a_refresh_whose_answer_was_lost_is_repeated_at_the_other_host(sites: Sites) -> None:
    before, after = await sites.host(OLD, NEW), await sites.host(NEW, OLD)
    ann = await before.person()
    first = await before.post("/v1/auth/refresh", refresh_token=ann.refresh)
    second = await after.post("/v1/auth/refresh", refresh_token=ann.refresh)
    token = (await first.json())["refresh_token"]
    assert (await second.json())["refresh_token"] == token
    assert (await after.post("/v1/auth/refresh", refresh_token=token)).status == 200


async def test_a_code_by_mail_works_at_the_other_host(sites: Sites) -> None:
    before, after = await sites.host(OLD, NEW), await sites.host(NEW, OLD)
    ann = await before.person()
    asked = await before.post("/v1/auth/mail", login=ann.handle)
    code = code_in(await after.mail(ann.email, "sign_in"))
    body = {"request": (await asked.json())["request"], "code": code}
    assert (await after.post("/v1/auth/code", **body)).status == 200


async def with_factor(ann: Person) -> tuple[pyotp.TOTP, list[str]]:
    enrolment = await ann.json("POST", "/v1/me/second-factor", {"current_password": PASSWORD})
    app = pyotp.TOTP(enrolment["secret"])
    shown = await ann.json("POST", "/v1/me/second-factor/confirm", {"code": app.now()})
    return app, shown["codes"]


async def test_second_factors_outlive_the_secret_once_they_are_sealed_again(sites: Sites) -> None:
    before, between = await sites.host(OLD), await sites.host(NEW, OLD)
    ann = await before.person()
    app, (one, two, *_) = await with_factor(ann)
    await before.post("/v1/auth/mail", login=ann.handle)
    await before.mail(ann.email, "sign_in")
    login = {"login": ann.handle, "password": PASSWORD}
    assert (await between.post("/v1/auth/login", **login, code=one)).status == 200

    assert await sites.reseal(NEW) == {"second factors": (0, 1), "mails": (0, 1)}
    assert await sites.reseal(NEW, OLD) == {"second factors": (1, 0), "mails": (1, 0)}
    assert await sites.reseal(NEW, OLD) == {"second factors": (0, 0), "mails": (0, 0)}

    after = await sites.host(NEW)
    later = app.at(int(time.time()), counter_offset=1)
    assert (await after.post("/v1/auth/login", **login, code=later)).status == 200
    assert (await after.post("/v1/auth/login", **login, code=two)).status == 401
    assert await after.mailed(ann.email) == ["sign_in"]


async def test_what_the_removed_secret_signed_is_refused_and_sessions_go_on(sites: Sites) -> None:
    before, after = await sites.host(OLD), await sites.host(NEW)
    ann = await before.person()
    refused = await after.call("GET", "/v1/me", token=ann.token)
    assert (refused.status, (await refused.json())["code"]) == (401, "unauthenticated")
    refreshed = await after.post("/v1/auth/refresh", refresh_token=ann.refresh)
    assert await me(after, (await refreshed.json())["access_token"]) == 200


async def test_public_keys_are_shown_and_their_tokens_taken(sites: Sites, tmp_path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (tmp_path / "keys.pem").write_bytes(pem)
    site = await sites.host(OLD, STREAMHUB_TOKEN_KEYS=str(tmp_path / "keys.pem"))
    ann = await site.person()
    assert await me(site, ann.token) == 200
    shown = await site.call("GET", "/v1/auth/keys")
    (key,) = (await shown.json())["keys"]
    assert key.keys() == {"kty", "crv", "x", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")
    without = await sites.host(OLD)
    assert await (await without.call("GET", "/v1/auth/keys")).json() == {"keys": []}
    assert await me(without, ann.token) == 401
