"""A gaze: of whom the client hears, how often, and what becomes of it when it does not read."""

import asyncio
from collections.abc import Sequence
from typing import Any

from support.actor_bench import simulated

from streamhub.actors.gaze import Gaze
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import UserId
from streamhub.domain.messages import PresenceUpdated
from streamhub.domain.presence import State
from streamhub.transport.broadcast import Broadcast

ANN, BOB, EVE = UserId("us_ann"), UserId("us_bob"), UserId("us_eve")
PAUSE_BYTES = 100


def event(user: UserId, state: State) -> Broadcast:
    return Broadcast.of_passing(PresenceUpdated(user=user, state=state))


class Stage:
    """A client that shares channels with ann and bob, who are online."""

    def __init__(self) -> None:
        self.shares = {ANN, BOB}
        self.known = {user: event(user, "online") for user in (ANN, BOB, EVE)}
        self.looked_at: list[UserId] = []
        self.asked = 0
        self.store_is_away = False
        self.unsent = 0
        self.heard: list[tuple[UserId, str]] = []
        self.gaze = Gaze(
            look_at=self.look_at,
            look_away=self.look_away,
            sharing=self.sharing,
            socket=self,
            pause_bytes=PAUSE_BYTES,
        )

    def look_at(self, user: UserId) -> Broadcast | None:
        self.looked_at.append(user)
        return self.known.get(user)

    def look_away(self, user: UserId) -> None:
        self.looked_at.remove(user)

    async def sharing(self, users: Sequence[UserId]) -> frozenset[UserId]:
        self.asked += 1
        await asyncio.sleep(0.1)
        if self.store_is_away:
            raise TryAgain("unavailable")
        return frozenset(self.shares.intersection(users))

    def unsent_bytes(self) -> int:
        return self.unsent

    def broadcast(self, event: Any) -> None:
        self.heard.append((event.event.user, event.event.state))

    async def turn_to(self, *users: UserId) -> None:
        self.gaze.turn_to(users)
        await asyncio.sleep(0.2)

    def take(self, user: UserId, state: State) -> None:
        told = event(user, state)
        assert isinstance(told.event, PresenceUpdated)
        self.gaze.take(told.event, told)


@simulated
async def test_the_present_state_comes_first_and_strangers_are_not_looked_at() -> None:
    stage = Stage()
    del stage.known[BOB]
    await stage.turn_to(ANN, BOB, EVE, ANN)
    assert stage.looked_at == [ANN, BOB]
    assert stage.heard == [(ANN, "online")]
    stage.take(BOB, "away")
    stage.take(EVE, "away")
    assert stage.heard == [(ANN, "online"), (BOB, "away")]


@simulated
async def test_of_each_user_one_event_a_second_comes_the_latest() -> None:
    stage = Stage()
    await stage.turn_to(ANN, BOB)
    stage.heard.clear()
    states: tuple[State, ...] = ("away", "dnd", "offline", "away")
    for state in states:
        stage.take(ANN, state)
    assert stage.heard == [], "a second is not over"
    await asyncio.sleep(1)
    assert stage.heard == [(ANN, "away")]
    await asyncio.sleep(1)
    stage.take(ANN, "away")
    await asyncio.sleep(2)
    assert stage.heard == [(ANN, "away")], "the client knows"


@simulated
async def test_who_looks_away_and_back_is_told_again_but_not_sooner() -> None:
    stage = Stage()
    await stage.turn_to(ANN)
    for _ in range(5):
        stage.gaze.turn_to(())
        assert stage.looked_at == []
        stage.gaze.turn_to((ANN,))
        await asyncio.sleep(0.15)
    assert stage.heard == [(ANN, "online")]
    await asyncio.sleep(1)
    assert stage.heard == [(ANN, "online")] * 2


@simulated
async def test_a_client_that_does_not_read_gets_the_latest_once_it_does() -> None:
    stage = Stage()
    await stage.turn_to(ANN)
    stage.heard.clear()
    stage.unsent = PAUSE_BYTES + 1
    await asyncio.sleep(1)
    for state in ("away", "dnd"):
        stage.take(ANN, state)
        await asyncio.sleep(2)
    assert stage.heard == []
    stage.unsent = 0
    await asyncio.sleep(1)
    assert stage.heard == [(ANN, "dnd")]


@simulated
async def test_who_shares_no_channel_any_more_is_no_longer_seen() -> None:
    stage = Stage()
    await stage.turn_to(ANN, EVE)
    stage.shares = {EVE}
    assert stage.gaze.is_at({EVE})
    assert not stage.gaze.is_at({BOB})
    stage.gaze.check()
    await asyncio.sleep(0.2)
    assert stage.looked_at == [EVE]
    stage.take(ANN, "away")
    await asyncio.sleep(2)
    assert stage.heard == [(ANN, "online"), (EVE, "online")]


@simulated
async def test_checks_that_come_together_are_made_together() -> None:
    stage = Stage()
    await stage.turn_to(ANN)
    for _ in range(10):
        stage.gaze.check()
    await asyncio.sleep(1)
    assert stage.asked <= 3
    await stage.turn_to()
    asked = stage.asked
    stage.gaze.check()
    await asyncio.sleep(1)
    assert stage.asked == asked, "nobody is looked at"


@simulated
async def test_a_store_that_is_away_is_asked_again() -> None:
    stage = Stage()
    stage.store_is_away = True
    await stage.turn_to(ANN)
    assert stage.looked_at == []
    stage.store_is_away = False
    await asyncio.sleep(1.5)
    assert stage.heard == [(ANN, "online")]


@simulated
async def test_the_last_turn_counts_whatever_was_being_asked() -> None:
    stage = Stage()
    stage.gaze.turn_to((ANN,))
    await asyncio.sleep(0.05)
    await stage.turn_to(BOB)
    await asyncio.sleep(0.2)
    assert (stage.looked_at, stage.heard) == ([BOB], [(BOB, "online")])


@simulated
async def test_once_closed_it_holds_nothing() -> None:
    stage = Stage()
    await stage.turn_to(ANN, BOB)
    stage.gaze.check()
    stage.gaze.close()
    stage.take(ANN, "away")
    await asyncio.sleep(3)
    assert stage.looked_at == []
    assert len(stage.heard) == 2
