"""What everybody may know of a user."""

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from streamhub.domain.ids import UserId


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A user as others see them."""

    id: UserId
    handle: str
    name: str


class People(Protocol):
    """Look-ups of users; unknown ones are left out. Raises TryAgain("unavailable")."""

    async def by_ids(self, users: Collection[UserId]) -> Mapping[UserId, Person]: ...

    async def reachable(self, users: Collection[UserId]) -> frozenset[UserId]:
        """Those whose accounts are active: the others are not to be written to."""
        ...

    async def by_handles(self, handles: Collection[str]) -> Mapping[str, Person]:
        """By lower-case handle."""
        ...
