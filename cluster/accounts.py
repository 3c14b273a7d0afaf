"""The accounts of one host, put together: ways in, rights, one's own account, mails."""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import NamedTuple, Self, cast

import structlog
from aiohttp import web
from redis.asyncio import Redis

from streamhub.cluster.complete import public_url_of
from streamhub.cluster.keys import token_keys_of
from streamhub.cluster.limits import sign_in_limits_of
from streamhub.cluster.mailing import Clock, Mailing
from streamhub.config import Secret, Settings
from streamhub.domain.admin_accounts import AdminAccounts
from streamhub.domain.cluster import LogEntry
from streamhub.domain.errors import StreamHubError
from streamhub.domain.families import REVOKED
from streamhub.domain.federation import Federation
from streamhub.domain.identities import AuthorizationStore
from streamhub.domain.invitations import Invitations, Inviters
from streamhub.domain.limits import Limiter
from streamhub.domain.log_ins import LogIns
from streamhub.domain.mailed_links import MailedLinks
from streamhub.domain.one_time import OneTime, OneTimeStore
from streamhub.domain.own_account import OwnAccount
from streamhub.domain.own_tokens import OwnTokens
from streamhub.domain.principals import Principals
from streamhub.domain.recovery import Recovery
from streamhub.domain.registration import ConfirmedRegistration
from streamhub.domain.sealing import Sealer
from streamhub.domain.second_factors import SecondFactors
from streamhub.domain.sign_in import Registration, SignIn
from streamhub.domain.tokens import Revocations, TokenIssuer, TokenVerifier
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.families import PostgresFamilyStore
from streamhub.persistence.identities import PostgresIdentities, RedisAuthorizations
from streamhub.persistence.invitations import PostgresInvitations
from streamhub.persistence.memory.identities import InMemoryAuthorizations
from streamhub.persistence.memory.one_time import InMemoryOneTimeStore
from streamhub.persistence.one_time import RedisOneTimeStore
from streamhub.persistence.passwords import Argon2Hasher, common_passwords
from streamhub.persistence.personal_tokens import PostgresPersonalTokens
from streamhub.persistence.postgres import Pool
from streamhub.persistence.second_factors import PostgresSecondFactors
from streamhub.transport import (
    http_account,
    http_admin,
    http_audit,
    http_auth,
    http_invitations,
    http_keys,
    http_openid,
    http_tokens,
)
from streamhub.transport.http_account import AccountServices
from streamhub.transport.oidc import OpenIdProvider

log = structlog.get_logger(__name__)


class ShortLived(NamedTuple):
    """What is kept for minutes, in Redis, and may be lost."""

    one_time: OneTimeStore
    authorizations: AuthorizationStore

    @classmethod
    def in_redis(cls, client: Redis, secret: Secret, clock: Clock) -> Self:
        sealer = Sealer(secret, "log-ins on their way", clock.random_bytes)
        return cls(RedisOneTimeStore(client), RedisAuthorizations(client, sealer))

    @classmethod
    def in_memory(cls) -> Self:
        """For hosts without Redis, in tests and benchmarks."""
        return cls(InMemoryOneTimeStore(time.monotonic), InMemoryAuthorizations(time.monotonic))


def confirms_email(settings: Settings) -> bool:
    """Whether an address is proven before there is an account."""
    confirm = settings.auth.confirm_email
    return settings.mail.url is not None if confirm is None else confirm


def ways_in(settings: Settings) -> Mapping[str, object]:
    """How people come in, for `GET /v1/server`."""
    openid = settings.openid
    return {
        "registration": settings.auth.registration,
        "confirms_email": confirms_email(settings),
        "providers": [{"name": openid.name, "issuer": openid.issuer}] if openid.issuer else [],
    }


class Accounts:
    """What a host does about accounts: `routes`, `principals`, and `people` to look up; `hasher`
    and `limiter` are for other passwords, too."""

    def __init__(
        self,
        settings: Settings,
        *,
        pool: Pool,
        limiter: Limiter,
        short_lived: ShortLived,
        secret: Secret,
        clock: Clock,
    ) -> None:
        auth = settings.auth
        self.limiter = limiter
        self.secret = secret
        keys = token_keys_of(auth, secret)
        self.people = PostgresAccountStore(pool)
        self._edits = PostgresAccountEdits(pool)
        self._audit = PostgresAuditLog(pool)
        self._families = PostgresFamilyStore(pool)
        self.hasher = Argon2Hasher(auth)
        self._revocations = Revocations(auth.access_ttl_s)
        self._clock = clock
        self._background: set[asyncio.Future[None]] = set()
        self._mailing = Mailing(settings, pool, secret, clock)
        tokens = PostgresPersonalTokens(pool)
        self.principals = Principals(
            verifier=TokenVerifier(keys, auth.issuer),
            revocations=self._revocations,
            families=self._families,
            tokens=tokens,
            now_ms=clock.now_ms,
        )
        self._log_ins = LogIns(
            families=self._families,
            issuer=TokenIssuer(keys, auth.issuer, auth.access_ttl_s),
            secret=secret,
            refresh_ttl_s=auth.refresh_ttl_s,
            session_ttl_s=auth.session_ttl_s,
            now_ms=clock.now_ms,
            random_bytes=clock.random_bytes,
        )
        self._second_factors = SecondFactors(
            PostgresSecondFactors(pool),
            secret=secret,
            issuer=auth.issuer,
            now_ms=clock.now_ms,
            random_bytes=clock.random_bytes,
        )
        self._sign_in = SignIn(
            accounts=self.people,
            log_ins=self._log_ins,
            second_factors=self._second_factors,
            audit=self._audit,
            mailer=self._mailing.letters,
            hasher=self.hasher,
            limiter=limiter,
            common_passwords=common_passwords(),
            now_ms=clock.now_ms,
            random_bytes=clock.random_bytes,
            registration=cast(Registration, auth.registration),
            limits=sign_in_limits_of(settings.limits),
        )
        self._links = MailedLinks(
            OneTime(short_lived.one_time, secret, clock.random_bytes),
            self._mailing.letters,
            limiter,
            public_url_of(settings.server),
        )
        self.routes: list[web.RouteDef] = [
            *http_auth.routes(
                self._sign_in,
                self._log_ins,
                self.people,
                self.people,
                self._registration(settings, secret),
            ),
            *http_keys.routes(keys.public),
            *http_account.routes(self._services()),
            *http_invitations.routes(
                Invitations(
                    store=PostgresInvitations(pool),
                    accounts=self.people,
                    sign_in=self._sign_in,
                    log_ins=self._log_ins,
                    mailer=self._mailing.letters,
                    limiter=limiter,
                    inviters=cast(Inviters, auth.inviters),
                    public_url=public_url_of(settings.server),
                    now_ms=clock.now_ms,
                    random_bytes=clock.random_bytes,
                )
            ),
            *http_tokens.routes(
                OwnTokens(
                    tokens=tokens,
                    accounts=self.people,
                    edits=self._edits,
                    audit=self._audit,
                    now_ms=clock.now_ms,
                    random_bytes=clock.random_bytes,
                )
            ),
            *http_openid.routes(
                self._provider(settings, pool, short_lived.authorizations), self.people
            ),
            *http_admin.routes(self._admin()),
            *http_audit.routes(self._audit, self._audit),
        ]

    async def start(self) -> None:
        """Learn what was revoked lately, and begin to send mails. Raises TryAgain."""
        now_ms = self._clock.now_ms()
        for family in await self._families.revoked_since(now_ms - self._revocations.keep_ms):
            self._revocations.add(family, now_ms)
        self._mailing.start()

    async def stop(self) -> None:
        """Finish what goes on in the background."""
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._mailing.stop()
        self.hasher.close()

    def on_entry(self, entry: LogEntry) -> None:
        """The cluster log told of a user, a log-in or a token."""
        if entry.kind == REVOKED:
            self._revocations.add(entry.subject, self._clock.now_ms())
        self.principals.changed(entry.subject)

    # -- parts ------------------------------------------------------------------------------

    def _services(self) -> AccountServices:
        passwords = common_passwords()
        return AccountServices(
            accounts=self.people,
            log_ins=self._log_ins,
            own=OwnAccount(
                accounts=self.people,
                edits=self._edits,
                links=self._links,
                sign_in=self._sign_in,
                second_factors=self._second_factors,
                mailer=self._mailing.letters,
                hasher=self.hasher,
                common_passwords=passwords,
                now_ms=self._clock.now_ms,
            ),
            recovery=Recovery(
                accounts=self.people,
                edits=self._edits,
                links=self._links,
                sign_in=self._sign_in,
                mailer=self._mailing.letters,
                hasher=self.hasher,
                common_passwords=passwords,
                now_ms=self._clock.now_ms,
                in_background=self._in_background,
            ),
            second_factors=self._second_factors,
            sign_in=self._sign_in,
        )

    def _admin(self) -> AdminAccounts:
        return AdminAccounts(
            accounts=self.people,
            edits=self._edits,
            mailer=self._mailing.letters,
            links=self._links,
            hasher=self.hasher,
            common_passwords=common_passwords(),
            now_ms=self._clock.now_ms,
            random_bytes=self._clock.random_bytes,
        )

    def _registration(self, settings: Settings, secret: Secret) -> ConfirmedRegistration | None:
        if not confirms_email(settings):
            return None
        return ConfirmedRegistration(
            accounts=self.people,
            sign_in=self._sign_in,
            log_ins=self._log_ins,
            links=self._links,
            mailer=self._mailing.letters,
            secret=secret,
            now_ms=self._clock.now_ms,
            random_bytes=self._clock.random_bytes,
            in_background=self._in_background,
        )

    def _provider(
        self, settings: Settings, pool: Pool, authorizations: AuthorizationStore
    ) -> http_openid.Named | None:
        openid = settings.openid
        if not openid.issuer:
            return None
        federation = Federation(
            provider=OpenIdProvider(
                issuer=openid.issuer,
                client_id=openid.client_id,
                client_secret=openid.client_secret,
            ),
            authorizations=authorizations,
            identities=PostgresIdentities(pool),
            accounts=self.people,
            sign_in=self._sign_in,
            audit=self._audit,
            redirects=openid.redirects,
            registration=cast(Registration, settings.auth.registration),
            now_ms=self._clock.now_ms,
            random_bytes=self._clock.random_bytes,
        )
        return http_openid.Named(name=openid.name, issuer=openid.issuer, federation=federation)

    def _in_background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Future[None]") -> None:
        self._background.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        known = isinstance(error, StreamHubError)
        log.warning("mail_not_queued", exc_info=None if known else error, error=str(error))
