"""Opening a direct conversation: the one that these people have, or a new one."""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import structs

from streamhub.domain.changes import Hint
from streamhub.domain.channel_store import ChannelStore
from streamhub.domain.channels import Channel
from streamhub.domain.errors import Refused
from streamhub.domain.hiding import HidingStore
from streamhub.domain.ids import CHANNEL, RANDOM_BYTES, ChannelId, UserId, make_id
from streamhub.domain.messages import TakeHint, inbox_actor
from streamhub.domain.people import People
from streamhub.protocol import frames
from streamhub.transport import wire
from streamhub.transport.asking import Asking
from streamhub.transport.requests import found

_TWO: Final = 2


class Made(frames.ChannelObject, frozen=True, kw_only=True):
    """A conversation that was not there before: REST answers 201. The same to read."""


class Directs:
    """Conversations known by their people: whoever of them opens one gets the same, and many who
    open it at once make one. One that is there is opened whatever became of the others' accounts,
    since there is history to read."""

    def __init__(
        self,
        *,
        asking: Asking,
        store: ChannelStore,
        people: People,
        hiding: HidingStore,
        check_room: Callable[[tuple[UserId, ...]], Awaitable[None]],
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """`check_room` raises Refused when one of these users is in too many channels."""
        self._asking = asking
        self._store = store
        self._people = people
        self._hiding = hiding
        self._check_room = check_room
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def open(self, user: UserId, body: frames.DirectOpen) -> frames.Outgoing:
        """Raises Refused: not_found for who is not there or may not be written to; limit_reached;
        TryAgain."""
        others = tuple(UserId(name) for name in body.users)
        users = tuple(sorted({user, *others}))
        known = await self._store.direct(users)
        if known is not None:
            if await self._hiding.show(known.id, user):
                self._tell(user, known.id)
            return wire.channel_object(known)
        return await self._make(user, others, users)

    async def hide(self, user: UserId, body: frames.DirectHide) -> frames.Outgoing:
        """Raises Refused: not_found, forbidden for what is no direct conversation; TryAgain."""
        channel = ChannelId(body.channel)
        if not await self._hiding.hide(channel, user):
            found(await self._store.get(channel, user), "channel")
            raise Refused("forbidden", "only direct conversations are hidden: leave the channel")
        self._tell(user, channel)
        return frames.Done()

    async def _make(
        self, user: UserId, others: tuple[UserId, ...], users: tuple[UserId, ...]
    ) -> frames.Outgoing:
        reachable = await self._people.reachable(users)
        for at, name in enumerate(others):
            if name not in reachable:
                raise Refused("not_found", "there is no such user", field=f"users[{at}]")
        await self._check_room(users)
        now_ms = self._now_ms()
        id = ChannelId(make_id(CHANNEL, now_ms, self._random_bytes(RANDOM_BYTES)))
        opened = await self._store.open_direct(
            Channel(
                id=id,
                kind="direct" if len(users) <= _TWO else "group",
                visibility="private",
                created_by=user,
                created_at=now_ms,
                users=users,
            )
        )
        shown = wire.channel_object(opened)
        if opened.id != id:
            return shown
        for one in users:  # the outbox tells them too, but later
            self._tell(one, id)
        return Made(**structs.asdict(shown))

    def _tell(self, user: UserId, channel: ChannelId) -> None:
        """The user's sessions, what the conversation is like by now."""
        hint = Hint(number=0, user=user, kind="channel_added", channel=channel)
        self._asking.tell(inbox_actor(user), TakeHint(hint=hint))
