"""What PostgreSQL's tables hold, and what its statements do to them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from streamhub.domain.changes import Hint, NotStored
from streamhub.domain.channels import Channel, Edition, Head, Level, Member, Message
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.notifications import Notification

REFUSED: Final = NotStored(reason="refused", detail="PostgreSQL does not store this text")


def storable(*texts: str) -> bool:
    """Whether PostgreSQL takes these texts."""
    try:
        return b"\0" not in "".join(texts).encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False


class RowLock:
    """The lock on a channel's row: first come, first served."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, then: Callable[[], None]) -> None:
        """Call `then` once the lock is ours: now, or when all before have released it."""
        if self._held:
            self._waiting.append(then)
            return
        self._held = True
        then()

    def release(self) -> None:
        if self._waiting:
            self._waiting.popleft()()
        else:
            self._held = False

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        if self._held:
            await self._turn()
        else:
            self._held = True
        try:
            yield
        finally:
            self.release()

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.take(lambda: self.release() if turn.cancelled() else turn.set_result(None))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was ours already
                self.release()
            raise


class MemberRow(msgspec.Struct):
    """A row of members: the membership, the read markers, and how much is heard of."""

    member: Member
    read_seq: int
    read_nth: int
    hidden_nth: int | None = None
    notify: Level | None = None
    notify_until: int | None = None


class FollowerRow(msgspec.Struct):
    """A row of thread_followers."""

    following: bool
    read_number: int


class ChannelRows(msgspec.Struct, kw_only=True):
    """A channel and what belongs to it. `messages` are those it still keeps, by seq; `keys` says
    which seq used a key first, with which digest; `gone_nth` is that of the last message gone.

    `mentions` holds the nths of the messages that mentioned a user; `reactions`, by message and
    kind, the rev at which each user gave it.
    """

    channel: Channel
    digest: bytes
    head: Head
    lock: RowLock
    view: int = 0
    gone_nth: int = 0
    messages: list[Message] = []
    seqs: dict[MessageId, int] = {}
    keys: dict[tuple[UserId, str], tuple[int, bytes]] = {}
    followers: dict[tuple[UserId, MessageId], FollowerRow] = {}
    editions: dict[MessageId, list[Edition]] = {}
    reactions: dict[MessageId, dict[str, dict[UserId, int]]] = {}
    members: dict[UserId, MemberRow] = {}
    mentions: dict[UserId, list[int]] = {}

    def at(self, seq: int) -> Message:
        return self.messages[seq - 1 - self.channel.gone_seq]

    def put(self, message: Message) -> None:
        """In the place of what it was."""
        self.messages[message.seq - 1 - self.channel.gone_seq] = message

    def nth_of(self, seq: int) -> int:
        return self.at(seq).nth if seq > self.channel.gone_seq else self.gone_nth

    def forget(self, gone: list[Message]) -> None:
        """The oldest messages, and what belongs to them."""
        last = gone[-1]
        del self.messages[: len(gone)]
        for message in gone:
            del self.seqs[message.id]
            self.editions.pop(message.id, None)
            self.reactions.pop(message.id, None)
        self.keys = {key: one for key, one in self.keys.items() if one[0] > last.seq}
        self.followers = {
            (user, root): one for (user, root), one in self.followers.items() if root in self.seqs
        }
        for nths in self.mentions.values():
            nths[:] = [nth for nth in nths if nth > last.nth]

    def present(self, user: UserId) -> MemberRow | None:
        row = self.members.get(user)
        return row if row is not None and row.member.left_at is None else None

    def unread_mentions(self, user: UserId, read_nth: int) -> int:
        return sum(nth > read_nth for nth in self.mentions.get(user, ()))


class Tables:
    """One database, shared by the stores and journals of every host. `now_ms` dates hints; `view`
    is the version of the present view; `hidden` are those who do not let it be known how far they
    have read."""

    def __init__(self, now_ms: Callable[[], int] = lambda: 0) -> None:
        self._now_ms = now_ms
        self._last_hint = 0
        self.view = 0
        self.channels: dict[ChannelId, ChannelRows] = {}
        self.created: dict[tuple[UserId, str], ChannelId] = {}
        self.directs: dict[tuple[UserId, ...], ChannelId] = {}
        self.messages: dict[MessageId, ChannelId] = {}
        self.saved: dict[UserId, dict[MessageId, int]] = {}
        self.hidden: set[UserId] = set()
        self.outbox: dict[int, tuple[Hint, int]] = {}
        self.notifications: dict[UserId, dict[tuple[ChannelId, int], Notification]] = {}

    def now_ms(self) -> int:
        return self._now_ms()

    def append(self, rows: ChannelRows, message: Message, key: str, digest: bytes) -> None:
        rows.messages.append(message)
        rows.seqs[message.id] = message.seq
        rows.keys[message.author, key] = (message.seq, digest)
        self.messages[message.id] = message.channel

    def add_hint(
        self,
        user: UserId,
        kind: str,
        channel: ChannelId,
        *,
        rev: int = 1,
        seq: int | None = None,
        by: UserId | None = None,
    ) -> Hint:
        self._last_hint += 1
        fields = {"number": self._last_hint, "user": user, "kind": kind, "channel": channel}
        hint = msgspec.convert(fields | {"rev": rev, "seq": seq, "by": by}, Hint)
        self.outbox[hint.number] = (hint, self._now_ms())
        return hint
