"""The twin of the kept replies."""

from collections.abc import Callable

from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId
from streamhub.domain.replies import KEPT_S


class InMemoryReplyStore:
    """Implements ReplyStore within one process. `now_s` is a monotonic clock."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._kept: dict[tuple[UserId, str], tuple[bytes, bytes, float]] = {}

    async def first(self, user: UserId, key: str, digest: bytes) -> bytes | None:
        kept = self._kept.get((user, key))
        if kept is None or kept[2] <= self._now_s() - KEPT_S:
            return None
        if kept[0] != digest:
            raise Refused("key_reused", "the key was used before for another command", field="k")
        return kept[1]

    async def keep(self, user: UserId, key: str, digest: bytes, reply: bytes) -> bytes:
        if (first := await self.first(user, key, digest)) is not None:
            return first
        self._kept[user, key] = (digest, reply, self._now_s())
        return reply
