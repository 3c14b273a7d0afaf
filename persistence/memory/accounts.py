"""Accounts and token families in memory: the twin that passes the same contract tests."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import msgspec
from msgspec import UNSET

from streamhub.domain.access import RIGHTS_CHANGED
from streamhub.domain.account_edits import (
    WITH_ITS_OWNER,
    AccountEdit,
    AccountQuery,
    Check,
    SignOut,
    anonymous,
    no_admin_left,
    no_such_account,
    stops_being_admin,
)
from streamhub.domain.accounts import Account, Credentials, handle_or_email_taken
from streamhub.domain.audit import AuditEvent, AuditLog
from streamhub.domain.channels import Page
from streamhub.domain.families import (
    REVOKED,
    Family,
    FamilyId,
    Refreshed,
    RefreshToken,
    Use,
)
from streamhub.domain.ids import UserId
from streamhub.domain.people import Person
from streamhub.domain.presence import PRESENCE_CHANGED
from streamhub.persistence.memory.audit import InMemoryAuditLog
from streamhub.persistence.paging import account_cursor, after_account


class InMemoryAccountStore:
    """Implements AccountStore, AccountEdits, People and FamilyStore.

    `announce` is the `append` of the ClusterStore to write revocations to, `audit` the log.
    """

    def __init__(
        self, announce: Callable[[str, str], Awaitable[None]], audit: AuditLog | None = None
    ) -> None:
        self._announce = announce
        self._audit = audit or InMemoryAuditLog()
        self._accounts: dict[UserId, Account] = {}
        self._hashes: dict[UserId, str | None] = {}
        self._families: dict[bytes, Family] = {}  # by selector
        self._forgetting: list[Callable[[UserId], Awaitable[None]]] = []

    def also_forget(self, forget: Callable[[UserId], Awaitable[None]]) -> None:
        """Have `forget` drop what another twin keeps of an account that is deleted."""
        self._forgetting.append(forget)

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

    async def edit(
        self,
        user: UserId,
        edit: AccountEdit,
        events: Sequence[AuditEvent],
        sign_out: SignOut | None = None,
        check: Check | None = None,
    ) -> Account:
        before = self._accounts.get(user)
        if before is None or before.status == "deleted":
            raise no_such_account()
        if check is not None:
            check(before)
        after = edit.applied_to(before)
        others = [account for account in self._accounts.values() if account.id != user]
        if stops_being_admin(before, after) and not any(
            (other.role, other.status) == ("admin", "active") for other in others
        ):
            raise no_admin_left()
        if any(_clash(after, other) for other in others):
            raise handle_or_email_taken()
        self._accounts[user] = after
        if edit.password_hash is not UNSET:
            self._hashes[user] = edit.password_hash
        if sign_out is not None:
            await self._sign_out(user, sign_out)
        if (before.role, before.status) != (after.role, after.status):
            await self._announce(RIGHTS_CHANGED, user)
            for bot in [one for one in self._accounts.values() if one.owner == user]:
                await self._announce(RIGHTS_CHANGED, bot.id)
        if before.show_presence != after.show_presence:
            await self._announce(PRESENCE_CHANGED, user)
        for event in events:
            await self._audit.record(event)
        return after

    async def delete(self, user: UserId, event: AuditEvent, check: Check | None = None) -> Account:
        deleted = await self._delete(user, event, check)
        for bot in sorted(one.id for one in self._accounts.values() if one.owner == user):
            if self._accounts[bot].status != "deleted":
                its_own = msgspec.structs.replace(event, target=bot, detail=WITH_ITS_OWNER)
                await self._delete(bot, its_own, None)
        return deleted

    async def _delete(self, user: UserId, event: AuditEvent, check: Check | None) -> Account:
        account = self._accounts.get(user)
        if account is None:
            raise no_such_account()
        sign_out = SignOut(now_ms=event.at)
        deleted = await self.edit(user, anonymous(account), [event], sign_out, check)
        for family in self._where(lambda f: f.user == user):
            self._families[family.selector] = msgspec.structs.replace(
                family, address="", client="", last_address=None
            )
        for forget in self._forgetting:
            await forget(user)
        return deleted

    async def _sign_out(self, user: UserId, sign_out: SignOut) -> None:
        for family in self._where(lambda f: f.user == user and f.revoked_at is None):
            if family.id != sign_out.keep:
                ended = msgspec.structs.replace(family, revoked_at=sign_out.now_ms)
                self._families[family.selector] = ended
                await self._announce(REVOKED, family.id)

    async def accounts(self, query: AccountQuery) -> Page[Account]:
        found = sorted(
            (account for account in self._accounts.values() if _matches(account, query)),
            key=lambda account: account.id,
        )
        items = tuple(found[: query.limit])
        return Page(items=items, next_cursor=account_cursor(items, more=len(found) > query.limit))

    async def by_ids(self, users: Collection[UserId]) -> Mapping[UserId, Person]:
        return {id: _person(self._accounts[id]) for id in users if id in self._accounts}

    async def reachable(self, users: Collection[UserId]) -> frozenset[UserId]:
        known = (self._accounts[id] for id in users if id in self._accounts)
        return frozenset(account.id for account in known if account.status == "active")

    async def by_handles(self, handles: Collection[str]) -> Mapping[str, Person]:
        found = (account for account in self._accounts.values() if account.handle in handles)
        return {account.handle: _person(account) for account in found}

    async def open(self, family: Family, event: AuditEvent) -> None:
        for old in self._where(lambda f: f.user == family.user):
            if old.expires_at <= family.opened_at:
                del self._families[old.selector]
        self._families[family.selector] = family
        await self._audit.record(event)

    async def refresh(
        self, token: RefreshToken, successors: Sequence[bytes], use: Use
    ) -> Refreshed | None:
        family = self._families.get(token.selector)
        if family is None:
            return None
        current = family.current
        match family.judge(token.digest, successors, use.now_ms):
            case "rotate":
                current = successors[0]
                self._families[family.selector] = msgspec.structs.replace(
                    family,
                    current=current,
                    previous=family.current,
                    rotated_at=use.now_ms,
                    expires_at=family.until(use),
                    last_used_at=use.now_ms,
                    last_address=use.address,
                )
            case "repeat":
                pass
            case "reuse":
                await self.revoke(token, use.reused)
                return None
            case "over":
                return None
        account = self._accounts[family.user]
        return Refreshed(family=family.id, account=account, current=current)

    async def revoke(self, token: RefreshToken, event: AuditEvent) -> FamilyId | None:
        family = self._families.get(token.selector)
        if family is None:
            return None
        await self._end(family, event)
        return family.id

    async def end(self, user: UserId, family: FamilyId, event: AuditEvent) -> bool:
        mine = self._where(lambda f: f.id == family and f.user == user and f.revoked_at is None)
        if not mine:
            return False
        await self._end(mine[0], event)
        return True

    async def _end(self, family: Family, event: AuditEvent) -> None:
        if family.revoked_at is None:
            self._families[family.selector] = msgspec.structs.replace(family, revoked_at=event.at)
        await self._announce(REVOKED, family.id)
        await self._audit.record(event)

    async def of(self, user: UserId, now_ms: int) -> tuple[Family, ...]:
        found = self._where(
            lambda f: f.user == user and f.revoked_at is None and f.expires_at > now_ms
        )
        return tuple(sorted(found, key=lambda family: family.id))

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


def _matches(account: Account, query: AccountQuery) -> bool:
    text = (query.text or "").lower()
    said = (account.handle, (account.email or "").lower())
    return (
        account.id > after_account(query.cursor)
        and (any(word.startswith(text) for word in said) or text in account.name.lower())
        and query.role in (None, account.role)
        and query.status in (None, account.status)
        and query.kind in (None, account.kind)
        and query.owner in (None, account.owner)
    )


def _person(account: Account) -> Person:
    return Person(id=account.id, handle=account.handle, name=account.name)
