"""On filled tables, every named read goes by an index, with the plans that hosts use."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from support.databases import fresh_database
from support.stores import message

from streamhub.domain.changes import Committed
from streamhub.domain.channels import Channel, Head, Loaded
from streamhub.domain.drafts import (
    BanDraft,
    Delete,
    ExpireDraft,
    InfoDraft,
    JoinDraft,
    LeaveDraft,
    MemberDraft,
    MembershipDraft,
    RevisionDraft,
)
from streamhub.domain.ids import ChannelId, JobId, MessageId, NotificationId, UserId
from streamhub.domain.notifications import KEPT_READ_MS, Told
from streamhub.domain.reading import read_up_to, unread_from
from streamhub.domain.search import parsed
from streamhub.persistence.batches import append_messages, find_first
from streamhub.persistence.channels import PostgresChannelStore
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.managing import manage
from streamhub.persistence.notifications import PostgresNotificationStore
from streamhub.persistence.outbox import PostgresOutbox
from streamhub.persistence.postgres import Pool, open_pool
from streamhub.persistence.presence import PostgresPresenceStore
from streamhub.persistence.retention import PostgresRetentionStore
from streamhub.persistence.revisions import revise_messages
from streamhub.persistence.scheduling import PostgresJobStore
from streamhub.persistence.search import PostgresSearch
from streamhub.persistence.threads import append_replies
from streamhub.persistence.writer import LANE_SESSION

FILL = """
    INSERT INTO channels (id, kind, visibility, created_by, created_at, info_rev, term, rev, seq,
                          nth, create_key, create_digest)
    SELECT 'ch_' || n, 'channel', CASE WHEN n % 10 = 0 THEN 'public' ELSE 'private' END, 'us_1',
           0, 1, 1, 60, 50, 50, n::text, ''
    FROM generate_series(1, 20000) AS n;

    INSERT INTO members (channel_id, user_id, role, joined_at, rev, floor_seq, read_seq, read_nth)
    SELECT 'ch_' || n, 'us_' || n % 500 * 7 + u, 'member', 0, u + 1, 0, 0, 0
    FROM generate_series(1, 2000) AS n, generate_series(1, 10) AS u;

    INSERT INTO messages (channel_id, seq, nth, rev, id, author_id, key, digest, body, created_at)
    SELECT 'ch_' || n, s, s, s + 10, 'me_' || n || '_' || s, 'us_1', s::text, '', 'text', 0
    FROM generate_series(1, 2000) AS n, generate_series(1, 50) AS s;

    INSERT INTO mentions (user_id, channel_id, nth, seq)
    SELECT 'us_' || n % 500, 'ch_' || n, s, s
    FROM generate_series(1, 2000) AS n, generate_series(1, 5) AS s;

    UPDATE messages SET thread_id = regexp_replace(id, '_[0-9]+$', '_7'), reply_number = seq - 29
    WHERE seq BETWEEN 30 AND 40;
    UPDATE messages SET pinned_at = seq, pinned_by = 'us_1' WHERE seq = 9;

    INSERT INTO thread_followers (user_id, root_id, following, read_number)
    SELECT 'us_' || n % 500 * 7 + u, 'me_' || n || '_7', true, 3
    FROM generate_series(1, 2000) AS n, generate_series(1, 5) AS u;

    INSERT INTO saved_messages (user_id, message_id, saved_at)
    SELECT 'us_' || n % 500 * 7 + u, 'me_' || n || '_' || u, n
    FROM generate_series(1, 2000) AS n, generate_series(1, 10) AS u;

    INSERT INTO scheduled (id, user_id, channel_id, body, silent, send_at, created_at, state,
                           due_at, ended_at, key, digest)
    SELECT 'jo_' || n, 'us_' || n % 500, 'ch_' || n % 50, 'text', false, n, 0,
           (ARRAY['pending', 'sending', 'sent', 'failed'])[n / 500 % 4 + 1], n,
           CASE WHEN n / 500 % 4 = 2 THEN n END, n::text, ''
    FROM generate_series(1, 20000) AS n;

    INSERT INTO outbox (user_id, kind, channel_id, rev)
    SELECT 'us_1', 'mentioned', 'ch_1', n FROM generate_series(1, 2000) AS n;

    INSERT INTO notifications (user_id, channel_id, place, id, kind, seq, by_id, created_at,
                               read_at)
    SELECT 'us_' || n % 500 * 7 + u, 'ch_' || n, 7, 'no_' || n || '_' || u, 'reply', 7, 'us_1', n,
           CASE WHEN n % 2 = 0 THEN n END
    FROM generate_series(1, 2000) AS n, generate_series(1, 5) AS u;

    INSERT INTO notify_levels (user_id, channel_id, level)
    SELECT user_id, channel_id, 'all' FROM notifications;

    INSERT INTO users (id, handle, name, created_at)
    SELECT 'us_' || n, 'handle' || n, 'name', 0 FROM generate_series(1, 4000) AS n;

    INSERT INTO presences (user_id, dnd)
    SELECT 'us_' || n, n % 2 = 0 FROM generate_series(1, 4000) AS n;

    INSERT INTO search_progress (channel_id, rev)
    SELECT 'ch_' || n, CASE WHEN n < 10 THEN 30 ELSE 60 END FROM generate_series(1, 2000) AS n;

    INSERT INTO search_messages (channel_id, seq, message_id, created_at, edited_at, words)
    SELECT channel_id, seq, id, 0, 0,
           search_words(body || ' ' || seq) || array_to_tsvector(ARRAY[channel_id, author_id])
    FROM messages WHERE seq <= 10 OR channel_id = 'ch_1';
    UPDATE messages SET deleted_at = 1 WHERE channel_id = 'ch_1' AND seq > 45;
    ANALYZE;
"""
USER, OTHER, CHANNEL = UserId("us_8"), UserId("us_9"), ChannelId("ch_1")
READS: dict[str, Callable[[PostgresChannelStore], Awaitable[object]]] = {
    "take_over": lambda store: store.take_over(CHANNEL, 1),
    "overviews": lambda store: store.overviews(USER),
    "overview": lambda store: store.overview(CHANNEL, USER),
    "get": lambda store: store.get(CHANNEL, USER),
    "heads": lambda store: store.heads([CHANNEL, ChannelId("ch_2")]),
    "memberships": lambda store: store.memberships([USER, OTHER]),
    "discover": lambda store: store.discover(USER, None, 20),
    "members": lambda store: store.members(CHANNEL, USER, None, 20),
    "changes": lambda store: store.changes(CHANNEL, USER, 20, 20),
    "history": lambda store: store.history(CHANNEL, USER, before=40, limit=20),
    "banned": lambda store: store.banned(CHANNEL, USER, None, 20),
    "replies": lambda store: store.replies(CHANNEL, MessageId("me_1_7"), USER, before=40, limit=20),
    "seen": lambda store: store.seen(CHANNEL, USER),
    "threads": lambda store: store.threads(USER, None, 20),
    "saved": lambda store: store.saved(USER, None, 20),
    "pins": lambda store: store.pins(CHANNEL, USER, None, 20),
    "message": lambda store: store.message(MessageId("me_1_7"), USER),
    "mark_read": lambda store: store.mark_read(
        USER, [(CHANNEL, unread_from(7).then(read_up_to(3)))]
    ),
}


class ExplainingPool:
    """Runs each statement, and keeps its generic plan: the one that must do for every value."""

    def __init__(self, pool: Pool, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._pool = pool
        self._connection = connection
        self.plans: list[str] = []

    async def fetch(self, query: str, *args: Any) -> Any:
        await self._explain(query, args)
        return await self._pool.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        await self._explain(query, args)
        return await self._pool.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        if "EXPLAIN" not in query:
            await self._explain(query, args)
        return await self._pool.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> Any:
        await self._explain(query, args)
        return await self._pool.execute(query, *args)

    async def transact(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await work(self)

    async def _explain(self, query: str, args: tuple[Any, ...]) -> None:
        rows = await self._connection.fetch(f"EXPLAIN {query}", *args)
        self.plans.append("\n".join(row[0] for row in rows))


@asynccontextmanager
async def explaining(url: str, session: Mapping[str, str]) -> AsyncIterator[ExplainingPool]:
    pool = await open_pool(url, size=2, application_name="tests")
    connection = await pool.dedicated(session)
    yield ExplainingPool(pool, connection)
    await connection.close()
    await pool.close()


@pytest.fixture
async def empty(servers: EmbeddedUrls) -> AsyncIterator[str]:
    async with fresh_database(servers.postgres) as url:
        yield url


@pytest.fixture
async def filled(empty: str) -> str:
    connection = await asyncpg.connect(empty)
    await connection.execute(FILL)
    await connection.close()
    return empty


@pytest.fixture(params=["empty", "filled"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def pool(filled: str) -> AsyncIterator[ExplainingPool]:
    async with explaining(filled, {"plan_cache_mode": "force_generic_plan"}) as pool:
        yield pool


async def test_no_read_scans_a_table(pool: ExplainingPool) -> None:
    store = PostgresChannelStore(pool)  # type: ignore[arg-type]
    for name, read in READS.items():
        pool.plans.clear()
        found = await read(store)
        assert found, f"{name} found nothing, so its plan says little"
        for plan in pool.plans:
            assert "Seq Scan" not in plan, f"{name} scans:\n{plan}"


async def test_who_is_looked_at_is_read_by_keys(pool: ExplainingPool) -> None:
    store = PostgresPresenceStore(pool)  # type: ignore[arg-type]
    assert await store.sharing(USER, [OTHER, UserId("us_nobody")]) == {OTHER}
    assert (await store.kept(USER, 0)).dnd
    for plan in pool.plans:
        assert "Seq Scan" not in plan, plan


async def test_a_lane_probes_keys_and_members_by_their_index(database: str) -> None:
    """Also while nothing is there: PostgreSQL keeps the plan until it has statistics."""
    channel = Channel(
        id=CHANNEL, kind="channel", visibility="public", created_by=USER, created_at=0
    )
    head = Head(term=1, rev=1, seq=0, nth=0)
    draft = message(Loaded(channel=channel, head=head, members=()), USER, mentions=(OTHER,))
    async with explaining(database, LANE_SESSION) as lane:
        await append_messages(lane, [draft])  # type: ignore[arg-type]
        await find_first(lane, [draft])  # type: ignore[arg-type]
    append, first = lane.plans
    for plan in (append, first):
        assert "messages_author_id_key_channel_id_key" in plan
        assert "messages_rev" not in plan
        assert "messages_pkey" not in plan
    assert "Index Cond: ((channel_id = n.channel_id) AND (user_id = who.user_id))" in append
    assert "Seq Scan" not in append + first


async def test_the_outbox_is_read_from_its_oldest_on(pool: ExplainingPool) -> None:
    assert len(await PostgresOutbox(pool).due(0, 10)) == 10  # type: ignore[arg-type]
    assert "Index Scan using outbox_pkey" in pool.plans[0]


MANAGED = {"channel": CHANNEL, "term": 1}
MANAGING: tuple[MembershipDraft | InfoDraft | ExpireDraft, ...] = (
    JoinDraft(**MANAGED, users=(USER, OTHER), role="member", at=1),  # type: ignore[arg-type]
    LeaveDraft(**MANAGED, users=(USER,), at=1),  # type: ignore[arg-type]
    BanDraft(**MANAGED, users=(USER,), at=1),  # type: ignore[arg-type]
    MemberDraft(**MANAGED, users=(USER,), unban=True),  # type: ignore[arg-type]
    InfoDraft(**MANAGED, at=1, topic="x", rules={"keep_days": 1}),  # type: ignore[arg-type]
    ExpireDraft(**MANAGED, before=1),  # type: ignore[arg-type]
)


@pytest.mark.parametrize("draft", MANAGING, ids=lambda draft: type(draft).__name__)
async def test_no_change_of_a_channel_scans_a_table(
    filled: str, draft: MembershipDraft | InfoDraft | ExpireDraft
) -> None:
    async with explaining(filled, LANE_SESSION) as lane:
        outcome = await manage(lane, draft)  # type: ignore[arg-type]
        assert isinstance(outcome, Committed)
        (plan,) = lane.plans
        assert "Seq Scan" not in plan, plan


async def test_the_channels_that_keep_for_some_days_are_found_by_their_index(
    pool: ExplainingPool,
) -> None:
    await PostgresRetentionStore(pool).keeping(None, 10)  # type: ignore[arg-type]
    (plan,) = pool.plans
    assert "channels_kept" in plan, plan
    assert "Seq Scan" not in plan, plan


SEARCHES = ("text", '"text 7"', "in:ch_1", "from:x", "text -7 or 8", "-7 after:1970-01-01")


async def test_no_search_scans_a_table(pool: ExplainingPool) -> None:
    store, authors = PostgresSearch(pool), frozenset((UserId("us_1"),))  # type: ignore[arg-type]
    for query in SEARCHES:
        found = await store.search(USER, parsed(query), authors, None, 20)
        assert found.items, f"{query} found nothing, so its plan says little"
        plan = pool.plans.pop()
        assert "Bitmap Index Scan on search_messages_words" in plan, plan
        assert "Seq Scan" not in plan, plan


async def test_indexing_scans_no_table(pool: ExplainingPool) -> None:
    index = PostgresSearch(pool)  # type: ignore[arg-type]
    channels = [ChannelId(f"ch_{n}") for n in range(1, 11)]
    assert len((await index.behind(None, 500)).channels) > 0
    assert (await index.index(channels, 50)).messages == 9 * 30
    assert len(pool.plans) == 4
    for plan in pool.plans:
        assert "Seq Scan" not in plan, plan


JOB, WAITING = JobId("jo_508"), JobId("jo_8")
JOBS: dict[str, Callable[[PostgresJobStore], Awaitable[object]]] = {
    "keyed": lambda store: store.keyed(USER, "8", b""),
    "job": lambda store: store.job(USER, JOB),
    "jobs": lambda store: store.jobs(USER, None, None, 20),
    "jobs of a channel": lambda store: store.jobs(USER, ChannelId("ch_8"), None, 20),
    "change": lambda store: store.change(USER, WAITING, text="new", send_at=None),
    "take_due": lambda store: store.take_due(20_000, 99_999, 50),
    "failed": lambda store: store.failed(JOB, "muted", ""),
    "cancel": lambda store: store.cancel(USER, JOB, 1),
    "later": lambda store: store.later(JOB, 1, pending=True),
    "sent": lambda store: store.sent(JOB, MessageId("me_1_1"), 1),
    "forget": lambda store: store.forget(20_000, 50),
}


@pytest.mark.parametrize("name", JOBS)
async def test_no_look_at_scheduled_messages_scans_their_table(
    pool: ExplainingPool, name: str
) -> None:
    found = await JOBS[name](PostgresJobStore(pool))  # type: ignore[arg-type]
    assert found or name in ("failed", "later", "sent", "cancel"), f"{name} found nothing"
    (plan,) = pool.plans
    assert "Seq Scan" not in plan, plan
    if name == "take_due":
        assert "scheduled_due" in plan, plan
        assert "scheduled_order" in plan, plan


async def test_notifications_are_read_and_changed_by_their_keys(pool: ExplainingPool) -> None:
    store = PostgresNotificationStore(pool)  # type: ignore[arg-type]
    news = NotificationId("no_new")
    told = [Told(news, "reply", CHANNEL, 41, 41, None)]
    assert [one.id for one in await store.take(USER, told, 9)] == [news]
    assert (await store.page(USER, None, 20)).items
    assert await store.unread(USER)
    assert await store.read(USER, [news], 9)
    assert await store.read_up_to(USER, news, 9)
    assert await store.read_channels(USER, {CHANNEL: 50}, 9) == ()
    assert await store.read_thread(USER, CHANNEL, MessageId("me_1_7"), 60, 9) == ()
    assert await store.tidy(USER, [CHANNEL]) == ()
    assert await store.set_level(USER, CHANNEL, "none", None)
    assert await store.prune(KEPT_READ_MS + 10, 10) == 10
    for plan in pool.plans:
        assert "Seq Scan" not in plan, plan


async def test_replies_and_deletions_find_whom_to_tell_by_keys(filled: str) -> None:
    """Beside the rows of the message, which every lane finds by its keys."""
    async with explaining(filled, LANE_SESSION) as lane:
        await lane.fetch("UPDATE channels SET term = 1 WHERE id = 'ch_1'")
        head = Head(term=1, rev=60, seq=50, nth=50)
        channel = Channel(
            id=CHANNEL, kind="channel", visibility="public", created_by=USER, created_at=0
        )
        loaded = Loaded(channel=channel, head=head, members=())
        lane.plans.clear()
        reply = message(loaded, USER, thread=MessageId("me_1_7"))
        (outcome,) = await append_replies(lane, [reply])  # type: ignore[arg-type]
        assert isinstance(outcome, Committed)
        assert {hint.kind for hint in outcome.hints} == {"replied"}
        delete = RevisionDraft(
            channel=CHANNEL,
            term=1,
            message=MessageId("me_1_7"),
            by=USER,
            moderates=True,
            floor_seq=0,
            at=1,
            operation=Delete(),
        )
        (gone,) = await revise_messages(lane, [delete])  # type: ignore[arg-type]
        assert isinstance(gone, Committed)
        assert {hint.kind for hint in gone.hints} == {"unmentioned"}
        for plan in lane.plans:
            assert "Seq Scan" not in plan, plan
            assert "Index Scan using notifications_pkey" not in plan, plan
