"""The twins of identities and of log-ins on their way."""

from collections.abc import Callable

from streamhub.domain.audit import AuditEvent, AuditLog
from streamhub.domain.identities import Authorization, Linked, opens_another
from streamhub.domain.ids import UserId


class InMemoryIdentities:
    """Implements IdentityStore."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._rows: dict[tuple[str, str], tuple[UserId, Linked]] = {}

    async def user_of(self, issuer: str, subject: str) -> UserId | None:
        found = self._rows.get((issuer, subject))
        return found[0] if found else None

    async def of(self, user: UserId) -> tuple[Linked, ...]:
        found = (linked for owner, linked in self._rows.values() if owner == user)
        return tuple(sorted(found, key=lambda linked: (linked.linked_at, linked.issuer)))

    async def link(self, user: UserId, linked: Linked, event: AuditEvent) -> None:
        key = linked.issuer, linked.subject
        if key not in self._rows:
            self._rows[key] = user, linked
            await self._audit.record(event)
        elif self._rows[key][0] != user:
            raise opens_another()

    async def unlink(self, user: UserId, issuer: str, subject: str, event: AuditEvent) -> bool:
        if await self.user_of(issuer, subject) != user:
            return False
        del self._rows[issuer, subject]
        await self._audit.record(event)
        return True

    async def forget(self, user: UserId) -> None:
        """The account is deleted."""
        self._rows = {key: row for key, row in self._rows.items() if row[0] != user}


class InMemoryAuthorizations:
    """Implements AuthorizationStore; `clock` in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[Authorization, float]] = {}

    async def put(self, request: str, authorization: Authorization, life_s: int) -> None:
        self._kept[request] = authorization, self._clock() + life_s

    async def take(self, request: str) -> Authorization | None:
        authorization, until = self._kept.pop(request, (None, 0.0))
        return authorization if self._clock() < until else None
