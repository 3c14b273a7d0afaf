"""Personal tokens and bots, as people make, see and end them for themselves.

A bot is an account of its owner's: it has no password and no address, and acts by personal tokens
alone. It goes with its owner, and rests while its owner does.
"""

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

import msgspec

from streamhub.domain.access import Standing
from streamhub.domain.account_edits import AccountEdit, AccountEdits, AccountQuery
from streamhub.domain.accounts import (
    RESERVED_HANDLES,
    Account,
    AccountStore,
    check_handle,
    check_name,
    handle_or_email_taken,
)
from streamhub.domain.audit import AuditLog
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import RANDOM_BYTES, TOKEN, USER, UserId, make_id
from streamhub.domain.origin import Origin
from streamhub.domain.personal_tokens import (
    SECRET_BYTES,
    PersonalToken,
    PersonalTokenStore,
    check_scopes,
    check_token_name,
    digest_of,
    text_of,
)

MAX_BOTS: Final = 20
_BOT_SCOPES: Final = frozenset({"chat:read", "chat:write", "files:read", "files:write"})


class NewToken(NamedTuple):
    """`text` is the token itself, shown this once."""

    token: PersonalToken
    text: str


class OwnTokens:
    """Tokens and bots of one's own. All raise TryAgain("unavailable")."""

    def __init__(
        self,
        *,
        tokens: PersonalTokenStore,
        accounts: AccountStore,
        edits: AccountEdits,
        audit: AuditLog,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._edits = edits
        self._audit = audit
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    # -- tokens -----------------------------------------------------------------------------

    async def make(
        self,
        by: Standing,
        name: str,
        scopes: Collection[str],
        expires_at: int | None,
        origin: Origin,
        bot: UserId | None = None,
    ) -> NewToken:
        """A token for oneself, or for one's `bot`, until `expires_at` (ms) if given.

        Raises Refused: bad_request, invalid_text, limit_reached, not_found.
        """
        user = by.user if bot is None else (await self.bot(by.user, bot)).id
        chosen = check_scopes(scopes)
        if bot is not None and chosen - _BOT_SCOPES:
            raise Refused("bad_request", "a bot reads and writes chat, no more", field="scopes")
        now_ms = self._now_ms()
        if expires_at is not None and expires_at <= now_ms:
            raise Refused("bad_request", "must be in the future", field="expires_at")
        token = PersonalToken(
            id=FamilyId(make_id(TOKEN, now_ms, self._random_bytes(RANDOM_BYTES))),
            user=user,
            made_by=by.user,
            name=check_token_name(name),
            scopes=chosen,
            created_at=now_ms,
            expires_at=expires_at,
        )
        text = text_of(self._random_bytes(SECRET_BYTES))
        digest = digest_of(text)
        assert digest is not None  # noqa: S101 - text_of writes what digest_of reads
        event = origin.event("token.created", now_ms, actor=by.user, target=token.id)
        await self._tokens.add(token, digest, event)
        return NewToken(token, text)

    async def of(self, user: UserId, bot: UserId | None = None) -> tuple[PersonalToken, ...]:
        """The tokens of oneself, or of one's `bot`, the oldest first. Raises
        Refused("not_found")."""
        return await self._tokens.of(user if bot is None else (await self.bot(user, bot)).id)

    async def revoke(
        self, user: UserId, token: FamilyId, origin: Origin, bot: UserId | None = None
    ) -> None:
        """End one everywhere. Raises Refused("not_found")."""
        known = {one.id for one in await self.of(user, bot)}
        now_ms = self._now_ms()
        event = origin.event("token.revoked", now_ms, actor=user, target=token)
        if token not in known or not await self._tokens.revoke(token, user, now_ms, event):
            raise Refused("not_found", "you have no such token")

    # -- bots -------------------------------------------------------------------------------

    async def make_bot(self, owner: UserId, handle: str, name: str, origin: Origin) -> Account:
        """Raises Refused: bad_request, invalid_text, conflict, limit_reached."""
        if check_handle(handle) in RESERVED_HANDLES:
            raise handle_or_email_taken()
        if len(await self.bots(owner)) >= MAX_BOTS:
            raise Refused("limit_reached", f"{MAX_BOTS} bots are the most: delete one first")
        now_ms = self._now_ms()
        bot = Account(
            id=UserId(make_id(USER, now_ms, self._random_bytes(RANDOM_BYTES))),
            handle=handle,
            name=check_name(name),
            email=None,
            role="user",
            created_at=now_ms,
            kind="bot",
            owner=owner,
        )
        await self._accounts.create(bot, None)
        await self._audit.record(origin.event("bot.created", now_ms, actor=owner, target=bot.id))
        return bot

    async def bots(self, owner: UserId) -> tuple[Account, ...]:
        """One's bots, the oldest first."""
        query = AccountQuery(owner=owner, kind="bot", limit=10 * MAX_BOTS)
        page = await self._edits.accounts(query)
        return tuple(bot for bot in page.items if not bot.closed)

    async def bot(self, owner: UserId, bot: UserId) -> Account:
        """One of one's bots. Raises Refused("not_found")."""
        found = await self._accounts.account(bot)
        if found is None or found.owner != owner or found.closed:
            raise Refused("not_found", "you have no such bot")
        return found

    async def rename_bot(
        self, owner: UserId, bot: UserId, handle: str | None, name: str | None
    ) -> Account:
        """Raises Refused: not_found, bad_request, invalid_text, conflict."""
        found = await self.bot(owner, bot)
        if handle is not None and check_handle(handle) in RESERVED_HANDLES:
            raise handle_or_email_taken()
        edit = AccountEdit(
            handle=msgspec.UNSET if handle is None else handle,
            name=msgspec.UNSET if name is None else check_name(name),
        )
        return await self._edits.edit(found.id, edit, ())

    async def delete_bot(self, owner: UserId, bot: UserId, origin: Origin) -> None:
        """Forget who it was; its tokens end. Raises Refused("not_found")."""
        found = await self.bot(owner, bot)
        event = origin.event("account.deleted", self._now_ms(), actor=owner, target=found.id)
        await self._edits.delete(found.id, event)
