"""Personal access tokens as operators at a shell make, see and revoke them, for any account."""

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from streamhub.domain.accounts import Account
from streamhub.domain.admin_accounts import OPERATOR
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import RANDOM_BYTES, TOKEN, make_id
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

_DAY_MS: Final = 86_400_000


class MadeToken(NamedTuple):
    """`text` is the token itself, which is stored nowhere."""

    token: PersonalToken
    text: str


class AdminTokens:
    """All raise TryAgain("unavailable")."""

    def __init__(
        self,
        tokens: PersonalTokenStore,
        *,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._tokens = tokens
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def create(
        self,
        account: Account,
        name: str,
        scopes: Collection[str],
        days: int | None,
        origin: Origin,
    ) -> MadeToken:
        """A token that is good for so many days; None: until it is revoked.

        Raises Refused: bad_request, invalid_text, limit_reached; conflict for a closed account.
        """
        if account.closed:
            raise Refused("conflict", "the account is closed: activate it first")
        now_ms = self._now_ms()
        token = PersonalToken(
            id=FamilyId(make_id(TOKEN, now_ms, self._random_bytes(RANDOM_BYTES))),
            user=account.id,
            made_by=account.owner or account.id,
            name=check_token_name(name),
            scopes=check_scopes(scopes),
            created_at=now_ms,
            expires_at=None if days is None else now_ms + days * _DAY_MS,
        )
        text = text_of(self._random_bytes(SECRET_BYTES))
        digest = digest_of(text)
        assert digest is not None  # noqa: S101 - text_of writes what digest_of reads
        event = origin.event("token.created", now_ms, target=account.id, detail=OPERATOR)
        await self._tokens.add(token, digest, event)
        return MadeToken(token, text)

    async def of(self, account: Account) -> tuple[PersonalToken, ...]:
        """Those of the account that are not revoked, the oldest first."""
        return await self._tokens.of(account.id)

    async def revoke(self, account: Account, token: str, origin: Origin) -> None:
        """End it everywhere. Raises Refused("not_found")."""
        now_ms = self._now_ms()
        event = origin.event("token.revoked", now_ms, target=account.id, detail=OPERATOR)
        for known in await self._tokens.of(account.id):
            if known.id == token and await self._tokens.revoke(
                known.id, known.made_by, now_ms, event
            ):
                return
        raise Refused("not_found", "the account has no such token", field="token")
