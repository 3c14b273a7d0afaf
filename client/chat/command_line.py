"""What all commands of the chat have in common."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from streamhub.client.chat.conversation import Conversation
from streamhub.client.chat.screen import Screen
from streamhub.protocol.frames import MessageObject


class Misuse(Exception):
    """A line that cannot be carried out; the text says what to type instead."""


class Chat(Protocol):
    """Who carries the commands out; see `app.Chat`."""

    @property
    def screen(self) -> Screen: ...
    @property
    def conversation(self) -> Conversation:
        """Raises Misuse before somebody signed in."""
        ...

    async def log_in(self, login: str) -> None: ...
    async def register(self) -> None: ...
    async def confirm(self, link: str, handle: str | None) -> None: ...
    def quit(self) -> None: ...


class ChatCommand(NamedTuple):
    """`least` words must follow; more may, unless that is all of them (`most`)."""

    run: Callable[[Chat, list[str]], Awaitable[None]]
    usage: str
    summary: str
    least: int = 0
    most: int | None = None


def open_channel(here: Conversation) -> str:
    """The channel that is open. Raises Misuse."""
    if here.open is None:
        raise Misuse("no channel is open: use /open CHANNEL, /join CHANNEL or /create NAME")
    return here.open


async def message_of(here: Conversation, word: str) -> MessageObject:
    """The message of the open channel with that number. Raises Misuse, ClientError."""
    number, channel = word.removeprefix("#"), open_channel(here)
    if number.isascii() and number.isdecimal() and 0 < int(number) < 1 << 53:
        seq = int(number)
        for message in here.client.channels[channel].recent:
            if message.seq == seq:
                return message
        page = await here.client.history(channel, around=seq, limit=1)
        if page.items and page.items[0].seq == seq:
            return page.items[0]
    raise Misuse(f"there is no message {word} here: each begins with its number, as in #12")


async def user_of(here: Conversation, handle: str) -> str:
    """The id of that handle. Raises Misuse, ClientError."""
    user = await here.people.find(handle)
    if user is None:
        raise Misuse(f"nobody is called {handle}")
    return user
