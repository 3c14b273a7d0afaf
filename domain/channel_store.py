"""The ports that read and make channels, and keep hints to inboxes."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from streamhub.domain.changes import Hint
from streamhub.domain.channels import (
    Changes,
    Channel,
    Edition,
    History,
    Loaded,
    Member,
    Message,
    Overview,
    Page,
    ReadMarker,
    Saved,
    SeenUpTo,
    Thread,
)
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.reading import Marking


def newer_owner() -> TryAgain:
    """Why a channel is not given to who asks for it by an outdated view."""
    return TryAgain("unavailable", "another host owns it by a newer view", retry_after_ms=500)


class ChannelStore(Protocol):
    """Channels, members and messages. Every read is keyed or keyset; none scans.

    Methods that take `user` see only what that user may: a channel that is unknown and one that
    is forbidden are both None. Public channels are found by all, but read by members only. All
    raise TryAgain("unavailable") when the store is away.
    """

    async def create(self, channel: Channel, *, key: str, digest: bytes) -> Channel:
        """Create it with its creator as owner (rev 1), and a hint of it.

        The same creator and key give the first channel again; raises Refused("key_reused") when
        the digest differs.
        """
        ...

    async def open_direct(self, channel: Channel) -> Channel:
        """Create the conversation of `channel.users` with all of them as members (rev 1) and a
        hint for each; if they have one, that one."""
        ...

    async def direct(self, users: Sequence[UserId]) -> Channel | None:
        """The conversation of just these people, who come in the order of their ids."""
        ...

    async def take_over(self, channel: ChannelId, view: int) -> Loaded | None:
        """Raise the term by one and load, for the owner by that version of the view. Waits for a
        batch in flight. Raises TryAgain also when a newer view's owner has it already: an older
        one could take it back for a moment, and the newer would not know."""
        ...

    async def overviews(self, user: UserId) -> tuple[Overview, ...]:
        """Every channel the user is a member of, by one query."""
        ...

    async def overview(self, channel: ChannelId, user: UserId) -> Overview | None:
        """The same for one channel; None when not a member."""
        ...

    async def get(self, channel: ChannelId, user: UserId) -> Channel | None:
        """The properties, if the user is a member or the channel is public."""
        ...

    async def discover(self, user: UserId, cursor: str | None, limit: int) -> Page[Channel]:
        """The user's channels and all public ones, newest first. Raises Refused("bad_request",
        field="cursor")."""
        ...

    async def members(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Member] | None:
        """Present members in order of joining."""
        ...

    async def banned(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Member] | None:
        """Those who are banned, in the order of their ids."""
        ...

    async def changes(
        self, channel: ChannelId, user: UserId, since: int, limit: int
    ) -> Changes | None:
        """At most `limit` changes after `since`, above the member's floor."""
        ...

    async def history(
        self,
        channel: ChannelId,
        user: UserId,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
    ) -> History | None:
        """A page by seq: the newest without an anchor. At most one anchor is given."""
        ...

    async def replies(
        self,
        channel: ChannelId,
        root: MessageId,
        user: UserId,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
    ) -> History | None:
        """The same of the replies to a message; they have the seqs of the channel."""
        ...

    async def threads(self, user: UserId, cursor: str | None, limit: int) -> Page[Thread]:
        """The threads the user follows, in the channels it is in, by their first messages, newest
        first. Raises Refused("bad_request")."""
        ...

    async def save(self, user: UserId, message: MessageId, now_ms: int) -> bool:
        """Put a message that the user sees on its list; twice is once, the first time. False:
        MAX_SAVED are on it."""
        ...

    async def unsave(self, user: UserId, message: MessageId) -> bool:
        """Whether it was on the list."""
        ...

    async def saved(self, user: UserId, cursor: str | None, limit: int) -> Page[Saved]:
        """What of the list the user still sees, the last one saved first. Raises
        Refused("bad_request")."""
        ...

    async def mark_thread(
        self,
        user: UserId,
        root: MessageId,
        *,
        seq: int | None = None,
        following: bool | None = None,
    ) -> Thread | None:
        """Raise the user's marker in a thread to the reply `seq` (never lower), and follow it or
        not; how it is then. None: no such message for the user, or it is a reply itself."""
        ...

    async def heads(self, channels: Sequence[ChannelId]) -> Mapping[ChannelId, int]:
        """The present rev of each of these channels; unknown ones are left out."""
        ...

    async def memberships(self, users: Sequence[UserId]) -> Mapping[UserId, int]:
        """In how many channels each of these users is."""
        ...

    async def message(self, message: MessageId, user: UserId) -> Message | None: ...

    async def editions(self, message: MessageId, user: UserId) -> tuple[Edition, ...] | None:
        """What the message said before, oldest first; nothing once it is deleted."""
        ...

    async def pins(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Message] | None:
        """Pinned messages, the last one pinned first. Raises Refused("bad_request")."""
        ...

    async def seen(self, channel: ChannelId, user: UserId) -> tuple[SeenUpTo, ...] | None:
        """How far the others have read who let it be known, in the order of their ids; of nobody
        in a channel of more than MAX_SEEN members."""
        ...

    async def mark_read(
        self, user: UserId, marks: Sequence[tuple[ChannelId, Marking]]
    ) -> tuple[ReadMarker, ...]:
        """Move read markers, one after the other (never above the head, never down below the
        member's floor); the markers as they are then, for the channels of which the user is a
        member."""
        ...


class Outbox(Protocol):
    """Hints written by the statement that made the change, kept until the inbox took them."""

    async def due(self, older_than_ms: int, limit: int) -> tuple[Hint, ...]:
        """Hints that waited that long, oldest first."""
        ...

    async def taken(self, numbers: Sequence[int], view: int) -> None:
        """Forget these, unless the view is newer than that version: then another host may be
        asked for the inbox, and those who listen there did not hear of it."""
        ...
