"""The client: connects, comes back for ever, keeps its channels whole."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

from streamhub.client.channel_state import ChannelState, Need
from streamhub.client.commands import HARMLESS, WITHIN_S, Commands
from streamhub.client.errors import ClientError, Refused, SessionEnded, Unacknowledged
from streamhub.client.event_queue import EventQueue
from streamhub.client.events import ClientEvent
from streamhub.client.http import HttpApi
from streamhub.client.link import Link
from streamhub.client.model import Model
from streamhub.client.pauses import Pauses
from streamhub.client.tasks import Tasks
from streamhub.client.tokens import AccountTokens, TokenSource
from streamhub.client.unanswered import NoReply, NotSent
from streamhub.protocol.frames import (
    ChannelMarkUnread,
    ChannelObject,
    ChannelRead,
    ChannelSync,
    Focus,
    Incoming,
    Outgoing,
    ReadState,
    TypingStart,
    UserObject,
    Visibility,
    problem,
)
from streamhub.protocol.presence import PresenceObject, PresenceSet, StatusSet

REPLY_WITHIN_S: Final = 15.0
"""Without a reply after that long a command counts as lost, and is sent again if it may be."""

_HELD_WITHIN_S: Final = 5.0
_NO_PROGRESS_S: Final = 1.0

T = TypeVar("T")

_TOO_OFTEN: Final = 429


class StreamHubClient(Commands):
    """One user's connection to a server, used as an asynchronous context manager.

    Entering it waits for the first connection, however long that takes; from then on it comes
    back by itself. `events()` tells what happens in one's channels, every message once and in
    order, whatever the connection goes through. A command is tried until it is answered or its
    time is over, and done once. What the server ends for good (account suspended, session
    revoked) ends both with SessionEnded.
    """

    def __init__(
        self,
        url: str,
        *,
        login: str | None = None,
        password: str | None = None,
        tokens: TokenSource | None = None,
        keep: int = 100,
        name: str = "python",
    ) -> None:
        """`url` is the server's, `http://...` or `https://...`. Give `login` and `password`, or
        `tokens`. `keep`: how many messages of each channel are held. Raises ValueError."""
        self.api: Final = HttpApi(url)
        self._tokens = tokens or AccountTokens(self.api, login=login, password=password)
        self._model = Model(keep)
        self._looks = asyncio.Event()
        self._events = EventQueue(self._looks.set)
        self._focus: Focus | None = None
        self._away = False
        self._awaited: dict[str, asyncio.Event] = {}
        self._tasks = Tasks()
        self._link = Link(
            self.api,
            self._tokens,
            self._model,
            name=name,
            busy=lambda: self._events.full,
            tell=self._tell,
            on_ready=self._say_again,
        )

    async def __aenter__(self) -> Self:
        await self.api.__aenter__()
        self._tasks.start(self._run())
        try:
            await self._link.connected()
        except BaseException:
            await self._close()
            raise
        self._tasks.start(self._keep_whole())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    # -- what is held -------------------------------------------------------------------------

    @property
    def user(self) -> UserObject:
        """Oneself."""
        if self._model.user is None:
            raise RuntimeError("use the client as a context manager: async with client")
        return self._model.user

    @property
    def channels(self) -> Mapping[str, ChannelState]:
        """One's channels by id: where each stands, unread and mentions, recent messages."""
        return self._model.channels

    @property
    def presences(self) -> Mapping[str, PresenceObject]:
        """Whether those one looks at by `focus` are there, as far as it was told; nothing is known
        while there is no connection."""
        return self._model.presences

    @property
    def connected(self) -> bool:
        return self._link.connection is not None

    async def events(self) -> AsyncIterator[ClientEvent]:
        """What happens, in order, from the first connection on; for one reader.

        Who reads slowly costs bounded memory and misses no message: what does not fit is asked
        of the server again. Ends when the client is closed; raises SessionEnded.
        """
        while (event := await self._events.get()) is not None:
            yield event

    # -- commands with more to them than a reply ----------------------------------------------

    async def create_channel(
        self, name: str, visibility: Visibility = "public", topic: str | None = None
    ) -> ChannelObject:
        """Make a channel; its events come from now on."""
        channel = await super().create_channel(name, visibility, topic)
        await self._until_held(channel.id)
        return channel

    async def join_channel(self, channel: str) -> ChannelObject:
        """Join a public channel; its events come from now on."""
        joined = await super().join_channel(channel)
        await self._until_held(channel)
        return joined

    async def open_direct(self, *users: str) -> ChannelObject:
        """The conversation of oneself and these users; its events come from now on."""
        opened = await super().open_direct(*users)
        await self._until_held(opened.id)
        return opened

    async def read(self, channel: str, seq: int) -> ReadState:
        """Everything up to `seq` is read."""
        state: ReadState = await self.call("channel.read", ChannelRead(channel=channel, seq=seq))
        self._events.put(self._model.read(state))
        return state

    async def mark_unread(self, channel: str, seq: int) -> ReadState:
        """`seq` and all after it are unread again."""
        body = ChannelMarkUnread(channel=channel, seq=seq)
        state: ReadState = await self.call("channel.mark_unread", body)
        self._events.put(self._model.read(state))
        return state

    async def focus(self, channels: tuple[str, ...] = (), users: tuple[str, ...] = ()) -> None:
        """What is on screen, for typing and presence; said again after every reconnect."""
        self._focus = Focus(channels=channels, users=users)
        self._model.look_at(users)
        await self.call("focus", self._focus)

    async def set_presence(
        self,
        state: Literal["online", "away", "dnd"] | None = None,
        status: StatusSet | None = None,
    ) -> None:
        """As in `PresenceCommands`; that one is away is said again after every reconnect."""
        await super().set_presence(state, status)
        if state is not None:
            self._away = state == "away"

    async def typing(self, channel: str) -> None:
        """Say that one is typing. Worth nothing later, so it is tried once, and only now."""
        if (connection := self._link.connection) is not None:
            with suppress(NotSent, NoReply, Refused):
                await connection.request(
                    "typing.start",
                    TypingStart(channel=channel),
                    None,
                    reply_within_s=REPLY_WITHIN_S,
                )

    async def find_user(self, handle: str) -> UserObject | None:
        """A user by handle."""
        return await self._with_token(lambda token: self.api.user_by_handle(handle, token))

    async def user_by_id(self, user_id: str) -> UserObject:
        return await self._with_token(lambda token: self.api.user(user_id, token))

    async def call(
        self,
        name: str,
        body: Incoming,
        *,
        key: str | None = None,
        within_s: float = WITHIN_S,
        apply: Callable[[Outgoing], None] | None = None,
    ) -> Any:
        """Do a command once: through reconnects, and refusals that are worth retrying, unless it
        came too often for the time there is.

        Raises Refused; its code is `unknown` for a command that may not be sent twice and lost
        its reply. Raises Unacknowledged after `within_s`, and SessionEnded.
        """
        repeatable = key is not None or name in HARMLESS
        pauses = Pauses()
        try:
            async with asyncio.timeout(within_s) as limit:
                while True:
                    connection = await self._link.connected()
                    try:
                        return await connection.request(
                            name, body, key, reply_within_s=REPLY_WITHIN_S, apply=apply
                        )
                    except Refused as error:
                        if not error.retry or (error.may_be_done and not repeatable):
                            raise
                        asked_ms = error.problem.retry_after_ms or 0
                        if error.problem.status == _TOO_OFTEN and _ends_within(limit, asked_ms):
                            raise
                    except NoReply:
                        if not repeatable:
                            detail = f"the connection was lost before {name} was answered"
                            raise Refused(problem("unknown", detail)) from None
                        continue
                    except NotSent:
                        continue
                    await asyncio.sleep(pauses.next_s(asked_ms))
        except TimeoutError:
            raise Unacknowledged(name, key) from None

    # -- private ------------------------------------------------------------------------------

    async def _run(self) -> None:
        self._events.end(await self._link.run())

    async def _close(self) -> None:
        self._events.end(None)
        await self._tasks.cancel()
        await self._tokens.close()
        await self.api.__aexit__(None, None, None)

    def _tell(self, happened: Sequence[ClientEvent]) -> None:
        self._events.put(happened)
        for channel in self._awaited.keys() & self._model.channels.keys():
            self._awaited[channel].set()
        if self._model.next_need():
            self._looks.set()

    def _say_again(self) -> None:
        """What the server forgets with the connection."""
        if self._focus is not None:
            self._tasks.start(self._repeat("focus", self._focus))
        if self._away:
            self._tasks.start(self._repeat("presence.set", PresenceSet(state="away")))

    async def _repeat(self, name: str, body: Incoming) -> None:
        with suppress(ClientError):
            await self.call(name, body)

    async def _until_held(self, channel: str) -> None:
        """Until the server said so; it may take its time, and that is no error."""
        if channel not in self._model.channels:
            held = self._awaited.setdefault(channel, asyncio.Event())
            with suppress(TimeoutError):
                async with asyncio.timeout(_HELD_WITHIN_S):
                    await held.wait()
            self._awaited.pop(channel, None)

    async def _with_token(self, ask: Callable[[str], Awaitable[T]]) -> T:
        """Ask by REST, again with another token where the first is not good any more."""
        token = await self._tokens.token()
        try:
            return await ask(token)
        except Refused as error:
            if error.problem.status != 401:
                raise
        return await ask(await self._tokens.token(token))

    async def _keep_whole(self) -> None:
        """Ask for what the model lacks, one thing at a time, while there is room for it."""
        with suppress(SessionEnded):
            while True:
                await self._looks.wait()
                self._looks.clear()
                while not self._events.full and (need := self._model.next_need()):
                    await self._fetch(need)

    async def _fetch(self, need: Need) -> None:
        def apply(reply: Outgoing) -> None:
            self._tell(self._model.answer(need, reply))

        name = "channel.sync" if isinstance(need, ChannelSync) else "message.history"
        try:
            await self.call(name, need, apply=apply)
        except Unacknowledged:
            return
        except Refused as error:
            if error.problem.status in (403, 404, 410):
                self._tell(self._model.removed(need.channel))
        if self._model.next_need() == need:
            await asyncio.sleep(_NO_PROGRESS_S)


def _ends_within(limit: asyncio.Timeout, wait_ms: int) -> bool:
    when = limit.when()
    return when is not None and when <= asyncio.get_running_loop().time() + wait_ms / 1000
