"""The twin of one-time codes and links."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamhub.domain.one_time import MAX_TRIES, Pending


@dataclass(slots=True)
class _Open:
    pending: Pending
    until: float
    tries: int = 0


class InMemoryOneTimeStore:
    """Implements OneTimeStore; `clock` in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, _Open] = {}

    async def put(self, request: str, pending: Pending, life_s: int) -> None:
        of = (pending.purpose, pending.user)
        self._open = {
            name: one
            for name, one in self._open.items()
            if (one.pending.purpose, one.pending.user) != of
        }
        self._open[request] = _Open(pending, self._clock() + life_s)

    async def take(self, request: str, proofs: Sequence[bytes]) -> Pending | None:
        found = self._open.get(request)
        if found is None or self._clock() >= found.until:
            return None
        if {found.pending.code, found.pending.link} & set(proofs):
            del self._open[request]
            return found.pending
        found.tries += 1
        if found.tries >= MAX_TRIES:
            del self._open[request]
        return None
