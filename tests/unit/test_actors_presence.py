"""A presence: what those who look are told, when, and that nobody else costs anything."""

import asyncio

from support.actor_bench import (
    ELSEWHERE,
    HERE,
    THERE,
    CountingClock,
    FixedDirectory,
    HandJournal,
    RecordingSwitch,
    simulated,
)

from streamhub.actors.cell import Kind
from streamhub.actors.presence import PresenceActor
from streamhub.actors.system import ActorSystem
from streamhub.actors.whereabouts import DOUBT_S
from streamhub.domain.envelopes import Away, Digest, Interest, Listening, NoInterest, Passed
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import UserId
from streamhub.domain.messages import (
    Answer,
    Done,
    GetPresence,
    Message,
    PresenceUpdated,
    Problem,
    Reconsider,
    SetPresence,
    presence_actor,
)
from streamhub.domain.presence import Kept, State, Status
from streamhub.persistence.memory import Tables
from streamhub.persistence.memory.presence import InMemoryPresenceStore

ANN, BOB = UserId("us_ann"), UserId("us_bob")
INBOX, PRESENCE = f"inbox:{ANN}", f"presence:{ANN}"
BUSY = Status(text="busy")


class Store(InMemoryPresenceStore):
    """The twin; it takes a tenth of a second, and may be away."""

    def __init__(self) -> None:
        super().__init__(Tables())
        self.reads = 0
        self.away = False

    async def kept(self, user: UserId, now_ms: int) -> Kept:
        self.reads += 1
        await asyncio.sleep(0.1)
        if self.away:
            raise TryAgain("unavailable")
        return await super().kept(user, now_ms)


class Stage:
    """The host that owns ann's inbox; THERE looks at ann."""

    def __init__(self) -> None:
        self.store = Store()
        self.directory = FixedDirectory()
        self.switch = RecordingSwitch()

        async def load(key: str) -> tuple[UserId, Kept]:
            return UserId(key), await self.store.kept(UserId(key), 0)

        def make(loaded: tuple[UserId, Kept]) -> PresenceActor:
            return PresenceActor(*loaded, self.store, self.system.whereabouts)

        self.system = ActorSystem(
            HERE,
            {"presence": Kind(load, make, 60.0)},
            directory=self.directory,
            switch=self.switch,
            journal=HandJournal(),
            clock=CountingClock(),
        )
        self.interests = self.system.interests

    def comes(self, *hosts: str) -> None:
        """Ann has sessions on these hosts."""
        for host in hosts:
            self.interests.on_interest(host, Interest(topics=((INBOX, -1),)))  # type: ignore[arg-type]

    def goes(self, host: str) -> None:
        self.interests.on_no_interest(host, NoInterest(topics=(INBOX,)))  # type: ignore[arg-type]

    def away(self, host: str, away: bool = True) -> None:
        self.system.whereabouts.on_away(host, Away(topics=(INBOX,), away=away))  # type: ignore[arg-type]

    async def look(self) -> None:
        self.interests.on_interest(THERE, Interest(topics=((PRESENCE, -1),)))
        await asyncio.sleep(0.2)

    def ask(self, message: Message) -> list[Answer]:
        answers: list[Answer] = []
        self.system.ask(presence_actor(ANN), message, answers.append)
        return answers

    def told(self) -> list[PresenceUpdated]:
        """What THERE was told since the last look."""
        told: list[PresenceUpdated] = []
        for envelope in self.switch.to(THERE):
            if isinstance(envelope, Passed):
                assert isinstance(envelope.event, PresenceUpdated)
                told.append(envelope.event)
            elif isinstance(envelope, Listening):
                told += [s.presence for s in envelope.topics if s.presence is not None]
        return told

    def states(self) -> list[str]:
        return [presence.state for presence in self.told()]


def is_(state: State, status: Status | None = None) -> PresenceUpdated:
    return PresenceUpdated(user=ANN, state=state, status=status)


@simulated
async def test_who_looks_is_told_the_present_state_and_then_changes() -> None:
    stage = Stage()
    await stage.look()
    assert stage.told() == [is_("offline")]
    stage.comes(HERE)
    await asyncio.sleep(0.1)
    assert stage.told() == [is_("online")]
    stage.comes(ELSEWHERE)
    await asyncio.sleep(2)
    assert stage.told() == []
    stage.goes(HERE)
    stage.goes(ELSEWHERE)
    await asyncio.sleep(2)
    assert stage.told() == [is_("offline")]


@simulated
async def test_a_user_is_away_when_all_its_hosts_say_so() -> None:
    stage = Stage()
    stage.comes(HERE, ELSEWHERE)
    stage.away(HERE)
    await stage.look()
    assert stage.states() == ["online"]
    stage.away(ELSEWHERE)
    await asyncio.sleep(2)
    assert stage.states() == ["away"]
    stage.away(HERE, False)
    await asyncio.sleep(2)
    assert stage.states() == ["online"]
    stage.goes(HERE)
    await asyncio.sleep(2)
    assert stage.states() == ["away"]
    stage.goes(ELSEWHERE)
    await asyncio.sleep(2)
    stage.comes(ELSEWHERE)
    await asyncio.sleep(2)
    assert stage.states() == ["offline", "online"], "who comes back is not away"


@simulated
async def test_who_does_not_listen_cannot_be_away() -> None:
    stage = Stage()
    stage.away(HERE)
    stage.comes(HERE)
    await stage.look()
    assert stage.states() == ["online"]


@simulated
async def test_many_changes_are_told_once_a_second_the_last_one_wins() -> None:
    stage = Stage()
    stage.comes(HERE)
    await stage.look()
    stage.told()
    for number in range(100):
        stage.away(HERE, number % 2 == 0)
        await asyncio.sleep(0.05)
    stage.away(HERE)
    await asyncio.sleep(2)
    states = stage.states()
    assert len(states) <= 7, "5 seconds of changes"
    assert states[-1] == "away"


@simulated
async def test_what_is_said_is_kept_before_it_is_told() -> None:
    stage = Stage()
    stage.comes(HERE)
    await stage.look()
    stage.told()
    answers = stage.ask(SetPresence(dnd=True, status=BUSY))
    await asyncio.sleep(0.05)
    assert (answers, stage.told()) == ([], [])
    await asyncio.sleep(0.1)
    assert answers == [Done()]
    assert stage.told() == [is_("dnd", BUSY)]
    stage.goes(HERE)
    await asyncio.sleep(2)
    assert stage.told() == [is_("offline", BUSY)]


@simulated
async def test_things_said_at_once_are_kept_in_their_order() -> None:
    stage = Stage()
    stage.comes(HERE)
    await stage.look()
    answers = [stage.ask(SetPresence(status=Status(text=str(n)))) for n in range(5)]
    answers.append(stage.ask(SetPresence(dnd=True)))
    await asyncio.sleep(3)
    assert answers == [[Done()]] * 6
    assert stage.told()[-1] == is_("dnd", Status(text="4"))


@simulated
async def test_what_could_not_be_kept_is_refused_and_not_shown() -> None:
    stage = Stage()
    stage.comes(HERE)
    await stage.look()
    stage.told()
    stage.store.away = True
    [answer] = await answered(stage.ask(SetPresence(dnd=True)))
    assert isinstance(answer, Problem)
    assert answer.code == "unavailable"
    assert stage.told() == []


@simulated
async def test_what_is_said_too_fast_is_not_piled_up() -> None:
    stage = Stage()
    stage.comes(HERE)
    await stage.look()
    answers = [stage.ask(SetPresence(status=Status(text=str(n)))) for n in range(100)]
    await asyncio.sleep(60)
    assert [len(answer) for answer in answers] == [1] * 100
    refused = [a for [a] in answers if isinstance(a, Problem)]
    assert refused
    assert {problem.code for problem in refused} <= {"overloaded", "timeout"}


@simulated
async def test_what_an_earlier_owner_kept_meanwhile_is_read_once_there_is_no_doubt() -> None:
    stage = Stage()
    stage.directory.version = 2
    stage.system.on_view()
    stage.comes(HERE)
    await stage.look()
    assert stage.told() == [is_("online")]
    await stage.store.keep(ANN, True, None)
    await asyncio.sleep(DOUBT_S + 1)
    assert stage.told() == [is_("dnd")]
    assert stage.store.reads == 2
    stage.system.on_link_lost(ELSEWHERE)
    await asyncio.sleep(DOUBT_S + 1)
    assert stage.store.reads == 2, "what is known is not read again"


async def answered(answers: list[Answer]) -> list[Answer]:
    await asyncio.sleep(0.2)
    return answers


@simulated
async def test_who_hides_looks_offline_to_others() -> None:
    stage = Stage()
    stage.comes(HERE)
    await stage.store.keep(ANN, True, BUSY)
    await stage.look()
    assert stage.told() == [is_("dnd", BUSY)]
    stage.store.hidden.add(ANN)
    stage.system.tell_if_awake(presence_actor(ANN), Reconsider(reload=True))
    await asyncio.sleep(1.5)
    assert stage.told() == [is_("offline")]
    assert await answered(stage.ask(GetPresence(by=BOB))) == [is_("offline")]
    assert await answered(stage.ask(GetPresence(by=ANN))) == [is_("dnd", BUSY)]
    stage.away(HERE)
    await asyncio.sleep(1.5)
    assert stage.told() == []


@simulated
async def test_a_choice_that_could_not_be_read_is_read_anew() -> None:
    stage = Stage()
    stage.comes(HERE)
    await stage.look()
    stage.told()
    stage.store.hidden.add(ANN)
    stage.store.away = True
    stage.system.tell_if_awake(presence_actor(ANN), Reconsider(reload=True))
    await asyncio.sleep(1)
    stage.store.away = False
    assert stage.system.active(presence_actor(ANN)) is None
    stage.interests.on_digest(THERE, Digest(topics=((PRESENCE, -1),)))
    await asyncio.sleep(1)
    assert stage.told() == [is_("offline")]


@simulated
async def test_nobody_is_said_to_be_offline_while_that_is_in_doubt() -> None:
    stage = Stage()
    stage.comes(ELSEWHERE)
    await stage.look()
    stage.told()
    stage.system.on_link_lost(ELSEWHERE)
    await asyncio.sleep(DOUBT_S - 1)
    assert stage.told() == []
    stage.comes(ELSEWHERE)
    await asyncio.sleep(DOUBT_S)
    assert stage.told() == [], "it came back in time"
    stage.system.on_link_lost(ELSEWHERE)
    await asyncio.sleep(DOUBT_S + 1)
    assert stage.states() == ["offline"]


@simulated
async def test_a_new_owner_waits_to_hear_of_the_users() -> None:
    stage = Stage()
    stage.directory.version = 2
    stage.system.on_view()
    await stage.look()
    assert stage.told() == []
    stage.comes(ELSEWHERE)
    stage.away(ELSEWHERE)
    await asyncio.sleep(0.1)
    assert stage.states()[-1:] == ["away"]
    await asyncio.sleep(DOUBT_S + 1)
    assert stage.told() == []


@simulated
async def test_for_whom_nobody_looks_at_nothing_is_read_and_nothing_sent() -> None:
    stage = Stage()
    stage.comes(HERE, ELSEWHERE)
    stage.away(HERE)
    stage.system.on_link_lost(ELSEWHERE)
    stage.goes(HERE)
    await asyncio.sleep(DOUBT_S + 1)
    assert (stage.store.reads, len(stage.system)) == (0, 0)
    assert all(isinstance(envelope, Listening) for _, envelope in stage.switch.sent)


@simulated
async def test_it_is_awake_as_long_as_somebody_looks() -> None:
    stage = Stage()
    await stage.look()
    for _ in range(60):
        stage.interests.on_digest(THERE, Digest(topics=((PRESENCE, -1),)))
        await asyncio.sleep(5)
    assert stage.store.reads == 1
    stage.interests.on_no_interest(THERE, NoInterest(topics=(PRESENCE,)))
    await asyncio.sleep(120)
    assert len(stage.system) == 0
