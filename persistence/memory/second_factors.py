"""The twin of second factors."""

from collections.abc import Sequence

import msgspec

from streamhub.domain.audit import AuditEvent, AuditLog
from streamhub.domain.ids import UserId
from streamhub.domain.second_factors import SecondFactor


class InMemorySecondFactors:
    """Implements SecondFactorStore."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._factors: dict[UserId, SecondFactor] = {}
        self._recovery: dict[UserId, set[bytes]] = {}

    async def get(self, user: UserId) -> SecondFactor | None:
        return self._factors.get(user)

    async def begin(self, factor: SecondFactor) -> bool:
        old = self._factors.get(factor.user)
        if old is not None and old.confirmed_at is not None:
            return False
        self._factors[factor.user] = factor
        return True

    async def confirm(
        self, user: UserId, at: int, step: int, recovery: Sequence[bytes], event: AuditEvent
    ) -> bool:
        factor = self._factors.get(user)
        if factor is None or factor.confirmed_at is not None:
            return False
        self._factors[user] = msgspec.structs.replace(factor, confirmed_at=at, last_step=step)
        self._recovery[user] = set(recovery)
        await self._audit.record(event)
        return True

    async def use_step(self, user: UserId, step: int) -> bool:
        factor = self._factors.get(user)
        if factor is None or factor.last_step >= step:
            return False
        self._factors[user] = msgspec.structs.replace(factor, last_step=step)
        return True

    async def use_recovery(self, user: UserId, digest: bytes, event: AuditEvent) -> bool:
        codes = self._recovery.get(user, set())
        if digest not in codes:
            return False
        codes.remove(digest)
        await self._audit.record(event)
        return True

    async def replace_recovery(self, user: UserId, recovery: Sequence[bytes]) -> None:
        self._recovery[user] = set(recovery)

    async def recovery_left(self, user: UserId) -> int:
        return len(self._recovery.get(user, ()))

    async def remove(self, user: UserId, event: AuditEvent) -> None:
        self._recovery.pop(user, None)
        if self._factors.pop(user, None) is not None:
            await self._audit.record(event)

    async def forget(self, user: UserId) -> None:
        """The account is deleted."""
        self._recovery.pop(user, None)
        self._factors.pop(user, None)
