"""One client's WebSocket: frames in and out, and the session behind it."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar, cast

import structlog
from aiohttp import WSMessage, WSMsgType, web

from streamhub.domain.access import check_right
from streamhub.domain.channels import Overview
from streamhub.domain.errors import Refused, SlowReader, StreamHubError, TryAgain
from streamhub.domain.ids import RANDOM_BYTES, SESSION, ChannelId, SessionId, UserId, make_id
from streamhub.domain.messages import Problem
from streamhub.domain.principals import Admitted, Principal
from streamhub.protocol import frames
from streamhub.protocol.close_codes import CloseCode, reason
from streamhub.protocol.codec import Codec
from streamhub.protocol.connection import (
    Action,
    Authenticate,
    Close,
    Connection,
    Deliver,
    Send,
)
from streamhub.protocol.presence import PresenceSet
from streamhub.protocol.scalars import MAX_INT
from streamhub.protocol.states import State
from streamhub.transport import wire
from streamhub.transport.client_writer import ClientWriter
from streamhub.transport.commands import NAMES
from streamhub.transport.framing import pong
from streamhub.transport.lobby import Lobby, Session
from streamhub.transport.pipeline import Pipelines, Turn
from streamhub.transport.problems import problem_of
from streamhub.transport.requests import Request
from streamhub.transport.upgraded import UpgradedResponse

log = structlog.get_logger()

T = TypeVar("T")

EXPIRING_MS: Final = 60_000
"""How long before its token runs out a client is told."""

KEEP_TRYING_MS: Final = 60_000
"""How long a client that could not be let in, since a store is away, is kept waiting."""

_CLOSE_S: Final = 2.0
_PING: Final = frames.Ping()
_LISTEN_S: Final = 3.0


class ClientSocket(ClientWriter):
    """Reads a client's frames, does what the connection machine says, writes what comes back.

    It is the `Socket` of its session.
    """

    __slots__ = (
        "_expires_ms",
        "_lobby",
        "_machine",
        "_pipelines",
        "_response",
        "_session",
        "_tasks",
        "_told_expiring",
        "address",
        "id",
        "on_open",
        "principal",
    )

    def __init__(
        self,
        lobby: Lobby,
        codec: Codec,
        request: web.Request,
        response: UpgradedResponse,
        address: str,
    ) -> None:
        super().__init__(
            request,
            codec,
            lobby.flusher,
            pause_bytes=lobby.pause_bytes,
            paused_limit_s=lobby.paused_limit_s,
        )
        self._lobby = lobby
        self.address = address
        self._response = response
        response.before_leaving = self.finish
        self._session: Session | None = None
        self._pipelines: Pipelines | None = None
        self._tasks: set[asyncio.Task[Any]] | None = None
        self._expires_ms: int | None = None
        self._told_expiring = False
        self.principal: Principal | None = None
        self.on_open: Callable[[], None] = _nothing
        self.id = SessionId(
            make_id(SESSION, time.time_ns() // 1_000_000, secrets.token_bytes(RANDOM_BYTES))
        )
        wait_ms = lobby.admission.wait_ms(_now_ms())
        self._machine = Connection(lobby.rules, _now_ms(), wait_ms=wait_ms)
        self.send(
            frames.Hello(
                api=frames.API,
                epoch=lobby.epoch,
                heartbeat_ms=lobby.rules.heartbeat_ms,
                auth_timeout_ms=lobby.rules.auth_timeout_ms,
                max_frame_bytes=lobby.max_frame_bytes,
                features=lobby.features,
                wait_ms=wait_ms,
            )
        )

    @property
    def authenticated(self) -> bool:
        return self.principal is not None

    # -- reading ----------------------------------------------------------------------------

    async def serve(self) -> None:
        """Until the socket is gone."""
        receive, codec = self._response.receive, self._codec
        max_frame_bytes = self._lobby.max_frame_bytes
        try:
            while True:
                message = await receive()
                match message.type:
                    case WSMsgType.TEXT | WSMsgType.BINARY:
                        received = codec.read_client(message.data, max_frame_bytes)
                        action = self._machine.receive(received, _now_ms())
                        if isinstance(action, Deliver) and not self._may(action.command):
                            closing = await self._do_if_granted(action)
                        else:
                            closing = self._do(action)
                    case WSMsgType.PING | WSMsgType.PONG:
                        closing = self._beat(message)
                    case _:
                        return
                if closing:
                    await self._close(closing.code, closing.retry_after_ms)
                elif self.is_behind:
                    await self._hold_back()
        finally:
            self._machine.gone()
            if self._session is not None:
                self._session.close()
            for task in tuple(self._tasks or ()):
                task.cancel()

    def _do(self, action: Action | None) -> Close | None:
        match action:
            case Deliver(command):
                self._carry_out(command)
            case Send(answer):
                self.send(answer)
            case Authenticate(auth, renewal):
                self._spawn(self._authenticate(auth, renewal=renewal))
            case Close():
                return action
            case None:
                pass
        return None

    def _may(self, command: frames.Command) -> bool:
        """Whether the command is within what the account may use, as far as is known here."""
        principal = self.principal
        return principal is None or self._lobby.fair_use.admits(
            principal.user, NAMES[type(command.body)]
        )

    async def _do_if_granted(self, action: Deliver) -> Close | None:
        """Ask whether the account may do this. Nothing is read meanwhile: commands keep order."""
        assert self.principal is not None  # noqa: S101 - commands come after ready
        command = action.command
        try:
            await self._lobby.fair_use.check_command(self.principal.user, NAMES[type(command.body)])
        except TryAgain as error:
            self._refuse(command.i, error)
            return None
        return self._do(action)

    def _beat(self, message: WSMessage) -> Close | None:
        """WebSocket's own pings and pongs are sign of life, and count, as those of the protocol."""
        action = self._machine.receive(_PING, _now_ms())
        if isinstance(action, Close):
            return action
        if action is not None and message.type is WSMsgType.PING:
            self.write(pong(message.data))
        return None

    async def _hold_back(self) -> None:
        """Hear nobody who does not read the answers: they would pile up."""
        try:
            await self.drained()
        except SlowReader:
            self.too_slow()

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
        if turn is not None and (work.cancelled() or work.exception()):
            turn.leave()
        if work.cancelled():
            return
        if error := work.exception():
            if not isinstance(error, Exception):
                raise error
            if not isinstance(error, StreamHubError):
                log.error("command.failed", session=self.id, exc_info=error)
            self._refuse(i, error)
        elif isinstance(result := work.result(), Request):
            self._ask(i, turn, result)
        else:
            self._reply(i, result)

    def _reply(self, i: int, body: frames.Outgoing) -> None:
        self.send(frames.Reply(i=i, body=body))
        self._machine.answered(i)

    def _refuse(self, i: int, error: Exception) -> None:
        self.send(frames.Reply(i=i, problem=problem_of(error, f"{self.id}/{i}")))
        self._machine.answered(i)

    # -- letting in -------------------------------------------------------------------------

    async def _authenticate(self, auth: frames.Auth, *, renewal: bool) -> None:
        try:
            await self._let_in(auth, renewal=renewal)
        except Refused as error:
            log.info("socket.refused", session=self.id, problem=error.code)
            await self.close(CloseCode.TOKEN_INVALID)
        except TryAgain:
            await self.close(CloseCode.UNAVAILABLE)

    async def _let_in(self, auth: frames.Auth, *, renewal: bool) -> None:
        """Raises Refused; while a store is away it says so and keeps trying, then TryAgain."""
        give_up_ms = _now_ms() + KEEP_TRYING_MS
        while True:
            try:
                admitted = await self._lobby.principals.admit(auth.token, self.address)
                principal = admitted.principal
                check_right(principal.standing, "socket.open")
                if renewal:
                    self._renew(principal)
                    return
                session = await self._listening(principal.user)
                overviews = await self._lobby.store.overviews(principal.user)
            except TryAgain as error:
                self.send(problem_of(error, self.id))
                if _now_ms() >= give_up_ms:
                    raise
                await asyncio.sleep((error.retry_after_ms or 1000) / 1000)
                continue
            if self._machine.state is State.AUTHENTICATING:
                with self._lobby.admission.measured():
                    self._open(session, admitted, overviews, auth.since)
            return

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
        since: frames.Since | None,
    ) -> None:
        account = admitted.account
        self._hold(admitted.principal)
        self._machine.authenticated()
        self.send(
            frames.Ready(
                session=self.id,
                user=frames.UserObject(id=account.id, handle=account.handle, name=account.name),
                channels=tuple(wire.channel_overview(overview) for overview in overviews),
                notifications=frames.NotificationCounts(unread=0),
                limits=self._lobby.rules.as_limits,
            )
        )
        self.on_open()
        session.start(overviews, self._held(since))
        log.debug("session.ready", session=self.id, user=account.id, channels=len(overviews))

    def _renew(self, principal: Principal) -> None:
        if self.principal is None or principal.user != self.principal.user:
            raise Refused("unauthenticated", "the new token is another user's")
        self._hold(principal)
        self._machine.authenticated()

    def _hold(self, principal: Principal) -> None:
        """From now on only the monotonic clock counts: a jump of the other logs nobody out."""
        self.principal = principal
        self._expires_ms = _now_ms() + principal.expires_at - time.time_ns() // 1_000_000
        self._told_expiring = False

    def rights_changed(self) -> None:
        """What the account may do has changed: find out, and end if it is closed."""
        if self.principal is not None:
            self._spawn(self._learn_rights(self.principal))

    async def _learn_rights(self, principal: Principal) -> None:
        while True:
            try:
                renewed = await self._lobby.principals.renewed(principal)
            except Refused:
                self.end(CloseCode.ACCOUNT_SUSPENDED)
                return
            except TryAgain as error:
                await asyncio.sleep((error.retry_after_ms or 1000) / 1000)
                continue
            if self.principal is principal:
                self.principal = renewed
            return

    def _held(self, since: frames.Since | None) -> Mapping[ChannelId, int] | None:
        """The revs the client holds. Under another epoch they are beyond any of ours: reset."""
        if since is None:
            return None
        if since.epoch == self._lobby.epoch:
            return cast(dict[ChannelId, int], since.channels)
        return {ChannelId(channel): MAX_INT for channel in since.channels}

    # -- time and ends ----------------------------------------------------------------------

    def tick(self) -> None:
        """Once a second."""
        now_ms = _now_ms()
        if closing := self._machine.tick(now_ms):
            self._spawn(self._close(closing.code, closing.retry_after_ms))
            return
        if self._expires_ms is None or self._machine.state is not State.OPEN:
            return
        left_ms = self._expires_ms - now_ms
        if left_ms <= 0:
            self.end(CloseCode.TOKEN_INVALID)
        elif left_ms <= EXPIRING_MS and not self._told_expiring:
            self._told_expiring = True
            expiring = frames.AuthExpiring(in_ms=left_ms)
            self.send(frames.Event(name="auth.expiring", body=expiring))

    def drain(self, after_ms: int) -> None:
        """Ask the client to come back elsewhere after its own delay."""
        self.send(frames.Drain(after_ms=after_ms))

    def end(self, code: CloseCode, retry_after_ms: int | None = None) -> None:
        """Close it without waiting."""
        self._spawn(self.close(code, retry_after_ms))

    async def close(self, code: CloseCode, retry_after_ms: int | None = None) -> None:
        if closing := self._machine.close(code, retry_after_ms):
            await self._close(closing.code, closing.retry_after_ms)

    async def _close(self, code: CloseCode, retry_after_ms: int | None) -> None:
        if self._session is not None:
            self._session.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._response.close(
                    code=code, message=reason(code, retry_after_ms).encode(), drain=False
                )
        except (TimeoutError, ConnectionError):
            self._transport.abort()

    def _spawn(
        self,
        work: Awaitable[T],
        finish: Callable[[asyncio.Task[T]], None] | None = None,
    ) -> None:
        """Do it until the socket is gone, then `finish` if given."""
        if self._tasks is None:
            self._tasks = set()
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        task.add_done_callback(finish or self._look_at)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        if self._tasks is not None:
            self._tasks.discard(task)
            self._tasks = self._tasks or None

    def _look_at(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("socket.failed", session=self.id, exc_info=error)

    def too_slow(self) -> None:
        log.info("session.slow", session=self.id, unsent=self.unsent_bytes())
        self.end(CloseCode.SLOW_CONSUMER)


def _nothing() -> None:
    pass


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
