"""Posts that one client sends without waiting for answers keep their order."""

import asyncio
from collections.abc import Callable

import pytest
from support.polling import until_true as until

from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.messages import (
    MOVED,
    UNKNOWN,
    ActorId,
    Answer,
    Message,
    Post,
    Problem,
    Receipt,
    channel_actor,
)
from streamhub.transport import pipeline, question
from streamhub.transport.pipeline import Pipelines, Turn

CHANNEL = ChannelId("ch_general")
FORBIDDEN = Problem(code="forbidden", detail="you may not")


class HandActors:
    """Keeps what it is asked until the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.open: dict[str, Callable[[Answer], None]] = {}
        self.away = False

    def ask(
        self, to: ActorId, message: Message, done: Callable[[Answer], None], within_s: float
    ) -> None:
        assert isinstance(message, Post)
        if self.away:
            done(MOVED)
            return
        self.asked.append((message.key, message.after))
        self.open[message.key] = done

    def answer(self, key: str, answer: Answer) -> None:
        self.open.pop(key)(answer)


class Client:
    def __init__(self) -> None:
        self.actors = HandActors()
        self.answers: list[tuple[str, Answer]] = []
        self.pipelines = Pipelines(self.actors)

    def turn(self, channel: str = CHANNEL) -> Turn:
        return self.pipelines.take_turn(channel)

    def give(self, turn: Turn, key: str) -> None:
        post = Post(author=UserId("us_ann"), key=key, digest=b"", text=key)
        turn.give(channel_actor(CHANNEL), post, lambda answer: self.answers.append((key, answer)))

    def post(self, *keys: str) -> None:
        for key in keys:
            self.give(self.turn(), key)


@pytest.fixture
async def client() -> Client:
    return Client()


def receipt(seq: int) -> Receipt:
    return Receipt(id=MessageId(f"me_{seq}"), seq=seq, nth=seq, rev=seq, created_at=0)


async def test_nobody_waits_while_all_goes_well(client: Client) -> None:
    client.post("a", "b", "c")
    assert client.actors.asked == [("a", None), ("b", "a"), ("c", "b")]
    client.actors.answer("a", receipt(1))
    client.post("d")
    assert client.actors.asked[-1] == ("d", "c")
    for seq, key in enumerate("bcd", 2):
        client.actors.answer(key, receipt(seq))
    client.post("e")
    assert client.actors.asked[4:] == [("e", None)]
    assert [key for key, _ in client.answers] == ["a", "b", "c", "d"]


async def test_channels_do_not_wait_for_each_other(client: Client) -> None:
    client.turn()
    client.give(client.turn("ch_other"), "a")
    assert client.actors.asked == [("a", None)]


async def test_what_is_asked_again_holds_back_those_behind_it(client: Client) -> None:
    client.post("a", "b")
    client.actors.answer("a", MOVED)
    client.post("c")
    client.actors.answer("b", MOVED)
    assert client.actors.asked == [("a", None), ("b", "a")]
    await until(lambda: len(client.actors.asked) == 5)
    assert client.actors.asked[2:] == [("a", None), ("b", "a"), ("c", "b")]
    assert client.answers == []


async def test_who_was_taken_is_not_asked_again(client: Client) -> None:
    client.post("a", "b")
    client.actors.answer("b", MOVED)
    client.actors.answer("a", receipt(1))
    await until(lambda: len(client.actors.asked) == 3)
    assert client.actors.asked[2] == ("b", None)


async def test_a_place_is_kept_for_what_must_be_looked_up_first(client: Client) -> None:
    mentioning = client.turn()
    client.post("b")
    assert client.actors.asked == []
    client.give(mentioning, "a")
    assert client.actors.asked == [("a", None), ("b", "a")]


async def test_who_leaves_its_place_holds_nobody_back(client: Client) -> None:
    failing = client.turn()
    client.post("b")
    failing.leave()
    assert client.actors.asked == [("b", None)]


async def test_a_refusal_holds_nobody_back(client: Client) -> None:
    client.post("a", "b")
    client.actors.answer("a", FORBIDDEN)
    client.actors.answer("b", MOVED)
    await until(lambda: len(client.actors.asked) == 3)
    assert client.actors.asked[2] == ("b", None)
    assert client.answers == [("a", FORBIDDEN)]


async def test_who_is_given_up_takes_those_behind_with_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(question, "WITHIN_S", 0.1)
    client.post("a", "b", "c")
    looked_up = client.turn()
    client.actors.answer("c", UNKNOWN)
    client.actors.away = True
    client.actors.answer("a", MOVED)
    await until(lambda: len(client.answers) == 2)
    client.give(looked_up, "d")
    codes = {key: getattr(answer, "code", None) for key, answer in client.answers}
    assert codes == {"a": "moved", "c": "unknown", "d": "unavailable"}
    client.actors.away = False
    client.actors.answer("b", receipt(2))  # it was on its way: then "a" was taken too
    client.post("e")  # its client may not know yet
    assert client.answers[-1][0] == "e"
    assert len(client.actors.asked) == 3
    monkeypatch.setattr(pipeline, "_SHUT_S", 0.0)
    client.post("f")
    await until(lambda: not client.pipelines._busy[CHANNEL].is_shut)
    client.post("g")
    assert client.actors.asked[3:] == [("g", None)]


async def test_who_is_being_asked_does_not_overtake_one_that_is_given_up(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(question, "WITHIN_S", 0.0)
    client.post("a")
    monkeypatch.setattr(question, "WITHIN_S", 8.0)
    client.post("b", "c", "d")
    client.actors.answer("a", UNKNOWN)
    assert [key for key, _ in client.answers] == ["a"]
    client.actors.answer("b", receipt(2))  # "a" was stored after all
    client.actors.answer("c", MOVED)
    client.actors.answer("d", UNKNOWN)
    failed = [(key, answer.code) for key, answer in client.answers if isinstance(answer, Problem)]
    assert failed == [("a", "unknown"), ("c", "unavailable"), ("d", "unknown")]
    assert client.actors.asked == [("a", None), ("b", "a"), ("c", "b"), ("d", "c")]


async def test_an_answer_that_comes_at_once_keeps_the_order_too(client: Client) -> None:
    client.actors.away = True
    client.post("a", "b")
    await asyncio.sleep(0)
    client.actors.away = False
    await until(lambda: len(client.actors.asked) == 2)
    assert client.actors.asked == [("a", None), ("b", "a")]
