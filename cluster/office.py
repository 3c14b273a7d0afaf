"""What operators' commands about accounts work with: a host's services, over PostgreSQL alone.

Rules and audit log are those of HTTP; a running cluster hears of changes by the cluster log.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Final

from streamhub.cluster import mailing
from streamhub.cluster.access import auth_secret_of, connected
from streamhub.cluster.clock import SystemClock
from streamhub.cluster.mailing import mail_queue
from streamhub.config import Settings
from streamhub.domain import second_factors
from streamhub.domain.admin_accounts import AdminAccounts
from streamhub.domain.admin_tokens import AdminTokens
from streamhub.domain.origin import Origin
from streamhub.domain.sealing import Sealer
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.mail import PostgresMailQueue
from streamhub.persistence.passwords import Argon2Hasher, common_passwords
from streamhub.persistence.personal_tokens import PostgresPersonalTokens
from streamhub.persistence.postgres import Pool
from streamhub.persistence.resealing import Resealed, Table, reseal
from streamhub.transport.letters import Letters

HERE: Final = Origin("local", "streamhub")


class Office:
    """Made by `open_office`. What needs the secret of tokens and mails raises NotDone without."""

    def __init__(self, settings: Settings, pool: Pool, hasher: Argon2Hasher) -> None:
        self._settings = settings
        self._pool = pool
        self._hasher = hasher
        self._clock = SystemClock()
        self.audit = PostgresAuditLog(pool)

    @cached_property
    def mails(self) -> PostgresMailQueue:
        return mail_queue(self._pool, auth_secret_of(self._settings), self._clock)

    async def reseal(self) -> dict[str, Resealed]:
        """Seal again, under the present secret, what outlives a change of it. Raises TryAgain."""
        secret = auth_secret_of(self._settings)

        def sealer(purpose: str) -> Sealer:
            return Sealer(secret, purpose, self._clock.random_bytes)

        tables = {
            "second factors": Table("second_factors", "user_id", sealer(second_factors.SEALED_FOR)),
            "mails": Table("mails", "id", sealer(mailing.SEALED_FOR)),
        }
        return {what: await reseal(self._pool, table) for what, table in tables.items()}

    @cached_property
    def admin(self) -> AdminAccounts:
        letters = Letters(
            self.mails,
            self._settings.server.public_url or "StreamHub",
            now_ms=self._clock.now_ms,
            random_bytes=self._clock.random_bytes,
            queued=lambda: None,  # hosts look by themselves every few seconds
        )
        return AdminAccounts(
            accounts=PostgresAccountStore(self._pool),
            edits=PostgresAccountEdits(self._pool),
            mailer=letters,
            links=None,
            hasher=self._hasher,
            common_passwords=common_passwords(),
            now_ms=self._clock.now_ms,
            random_bytes=self._clock.random_bytes,
        )

    @cached_property
    def tokens(self) -> AdminTokens:
        return AdminTokens(
            PostgresPersonalTokens(self._pool),
            now_ms=self._clock.now_ms,
            random_bytes=self._clock.random_bytes,
        )


@asynccontextmanager
async def open_office(settings: Settings) -> AsyncIterator[Office]:
    """Raises like `connected`."""
    async with connected(settings) as pool:
        hasher = Argon2Hasher(settings.auth)
        try:
            yield Office(settings, pool, hasher)
        finally:
            hasher.close()
