"""Channels, their journal and their outbox, by each implementation, with ids of one's own."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, cast

from streamhub.domain.changes import (
    Committed,
    Journal,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    Outcome,
    Unchanged,
)
from streamhub.domain.channel_store import ChannelStore, Outbox
from streamhub.domain.channels import Channel, Loaded, Mention, Message, SystemNote, Visibility
from streamhub.domain.drafts import (
    Draft,
    JoinDraft,
    LeaveDraft,
    MessageDraft,
    NoteDraft,
    Operation,
    RevisionDraft,
)
from streamhub.domain.hiding import HidingStore
from streamhub.domain.ids import CHANNEL, MESSAGE, USER, ChannelId, MessageId, UserId, make_id
from streamhub.domain.kept_drafts import DraftStore
from streamhub.domain.notifications import NotificationStore
from streamhub.domain.presence import PresenceStore
from streamhub.domain.retention import RetentionStore
from streamhub.domain.scheduling import JobStore
from streamhub.domain.search import SearchIndex, SearchStore
from streamhub.persistence.channels import PostgresChannelStore
from streamhub.persistence.hiding import PostgresHidingStore
from streamhub.persistence.kept_drafts import PostgresDraftStore
from streamhub.persistence.memory import (
    InMemoryChannelStore,
    InMemoryJournal,
    InMemoryOutbox,
    Tables,
)
from streamhub.persistence.memory.hiding import InMemoryHidingStore
from streamhub.persistence.memory.kept_drafts import InMemoryDraftStore
from streamhub.persistence.memory.notifications import InMemoryNotificationStore
from streamhub.persistence.memory.presence import InMemoryPresenceStore
from streamhub.persistence.memory.retention import InMemoryRetentionStore
from streamhub.persistence.memory.scheduling import InMemoryJobStore
from streamhub.persistence.memory.search import InMemorySearch
from streamhub.persistence.notifications import PostgresNotificationStore
from streamhub.persistence.outbox import PostgresOutbox
from streamhub.persistence.postgres import Pool
from streamhub.persistence.presence import PostgresPresenceStore
from streamhub.persistence.retention import PostgresRetentionStore
from streamhub.persistence.scheduling import PostgresJobStore
from streamhub.persistence.search import PostgresSearch
from streamhub.persistence.writer import PostgresJournal

NOW = 1_764_316_800_000


@dataclass
class ChatStores:
    """The stores of one host, and shorthands to fill them."""

    channels: ChannelStore
    journal: Journal
    outbox: Outbox
    other_journal: Journal
    """Another host's."""
    retention: RetentionStore
    drafts: DraftStore
    notifications: NotificationStore
    presences: PresenceStore
    search: SearchStore
    index: SearchIndex
    scheduled: JobStore
    hiding: HidingStore

    def user(self) -> UserId:
        return UserId(_id(USER))

    def channel_id(self) -> ChannelId:
        return ChannelId(_id(CHANNEL))

    async def channel(self, *members: UserId, visibility: Visibility = "public") -> Loaded:
        """A new channel, taken over, whose owner is the first of `members`."""
        owner, *others = members or (self.user(),)
        channel = Channel(
            id=self.channel_id(),
            kind="channel",
            visibility=visibility,
            created_by=owner,
            created_at=NOW,
            name="general",
        )
        await self.channels.create(channel, key=channel.id, digest=b"")
        loaded = await self.take_over(channel.id)
        if not others:
            return loaded
        await self.store(join(loaded, *others))
        return await self.take_over(channel.id)

    async def take_over(self, channel: ChannelId) -> Loaded:
        loaded = await self.channels.take_over(channel, view=1)
        assert loaded is not None
        return loaded

    async def store(self, draft: Draft, journal: Journal | None = None) -> Outcome:
        return (await self.store_all([draft], journal))[0]

    async def store_all(
        self, drafts: Iterable[Draft], journal: Journal | None = None
    ) -> list[Outcome]:
        """Submit all at once; their outcomes in the same order, checked to be told so."""
        drafts = list(drafts)
        told: list[tuple[int, Outcome]] = []
        all_told = asyncio.Event()

        def submit(number: int, draft: Draft) -> None:
            def done(outcome: Outcome) -> None:
                told.append((number, outcome))
                if len(told) == len(drafts):
                    all_told.set()

            (journal or self.journal).submit(draft, done)

        for number, draft in enumerate(drafts):
            submit(number, draft)
        async with asyncio.timeout(30):
            if drafts:
                await all_told.wait()
        for kind in {_kind(draft) for draft in drafts}:
            order = [number for number, _ in told if _kind(drafts[number]) == kind]
            assert order == sorted(order), "a channel's outcomes come in the order of its calls"
        return [outcome for _, outcome in sorted(told, key=lambda one: one[0])]

    async def post(self, channel: Loaded, author: UserId, *texts: str) -> list[Message]:
        """Messages as they were committed."""
        outcomes = await self.store_all(message(channel, author, text) for text in texts)
        return [created(outcome) for outcome in outcomes]


def message(
    channel: Loaded,
    author: UserId,
    text: str = "hi",
    *,
    key: str | None = None,
    mentions: tuple[UserId, ...] = (),
    counts: bool = True,
    thread: MessageId | None = None,
    floor_seq: int = 0,
) -> MessageDraft:
    return MessageDraft(
        channel=channel.channel.id,
        term=channel.head.term,
        id=MessageId(_id(MESSAGE)),
        author=author,
        key=key or secrets.token_hex(8),
        digest=hashlib.sha256(text.encode(errors="replace")).digest(),
        text=text,
        created_at=NOW,
        mentions=tuple(Mention(user=user, offset=0, length=1) for user in mentions),
        counts=counts,
        thread=thread,
        floor_seq=floor_seq,
    )


def revise(
    channel: Loaded,
    message: Message,
    by: UserId,
    operation: Operation,
    *,
    moderates: bool = False,
    floor_seq: int = 0,
    at: int = NOW + 5,
) -> RevisionDraft:
    return RevisionDraft(
        channel=channel.channel.id,
        term=channel.head.term,
        message=message.id,
        by=by,
        moderates=moderates,
        floor_seq=floor_seq,
        at=at,
        operation=operation,
    )


def join(channel: Loaded, *users: UserId, floor_seq: int | None = 0, at: int = NOW) -> JoinDraft:
    return JoinDraft(
        channel=channel.channel.id,
        term=channel.head.term,
        users=users,
        role="member",
        at=at,
        floor_seq=floor_seq,
    )


def leave(channel: Loaded, *users: UserId) -> LeaveDraft:
    return LeaveDraft(channel=channel.channel.id, term=channel.head.term, users=users, at=NOW + 1)


def note(author: UserId, kind: Literal["added", "removed"], *users: UserId) -> NoteDraft:
    system = SystemNote(kind=kind, users=users)
    return NoteDraft(id=MessageId(_id(MESSAGE)), author=author, note=system)


def created(outcome: Outcome) -> Message:
    return cast(MessageCreated, committed(outcome).change).message


def revised(outcome: Outcome) -> Message:
    """As it is after a revision, whether that changed it or not."""
    if isinstance(outcome, Unchanged):
        return outcome.message
    return cast(MessageUpdated | MessageDeleted, committed(outcome).change).message


def committed(outcome: Outcome) -> Committed:
    assert isinstance(outcome, Committed), outcome
    return outcome


def _kind(draft: Draft) -> tuple[ChannelId, bool]:
    return draft.channel, isinstance(draft, RevisionDraft)


def _id(prefix: str) -> str:
    return make_id(prefix, int(time.time() * 1000), secrets.token_bytes(10))


def in_memory() -> ChatStores:
    """Two hosts on one set of tables."""
    call_soon = asyncio.get_running_loop().call_soon
    tables = Tables(lambda: int(time.time() * 1000))
    search = InMemorySearch(tables)
    return ChatStores(
        InMemoryChannelStore(tables),
        InMemoryJournal(tables, call_soon),
        InMemoryOutbox(tables),
        InMemoryJournal(tables, call_soon),
        InMemoryRetentionStore(tables),
        InMemoryDraftStore(tables),
        InMemoryNotificationStore(tables),
        InMemoryPresenceStore(tables),
        search,
        search,
        InMemoryJobStore(tables),
        InMemoryHidingStore(tables),
    )


@asynccontextmanager
async def in_postgres(pool: Pool) -> AsyncIterator[ChatStores]:
    """Two hosts on one database."""
    journal, other = PostgresJournal(pool), PostgresJournal(pool)
    search = PostgresSearch(pool)
    try:
        yield ChatStores(
            PostgresChannelStore(pool),
            journal,
            PostgresOutbox(pool),
            other,
            PostgresRetentionStore(pool),
            PostgresDraftStore(pool),
            PostgresNotificationStore(pool),
            PostgresPresenceStore(pool),
            search,
            search,
            PostgresJobStore(pool),
            PostgresHidingStore(pool),
        )
    finally:
        await journal.close()
        await other.close()
