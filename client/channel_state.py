"""What a client holds of one channel, and how each way of hearing about it changes that.

Three ways lead to the same place: live changes, pages of what was missed, and history after a
reset. Whatever their order, and however often they come, each message is posted once, by `seq`.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import structs

from streamhub.client.events import (
    ChannelChange,
    ChannelReset,
    ChannelUpdated,
    MemberJoined,
    MemberLeft,
    MemberUpdated,
    MessageChanged,
    MessagePosted,
    ReadUpdated,
)
from streamhub.protocol.frames import (
    ChannelEvent,
    ChannelObject,
    ChannelOverview,
    ChannelSync,
    History,
    MemberEvent,
    MemberObject,
    MessageEvent,
    MessageHistory,
    MessageObject,
    Outgoing,
    ReadState,
    SyncPage,
)
from streamhub.protocol.scalars import MAX_PAGE

Need = ChannelSync | MessageHistory


class ChannelState:
    """One channel. It starts where the overview says the channel stands: what came before is
    history, to be asked for, and is never posted.

    `need` is what must be asked of the server to get on; its reply goes to `page` or `filled`.
    """

    def __init__(self, overview: ChannelOverview, keep: int, me: str | None = None) -> None:
        """`me`: whose role the overview has."""
        self._keep: Final = keep
        self._me: Final = me
        self.overview = overview
        self.rev = overview.rev
        self.posted_seq = overview.last_seq
        self._heard = overview.rev
        self._coming = False  # the server said that it will send a page by itself
        self._partial = False  # between two pages: what is live does not fit on
        self._filling = False  # after a reset: messages come from history
        self._ahead: dict[int, MessagePosted] = {}
        self._recent: dict[int, MessageObject] = {}

    @property
    def id(self) -> str:
        return self.overview.id

    @property
    def hidden(self) -> bool:
        """A direct conversation that was taken off the list, and nothing came since."""
        nth = self.overview.hidden_nth
        return nth is not None and self.overview.nth <= nth and not self.overview.unread

    @property
    def recent(self) -> tuple[MessageObject, ...]:
        """The newest messages that are known here, in `seq` order; at most `keep`."""
        return tuple(self._recent[seq] for seq in sorted(self._recent))

    @property
    def resumable(self) -> bool:
        """Whether `rev` says all: then it is worth telling a server when coming back."""
        return not self._filling

    @property
    def need(self) -> Need | None:
        """What to ask. None: nothing is missing, or it is on its way."""
        if self._filling:
            return MessageHistory(channel=self.id, after=self.posted_seq, limit=MAX_PAGE)
        if self.rev < self._heard and not self._coming:
            return ChannelSync(channel=self.id, rev=self.rev)
        return None

    # -- connections come and go --------------------------------------------------------------

    def lost(self) -> None:
        """Nothing will come by itself any more."""
        self._coming = False

    def stands(self, overview: ChannelOverview) -> None:
        """Where the channel stands, by a new connection that was told what is held here."""
        self.overview = overview
        self._heard = overview.rev
        self._coming = self.resumable and self.rev < overview.rev

    def added(self, overview: ChannelOverview) -> None:
        """Told again of a channel that is held, perhaps late."""
        if overview.rev >= self.rev:
            self.overview = overview
        else:
            self.overview = structs.replace(self.overview, hidden_nth=overview.hidden_nth)
        self.hear(overview.rev)

    # -- what happens -------------------------------------------------------------------------

    def hear(self, rev: int) -> None:
        """There is a change `rev`, which is not looked at now."""
        self._heard = max(self._heard, rev)

    def hear_page(self, page: SyncPage) -> None:
        """The server sent a page by itself, which is not looked at now."""
        self._coming = page.more
        self.hear(page.to_rev + page.more)

    def change(
        self, rev: int, body: Outgoing, key: str | None, *, updated: bool = False
    ) -> list[ChannelChange]:
        """A live change: applied if it is the next one. `updated`: members are not new."""
        self.hear(rev)
        if self._filling or self._partial or rev != self.rev + 1:
            return []
        self.rev = rev
        match body:
            case MessageEvent(message=message):
                return [*self._message(message, key), *self._release(everything=True)]
            case MemberEvent(members=members):
                return [self._member(member, updated=updated) for member in members]
            case ChannelEvent(channel=info):
                return [self._info(info)]
            case _:
                return []  # rev.skipped, and what this version does not know

    def pushed(self, page: SyncPage) -> list[ChannelChange]:
        """A page the server sent by itself."""
        self._coming = page.more
        return self.page(page)

    def page(self, page: SyncPage) -> list[ChannelChange]:
        """What changed from one rev to another; applied unless it leaves a hole, or is old."""
        self.hear(page.to_rev + page.more)
        if self._filling or page.from_rev > self.rev or page.to_rev < self.rev:
            return []
        held, self.rev, self._partial = self.rev, page.to_rev, page.more
        info = (page.info,) if page.info else ()
        rows: list[MessageObject | MemberObject | ChannelObject]
        rows = [row for row in (*page.messages, *page.members, *info) if row.rev > held]
        changes: list[ChannelChange] = []
        for row in sorted(rows, key=lambda row: row.rev):
            match row:
                case MessageObject():
                    changes += self._message(row, None)
                    changes += self._release(everything=False)
                case MemberObject():
                    changes.append(self._member(row))
                case ChannelObject():
                    changes.append(self._info(row))
        return [*changes, *self._release(everything=not page.more)]

    def reset(self, rev: int) -> list[ChannelReset]:
        """Too far behind. Messages are caught up with by history, which costs the server less."""
        self.hear(rev)
        self._coming = False
        if self._filling or rev == self.rev:
            return []
        self._filling, self._partial = True, False
        self._ahead.clear()
        self._recent.clear()
        return [ChannelReset(self.id)]

    def filled(self, history: History) -> list[ChannelChange]:
        """Messages after the last one posted. At their end changes are followed again."""
        if not self._filling:
            return []
        changes: list[ChannelChange] = []
        for message in history.items:
            changes += self._message(message, None)
        changes += self._release(everything=True)
        if not (history.has_after and history.items):
            self._filling = False
            self.rev = history.rev
            self.hear(history.rev)
        return changes

    def read(self, state: ReadState) -> list[ReadUpdated]:
        """How far the user has read. It may have been said before the newest message was posted,
        so its count of unread ones is only the least there are."""
        before = self.overview
        nth = max(before.nth, state.read_nth + state.unread)
        self.overview = structs.replace(
            before,
            read_seq=state.read_seq,
            read_nth=state.read_nth,
            nth=nth,
            unread=nth - state.read_nth,
            mentions=state.mentions,
        )
        said = structs.replace(state, unread=self.overview.unread)
        return [] if self.overview == before else [ReadUpdated(said)]

    def learn(self, messages: Iterable[MessageObject]) -> None:
        """Messages that were asked for; the larger rev wins, whatever way it came."""
        for message in messages:
            held = self._recent.get(message.seq)
            if held is None or held.rev < message.rev:
                self._recent[message.seq] = message
        for seq in sorted(self._recent)[: -self._keep]:
            del self._recent[seq]

    # -- private ------------------------------------------------------------------------------

    def _message(self, message: MessageObject, key: str | None) -> list[MessageChanged]:
        """Held back until those with a smaller seq are there, unless it was posted before."""
        held = self._recent.get(message.seq)
        self.learn([message])
        if message.seq > self.posted_seq:
            self._ahead[message.seq] = MessagePosted(message, key)
            return []
        return [] if held and held.rev >= message.rev else [MessageChanged(message)]

    def _release(self, *, everything: bool) -> list[MessagePosted]:
        """Those that are next. `everything`: a seq that is not here will not come."""
        released = []
        for seq in sorted(self._ahead):
            if not everything and seq != self.posted_seq + 1:
                break
            self.posted_seq = seq
            released.append(self._ahead.pop(seq))
        if released:
            self._count(released[-1].message)
        return released

    def _count(self, newest: MessageObject) -> None:
        nth = max(self.overview.nth, newest.nth)
        self.overview = structs.replace(
            self.overview,
            rev=self.rev,
            last_seq=max(self.overview.last_seq, newest.seq),
            nth=nth,
            unread=max(0, nth - self.overview.read_nth),
        )

    def _member(self, member: MemberObject, *, updated: bool = False) -> ChannelChange:
        if member.user == self._me and not member.left:
            self.overview = structs.replace(self.overview, role=member.role)
        if updated:
            return MemberUpdated(self.id, member)
        return (MemberLeft if member.left else MemberJoined)(self.id, member)

    def _info(self, info: ChannelObject) -> ChannelUpdated:
        self.overview = structs.replace(self.overview, name=info.name)
        for seq in [seq for seq in self._recent if seq <= info.gone_seq]:
            del self._recent[seq]
        return ChannelUpdated(info)
