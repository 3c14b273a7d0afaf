"""One host's part of accounts over real servers, with its mailbox and its cluster log at hand."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from support.polling import until

from streamhub.cluster.accounts import Accounts, ShortLived
from streamhub.cluster.clock import SystemClock
from streamhub.cluster.mailing import mail_queue
from streamhub.config import Secret, load_settings
from streamhub.domain.audit import AuditQuery
from streamhub.domain.mail import Mail, MailKind
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.mail import PostgresMailQueue
from streamhub.persistence.memory.limits import InMemoryLimiter
from streamhub.persistence.migrations import migrate
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.persistence.redis import open_redis
from streamhub.telemetry import Metrics
from streamhub.transport import http_auth
from streamhub.transport.app import Parts, create_app

SECRET = Secret("an auth secret for tests, 32 bytes and more")
PASSWORD = "correct horse battery staple"
LINK = re.compile(r"https?://\S+#(\S+)")
CODE = re.compile(r"^ {4}([0-9]{6})$", re.MULTILINE)
ENVIRON = {
    "STREAMHUB_ARGON2_MEMORY_KIB": "64",
    "STREAMHUB_ARGON2_TIME_COST": "1",
    "STREAMHUB_PUBLIC_URL": "https://chat.example.org",
}

Client = TestClient[web.Request, web.Application]


@dataclass
class Person:
    """Somebody with an account, signed in."""

    site: "AccountSite"
    id: str
    handle: str
    email: str
    token: str
    refresh: str

    async def call(self, method: str, path: str, body: object = None) -> ClientResponse:
        return await self.site.call(method, path, body, self.token)

    async def post(self, path: str, **body: object) -> ClientResponse:
        return await self.call("POST", path, body)

    async def json(self, method: str, path: str, body: object = None) -> Any:
        response = await self.call(method, path, body)
        assert response.status in (200, 201), await response.text()
        return await response.json()

    async def mail(self, kind: MailKind) -> Mail:
        return await self.site.mail(self.email, kind)


@dataclass
class AccountSite:
    """The site, and what tests look into."""

    client: Client
    pool: Pool
    accounts: Accounts
    mails: PostgresMailQueue
    cluster: PostgresClusterStore
    read: int
    limiter: InMemoryLimiter
    people: list[Person] = field(default_factory=list)

    async def call(
        self, method: str, path: str, body: object = None, token: str | None = None
    ) -> ClientResponse:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.client.request(method, path, json=body, headers=headers)

    async def post(self, path: str, **body: object) -> ClientResponse:
        return await self.call("POST", path, body)

    async def person(self, **changes: str) -> Person:
        handle = f"u{secrets.token_hex(6)}"
        body = {
            "email": f"{handle}@example.org",
            "handle": handle,
            "name": "Ann",
            "password": PASSWORD,
            **changes,
        }
        response = await self.post("/v1/auth/register", **body)
        assert response.status == 201, await response.text()
        return self.signed_in(await response.json(), body["email"])

    def signed_in(self, granted: Mapping[str, Any], email: str) -> Person:
        user = granted["user"]
        return Person(
            self,
            user["id"],
            user["handle"],
            email,
            granted["access_token"],
            granted["refresh_token"],
        )

    async def mail(self, to: str, kind: MailKind) -> Mail:
        """The newest mail of this kind to that address; it may be on its way yet."""

        async def found() -> Mail | None:
            for kept in await self.mails.kept(50):
                if (kept.mail.to, kept.mail.kind) == (to, kind):
                    return kept.mail
            return None

        mail = await until(found)
        assert mail is not None
        return mail

    async def mailed(self, to: str) -> list[str]:
        return [kept.mail.kind for kept in await self.mails.kept(50) if kept.mail.to == to]

    async def hear(self) -> None:
        """Read the cluster log, as a host does within a second."""
        for entry in await self.cluster.entries_after(self.read):
            self.accounts.on_entry(entry)
            self.read = entry.number

    async def recorded(self, user: str) -> list[str]:
        """The kinds of what the audit log has of this account, the oldest first."""
        log = PostgresAuditLog(self.pool)
        found: dict[int, str] = {}
        for query in (AuditQuery(target=user), AuditQuery(actor=user)):
            found |= {entry.number: entry.kind for entry in await log.entries(query)}
        return [kind for _, kind in sorted(found.items())]


def link_in(mail: Mail) -> str:
    """What the link of a mail ends with; the text and the page have the same."""
    found = LINK.search(mail.text)
    assert found is not None
    assert found[1] in mail.html
    return found[1]


def code_in(mail: Mail) -> str:
    found = CODE.search(mail.text)
    assert found is not None
    return found[1]


@asynccontextmanager
async def account_site(
    urls: EmbeddedUrls, environ: Mapping[str, str] | None = None, secret: Secret = SECRET
) -> AsyncIterator[AccountSite]:
    """A site over these servers. Its limits are its own."""
    settings = load_settings({**ENVIRON, **(environ or {})}, cwd=Path("/nonexistent"))
    await migrate(urls.postgres)
    async with AsyncExitStack() as stack:
        pool = await open_pool(urls.postgres, size=10, application_name="accounts")
        stack.push_async_callback(pool.close)
        redis = open_redis(urls.redis)
        stack.push_async_callback(redis.aclose)
        clock = SystemClock()
        limiter = InMemoryLimiter(lambda: clock.now_ms() * 1000)
        accounts = Accounts(
            settings,
            pool=pool,
            limiter=limiter,
            short_lived=ShortLived.in_redis(redis, secret, clock),
            secret=secret,
            clock=clock,
        )
        app = create_app(Parts(edge=settings.edge, metrics=Metrics(), routes=accounts.routes))
        app[http_auth.PRINCIPALS] = accounts.principals
        client = TestClient(TestServer(app))
        await client.start_server()
        stack.push_async_callback(client.close)
        await accounts.start()
        stack.push_async_callback(accounts.stop)
        cluster = PostgresClusterStore(pool)
        yield AccountSite(
            client,
            pool,
            accounts,
            mail_queue(pool, secret, clock),
            cluster,
            await cluster.newest_entry(),
            limiter,
        )
