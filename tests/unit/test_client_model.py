"""Whatever is lost, comes twice or late, a client posts each message once, in order."""

from collections import deque
from collections.abc import Callable, Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from streamhub.client.channel_state import Need
from streamhub.client.events import ClientEvent, MemberJoined, MessagePosted
from streamhub.client.model import Model
from streamhub.protocol.connection import Rules
from streamhub.protocol.frames import (
    ChannelOverview,
    ChannelRef,
    ChannelSync,
    Event,
    History,
    MemberEvent,
    MemberObject,
    MessageEvent,
    MessageObject,
    NotificationCounts,
    ReactionObject,
    Ready,
    SyncPage,
    SyncReset,
    UserObject,
)

CHANNEL = "ch_" + "0" * 26
ALICE = UserObject(id="us_" + "a" * 26, handle="alice", name="Alice")
KEEP = 10
RESET_AFTER = 15
HISTORY_PAGE = 4


class Rows:
    """The truth, as a server's rows tell it: each remembers the rev of its last change."""

    def __init__(self) -> None:
        self.rev = 0
        self.messages: dict[int, MessageObject] = {}
        self.members: dict[str, MemberObject] = {}

    def post(self) -> Event:
        self.rev += 1
        seq = len(self.messages) + 1
        message = MessageObject(
            id=f"me_{seq:026d}",
            channel=CHANNEL,
            seq=seq,
            nth=seq,
            rev=self.rev,
            author=ALICE.id,
            text=f"text {seq}",
            created_at=seq,
        )
        self.messages[seq] = message
        return Event(name="message.created", rev=self.rev, body=MessageEvent(message=message))

    def edit(self, seq: int) -> Event:
        self.rev += 1
        edited = structs.replace(
            self.messages[seq],
            rev=self.rev,
            text=f"edited at {self.rev}",
            edited_at=self.rev,
            reactions=(ReactionObject(reaction="+", count=1, users=(ALICE.id,)),),
            pinned_at=self.rev,
        )
        return self._changed("message.updated", edited)

    def delete(self, seq: int) -> Event:
        self.rev += 1
        gone = structs.replace(
            self.messages[seq], rev=self.rev, text=None, reactions=(), deleted=True
        )
        return self._changed("message.deleted", gone)

    def _changed(self, name: str, message: MessageObject) -> Event:
        self.messages[message.seq] = message
        return Event(name=name, rev=self.rev, body=MessageEvent(message=message))

    def join(self) -> Event:
        self.rev += 1
        user = f"us_{len(self.members):026d}"
        member = MemberObject(user=user, role="member", joined_at=self.rev, rev=self.rev)
        self.members[user] = member
        body = MemberEvent(channel=CHANNEL, members=(member,))
        return Event(name="member.joined", rev=self.rev, body=body)

    def skip(self) -> Event:
        self.rev += 1
        return Event(name="rev.skipped", rev=self.rev, body=ChannelRef(channel=CHANNEL))

    def overview(self) -> ChannelOverview:
        return ChannelOverview(
            id=CHANNEL,
            kind="channel",
            name="general",
            role="member",
            rev=self.rev,
            last_seq=len(self.messages),
            nth=len(self.messages),
            read_seq=0,
            read_nth=0,
            unread=len(self.messages),
            mentions=0,
        )

    def ready(self) -> Ready:
        return Ready(
            session="se_" + "0" * 26,
            user=ALICE,
            channels=(self.overview(),),
            notifications=NotificationCounts(unread=0),
            limits=Rules().as_limits,
        )

    def page(self, since: int, size: int) -> SyncPage:
        """At most `size` changes after `since`, as state."""
        rows: list[MessageObject | MemberObject]
        rows = [*self.messages.values(), *self.members.values()]
        missed = sorted((row for row in rows if row.rev > since), key=lambda row: row.rev)
        more = len(missed) > size
        return SyncPage(
            channel=CHANNEL,
            from_rev=since,
            to_rev=missed[size - 1].rev if more else self.rev,
            messages=tuple(row for row in missed[:size] if isinstance(row, MessageObject)),
            members=tuple(row for row in missed[:size] if isinstance(row, MemberObject)),
            more=more,
        )

    def answer(self, need: Need, size: int) -> SyncPage | History:
        if not isinstance(need, ChannelSync):
            assert need.after is not None
            later = [m for seq, m in sorted(self.messages.items()) if seq > need.after]
            return History(
                items=tuple(later[:HISTORY_PAGE]),
                has_before=need.after > 0,
                has_after=len(later) > HISTORY_PAGE,
                rev=self.rev,
            )
        if self.rev - need.rev > RESET_AFTER:
            return SyncPage(
                channel=CHANNEL,
                from_rev=need.rev,
                to_rev=self.rev,
                messages=(),
                members=(),
                more=False,
                reset=True,
            )
        return self.page(need.rev, size)


Sent = Callable[[], Event]


class ExactlyOnce(RuleBasedStateMachine):
    """One channel on a socket that is cut, and a server that sends more than it should."""

    @initialize(posts=st.integers(0, 5))
    def connect(self, posts: int) -> None:
        self.rows = Rows()
        for _ in range(posts):
            self.rows.post()
        self.first_seq = posts + 1
        self.socket: deque[Sent] = deque()
        self.seen: list[Event] = []
        self.reply: tuple[Need, SyncPage | History] | None = None
        self.happened: list[ClientEvent] = []
        self.model = Model(KEEP)
        assert self.model.since() is None
        assert self.model.ready(self.rows.ready(), epoch=1) == []

    # -- what the server does

    @rule(count=st.integers(1, 8), edited=st.booleans())
    def post(self, count: int, edited: bool) -> None:
        first = len(self.rows.messages) + 1
        for _ in range(count):
            self._send(self.rows.post())
        if edited:
            self.rows.edit(first)  # untold: pages bring it after those that were posted later

    @precondition(lambda self: self.rows.messages)
    @rule(back=st.integers(0, 20), deleted=st.booleans())
    def revise(self, back: int, deleted: bool) -> None:
        seq = max(1, len(self.rows.messages) - back)
        self._send(self.rows.delete(seq) if deleted else self.rows.edit(seq))

    @rule()
    def join(self) -> None:
        self._send(self.rows.join())

    @rule()
    def skip(self) -> None:
        self._send(self.rows.skip())

    @rule(back=st.integers(0, 10), size=st.integers(1, 6))
    def push_pages(self, back: int, size: int) -> None:
        self._push(max(0, self.rows.rev - back), size)

    # -- what the network and the client do

    @rule(count=st.integers(1, 6))
    def deliver(self, count: int) -> None:
        for _ in range(min(count, len(self.socket))):
            self._take(self.socket.popleft()())

    @precondition(lambda self: self.socket)
    @rule()
    def deliver_while_busy(self) -> None:
        self._take(self.socket.popleft()(), busy=True)

    @precondition(lambda self: self.socket)
    @rule()
    def lose(self) -> None:
        event = self.socket.popleft()()
        if isinstance(event.body, SyncPage):
            self._take(event)  # only a change can be missing, a page is asked for again

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        self._take(data.draw(st.sampled_from(self.seen)))

    @rule(size=st.integers(1, 6))
    def ask(self, size: int) -> None:
        if self.reply is None and (need := self.model.next_need()):
            self.reply = need, self.rows.answer(need, size)

    @precondition(lambda self: self.reply is not None)
    @rule()
    def be_answered(self) -> None:
        assert self.reply is not None
        (need, reply), self.reply = self.reply, None
        self._note(self.model.answer(need, reply))

    @rule(size=st.integers(1, 6))
    def reconnect(self, size: int) -> None:
        self.socket.clear()
        self.reply = None
        self.model.lost()
        since = self.model.since()
        assert since is not None
        self._note(self.model.ready(self.rows.ready(), epoch=1))
        held = since.channels.get(CHANNEL, self.rows.rev)
        if self.rows.rev - held > RESET_AFTER:
            reset = SyncReset(channel=CHANNEL, rev=self.rows.rev)
            self.socket.append(lambda: Event(name="sync.reset", body=reset))
        elif held < self.rows.rev:
            self._push(held, size)

    # -- what must hold

    @invariant()
    def posted_in_order_without_a_hole(self) -> None:
        if hasattr(self, "happened"):
            seqs = [e.message.seq for e in self.happened if isinstance(e, MessagePosted)]
            assert seqs == list(range(self.first_seq, self.first_seq + len(seqs)))

    @invariant()
    def nobody_joins_twice(self) -> None:
        if hasattr(self, "happened"):
            joined = [e.member.user for e in self.happened if isinstance(e, MemberJoined)]
            assert len(joined) == len(set(joined))

    def teardown(self) -> None:
        if not hasattr(self, "happened"):
            return
        self.reconnect(size=3)
        for _ in range(1000):
            if not (self.socket or self.model.next_need()):
                break
            self.deliver(count=6)
            self.ask(size=3)
            if self.reply is not None:
                self.be_answered()
        assert not self.socket
        assert self.model.next_need() is None
        self.posted_in_order_without_a_hole()
        posted = sum(isinstance(event, MessagePosted) for event in self.happened)
        assert posted == len(self.rows.messages) - self.first_seq + 1
        state = self.model.channels[CHANNEL]
        assert state.rev == self.rows.rev
        assert len(state.recent) <= KEEP
        assert list(state.recent) == [self.rows.messages[m.seq] for m in state.recent]
        assert state.overview.unread == len(self.rows.messages)

    # -- private

    def _send(self, event: Event) -> None:
        self.socket.append(lambda: event)

    def _push(self, since: int, size: int) -> None:
        """A page read when it is sent; where it is not the last, another follows."""

        def page() -> Event:
            body = self.rows.page(since, size)
            if body.more:
                self._push(body.to_rev, size)
            return Event(name="sync.page", body=body)

        self.socket.append(page)

    def _take(self, event: Event, *, busy: bool = False) -> None:
        if event.rev is not None:
            self.seen.append(event)
        self._note(self.model.take(event, busy=busy))

    def _note(self, happened: Iterable[ClientEvent]) -> None:
        self.happened.extend(happened)


TestExactlyOnce = ExactlyOnce.TestCase
TestExactlyOnce.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
