"""One signed-in user at the screen: the channel that is open, and what happens in all of them."""

import asyncio
import time
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
from streamhub.protocol.frames import MessageObject

TYPING_S: Final = 5.0
_SHOWN_ON_OPEN: Final = 10


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
        async with self._showing:
            page = await self.client.history(channel, limit=count)
            for message in page.items:
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
        """Its name, also of one that is gone; conversations without a name have their id."""
        state = self.client.channels.get(channel)
        if state is not None and state.overview.name:
            self._names[channel] = state.overview.name
        return self._names.get(channel, channel)

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
            case events.TypingStarted(channel=channel, user=user) if channel == self.open:
                await self._on_typing(user)
            case events.MemberJoined(channel=channel, member=member) if channel == self.open:
                show(f"{await self.people.handle(member.user)} joined")
            case events.MemberLeft(channel=channel, member=member) if channel == self.open:
                show(f"{await self.people.handle(member.user)} left")
            case events.ChannelAdded(channel=overview):
                show(f"you are in {self.name(overview.id)}")
            case events.ChannelRemoved(channel=channel):
                self.close_channel(channel)
                show(f"you are no longer in {self.name(channel)}")
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
                await self._show(message)
                self._marker.mark(channel, message.seq)
        elif message.author != self.client.user.id and channel not in self._unread_noted:
            self._unread_noted.add(channel)
            self._screen.note(f"unread in {self.name(channel)}")

    async def _on_typing(self, user: str) -> None:
        handle = await self.people.handle(user)
        if handle not in self.typists:
            self._screen.typing(handle)
        self._typing_until_s[user] = time.monotonic() + TYPING_S

    async def _show(self, message: MessageObject) -> None:
        handle = await self.people.handle(message.author)
        at = time.strftime("%H:%M", time.localtime(message.created_at / 1000))
        text = "(deleted)" if message.deleted else message.text or ""
        self._screen.message(at, handle, text, own=message.author == self.client.user.id)

    async def _say_typing(self, channel: str) -> None:
        try:
            await self.client.typing(channel)
        except ClientError as error:
            self._screen.error(str(error))
