"""The actor runtime: decide, perform, answer once, wait, drop, sleep."""

import asyncio
from collections.abc import Callable
from typing import Any

from support.actor_bench import ELSEWHERE, THERE, Bench, Scripted, said, simulated

from streamhub.actors.context import Context, Token
from streamhub.actors.system import MAILBOX_LIMIT, TURN
from streamhub.domain.changes import MembersLeft, NotStored
from streamhub.domain.drafts import LeaveDraft
from streamhub.domain.envelopes import Answered, Ask, Changed, Interest, Tell
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.ids import ChannelId
from streamhub.domain.messages import (
    AWAY,
    BROKEN,
    MOVED,
    NOT_FOUND,
    OVERLOADED,
    UNKNOWN,
    ActorId,
    Answer,
    Done,
    Problem,
)

Handler = Callable[[Any, Context], None]
THING = ActorId("thing", "a")
DRAFT = LeaveDraft(channel=ChannelId("ch_a"), term=1, users=(), at=0)
CHANGE = MembersLeft(channel=ChannelId("ch_a"), rev=1, members=())


def ok(message: Any, ctx: Context) -> None:
    ctx.reply(Done())


def bench(**script: Handler) -> tuple[Bench, list[Scripted]]:
    """A host with actors of this script, and those that were made, in order."""
    made: list[Scripted] = []

    async def load(key: str) -> str:
        return key

    def make(key: str) -> Scripted:
        made.append(Scripted({"ok": ok, **script}))
        return made[-1]

    return Bench(load, make), made


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# -- deciding and performing  ------------------------------------------------------------


@simulated
async def test_a_request_is_answered() -> None:
    host, _ = bench()
    answers = host.ask("a", said("ok"))
    await turns()
    assert answers == [Done()]


@simulated
async def test_effects_are_performed_in_the_order_they_were_asked_for() -> None:
    def several(message: Any, ctx: Context) -> None:
        ctx.tell(ActorId("thing", "far"), said("one"))
        ctx.reply(Done())
        ctx.publish(CHANGE, term=3)
        ctx.tell(ActorId("thing", "far"), said("two"))

    host, _ = bench(several=several)
    host.directory.elsewhere[ActorId("thing", "far")] = THERE
    host.system.interests.on_interest(THERE, Interest(topics=(("thing:a", -1),)))
    host.switch.sent.clear()
    host.system.on_ask(THERE, Ask(to=THING, number=7, within_ms=1000, message=said("several")))
    await turns()
    assert host.switch.to(THERE) == [
        Tell(to=ActorId("thing", "far"), message=said("one")),
        Answered(number=7, answer=Done()),
        Changed(topic="thing:a", term=3, change=CHANGE),
        Tell(to=ActorId("thing", "far"), message=said("two")),
    ]


@simulated
async def test_nothing_happens_of_what_was_asked_for_before_a_refusal() -> None:
    def refuse(message: Any, ctx: Context) -> None:
        ctx.store(DRAFT, _unexpected, _unexpected)
        ctx.reply(Done())
        raise Refused("forbidden", "no")

    host, _ = bench(refuse=refuse)
    answers = host.ask("a", said("refuse"))
    await turns()
    assert answers == [Problem(code="forbidden", detail="no")]
    assert host.journal.waiting == []


@simulated
async def test_a_defect_while_deciding_fails_that_request_alone() -> None:
    def broken(message: Any, ctx: Context) -> None:
        raise KeyError("defect")

    host, made = bench(broken=broken)
    first, second = host.ask("a", said("broken")), host.ask("a", said("ok"))
    await turns()
    assert (first, second) == ([BROKEN], [Done()])
    assert len(made) == 1


@simulated
async def test_a_handler_that_answers_nothing_is_answered_for() -> None:
    host, _ = bench(silent=lambda message, ctx: None)
    answers = host.ask("a", said("silent"))
    await turns()
    assert answers == [BROKEN]


@simulated
async def test_a_request_cannot_be_answered_twice() -> None:
    def twice(message: Any, ctx: Context) -> None:
        ctx.reply(Done())
        ctx.reply(Done())

    host, _ = bench(twice=twice)
    answers = host.ask("a", said("twice"))
    await turns()
    assert answers == [BROKEN]


@simulated
async def test_a_kept_request_is_answered_once_and_later() -> None:
    kept: list[Token] = []

    def keep(message: Any, ctx: Context) -> None:
        kept.append(ctx.take_reply())

    def give(message: Any, ctx: Context) -> None:
        ctx.answer(kept[0], MOVED)
        ctx.answer(kept[0], UNKNOWN)
        ctx.reply(Done())

    host, _ = bench(keep=keep, give=give)
    first = host.ask("a", said("keep"))
    await turns()
    assert first == []
    host.ask("a", said("give"))
    await turns()
    assert first == [MOVED]


@simulated
async def test_a_defect_while_applying_drops_the_actor_and_the_next_message_loads_it() -> None:
    def store(message: Any, ctx: Context) -> None:
        ctx.take_reply()
        ctx.store(DRAFT, _unexpected, _defect)

    host, made = bench(store=store)
    answers = host.ask("a", said("store"))
    await turns()
    host.journal.settle(NotStored(reason="refused"))
    await turns()
    assert answers == [UNKNOWN]
    assert made[0].is_closed
    again = host.ask("a", said("ok"))
    await turns()
    assert again == [Done()]
    assert len(made) == 2


@simulated
async def test_whoever_fails_on_its_answer_stops_nobody_else() -> None:
    host, _ = bench()

    def fail(answer: Answer) -> None:
        raise RuntimeError("the asker's defect")

    host.system.ask(THING, said("ok"), fail)
    answers = host.ask("a", said("ok"))
    await turns()
    assert answers == [Done()]
    host.system.ask(ActorId("thing", "never"), said("ok"), fail, 0.01)
    await asyncio.sleep(1.0)
    late = host.ask("a", said("ok"))
    await turns()
    assert late == [Done()]


@simulated
async def test_a_port_that_fails_drops_the_actor_and_stops_nobody_else() -> None:
    def store(message: Any, ctx: Context) -> None:
        ctx.take_reply()
        ctx.store(DRAFT, _unexpected, _unexpected)

    host, _ = bench(store=store)

    def submit(draft: Any, done: Any) -> None:
        raise OSError("no journal")

    host.journal.submit = submit  # type: ignore[method-assign]
    first, second = host.ask("a", said("store")), host.ask("b", said("ok"))
    await turns()
    assert (first, second) == ([UNKNOWN], [Done()])


# -- mailboxes  ------------------------------------------------------------


@simulated
async def test_beyond_its_limit_a_mailbox_takes_no_messages_but_every_completion() -> None:
    done: list[str] = []

    def run(message: Any, ctx: Context) -> None:
        async def work() -> None:
            await asyncio.sleep(1.0)

        ctx.run(work, lambda result, ctx: done.append("completed"), _unexpected)
        ctx.reply(Done())

    host, _ = bench(run=run)
    host.ask("a", said("run"))
    await turns()
    await asyncio.sleep(0.99)
    answers = [host.ask("a", said("ok")) for _ in range(MAILBOX_LIMIT + 3)]
    assert [given for given in answers if given] == [[OVERLOADED]] * 3
    await asyncio.sleep(1.0)
    assert done == ["completed"]
    assert answers.count([Done()]) == MAILBOX_LIMIT


@simulated
async def test_an_actor_has_its_turn_and_then_the_next() -> None:
    order: list[str] = []

    def note(message: Any, ctx: Context) -> None:
        order.append(message.key)
        ctx.reply(Done())

    host, _ = bench(note=note)
    host.ask("a", said("ok"))
    host.ask("b", said("ok"))
    await turns()
    for _ in range(TURN + 1):
        host.ask("a", said("note"))
    host.ask("b", said("ok"))
    busy = host.system.active(THING)
    quiet = host.system.active(ActorId("thing", "b"))
    assert isinstance(busy, Scripted)
    assert isinstance(quiet, Scripted)
    await turns(1)
    assert (len(busy.log), len(quiet.log)) == (1 + TURN, 2)
    await turns()
    assert len(busy.log) == 2 + TURN


@simulated
async def test_without_its_lease_a_host_answers_for_nothing() -> None:
    host, made = bench()
    host.directory.serving = False
    assert host.ask("a", said("ok")) == [AWAY]
    assert made == []


@simulated
async def test_without_an_owner_nobody_can_be_asked() -> None:
    host, _ = bench()
    host.directory.default = None
    assert host.ask("a", said("ok")) == [AWAY]


@simulated
async def test_a_kind_that_is_not_known_does_not_exist() -> None:
    host, _ = bench()
    answers: list[Answer] = []
    host.system.ask(ActorId("nothing", "a"), said("ok"), answers.append)
    assert answers == [NOT_FOUND]


# -- coming to life  ------------------------------------------------------------


@simulated
async def test_messages_wait_while_an_actor_loads() -> None:
    loading = asyncio.Event()

    async def load(key: str) -> str:
        await loading.wait()
        return key

    host = Bench(load, lambda key: Scripted({"ok": ok}))
    answers = [host.ask("a", said("ok")) for _ in range(3)]
    await turns()
    assert answers == [[], [], []]
    loading.set()
    await turns()
    assert answers == [[Done()]] * 3


@simulated
async def test_a_failed_load_answers_all_and_is_not_tried_again_for_a_second() -> None:
    loads: list[str] = []

    async def load(key: str) -> str:
        loads.append(key)
        await asyncio.sleep(0.1)
        raise TryAgain("unavailable")

    host = Bench(load, _unexpected)
    answers = [host.ask("a", said("ok")) for _ in range(3)]
    await asyncio.sleep(0.2)
    assert answers == [[AWAY]] * 3
    assert host.ask("a", said("ok")) == [AWAY]
    await asyncio.sleep(0.8)
    assert host.ask("a", said("ok")) == [AWAY]
    assert loads == ["a"]
    await asyncio.sleep(0.2)
    assert host.ask("a", said("ok")) == []
    await turns()
    assert loads == ["a", "a"]


@simulated
async def test_an_actor_that_cannot_be_made_is_like_one_that_cannot_be_loaded() -> None:
    async def load(key: str) -> str:
        return key

    host = Bench(load, _unexpected)
    answers = host.ask("a", said("ok"))
    await turns()
    assert answers == [AWAY]
    assert len(host.system) == 0


@simulated
async def test_an_id_that_does_not_exist_leaves_nothing() -> None:
    async def load(key: str) -> None:
        return None

    host = Bench(load, _unexpected)
    answers = host.ask("a", said("ok"))
    await turns()
    assert answers == [NOT_FOUND]
    assert len(host.system) == 0


# -- ends  ------------------------------------------------------------


@simulated
async def test_what_a_dropped_actor_owes_is_unknown_and_late_results_are_never_delivered() -> None:
    heard: list[str] = []

    def begin(message: Any, ctx: Context) -> None:
        ctx.take_reply()

        async def work() -> None:
            await asyncio.sleep(1.0)

        ctx.run(work, lambda result, ctx: heard.append("late"), _unexpected)
        ctx.store(DRAFT, _unexpected, lambda failure, ctx: heard.append("late"))
        ctx.timer(1.0, lambda ctx: heard.append("late"))

    def drop(message: Any, ctx: Context) -> None:
        ctx.reply(Done())
        ctx.drop()

    host, made = bench(begin=begin, drop=drop)
    owed, dropped = host.ask("a", said("begin")), host.ask("a", said("drop"))
    behind = host.ask("a", said("ok"))
    await turns()
    assert (owed, dropped, behind) == ([UNKNOWN], [Done()], [UNKNOWN])
    host.ask("a", said("ok"))
    await turns()
    host.journal.settle(NotStored(reason="unavailable"))
    await asyncio.sleep(2.0)
    assert heard == []
    assert len(made) == 2


@simulated
async def test_work_that_is_given_up_is_a_failure() -> None:
    heard: list[Exception] = []

    def begin(message: Any, ctx: Context) -> None:
        async def work() -> None:
            raise asyncio.CancelledError

        ctx.run(work, _unexpected, lambda error, ctx: heard.append(error))
        ctx.reply(Done())

    host, _ = bench(begin=begin)
    host.ask("a", said("begin"))
    await turns(8)
    assert [type(error) for error in heard] == [TryAgain]


@simulated
async def test_an_actor_sleeps_only_when_nothing_is_outstanding() -> None:
    def store(message: Any, ctx: Context) -> None:
        ctx.reply(Done())
        ctx.store(DRAFT, _unexpected, lambda failure, ctx: None)

    host, made = bench(store=store)
    host.ask("a", said("store"))
    await asyncio.sleep(300.0)
    assert len(host.system) == 1
    host.journal.settle(NotStored(reason="unavailable"))
    await asyncio.sleep(59.0)
    assert len(host.system) == 1
    await asyncio.sleep(10.0)
    assert len(host.system) == 0
    assert made[0].is_closed


@simulated
async def test_closing_answers_what_is_owed() -> None:
    host, _ = bench(keep=lambda message, ctx: ctx.take_reply() and None)
    kept = host.ask("a", said("keep"))
    await turns()
    await host.system.close()
    assert kept == [MOVED]
    assert host.ask("a", said("ok")) == [AWAY]


# -- views and other hosts  ------------------------------------------------------------


@simulated
async def test_an_actor_that_moved_is_given_up_and_the_others_stay() -> None:
    host, made = bench(keep=lambda message, ctx: ctx.take_reply() and None)
    kept = host.ask("a", said("keep"))
    host.ask("b", said("ok"))
    await turns()
    host.directory.elsewhere[THING] = THERE
    host.directory.version = 2
    host.system.on_view()
    assert kept == [MOVED]
    assert [actor.is_closed for actor in made] == [True, False]


@simulated
async def test_in_a_version_that_was_skipped_any_actor_may_have_moved() -> None:
    host, made = bench()
    host.ask("a", said("ok"))
    await turns()
    host.directory.version = 3
    host.system.on_view()
    assert made[0].is_closed


@simulated
async def test_a_message_for_an_actor_that_moved_is_forwarded_once() -> None:
    host, _ = bench()
    host.directory.elsewhere[THING] = ELSEWHERE
    ask = Ask(to=THING, number=7, within_ms=1000, message=said("ok"))
    host.system.on_ask(THERE, ask)
    [onward] = host.switch.to(ELSEWHERE)
    assert isinstance(onward, Ask)
    assert (onward.hops, onward.origin, onward.number) == (1, THERE, 7)
    host.system.on_ask(ELSEWHERE, onward)
    assert host.switch.to(THERE) == [Answered(number=7, answer=MOVED)]


@simulated
async def test_a_forwarded_request_is_answered_to_who_asked_first() -> None:
    host, _ = bench()
    ask = Ask(to=THING, number=7, within_ms=1000, message=said("ok"), hops=1, origin=THERE)
    host.system.on_ask(ELSEWHERE, ask)
    await turns()
    assert host.switch.to(THERE) == [Answered(number=7, answer=Done())]


@simulated
async def test_what_cannot_be_forwarded_is_said_to_have_moved() -> None:
    host, _ = bench()
    host.directory.elsewhere[THING] = ELSEWHERE
    host.switch.down.add(ELSEWHERE)
    host.system.on_ask(THERE, Ask(to=THING, number=7, within_ms=1000, message=said("ok")))
    assert host.switch.to(THERE) == [Answered(number=7, answer=MOVED)]


@simulated
async def test_a_request_over_a_link_is_answered_lost_or_late() -> None:
    host, _ = bench()
    host.directory.default = THERE
    answered, lost, late = (host.ask("a", said("ok"), within_s=2.0) for _ in range(3))
    numbers = [ask.number for ask in host.switch.to(THERE) if isinstance(ask, Ask)]
    host.system.on_answered(THERE, Answered(number=numbers[0], answer=Done()))
    host.system.on_answered(THERE, Answered(number=numbers[0], answer=MOVED))
    assert answered == [Done()]
    await asyncio.sleep(2.3)
    assert [p.code for p in (*lost, *late) if isinstance(p, Problem)] == ["timeout", "timeout"]
    again = host.ask("a", said("ok"))
    host.system.on_link_lost(THERE)
    assert [p.code for p in again if isinstance(p, Problem)] == ["unknown"]
    host.system.on_answered(THERE, Answered(number=numbers[2], answer=Done()))
    assert len(late) == 1


@simulated
async def test_a_link_that_is_down_is_said_at_once() -> None:
    host, _ = bench()
    host.directory.default = THERE
    host.switch.down.add(THERE)
    assert host.ask("a", said("ok")) == [AWAY]


@simulated
async def test_asking_another_actor_gives_its_answer_or_its_problem() -> None:
    heard: list[object] = []

    def relay(message: Any, ctx: Context) -> None:
        to = ActorId("thing", "b")
        ctx.ask(to, said("ok"), lambda answer, ctx: heard.append(answer), _unexpected)
        ctx.ask(to, said("no"), _unexpected, lambda error, ctx: heard.append(error.code))
        ctx.reply(Done())

    def no(message: Any, ctx: Context) -> None:
        raise Refused("forbidden")

    host, _ = bench(relay=relay, no=no)
    host.ask("a", said("relay"))
    await turns(10)
    assert heard == [Done(), "forbidden"]


@simulated
async def test_a_told_message_has_no_answer_and_its_refusal_nobody_to_hear_it() -> None:
    def refuse(message: Any, ctx: Context) -> None:
        raise Refused("forbidden")

    host, made = bench(refuse=refuse)
    host.system.tell(THING, said("refuse"))
    host.system.on_tell(THERE, Tell(to=THING, message=said("ok")))
    await turns()
    assert made[0].log == ["refuse", "ok"]
    assert host.switch.sent == []


def _unexpected(*args: Any) -> Any:
    raise AssertionError(f"not expected: {args}")


def _defect(*args: Any) -> None:
    raise KeyError("defect")
