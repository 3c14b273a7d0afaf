"""A WebSocket that speaks the protocol: hello, auth, commands and their replies, its end."""

import asyncio
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import structlog
from aiohttp import WSMessage, WSMsgType, web

from streamhub.domain.access import check_right
from streamhub.domain.errors import Refused, SlowReader, StreamHubError, TryAgain
from streamhub.domain.ids import RANDOM_BYTES, SESSION, SessionId, make_id
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
from streamhub.protocol.states import State
from streamhub.protocol.uploads import DATA
from streamhub.transport.client_writer import ClientWriter
from streamhub.transport.commands import NAMES
from streamhub.transport.framing import pong
from streamhub.transport.lobby import Lobby
from streamhub.transport.problems import problem_of
from streamhub.transport.upgraded import UpgradedResponse

log = structlog.get_logger()

T = TypeVar("T")

EXPIRING_MS: Final = 60_000
"""How long before its token runs out a client is told."""

KEEP_TRYING_MS: Final = 60_000
"""How long a client that could not be let in, since a store is away, is kept waiting."""

_CLOSE_S: Final = 2.0
_PING: Final = frames.Ping()
_DATA: Final = bytes((DATA,))


class FramedSocket(ClientWriter, ABC):
    """Reads a client's frames, does what the connection machine says, writes what comes back.

    What is done with commands is up to its subclasses.
    """

    right = "socket.open"
    """What whoever opens it must be allowed to."""

    takes_data = False
    """Whether a binary message may be a frame of data."""

    __slots__ = (
        "_expires_ms",
        "_lobby",
        "_machine",
        "_response",
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
        self._tasks: set[asyncio.Task[Any]] | None = None
        self._expires_ms: int | None = None
        self._told_expiring = False
        self.principal: Principal | None = None
        self.on_open: Callable[[], None] = _nothing
        self.id = SessionId(
            make_id(SESSION, time.time_ns() // 1_000_000, secrets.token_bytes(RANDOM_BYTES))
        )
        wait_ms = lobby.admission.wait_ms(now_ms())
        self._machine = Connection(lobby.rules, now_ms(), wait_ms=wait_ms)
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
                    case WSMsgType.BINARY if self.takes_data and message.data[:1] == _DATA:
                        closing = await self._take_data(message.data)
                    case WSMsgType.TEXT | WSMsgType.BINARY:
                        received = codec.read_client(message.data, max_frame_bytes)
                        action = self._machine.receive(received, now_ms())
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
            self._leave()
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
        action = self._machine.receive(_PING, now_ms())
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

    @abstractmethod
    def _carry_out(self, command: frames.Command) -> None:
        """Begin what was asked; `_reply` or `_refuse` follows."""

    @abstractmethod
    async def _prepare(self, admitted: Admitted, auth: frames.Auth) -> Callable[[], None]:
        """Make ready for who was let in; what is returned says so. Raises TryAgain."""

    def _leave(self) -> None:
        """The socket is gone, or about to be."""

    async def _take_data(self, data: bytes) -> Close | None:
        """A frame of data came, where there are any."""
        return None

    def _answer(self, i: int, work: asyncio.Task[Any]) -> None:
        """What `work` came to is the reply."""
        if work.cancelled():
            return
        if error := work.exception():
            if not isinstance(error, Exception):
                raise error
            if not isinstance(error, StreamHubError):
                log.error("command.failed", session=self.id, exc_info=error)
            self._refuse(i, error)
        else:
            self._reply(i, work.result())

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
        give_up_ms = now_ms() + KEEP_TRYING_MS
        while True:
            try:
                admitted = await self._lobby.principals.admit(auth.token, self.address)
                principal = admitted.principal
                check_right(principal.standing, self.right)
                if renewal:
                    self._renew(principal)
                    return
                say_ready = await self._prepare(admitted, auth)
            except TryAgain as error:
                self.send(problem_of(error, self.id))
                if now_ms() >= give_up_ms:
                    raise
                await asyncio.sleep((error.retry_after_ms or 1000) / 1000)
                continue
            if self._machine.state is State.AUTHENTICATING:
                with self._lobby.admission.measured():
                    self._hold(principal)
                    self._machine.authenticated()
                    say_ready()
                    self.on_open()
            return

    def _renew(self, principal: Principal) -> None:
        if self.principal is None or principal.user != self.principal.user:
            raise Refused("unauthenticated", "the new token is another user's")
        self._hold(principal)
        self._machine.authenticated()

    def _hold(self, principal: Principal) -> None:
        """From now on only the monotonic clock counts: a jump of the other logs nobody out."""
        self.principal = principal
        self._expires_ms = now_ms() + principal.expires_at - time.time_ns() // 1_000_000
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

    def tick(self) -> None:
        """Once a second."""
        at_ms = now_ms()
        if closing := self._machine.tick(at_ms):
            self._spawn(self._close(closing.code, closing.retry_after_ms))
            return
        if self._expires_ms is None or self._machine.state is not State.OPEN:
            return
        left_ms = self._expires_ms - at_ms
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
        self._leave()
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


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
