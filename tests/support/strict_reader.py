"""A reader by the letter of the protocol: any change but the next one is a defect of the server."""

import aiohttp
from support.chat_hosts import MSGPACK, Socket, User

from streamhub.protocol import frames


class StrictReader:
    """What one client holds of one channel, over as many connections as it takes.

    `held` is the rev up to which it has all; `messages` are in the order in which they came.
    """

    def __init__(self, user: User, channel: str, held: int = 0) -> None:
        self.user = user
        self.channel = channel
        self.held = held
        self.messages: list[frames.MessageObject] = []
        self._places: dict[str, int] = {}
        self.members: dict[str, frames.MemberObject] = {}
        self.info: frames.ChannelObject | None = None
        self.kinds: set[str] = set()
        self.socket: Socket | None = None

    async def connect(self, url: str) -> None:
        """A new connection that tells what is held. Raises what `follow` raises."""
        await self.hang_up()
        try:
            ws = await self.user.cluster.http.ws_connect(
                f"{url}/v1/ws", protocols=(MSGPACK.subprotocol,)
            )
        except aiohttp.ClientError as error:
            raise ConnectionError(f"no socket: {error}") from error
        self.socket = Socket(ws, MSGPACK)
        hello = await self._next()
        assert isinstance(hello, frames.Hello)
        since = frames.Since(epoch=hello.epoch, channels={self.channel: self.held})
        await self.socket.send(frames.Auth(token=self.user.token, since=since))
        while not isinstance(ready := await self._next(), frames.Ready):
            assert isinstance(ready, frames.Problem), ready

    async def follow(self, rev: int) -> None:
        """Take what comes until `rev` is held. Raises ConnectionError when the connection ends."""
        while self.held < rev:
            frame = await self._next()
            if isinstance(frame, frames.Event):
                self.take(frame)

    def take(self, event: frames.Event) -> None:
        """An event; those of the channel must follow what is held."""
        match event.body:
            case frames.SyncPage() as page:
                assert page.from_rev == self.held, (page.from_rev, self.held)
                assert page.to_rev > page.from_rev
                revs = [*(m.rev for m in page.messages), *(m.rev for m in page.members)]
                assert all(page.from_rev < rev <= page.to_rev for rev in revs), page
                self._hold(page.messages, page.members, page.info)
                self.held = page.to_rev
            case frames.MessageEvent(message=message):
                self._follows(event)
                self._hold((message,), (), None)
            case frames.MemberEvent(members=members):
                self._follows(event)
                self._hold((), members, None)
            case frames.ChannelEvent(channel=info):
                self._follows(event)
                self._hold((), (), info)
            case _:
                return
        self.kinds.add(event.name)

    async def hang_up(self) -> None:
        if self.socket is not None:
            await self.socket.ws.close()
        self.socket = None

    async def _next(self) -> frames.ServerFrame:
        assert self.socket is not None
        message = await self.socket.ws.receive(10)
        if message.type is not aiohttp.WSMsgType.BINARY:
            raise ConnectionError(f"it ended: {self.socket.ws.close_code}")
        frame = MSGPACK.decode_server(message.data)
        assert frame is not None
        return frame

    def _follows(self, event: frames.Event) -> None:
        assert event.rev == self.held + 1, (event.name, event.rev, self.held)
        self.held = event.rev

    def _hold(
        self,
        messages: tuple[frames.MessageObject, ...],
        members: tuple[frames.MemberObject, ...],
        info: frames.ChannelObject | None,
    ) -> None:
        for message in messages:
            place = self._places.setdefault(message.id, len(self.messages))
            if place == len(self.messages):
                self.messages.append(message)
            else:
                assert message.rev > self.messages[place].rev, "nothing comes twice"
                self.messages[place] = message
        self.members.update((member.user, member) for member in members)
        self.info = info or self.info
