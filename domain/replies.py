"""First replies, kept for those who send a command again with the same key."""

from typing import Final, Protocol

from streamhub.domain.ids import UserId

KEPT_S: Final = 24 * 3600


class ReplyStore(Protocol):
    """Replies by user and key, for a day. Messages and channels keep their own keys for ever.

    `digest` is the SHA-256 of the validated command. Raises TryAgain("unavailable").
    """

    async def first(self, user: UserId, key: str, digest: bytes) -> bytes | None:
        """The reply kept for this key; None when there is none. Raises Refused("key_reused")
        when it was kept for another command."""
        ...

    async def keep(self, user: UserId, key: str, digest: bytes, reply: bytes) -> bytes:
        """Keep `reply`, unless another was faster: the one that is kept. Raises Refused as
        `first`."""
        ...
