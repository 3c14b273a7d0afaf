"""One signed-in user at the screen: the channel that is open, and what happens in all of them."""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from streamhub.client import events
from streamhub.client.channel_state import ChannelState
from streamhub.client.chat.outbox import Outbox
from streamhub.client.chat.people import People
from streamhub.client.chat.read_marker import ReadMarker
from streamhub.client.chat.screen import Screen
from streamhub.client.client import StreamHubClient
from streamhub.client.errors import ClientError, SessionEnded
from streamhub.client.events import ClientEvent
from streamhub.client.tasks import Tasks
from streamhub.protocol.frames import (
    ChannelObject,
    MemberObject,
    MessageObject,
    SystemNoteObject,
)

TYPING_S: Final = 5.0
_SHOWN_ON_OPEN: Final = 10
_REMEMBERED: Final = 1000
"""Messages of which it is known how they look on the screen."""


class Conversation:
    """Shows what happens, in the order it happens. Used as an asynchronous context manager
    around a connected client."""

    def __init__(self, client: StreamHubClient, screen: Screen) -> None:
        self.client: Final = client
        self.people: Final = People(client)
        self.outbox: Final = Outbox(client, screen.error)
        self.open: str | None = None
        self.ended: str | None = None
        self._screen = screen
        self._marker = ReadMarker(client)
        self._shown_seq = 0
        self._names: dict[str, str] = {}
        self._unread_noted: set[str] = set()
        self._typing_until_s: dict[str, float] = {}
        self._typed_at_s = float("-inf")
        self._looks: dict[str, tuple[object, ...]] = {}
        self._showing = asyncio.Lock()
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        for work in (self._show_events(), self.outbox.run(), self._marker.run()):
            self._tasks.start(work)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._tasks.cancel()

    # -- what the user does -------------------------------------------------------------------

    async def open_channel(self, channel: str) -> None:
        """Show the end of a channel and whatever comes from now on. Raises ClientError."""
        async with self._showing:  # what comes meanwhile is shown after it
            page = await self.client.history(channel, limit=_SHOWN_ON_OPEN)
            self.open = channel
            self._typing_until_s.clear()
            self._unread_noted.discard(channel)
            self._screen.note(f"this is {self.name(channel)}")
            for message in page.items:
                await self._show(message)
            self._shown_seq = page.items[-1].seq if page.items else 0
            self._marker.mark(channel, self._shown_seq)
        await self.client.focus((channel,))

    async def show_history(self, channel: str, count: int) -> None:
        """Show the newest messages again. Raises ClientError."""
        await self.show((await self.client.history(channel, limit=count)).items)

    async def show(self, messages: Sequence[MessageObject]) -> None:
        """These, one after the other."""
        async with self._showing:
            for message in messages:
                await self._show(message)

    async def show_found(self, query: str, count: int) -> None:
        """Show the newest messages that `query` finds, the oldest of them first. Raises
        ClientError."""
        async with self._showing:
            page = await self.client.search(query, limit=count)
            more = ", and older ones: see before:YEAR-MONTH-DAY" if page.next_cursor else ""
            self._screen.note(f"{len(page.items) or 'nothing'} found{more}")
            for message in reversed(page.items):
                day = time.strftime("%Y-%m-%d", time.localtime(message.created_at / 1000))
                self._screen.note(f"{day} in {self.name(message.channel)}:")
                await self._show(message)

    def close_channel(self, channel: str) -> None:
        if self.open == channel:
            self.open = None

    def type(self) -> None:
        """A key was pressed in a line for the open channel."""
        now_s = time.monotonic()
        if self.open is not None and now_s - self._typed_at_s >= TYPING_S - 1:
            self._typed_at_s = now_s
            self._tasks.start(self._say_typing(self.open))

    # -- what there is to see -----------------------------------------------------------------

    def name(self, channel: str) -> str:
        """Its name, also of one that is gone; of direct conversations, who else is in them."""
        state = self.client.channels.get(channel)
        if state is not None and state.overview.name:
            self._names[channel] = state.overview.name
        elif state is not None and state.overview.users:
            me = self.client.user.id
            others = [user for user in state.overview.users if user != me] or [me]
            handles = (self.people.known(user) or f"user {user[-6:]}" for user in others)
            self._names[channel] = ",".join(f"@{handle}" for handle in handles)
        return self._names.get(channel, channel)

    async def learn_names(self) -> None:
        """Of the people of one's direct conversations."""
        for state in tuple(self.client.channels.values()):
            for user in state.overview.users:
                await self.people.handle(user)

    def named(self, channel: str, name: str | None) -> None:
        if name:
            self._names[channel] = name

    @property
    def typists(self) -> list[str]:
        """The handles of those who are typing in the open channel."""
        now_s = time.monotonic()
        typing = [user for user, until_s in self._typing_until_s.items() if until_s > now_s]
        return [handle for user in typing if (handle := self.people.known(user))]

    @property
    def unread(self) -> list[ChannelState]:
        """The channels with something to read, but the open one."""
        states = self.client.channels.values()
        return [state for state in states if state.overview.unread and state.id != self.open]

    # -- what happens -------------------------------------------------------------------------

    async def _show_events(self) -> None:
        try:
            async for event in self.client.events():
                async with self._showing:
                    await self._on_event(event)
        except SessionEnded as error:
            self.ended = str(error)
            self._screen.error(f"{error}; use /login to come back")

    async def _on_event(self, event: ClientEvent) -> None:
        show = self._screen.note
        match event:
            case events.MessagePosted(message=message):
                await self._on_message(message)
            case events.MessageChanged(message=message) if message.channel == self.open:
                await self._on_change(message)
            case events.ChannelUpdated(channel=info) if info.id == self.open:
                show(_told(info))
            case events.TypingStarted(channel=channel, user=user) if channel == self.open:
                await self._on_typing(user)
            case events.MemberJoined(channel=channel, member=member) if channel == self.open:
                show(f"{await self.people.handle(member.user)} joined")
            case events.MemberUpdated(channel=channel, member=member) if channel == self.open:
                show(f"{await self.people.handle(member.user)} {_standing(member)}")
            case events.MemberLeft(channel=channel, member=member) if channel == self.open:
                show(f"{await self.people.handle(member.user)} left")
            case events.ChannelAdded(channel=overview):
                await self.learn_names()
                show(f"you are in {self.name(overview.id)}")
            case events.ChannelRemoved(channel=channel):
                self.close_channel(channel)
                show(f"you are no longer in {self.name(channel)}")
            case events.ScheduleUpdated(scheduled=one) if one.state == "failed":
                show(f"not posted in {self.name(one.channel)}: {one.detail}; see /scheduled")
            case events.ServerNotice(text=text):
                show(f"the operator says: {text}")
            case events.ConnectionLost(reason=reason):
                show(f"not connected ({reason}), coming back")
            case events.ConnectionRestored():
                show("connected again")
            case _:
                pass

    async def _on_message(self, message: MessageObject) -> None:
        channel = message.channel
        self._typing_until_s.pop(message.author, None)
        if channel == self.open:
            if message.seq > self._shown_seq:
                self._shown_seq = message.seq
                if message.system is None:  # else the change of members itself was shown
                    await self._show(message)
                self._marker.mark(channel, message.seq)
        elif self._is_news(message) and channel not in self._unread_noted:
            self._unread_noted.add(channel)
            self._screen.note(f"unread in {self.name(channel)}")

    def _is_news(self, message: MessageObject) -> bool:
        return message.author != self.client.user.id and message.system is None

    async def _on_change(self, message: MessageObject) -> None:
        """Only what it says, and what was given to it: not each reply and pin."""
        shown = (message.text, message.reactions, message.deleted)
        if self._looks.get(message.id, shown) != shown:
            await self._show(message)
        self._looks[message.id] = shown

    async def _on_typing(self, user: str) -> None:
        handle = await self.people.handle(user)
        if handle not in self.typists:
            self._screen.typing(handle)
        self._typing_until_s[user] = time.monotonic() + TYPING_S

    async def _show(self, message: MessageObject) -> None:
        handle = await self.people.handle(message.author)
        at = time.strftime("%H:%M", time.localtime(message.created_at / 1000))
        self._looks[message.id] = (message.text, message.reactions, message.deleted)
        for id in list(self._looks)[:-_REMEMBERED]:
            del self._looks[id]
        if message.system is not None and not message.deleted:
            self._screen.note(f"{at} #{message.seq} {handle} {await self._says(message.system)}")
            return
        own = message.author == self.client.user.id
        self._screen.message(f"{at} #{message.seq}", handle, self._text(message), own=own)

    async def _says(self, note: SystemNoteObject) -> str:
        if note.kind in ("joined", "left"):
            return note.kind
        return f"{note.kind} " + ", ".join([await self.people.handle(user) for user in note.users])

    def _text(self, message: MessageObject) -> str:
        """What it says and what else there is to know."""
        if message.deleted:
            return "(deleted)"
        text = message.text or ""
        if message.thread is not None:
            recent = self.client.channels[message.channel].recent if self._holds(message) else ()
            root = next((one.seq for one in recent if one.id == message.thread), None)
            text = f"(reply to #{root}) {text}" if root else f"(reply) {text}"
        if message.edited_at is not None:
            text = f"{text} (edited)"
        text = " ".join((text, *(f"<{file}>" for file in message.files))).strip()
        given = "  ".join(f"{one.reaction} {one.count}" for one in message.reactions)
        return f"{text}  [{given}]" if given else text

    def _holds(self, message: MessageObject) -> bool:
        return message.channel in self.client.channels

    async def _say_typing(self, channel: str) -> None:
        try:
            await self.client.typing(channel)
        except ClientError as error:
            self._screen.error(str(error))


def _told(info: ChannelObject) -> str:
    """How a channel is now, in a line."""
    parts = [f"this is {info.name}"] if info.name else []
    if info.topic:
        parts.append(f"about {info.topic}")
    if info.archived:
        parts.append("it can only be read")
    if info.slow_mode_s:
        parts.append(f"one message in {info.slow_mode_s} s")
    return ", ".join(parts)


def _standing(member: MemberObject) -> str:
    """What a member is and may do, since that changed."""
    if member.left:
        return "may come back"
    muted = member.muted_until_at is not None and member.muted_until_at > time.time() * 1000
    return f"is {member.role}" + (" and may only read" if muted else "")
