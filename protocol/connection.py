"""One client's socket as a state machine without I/O: frames go in, what to do comes out.

Its states and what moves them are in `states.py`. At most one action comes out of one input.
Times are milliseconds of one monotonic clock, passed in.
"""

from typing import Final

from msgspec import Struct

from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.errors import BadFrame, CommandRefused, ProtocolError
from streamhub.protocol.frames import (
    Auth,
    ClientFrame,
    Command,
    Limits,
    Ping,
    Pong,
    Problem,
    Reply,
    TypingStart,
    problem,
)
from streamhub.protocol.pace import Pace
from streamhub.protocol.scalars import MAX_CHANNELS, MAX_TEXT
from streamhub.protocol.states import LIVE, TRANSITIONS, IllegalStep, Input, State


class Rules(Struct, frozen=True, kw_only=True):
    """What a connection is held to; one object for all of them.

    `frames` is the patience with whoever ignores `rate_limited`, or floods with pings: beyond it
    the socket is closed.
    """

    heartbeat_ms: int = 30_000
    auth_timeout_ms: int = 5_000
    unanswered: int = 64
    commands: Pace = Pace(rate_per_s=20, burst=60)
    frames: Pace = Pace(rate_per_s=200, burst=600)
    typing_ms: int = 3_000

    @property
    def silence_ms(self) -> int:
        """How long a client may say nothing: 2.5 heartbeat intervals."""
        return self.heartbeat_ms * 5 // 2

    @property
    def as_limits(self) -> Limits:
        """What `ready` tells the client of them."""
        return Limits(
            text_length=MAX_TEXT,
            channels=MAX_CHANNELS,
            unanswered=self.unanswered,
            commands_per_s=self.commands.rate_per_s,
            commands_burst=self.commands.burst,
            typing_ms=self.typing_ms,
        )


class Deliver(Struct, frozen=True):
    """Carry the command out, send its reply, then call `answered`."""

    command: Command


class Authenticate(Struct, frozen=True):
    """Check the token, then call `authenticated` or `close`. `renewal`: must be the same user."""

    auth: Auth
    renewal: bool


class Send(Struct, frozen=True):
    """Send this frame: a pong, or the refusal of a command."""

    frame: Pong | Reply


class Close(Struct, frozen=True):
    """Close the socket with this code, then call `gone` when it is."""

    code: CloseCode
    retry_after_ms: int | None = None


Action = Deliver | Authenticate | Send | Close

_PONG: Final = Send(Pong())


class Connection:
    """Decides what one client may do next. See `states.py` for its states.

    Of every command that is delivered, its number is remembered until `answered`; of every other
    one the refusal comes out at once.
    """

    __slots__ = (
        "_auth_by_ms",
        "_commands_full_ms",
        "_frames_full_ms",
        "_heard_ms",
        "_rules",
        "_typing_again_ms",
        "_unanswered",
        "state",
    )

    def __init__(self, rules: Rules, now_ms: int, *, wait_ms: int = 0) -> None:
        """`wait_ms` is what `hello` asked the client to wait before `auth`."""
        self.state = State.WAITING_AUTH
        self._rules = rules
        self._heard_ms = self._commands_full_ms = self._frames_full_ms = now_ms
        self._auth_by_ms = now_ms + wait_ms + rules.auth_timeout_ms
        # Most connections are idle: these two exist only while there is something in them.
        self._unanswered: set[int] | None = None
        self._typing_again_ms: dict[str, int] | None = None

    @property
    def deadline_ms(self) -> int | None:
        """When `tick` will close the socket if nothing comes before. None once closing."""
        match self.state:
            case State.WAITING_AUTH:
                return min(self._auth_by_ms, self._heard_ms + self._rules.silence_ms)
            case State.AUTHENTICATING | State.OPEN:
                return self._heard_ms + self._rules.silence_ms
            case State.CLOSING | State.CLOSED:
                return None

    def receive(self, frame: ClientFrame | ProtocolError, now_ms: int) -> Action | None:
        """What `Codec.read_client` made of a message."""
        before = self.state
        step = self._input(frame, now_ms)
        self._move(step)
        if before is State.CLOSING:
            return None
        self._heard_ms = now_ms
        if self.state is State.CLOSING:
            return Close(_close_code(step, frame))
        match frame:
            case Command():
                return self._command(frame, now_ms)
            case CommandRefused():
                refusal = self._not_admitted(now_ms) or frame.problem
                return Send(Reply(i=frame.i, problem=refusal))
            case Auth():
                return Authenticate(frame, renewal=before is State.OPEN)
            case _:
                return _PONG

    def heard(self, now_ms: int) -> Close | None:
        """A frame of data came, or it is the host why nothing comes. Before `ready` it closes."""
        if self.state is State.OPEN:
            self._heard_ms = now_ms
            return None
        return self.close(CloseCode.BAD_FRAME)

    def tick(self, now_ms: int) -> Close | None:
        """Time passed. Worth calling at `deadline_ms`, harmless at any other time."""
        deadline_ms = self.deadline_ms
        if deadline_ms is None or now_ms < deadline_ms:
            return None
        late = self.state is State.WAITING_AUTH and now_ms >= self._auth_by_ms
        self._move(Input.OVERDUE)
        return Close(CloseCode.AUTH_TIMEOUT if late else CloseCode.SLOW_CONSUMER)

    def authenticated(self) -> None:
        """The token is good: commands may come, or (renewal) go on coming."""
        self._move(Input.AUTHENTICATED)

    def answered(self, i: int) -> None:
        """The reply to a delivered command was sent; its number is free again."""
        if self.state is State.OPEN and (self._unanswered is None or i not in self._unanswered):
            raise IllegalStep(f"command {i} is not waiting for an answer")
        self._move(Input.ANSWERED)
        if self._unanswered is not None:
            self._unanswered.discard(i)
            self._unanswered = self._unanswered or None

    def close(self, code: CloseCode, retry_after_ms: int | None = None) -> Close | None:
        """The host wants it closed. None if that is already under way."""
        live = self.state in LIVE
        self._move(Input.CLOSE)
        return Close(code, retry_after_ms) if live else None

    def gone(self) -> None:
        """The socket is closed, by whomever."""
        self._move(Input.GONE)

    def _move(self, step: Input) -> None:
        after = TRANSITIONS.get((self.state, step))
        if after is None:
            raise IllegalStep(f"{step} in state {self.state}")
        self.state = after

    def _input(self, frame: ClientFrame | ProtocolError, now_ms: int) -> Input:
        if self.state in LIVE:
            if self._rules.frames.wait_ms(self._frames_full_ms, now_ms):
                return Input.FLOOD
            self._frames_full_ms = self._rules.frames.after_one_more(self._frames_full_ms, now_ms)
        match frame:
            case Command() | CommandRefused():
                return Input.COMMAND
            case Ping():
                return Input.PING
            case Auth(since=since) if self.state is not State.OPEN or since is None:
                return Input.AUTH
            case _:
                return Input.BROKEN

    def _command(self, command: Command, now_ms: int) -> Deliver | Send:
        if refusal := self._not_admitted(now_ms) or self._refusal(command, now_ms):
            return Send(Reply(i=command.i, problem=refusal))
        if self._unanswered is None:
            self._unanswered = set()
        self._unanswered.add(command.i)
        return Deliver(command)

    def _not_admitted(self, now_ms: int) -> Problem | None:
        """Why no command at all is taken now. One that is taken counts, right or wrong."""
        if self.state is not State.OPEN:
            return problem("unauthenticated", "commands come after ready")
        pace = self._rules.commands
        if wait_ms := pace.wait_ms(self._commands_full_ms, now_ms):
            detail = f"{pace.rate_per_s} commands a second, {pace.burst} at once"
            return problem("rate_limited", detail, retry_after_ms=wait_ms)
        self._commands_full_ms = pace.after_one_more(self._commands_full_ms, now_ms)
        return None

    def _refusal(self, command: Command, now_ms: int) -> Problem | None:
        unanswered = self._unanswered or ()
        if command.i in unanswered:
            return problem("duplicate_i", f"{command.i} is still unanswered", field="i")
        if len(unanswered) >= self._rules.unanswered:
            return problem("limit_reached", f"{len(unanswered)} commands are unanswered")
        if isinstance(command.body, TypingStart):
            return self._typing_refusal(command.body.channel, now_ms)
        return None

    def _typing_refusal(self, channel: str, now_ms: int) -> Problem | None:
        again_ms = {
            name: at_ms for name, at_ms in (self._typing_again_ms or {}).items() if at_ms > now_ms
        }
        self._typing_again_ms = again_ms
        if channel in again_ms:
            detail = f"one typing.start per {self._rules.typing_ms} ms and channel"
            return problem("rate_limited", detail, retry_after_ms=again_ms[channel] - now_ms)
        again_ms[channel] = now_ms + self._rules.typing_ms
        return None


def _close_code(step: Input, frame: ClientFrame | ProtocolError) -> CloseCode:
    if step is Input.FLOOD:
        return CloseCode.RATE_LIMITED
    return frame.close_code if isinstance(frame, BadFrame) else CloseCode.BAD_FRAME
