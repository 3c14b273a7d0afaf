"""The connection machine: every pair of state and input, then each rule on its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.connection import (
    Action,
    Authenticate,
    Close,
    Connection,
    Deliver,
    Rules,
    Send,
)
from streamhub.protocol.errors import BadFrame, CommandRefused
from streamhub.protocol.frames import (
    Auth,
    Command,
    Focus,
    Ping,
    Pong,
    Problem,
    Reply,
    Since,
    TypingStart,
)
from streamhub.protocol.pace import Pace
from streamhub.protocol.states import TRANSITIONS, IllegalStep, Input, State

RULES = Rules()
AUTH = Auth(token="t")
START = 1_000_000


def command(i: int = 1) -> Command:
    return Command(name="focus", i=i, body=Focus())


def typing(i: int, channel: str = "ch_a") -> Command:
    return Command(name="typing.start", i=i, body=TypingStart(channel=channel))


def connection(state: State = State.OPEN, rules: Rules = RULES) -> Connection:
    """One in this state; an open one has command 1 unanswered."""
    made = Connection(rules, START)
    if state is State.WAITING_AUTH:
        return made
    made.receive(AUTH, START)
    if state is State.AUTHENTICATING:
        return made
    made.authenticated()
    assert isinstance(made.receive(command(), START), Deliver)
    if state is not State.OPEN:
        made.close(CloseCode.RESTARTING)
    if state is State.CLOSED:
        made.gone()
    assert made.state is state
    return made


def refusal(action: Action | None) -> Problem:
    assert isinstance(action, Send)
    assert isinstance(action.frame, Reply)
    assert action.frame.problem is not None
    return action.frame.problem


# Pair by pair


def give(made: Connection, step: Input) -> Action | None:
    match step:
        case Input.AUTH:
            return made.receive(AUTH, START)
        case Input.COMMAND:
            return made.receive(command(2), START)
        case Input.PING:
            return made.receive(Ping(), START)
        case Input.BROKEN:
            return made.receive(BadFrame("broken"), START)
        case Input.FLOOD:
            return next(
                action
                for _ in range(10_000)
                if isinstance(action := made.receive(Ping(), START), Close)
            )
        case Input.OVERDUE:
            return made.tick(START + 10**9)
        case Input.AUTHENTICATED:
            made.authenticated()
        case Input.ANSWERED:
            made.answered(1)
        case Input.CLOSE:
            return made.close(CloseCode.DRAINING)
        case Input.GONE:
            made.gone()
    return None


EXPECTED: dict[State, dict[Input, tuple[State, Action | None]]] = {
    State.WAITING_AUTH: {
        Input.AUTH: (State.AUTHENTICATING, Authenticate(AUTH, renewal=False)),
        Input.PING: (State.WAITING_AUTH, Send(Pong())),
        Input.BROKEN: (State.CLOSING, Close(CloseCode.BAD_FRAME)),
        Input.FLOOD: (State.CLOSING, Close(CloseCode.RATE_LIMITED)),
        Input.OVERDUE: (State.CLOSING, Close(CloseCode.AUTH_TIMEOUT)),
        Input.CLOSE: (State.CLOSING, Close(CloseCode.DRAINING)),
        Input.GONE: (State.CLOSED, None),
    },
    State.AUTHENTICATING: {
        Input.AUTH: (State.CLOSING, Close(CloseCode.BAD_FRAME)),
        Input.PING: (State.AUTHENTICATING, Send(Pong())),
        Input.BROKEN: (State.CLOSING, Close(CloseCode.BAD_FRAME)),
        Input.FLOOD: (State.CLOSING, Close(CloseCode.RATE_LIMITED)),
        Input.OVERDUE: (State.CLOSING, Close(CloseCode.SLOW_CONSUMER)),
        Input.AUTHENTICATED: (State.OPEN, None),
        Input.CLOSE: (State.CLOSING, Close(CloseCode.DRAINING)),
        Input.GONE: (State.CLOSED, None),
    },
    State.OPEN: {
        Input.AUTH: (State.OPEN, Authenticate(AUTH, renewal=True)),
        Input.COMMAND: (State.OPEN, Deliver(command(2))),
        Input.PING: (State.OPEN, Send(Pong())),
        Input.BROKEN: (State.CLOSING, Close(CloseCode.BAD_FRAME)),
        Input.FLOOD: (State.CLOSING, Close(CloseCode.RATE_LIMITED)),
        Input.OVERDUE: (State.CLOSING, Close(CloseCode.SLOW_CONSUMER)),
        Input.AUTHENTICATED: (State.OPEN, None),
        Input.ANSWERED: (State.OPEN, None),
        Input.CLOSE: (State.CLOSING, Close(CloseCode.DRAINING)),
        Input.GONE: (State.CLOSED, None),
    },
    State.CLOSING: {
        Input.AUTH: (State.CLOSING, None),
        Input.COMMAND: (State.CLOSING, None),
        Input.PING: (State.CLOSING, None),
        Input.BROKEN: (State.CLOSING, None),
        Input.OVERDUE: (State.CLOSING, None),
        Input.AUTHENTICATED: (State.CLOSING, None),
        Input.ANSWERED: (State.CLOSING, None),
        Input.CLOSE: (State.CLOSING, None),
        Input.GONE: (State.CLOSED, None),
    },
    State.CLOSED: {
        Input.OVERDUE: (State.CLOSED, None),
        Input.AUTHENTICATED: (State.CLOSED, None),
        Input.ANSWERED: (State.CLOSED, None),
        Input.CLOSE: (State.CLOSED, None),
        Input.GONE: (State.CLOSED, None),
    },
}
ANSWERED_APART = {(State.WAITING_AUTH, Input.COMMAND), (State.AUTHENTICATING, Input.COMMAND)}
NEVER_COUNTED = {(State.CLOSING, Input.FLOOD), (State.CLOSED, Input.FLOOD)}
PAIRS = [
    (state, step)
    for state in State
    for step in Input
    if (state, step) not in ANSWERED_APART | NEVER_COUNTED
]


@pytest.mark.parametrize(("state", "step"), PAIRS)
def test_every_pair_does_what_the_table_says(state: State, step: Input) -> None:
    made = connection(state)
    if (expected := EXPECTED[state].get(step)) is None:
        with pytest.raises(IllegalStep):
            give(made, step)
        assert made.state is state
    else:
        assert (give(made, step), made.state) == (expected[1], expected[0])
        if step is not Input.OVERDUE or state in {State.CLOSING, State.CLOSED}:
            assert TRANSITIONS.get((state, step), state) is expected[0]


@pytest.mark.parametrize("state", [State.WAITING_AUTH, State.AUTHENTICATING])
def test_a_command_before_ready_is_refused_and_the_socket_stays(state: State) -> None:
    made = connection(state)
    assert refusal(made.receive(command(), START)).code == "unauthenticated"
    assert made.state is state


@pytest.mark.parametrize("state", [State.CLOSING, State.CLOSED])
def test_nobody_is_closed_twice_for_flooding(state: State) -> None:
    assert (state, Input.FLOOD) not in TRANSITIONS


# Time


def test_auth_must_come_in_time_even_if_pings_do() -> None:
    made = Connection(RULES, START)
    made.receive(Ping(), START + 4_000)
    assert made.deadline_ms == START + 5_000
    assert made.tick(START + 4_999) is None
    assert made.tick(START + 5_000) == Close(CloseCode.AUTH_TIMEOUT)


def test_who_was_asked_to_wait_has_that_much_longer() -> None:
    made = Connection(RULES, START, wait_ms=3_000)
    assert made.tick(START + 7_999) is None
    assert made.tick(START + 8_000) == Close(CloseCode.AUTH_TIMEOUT)


def test_the_host_may_take_its_time_to_authenticate() -> None:
    made = connection(State.AUTHENTICATING)
    assert made.tick(START + 60_000) is None


@pytest.mark.parametrize("frame", [Ping(), command(2), AUTH, CommandRefused(3, "gone", None, "")])
def test_two_and_a_half_silent_intervals_close_and_any_frame_counts(
    frame: Ping | Command | Auth | CommandRefused,
) -> None:
    made = connection()
    made.receive(frame, START + 10_000)
    assert made.deadline_ms == START + 85_000
    assert made.tick(START + 84_999) is None
    assert made.tick(START + 85_000) == Close(CloseCode.SLOW_CONSUMER)
    assert made.tick(START + 99_000) is None


@pytest.mark.parametrize("state", [State.CLOSING, State.CLOSED])
def test_a_closed_connection_waits_for_nothing(state: State) -> None:
    assert connection(state).deadline_ms is None


# Authentication


def test_since_is_only_for_coming_back() -> None:
    returning = Auth(token="t", since=Since(epoch=1, channels={}))
    assert connection(State.WAITING_AUTH).receive(returning, START) == Authenticate(
        returning, renewal=False
    )
    assert connection().receive(returning, START) == Close(CloseCode.BAD_FRAME)


def test_commands_go_on_while_a_token_is_renewed() -> None:
    made = connection()
    made.receive(AUTH, START)
    assert isinstance(made.receive(command(2), START), Deliver)
    made.authenticated()
    made.answered(2)
    assert made.state is State.OPEN


def test_a_frame_too_big_closes_with_its_own_code() -> None:
    too_big = BadFrame("big", CloseCode.FRAME_TOO_BIG)
    assert connection().receive(too_big, START) == Close(CloseCode.FRAME_TOO_BIG)


def test_the_host_may_say_when_to_come_back() -> None:
    assert connection().close(CloseCode.UNAVAILABLE, 1_200) == Close(CloseCode.UNAVAILABLE, 1_200)


# Commands


def test_a_number_in_use_is_refused_until_it_is_answered() -> None:
    made = connection()
    action = made.receive(command(1), START)
    assert refusal(action).code == "duplicate_i"
    assert isinstance(action, Send)
    assert isinstance(action.frame, Reply)
    assert action.frame.i == 1
    made.answered(1)
    assert made.receive(command(1), START) == Deliver(command(1))


def test_an_answer_nobody_waits_for_is_a_mistake_of_the_host() -> None:
    made = connection()
    with pytest.raises(IllegalStep):
        made.answered(2)
    made.answered(1)
    with pytest.raises(IllegalStep):
        made.answered(1)


def test_64_may_be_unanswered_and_not_65() -> None:
    made = connection(rules=Rules(commands=Pace(20, 1_000), frames=Pace(200, 1_000)))
    assert all(isinstance(made.receive(command(i), START), Deliver) for i in range(2, 65))
    assert refusal(made.receive(command(65), START)).code == "limit_reached"
    made.answered(40)
    assert isinstance(made.receive(command(65), START), Deliver)


def test_a_wrong_command_is_answered_and_not_remembered() -> None:
    made = connection()
    wrong = CommandRefused(5, "unknown_field", "zz", "no such field")
    for _ in range(2):
        assert made.receive(wrong, START) == Send(wrong.reply)
    assert isinstance(made.receive(command(5), START), Deliver)


def test_60_at_once_then_one_every_50_ms() -> None:
    made = connection()
    wrong = CommandRefused(5, "unknown_field", "zz", "no such field")
    for _ in range(59):
        assert made.receive(wrong, START) == Send(wrong.reply)
    limited = refusal(made.receive(wrong, START))
    assert (limited.code, limited.retry_after_ms) == ("rate_limited", 50)
    assert refusal(made.receive(wrong, START + 49)).retry_after_ms == 1
    assert made.receive(wrong, START + 50) == Send(wrong.reply)
    assert refusal(made.receive(command(9), START + 50)).retry_after_ms == 50


def test_who_ignores_the_limit_is_closed() -> None:
    made = connection()
    before = 2  # its auth and its first command
    for _ in range(600 - before):
        assert not isinstance(made.receive(command(9), START), Close)
    assert made.receive(command(9), START) == Close(CloseCode.RATE_LIMITED)
    assert made.receive(command(9), START) is None


def test_typing_is_taken_once_in_3_s_and_channel() -> None:
    made = connection()
    assert isinstance(made.receive(typing(2), START), Deliver)
    limited = refusal(made.receive(typing(3), START + 1_000))
    assert (limited.code, limited.retry_after_ms) == ("rate_limited", 2_000)
    assert isinstance(made.receive(typing(3, "ch_b"), START + 1_000), Deliver)
    assert isinstance(made.receive(typing(4), START + 3_000), Deliver)


@given(
    st.integers(1, 30),
    st.sampled_from([1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100]),
    st.lists(st.integers(0, 400), max_size=200),
)
def test_a_pace_admits_no_more_than_it_says_and_names_the_moment(
    burst: int, rate_per_s: int, gaps_ms: list[int]
) -> None:
    pace = Pace(rate_per_s, burst)
    now_ms = full_at_ms = 0
    admitted: list[int] = []
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        if wait_ms := pace.wait_ms(full_at_ms, now_ms):
            assert pace.wait_ms(full_at_ms, now_ms + wait_ms) == 0
            assert pace.wait_ms(full_at_ms, now_ms + wait_ms - 1) == 1
        else:
            full_at_ms = pace.after_one_more(full_at_ms, now_ms)
            admitted.append(now_ms)
    for first, start_ms in enumerate(admitted):
        for count, end_ms in enumerate(admitted[first:], start=1):
            assert count <= burst + rate_per_s * (end_ms - start_ms) / 1000


@pytest.mark.parametrize(("rate_per_s", "burst"), [(0, 1), (3, 1), (20, 0), (2_000, 1)])
def test_a_pace_that_could_not_be_exact_is_refused(rate_per_s: int, burst: int) -> None:
    with pytest.raises(ValueError, match=r"must divide|at least"):
        Pace(rate_per_s, burst)
