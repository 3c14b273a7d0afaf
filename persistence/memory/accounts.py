"""Accounts and token families in memory: the twin that passes the same contract tests."""

from collections.abc import Awaitable, Callable, Collection, Mapping

import msgspec

from streamhub.domain.accounts import Account, Credentials, handle_or_email_taken
from streamhub.domain.families import (
    REVOKED,
    Family,
    FamilyId,
    Refreshed,
    RefreshToken,
)
from streamhub.domain.ids import UserId
from streamhub.domain.people import Person


class InMemoryAccountStore:
    """Implements AccountStore, People and FamilyStore.

    `announce` is the `append` of the ClusterStore to write revocations to.
    """

    def __init__(self, announce: Callable[[str, str], Awaitable[None]]) -> None:
        self._announce = announce
        self._accounts: dict[UserId, Account] = {}
        self._hashes: dict[UserId, str | None] = {}
        self._families: dict[bytes, Family] = {}  # by selector

    async def create(self, account: Account, password_hash: str | None) -> None:
        if any(_clash(account, other) for other in self._accounts.values()):
            raise handle_or_email_taken()
        self._accounts[account.id] = account
        self._hashes[account.id] = password_hash

    async def account(self, user: UserId) -> Account | None:
        return self._accounts.get(user)

    async def credentials(self, login: str, address: str) -> Credentials | None:
        login = login.lower()
        for account in self._accounts.values():
            if login in (account.handle, (account.email or "").lower()):
                seen = {f.address for f in self._families.values() if f.user == account.id}
                return Credentials(
                    account=account,
                    password_hash=self._hashes[account.id],
                    known_address=address in seen,
                )
        return None

    async def replace_hash(self, user: UserId, old: str, new: str) -> None:
        if self._hashes.get(user) == old:
            self._hashes[user] = new

    async def by_ids(self, users: Collection[UserId]) -> Mapping[UserId, Person]:
        return {id: _person(self._accounts[id]) for id in users if id in self._accounts}

    async def by_handles(self, handles: Collection[str]) -> Mapping[str, Person]:
        found = (account for account in self._accounts.values() if account.handle in handles)
        return {account.handle: _person(account) for account in found}

    async def open(self, family: Family) -> None:
        for old in self._where(lambda f: f.user == family.user):
            if old.expires_at <= family.opened_at:
                del self._families[old.selector]
        self._families[family.selector] = family

    async def refresh(
        self, token: RefreshToken, successor: RefreshToken, *, now_ms: int, expires_at: int
    ) -> Refreshed | None:
        family = self._families.get(token.selector)
        if family is None:
            return None
        match family.judge(token.digest, successor.digest, now_ms):
            case "rotate":
                self._families[family.selector] = msgspec.structs.replace(
                    family,
                    current=successor.digest,
                    previous=family.current,
                    rotated_at=now_ms,
                    expires_at=expires_at,
                )
            case "repeat":
                pass
            case "reuse":
                await self.revoke(token, now_ms)
                return None
            case "over":
                return None
        return Refreshed(family=family.id, account=self._accounts[family.user])

    async def revoke(self, token: RefreshToken, now_ms: int) -> FamilyId | None:
        family = self._families.get(token.selector)
        if family is None:
            return None
        if family.revoked_at is None:
            self._families[family.selector] = msgspec.structs.replace(family, revoked_at=now_ms)
        await self._announce(REVOKED, family.id)
        return family.id

    async def signed_in(self, family: FamilyId) -> Account | None:
        found = self._where(lambda f: f.id == family and f.revoked_at is None)
        return self._accounts[found[0].user] if found else None

    async def revoked_since(self, moment_ms: int) -> tuple[FamilyId, ...]:
        found = self._where(lambda f: f.revoked_at is not None and f.revoked_at >= moment_ms)
        return tuple(family.id for family in found)

    def _where(self, fits: Callable[[Family], bool]) -> list[Family]:
        return [family for family in self._families.values() if fits(family)]


def _clash(one: Account, other: Account) -> bool:
    if one.handle == other.handle:
        return True
    return one.email is not None and one.email.lower() == (other.email or "").lower()


def _person(account: Account) -> Person:
    return Person(id=account.id, handle=account.handle, name=account.name)
