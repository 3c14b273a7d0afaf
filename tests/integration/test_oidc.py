"""Log-in through a real OpenID Connect provider."""

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from aiohttp import web
from joserfc import jwk, jwt
from support.openid import Provider, provider
from support.ports import free_port

from streamhub.config import Secret
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.identities import Authorization, Identity
from streamhub.transport.oidc import OpenIdProvider

ANN: dict[str, object] = {
    "sub": "ann-1",
    "email": "ann@example.org",
    "email_verified": True,
    "name": "Ann Example",
    "preferred_username": "ann",
}
BOB: dict[str, object] = {"sub": "bob-1", "email": "bob@example.org", "email_verified": False}


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider(ANN, BOB) as found:
        yield found


def authorization() -> Authorization:
    return Authorization(
        state=secrets.token_urlsafe(16),
        nonce=secrets.token_urlsafe(16),
        verifier=secrets.token_urlsafe(48),
        redirect_uri="http://127.0.0.1:9/back",
    )


def ours(issuer: str, client_id: str = "streamhub") -> OpenIdProvider:
    return OpenIdProvider(issuer=issuer, client_id=client_id, client_secret=Secret("s" * 20))


async def test_who_agreed_is_who_comes_back(running: Provider) -> None:
    openid, asked = ours(running.issuer), authorization()
    page = await openid.page(asked)
    query = parse_qs(urlsplit(page).query)
    assert query["code_challenge_method"] == ["S256"]
    assert asked.verifier not in page
    back = await running.agree(page, "ann-1")
    assert back["state"] == asked.state
    assert await openid.identity(asked, back["code"]) == Identity(
        issuer=running.issuer,
        subject="ann-1",
        email="ann@example.org",
        name="Ann Example",
        handle="ann",
    )


async def test_an_address_the_provider_has_not_confirmed_counts_for_nothing(
    running: Provider,
) -> None:
    openid, asked = ours(running.issuer), authorization()
    back = await running.agree(await openid.page(asked), "bob-1")
    identity = await openid.identity(asked, back["code"])
    assert (identity.subject, identity.email) == ("bob-1", None)


async def test_a_code_works_once(running: Provider) -> None:
    openid, asked = ours(running.issuer), authorization()
    code = (await running.agree(await openid.page(asked), "ann-1"))["code"]
    await openid.identity(asked, code)
    with pytest.raises(Refused, match="unauthenticated"):
        await openid.identity(asked, code)


@pytest.mark.parametrize("field", ["nonce", "redirect_uri"])
async def test_a_code_of_another_log_in_opens_nothing(running: Provider, field: str) -> None:
    openid, asked = ours(running.issuer), authorization()
    code = (await running.agree(await openid.page(asked), "ann-1"))["code"]
    value = "http://127.0.0.1:9/elsewhere" if field == "redirect_uri" else secrets.token_urlsafe(48)
    with pytest.raises(Refused, match="unauthenticated"):
        await openid.identity(msgspec.structs.replace(asked, **{field: value}), code)


async def test_what_is_no_code_opens_nothing(running: Provider) -> None:
    with pytest.raises(Refused, match="unauthenticated"):
        await ours(running.issuer).identity(authorization(), "made-up")


async def test_a_provider_that_is_away_is_said_to_be() -> None:
    with pytest.raises(TryAgain, match="does not answer"):
        await ours(f"http://127.0.0.1:{free_port()}").page(authorization())


class Forger:
    """A provider that signs whatever a test wants."""

    def __init__(self) -> None:
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "a"})
        self.shown: list[jwk.RSAKey] = [self.key]
        self.claims: dict[str, object] = {}
        self.alg = "RS256"
        self.issuer = ""
        self.said_issuer = ""
        self.asked: dict[str, object] = {}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.metadata)
        app.router.add_get("/jwks", self.keys)
        app.router.add_post("/token", self.token)
        return app

    async def metadata(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.said_issuer or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
            }
        )

    async def keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.shown]})

    async def token(self, request: web.Request) -> web.Response:
        self.asked = dict(await request.post())
        header = {"alg": self.alg, "kid": self.key.kid}
        key = jwk.OctKey.import_key("k" * 32) if self.alg.startswith("HS") else self.key
        signed = jwt.encode(header, self.claims, key)
        body = {"access_token": "a", "token_type": "Bearer", "id_token": signed}
        return web.json_response(body)


@pytest.fixture
async def forger() -> AsyncIterator[Forger]:
    forger = Forger()
    runner = web.AppRunner(forger.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    forger.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield forger
    await runner.cleanup()


def good_claims(forger: Forger, asked: Authorization, now_s: int) -> dict[str, object]:
    return {
        "iss": forger.issuer,
        "aud": "streamhub",
        "sub": "eve",
        "nonce": asked.nonce,
        "iat": now_s,
        "exp": now_s + 60,
    }


@pytest.fixture
def now_s() -> int:
    return int(time.time())


async def test_a_key_that_is_newer_than_ours_is_asked_for(forger: Forger, now_s: int) -> None:
    clock = [0.0]
    openid = OpenIdProvider(
        issuer=forger.issuer, client_id="streamhub", client_secret=None, clock=lambda: clock[0]
    )
    asked = authorization()
    forger.claims = good_claims(forger, asked, now_s)
    assert (await openid.identity(asked, "c")).subject == "eve"
    forger.key = jwk.RSAKey.generate_key(2048, {"kid": "b"})
    forger.shown = [forger.key]
    with pytest.raises(Refused):
        await openid.identity(asked, "c")  # not asked for again so soon
    clock[0] = 61.0
    assert (await openid.identity(asked, "c")).subject == "eve"


async def test_the_code_is_tied_to_who_asked_for_it(forger: Forger, now_s: int) -> None:
    openid, asked = ours(forger.issuer), authorization()
    forger.claims = good_claims(forger, asked, now_s)
    query = parse_qs(urlsplit(await openid.page(asked)).query)
    await openid.identity(asked, "c")
    verifier = str(forger.asked["code_verifier"])
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    assert query["code_challenge"] == [challenge.rstrip(b"=").decode()]  # RFC 7636, section 4.2


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "http://other.example"},
        {"aud": "another client"},
        {"aud": ["another client"]},
        {"exp": 1000},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"exp": None},
    ],
)
async def test_a_token_with_a_wrong_claim_opens_nothing(
    forger: Forger, now_s: int, change: dict[str, object]
) -> None:
    asked = authorization()
    claims = {**good_claims(forger, asked, now_s), **change}
    forger.claims = {name: value for name, value in claims.items() if value is not None}
    with pytest.raises(Refused, match="unauthenticated"):
        await ours(forger.issuer).identity(asked, "c")


async def test_a_token_by_a_key_the_provider_does_not_show_opens_nothing(
    forger: Forger, now_s: int
) -> None:
    asked = authorization()
    forger.claims = good_claims(forger, asked, now_s)
    forger.shown = [jwk.RSAKey.generate_key(2048, {"kid": "a"})]
    with pytest.raises(Refused, match="unauthenticated"):
        await ours(forger.issuer).identity(asked, "c")


async def test_a_token_signed_by_a_shared_secret_opens_nothing(forger: Forger, now_s: int) -> None:
    asked = authorization()
    forger.claims, forger.alg = good_claims(forger, asked, now_s), "HS256"
    with pytest.raises(Refused, match="unauthenticated"):
        await ours(forger.issuer).identity(asked, "c")


async def test_a_provider_that_says_it_is_another_is_not_believed(forger: Forger) -> None:
    forger.said_issuer = "https://accounts.example"
    with pytest.raises(Refused, match="another one"):
        await ours(forger.issuer).page(authorization())
