"""One chat client's WebSocket, and the session behind it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, cast

import structlog
from aiohttp import web

from streamhub.domain.channels import Overview
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.messages import Problem
from streamhub.domain.principals import Admitted
from streamhub.protocol import frames
from streamhub.protocol.codec import Codec
from streamhub.protocol.presence import PresenceSet
from streamhub.protocol.scalars import MAX_INT
from streamhub.transport import wire
from streamhub.transport.framed_socket import FramedSocket
from streamhub.transport.lobby import Lobby, Session
from streamhub.transport.pipeline import Pipelines, Turn
from streamhub.transport.requests import Request
from streamhub.transport.upgraded import UpgradedResponse

log = structlog.get_logger()

_LISTEN_S: Final = 3.0


class ClientSocket(FramedSocket):
    """Does what a chat client asks. It is the `Socket` of its session."""

    __slots__ = ("_pipelines", "_session")

    def __init__(
        self,
        lobby: Lobby,
        codec: Codec,
        request: web.Request,
        response: UpgradedResponse,
        address: str,
    ) -> None:
        self._session: Session | None = None
        self._pipelines: Pipelines | None = None
        super().__init__(lobby, codec, request, response, address)

    def _carry_out(self, command: frames.Command) -> None:
        if self._session is None or self.principal is None:
            raise RuntimeError("the machine delivers commands only after ready")
        if isinstance(command.body, frames.Focus):
            self._session.focus(
                [ChannelId(name) for name in command.body.channels],
                [UserId(name) for name in command.body.users],
            )
            self._reply(command.i, frames.Done())
            return
        try:
            outcome = self._lobby.commands.begin(self.principal.standing, command.body, command.key)
        except Refused as error:
            self._refuse(command.i, error)
            return
        if isinstance(command.body, PresenceSet) and command.body.state is not None:
            self._session.set_away(command.body.state == "away")
        turn = self._turn(command.body)
        if isinstance(outcome, Request):
            self._ask(command.i, turn, outcome)
        else:
            self._spawn(outcome, partial(self._finish, command.i, turn))

    def _turn(self, body: frames.Incoming) -> Turn | None:
        """Messages keep their order, whatever each of them has to wait for."""
        if not isinstance(body, frames.MessageSend):
            return None
        if self._pipelines is None:
            self._pipelines = self._lobby.commands.pipelines()
        return self._pipelines.take_turn(body.channel)

    def _ask(self, i: int, turn: Turn | None, request: Request) -> None:
        def done(answer: frames.Outgoing | Problem) -> None:
            if isinstance(answer, Problem):
                self._refuse(i, answer.error())
            else:
                self._reply(i, answer)

        self._lobby.commands.ask(request, done, turn)

    def _finish(
        self, i: int, turn: Turn | None, work: asyncio.Task[frames.Outgoing | Request]
    ) -> None:
        failed = work.cancelled() or work.exception() is not None
        if failed and turn is not None:
            turn.leave()
        if not failed and isinstance(result := work.result(), Request):
            self._ask(i, turn, result)
        else:
            self._answer(i, work)

    async def _prepare(self, admitted: Admitted, auth: frames.Auth) -> Callable[[], None]:
        session = await self._listening(admitted.principal.user)
        user = admitted.principal.user
        overviews, unread = await asyncio.gather(
            self._lobby.store.overviews(user), self._lobby.notifications.unread(user)
        )
        return partial(self._open, session, admitted, overviews, unread, auth.since)

    async def _listening(self, user: UserId) -> Session:
        """The session, once it hears the user's inbox. Raises TryAgain."""
        if self._session is None:
            self._session = self._lobby.make_session(self.id, user, self)
        try:
            await self._session.listen(_LISTEN_S)
        except TimeoutError:
            detail = "nobody answers for your inbox at the moment"
            raise TryAgain("unavailable", detail, retry_after_ms=1000) from None
        return self._session

    def _open(
        self,
        session: Session,
        admitted: Admitted,
        overviews: Sequence[Overview],
        unread: int,
        since: frames.Since | None,
    ) -> None:
        account = admitted.account
        self.send(
            frames.Ready(
                session=self.id,
                user=frames.UserObject(id=account.id, handle=account.handle, name=account.name),
                channels=tuple(wire.channel_overview(overview) for overview in overviews),
                notifications=frames.NotificationCounts(unread=unread),
                limits=self._lobby.rules.as_limits,
            )
        )
        session.start(overviews, self._held(since))
        log.debug("session.ready", session=self.id, user=account.id, channels=len(overviews))

    def _held(self, since: frames.Since | None) -> Mapping[ChannelId, int] | None:
        """The revs the client holds. Under another epoch they are beyond any of ours: reset."""
        if since is None:
            return None
        if since.epoch == self._lobby.epoch:
            return cast(dict[ChannelId, int], since.channels)
        return {ChannelId(channel): MAX_INT for channel in since.channels}

    def _leave(self) -> None:
        if self._session is not None:
            self._session.close()
