"""The channel store's twin."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from streamhub.domain.channel_store import newer_owner
from streamhub.domain.channels import (
    LOOKED_BACK,
    MAX_SAVED,
    MAX_SEEN,
    Changes,
    Channel,
    Edition,
    Head,
    History,
    Loaded,
    Member,
    Message,
    Overview,
    Page,
    ReadMarker,
    Saved,
    SeenUpTo,
    Thread,
    Wrote,
)
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.reading import Marking
from streamhub.persistence.memory.tables import ChannelRows, FollowerRow, MemberRow, RowLock, Tables
from streamhub.persistence.paging import (
    after_banned,
    after_channel,
    after_member,
    banned_cursor,
    before_pin,
    before_saved,
    before_thread,
    channel_cursor,
    member_cursor,
    page_of,
    pin_cursor,
    saved_cursor,
    thread_cursor,
    window,
)


class InMemoryChannelStore:
    """Implements ChannelStore on shared Tables. Only `take_over` ever waits, for a batch."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def create(self, channel: Channel, *, key: str, digest: bytes) -> Channel:
        identity = (channel.created_by, key)
        if first := self._tables.created.get(identity):
            rows = self._tables.channels[first]
            if rows.digest != digest:
                raise Refused("key_reused", "the key was used for another channel", field="k")
            return rows.channel
        owner = Member(user=channel.created_by, role="owner", joined_at=channel.created_at, rev=1)
        rows = ChannelRows(
            channel=replace(channel, rev=1),
            digest=digest,
            head=Head(term=0, rev=1, seq=0, nth=0),
            lock=RowLock(),
            members={owner.user: MemberRow(owner, read_seq=0, read_nth=0)},
        )
        self._tables.created[identity] = channel.id
        self._tables.channels[channel.id] = rows
        self._tables.add_hint(owner.user, "channel_added", channel.id)
        return rows.channel

    async def open_direct(self, channel: Channel) -> Channel:
        if first := self._tables.directs.get(channel.users):
            return self._tables.channels[first].channel
        people = (
            Member(user=user, role="member", joined_at=channel.created_at, rev=1)
            for user in channel.users
        )
        rows = ChannelRows(
            channel=replace(channel, rev=1),
            digest=b"",
            head=Head(term=0, rev=1, seq=0, nth=0),
            lock=RowLock(),
            members={one.user: MemberRow(one, read_seq=0, read_nth=0) for one in people},
        )
        self._tables.directs[channel.users] = channel.id
        self._tables.channels[channel.id] = rows
        for user in channel.users:
            self._tables.add_hint(user, "channel_added", channel.id)
        return rows.channel

    async def direct(self, users: Sequence[UserId]) -> Channel | None:
        found = self._tables.directs.get(tuple(users))
        return None if found is None else self._tables.channels[found].channel

    async def take_over(self, channel: ChannelId, view: int) -> Loaded | None:
        rows = self._tables.channels.get(channel)
        if rows is None:
            return None
        async with rows.lock.held():
            if view < rows.view:
                raise newer_owner()
            rows.view = view
            rows.head = replace(rows.head, term=rows.head.term + 1)
            return Loaded(
                channel=rows.channel,
                head=rows.head,
                members=_present(rows),
                banned=tuple(one.user for one in _banned(rows)),
                wrote=_wrote(rows, self._tables.now_ms()),
            )

    async def overviews(self, user: UserId) -> tuple[Overview, ...]:
        return tuple(_overview(rows, row) for rows, row in self._channels_of(user))

    async def overview(self, channel: ChannelId, user: UserId) -> Overview | None:
        found = self._as_member(channel, user)
        return None if found is None else _overview(*found)

    async def get(self, channel: ChannelId, user: UserId) -> Channel | None:
        rows = self._tables.channels.get(channel)
        if rows is None or not (rows.channel.visibility == "public" or rows.present(user)):
            return None
        return rows.channel

    async def heads(self, channels: Sequence[ChannelId]) -> Mapping[ChannelId, int]:
        known = self._tables.channels
        return {channel: known[channel].head.rev for channel in channels if channel in known}

    async def memberships(self, users: Sequence[UserId]) -> Mapping[UserId, int]:
        return {user: sum(1 for _ in self._channels_of(user)) for user in users}

    async def discover(self, user: UserId, cursor: str | None, limit: int) -> Page[Channel]:
        below = after_channel(cursor)
        seen = [
            rows.channel
            for id, rows in sorted(self._tables.channels.items(), reverse=True)
            if id < below and (rows.channel.visibility == "public" or rows.present(user))
        ]
        items = tuple(seen[:limit])
        return Page(items=items, next_cursor=channel_cursor(items, more=len(seen) > limit))

    async def members(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Member] | None:
        after = after_member(cursor)
        found = self._as_member(channel, user)
        if found is None:
            return None
        left = [one for one in _present(found[0]) if (one.joined_at, one.user) > after]
        items = tuple(left[:limit])
        return Page(items=items, next_cursor=member_cursor(items, more=len(left) > limit))

    async def banned(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Member] | None:
        after = after_banned(cursor)
        found = self._as_member(channel, user)
        if found is None:
            return None
        left = [one for one in _banned(found[0]) if one.user > after]
        items = tuple(left[:limit])
        return Page(items=items, next_cursor=banned_cursor(items, more=len(left) > limit))

    async def changes(
        self, channel: ChannelId, user: UserId, since: int, limit: int
    ) -> Changes | None:
        found = self._as_member(channel, user)
        if found is None:
            return None
        rows, floor = found[0], found[1].member.floor_seq
        messages = [m for m in rows.messages if m.rev > since and m.seq > floor]
        members = [row.member for row in rows.members.values() if row.member.rev > since]
        revs = sorted({m.rev for m in messages} | {member.rev for member in members})
        upto = rows.head.rev if len(revs) < limit else revs[limit - 1]
        return Changes(
            since=since,
            to=upto,
            behind=max(0, rows.head.rev - since),
            messages=tuple(sorted((m for m in messages if m.rev <= upto), key=lambda m: m.rev)),
            members=tuple(
                sorted((m for m in members if m.rev <= upto), key=lambda m: (m.rev, m.user))
            ),
            channel=rows.channel if since < rows.channel.rev <= upto else None,
            more=upto < rows.head.rev,
        )

    async def history(
        self,
        channel: ChannelId,
        user: UserId,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
    ) -> History | None:
        found = self._as_member(channel, user)
        if found is None:
            return None
        rows, floor = found[0], found[1].member.floor_seq
        seen = [message for message in rows.messages if message.seq > floor]
        return page_of(seen, *window(before, after, around, limit), rev=rows.head.rev)

    async def replies(
        self,
        channel: ChannelId,
        root: MessageId,
        user: UserId,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
    ) -> History | None:
        found = self._as_member(channel, user)
        if found is None:
            return None
        rows, floor = found[0], found[1].member.floor_seq
        seen = [one for one in rows.messages if one.thread == root and one.seq > floor]
        return page_of(seen, *window(before, after, around, limit), rev=rows.head.rev)

    async def threads(self, user: UserId, cursor: str | None, limit: int) -> Page[Thread]:
        below = before_thread(cursor)
        followed = [
            self._thread(rows, user, id)
            for rows, row in self._channels_of(user)
            for (who, id), one in rows.followers.items()
            if who == user and one.following and id < below
            if rows.seqs[id] > row.member.floor_seq
        ]
        followed.sort(key=lambda one: one.root.id, reverse=True)
        items = tuple(followed[:limit])
        return Page(items=items, next_cursor=thread_cursor(items, more=len(followed) > limit))

    async def mark_thread(
        self,
        user: UserId,
        root: MessageId,
        *,
        seq: int | None = None,
        following: bool | None = None,
    ) -> Thread | None:
        message = await self.message(root, user)
        if message is None or message.thread is not None:
            return None
        rows = self._tables.channels[message.channel]
        one = rows.followers.setdefault((user, root), FollowerRow(following=False, read_number=0))
        if following is not None:
            one.following = following
        read = sum(1 for m in rows.messages if m.thread == root and m.seq <= (seq or 0))
        one.read_number = max(one.read_number, read)
        return self._thread(rows, user, root)

    def _thread(self, rows: ChannelRows, user: UserId, root: MessageId) -> Thread:
        one = rows.followers[user, root]
        return Thread(
            root=rows.at(rows.seqs[root]),
            following=one.following,
            read_replies=one.read_number,
        )

    async def save(self, user: UserId, message: MessageId, now_ms: int) -> bool:
        mine = self._tables.saved.setdefault(user, {})
        if message not in mine and len(mine) >= MAX_SAVED:
            return False
        mine.setdefault(message, now_ms)
        return True

    async def unsave(self, user: UserId, message: MessageId) -> bool:
        return self._tables.saved.get(user, {}).pop(message, None) is not None

    async def saved(self, user: UserId, cursor: str | None, limit: int) -> Page[Saved]:
        below, seen = before_saved(cursor), []
        for id, saved_at in self._tables.saved.get(user, {}).items():
            if (saved_at, id) < below and (message := await self.message(id, user)):
                seen.append(Saved(message=message, saved_at=saved_at))
        seen.sort(key=lambda one: (one.saved_at, one.message.id), reverse=True)
        items = tuple(seen[:limit])
        return Page(items=items, next_cursor=saved_cursor(items, more=len(seen) > limit))

    async def message(self, message: MessageId, user: UserId) -> Message | None:
        channel = self._tables.messages.get(message)
        found = self._as_member(channel, user) if channel else None
        if found is None:
            return None
        rows, row = found
        seen = (one for one in rows.messages if one.id == message)
        return next((one for one in seen if one.seq > row.member.floor_seq), None)

    async def editions(self, message: MessageId, user: UserId) -> tuple[Edition, ...] | None:
        if await self.message(message, user) is None:
            return None
        rows = self._tables.channels[self._tables.messages[message]]
        return tuple(rows.editions.get(message, ()))

    async def pins(
        self, channel: ChannelId, user: UserId, cursor: str | None, limit: int
    ) -> Page[Message] | None:
        before = before_pin(cursor)
        found = self._as_member(channel, user)
        if found is None:
            return None
        rows, floor = found[0], found[1].member.floor_seq
        seen = ((m.pinned_at, m.id, m) for m in rows.messages if m.pinned_at and m.seq > floor)
        left = [m for at, id, m in sorted(seen, reverse=True) if (at, id) < before]
        items = tuple(left[:limit])
        return Page(items=items, next_cursor=pin_cursor(items, more=len(left) > limit))

    async def seen(self, channel: ChannelId, user: UserId) -> tuple[SeenUpTo, ...] | None:
        found = self._as_member(channel, user)
        if found is None:
            return None
        present = _present(found[0])
        if len(present) > MAX_SEEN:
            return ()
        others = sorted(one.user for one in present if one.user not in {user, *self._tables.hidden})
        return tuple(SeenUpTo(one, found[0].members[one].read_seq) for one in others)

    async def mark_read(
        self, user: UserId, marks: Sequence[tuple[ChannelId, Marking]]
    ) -> tuple[ReadMarker, ...]:
        markers: dict[ChannelId, ReadMarker] = {}
        for channel, marking in marks:
            if found := self._as_member(channel, user):
                few = len(_present(found[0])) <= MAX_SEEN
                marker = _mark(*found, marking)
                markers[channel] = replace(marker, shown=few and user not in self._tables.hidden)
        return tuple(markers.values())

    def _as_member(self, channel: ChannelId, user: UserId) -> tuple[ChannelRows, MemberRow] | None:
        rows = self._tables.channels.get(channel)
        row = rows.present(user) if rows is not None else None
        return None if rows is None or row is None else (rows, row)

    def _channels_of(self, user: UserId) -> Iterator[tuple[ChannelRows, MemberRow]]:
        for rows in self._tables.channels.values():
            if row := rows.present(user):
                yield rows, row


def _present(rows: ChannelRows) -> tuple[Member, ...]:
    present = (row.member for row in rows.members.values() if row.member.left_at is None)
    return tuple(sorted(present, key=lambda member: (member.joined_at, member.user)))


def _banned(rows: ChannelRows) -> list[Member]:
    members = (row.member for row in rows.members.values())
    return sorted((one for one in members if one.banned_at is not None), key=lambda one: one.user)


def _wrote(rows: ChannelRows, now_ms: int) -> tuple[Wrote, ...]:
    since = now_ms - rows.channel.rules.slow_mode_s * 1000
    keys = {seq: key for (_, key), (seq, _) in rows.keys.items()}
    found: dict[UserId, Wrote] = {}
    for one in rows.messages[-LOOKED_BACK:] if rows.channel.rules.slow_mode_s else ():
        if one.created_at > since and one.system is None:
            found[one.author] = Wrote(one.author, one.created_at, keys[one.seq])
    return tuple(found[user] for user in sorted(found))


def _overview(rows: ChannelRows, row: MemberRow) -> Overview:
    return Overview(
        id=rows.channel.id,
        kind=rows.channel.kind,
        name=rows.channel.name,
        role=row.member.role,
        rev=rows.head.rev,
        seq=rows.head.seq,
        nth=rows.head.nth,
        read_seq=row.read_seq,
        read_nth=row.read_nth,
        mentions=rows.unread_mentions(row.member.user, row.read_nth),
        floor_seq=row.member.floor_seq,
        users=rows.channel.users,
        hidden_nth=row.hidden_nth,
        notify=row.notify,
        notify_until=row.notify_until,
    )


def _mark(rows: ChannelRows, row: MemberRow, marking: Marking) -> ReadMarker:
    """Never above the head, never down below the floor: what is hidden is not unread."""
    at_most = marking.at_most
    if at_most is not None:
        at_most = max(at_most, row.member.floor_seq, rows.channel.gone_seq)
    bounded = Marking(min(marking.at_least, rows.head.seq), at_most)
    seq = bounded.of(row.read_seq)
    if seq != row.read_seq:
        row.read_seq, row.read_nth = seq, rows.nth_of(seq)
    return ReadMarker(
        channel=rows.channel.id,
        read_seq=row.read_seq,
        read_nth=row.read_nth,
        nth=rows.head.nth,
        mentions=rows.unread_mentions(row.member.user, row.read_nth),
    )
