"""Reactions to one message: counted by kind, and the first who gave each."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from streamhub.domain.ids import UserId

MAX_KINDS: Final = 50
"""Of reactions to one message."""

SHOWN_USERS: Final = 20
"""Of each kind, in the message itself; the others are only counted."""

Given = tuple[int, UserId]
"""The rev at which a user gave a reaction: who was earlier is shown first."""


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """One kind: how many gave it, and the first `SHOWN_USERS` of them."""

    kind: str
    count: int
    users: tuple[UserId, ...]


class Tally:
    """One kind of one message while a batch changes it: who gives or takes back twice is counted
    once."""

    def __init__(self, count: int, first: Sequence[Given], among: Iterable[UserId]) -> None:
        """`among`: those the batch asks about who have given it. `first`: at least `SHOWN_USERS`
        more than the batch asks about, or all there are."""
        self._count = count
        self._first = first
        self._before = frozenset(among)
        self._now = set(self._before)

    def put(self, user: UserId, *, on: bool) -> None:
        (self._now.add if on else self._now.discard)(user)

    @property
    def added(self) -> tuple[UserId, ...]:
        return tuple(sorted(self._now - self._before))

    @property
    def removed(self) -> tuple[UserId, ...]:
        return tuple(sorted(self._before - self._now))

    @property
    def count(self) -> int:
        return self._count + len(self._now) - len(self._before)

    def reaction(self, kind: str, rev: int) -> Reaction:
        """What is shown once the batch has `rev`."""
        gone = self._before - self._now
        stay = [given for given in self._first if given[1] not in gone]
        shown = sorted([*stay, *((rev, user) for user in self.added)])[:SHOWN_USERS]
        return Reaction(kind=kind, count=self.count, users=tuple(user for _, user in shown))
