"""What the product's reads cost with much history, beside a tenth of it.

One database of an embedded PostgreSQL has a year of messages, another one the last tenth of such a
year; the same reads are made in both through the product's stores. Each statement they send is
explained with what it did: time, buffers, and the tables it read from end to end. Buffers are what
counts: they do not depend on what else the machine does.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import click

from benchmarks.report import show_table
from benchmarks.target import Database
from streamhub.domain.ids import ChannelId, FileId, FolderId, MessageId, UserId
from streamhub.domain.search import parsed
from streamhub.persistence.channels import PostgresChannelStore
from streamhub.persistence.files import PostgresFileStore
from streamhub.persistence.folders import PostgresFolderStore
from streamhub.persistence.notifications import PostgresNotificationStore
from streamhub.persistence.outbox import PostgresOutbox
from streamhub.persistence.presence import PostgresPresenceStore
from streamhub.persistence.retention import PostgresRetentionStore
from streamhub.persistence.scheduling import PostgresJobStore
from streamhub.persistence.search import PostgresSearch
from streamhub.persistence.sharing import PostgresSharingStore

GROWTH: Final = 1.5
"""How many times the buffers a read may take with ten times the history..."""

SLACK_BUFFERS: Final = 60
"""... and so many more, as an index may be a level deeper; and one more for each row, as rows that
were on one page may be on pages of their own."""

PROBE_BUFFERS: Final = 5
"""What finding a row by an index takes: as much for each row that there is more."""

_GROWING: Final = frozenset(
    (
        "editions",
        "favourite_files",
        "file_shares",
        "file_versions",
        "files",
        "members",
        "mentions",
        "messages",
        "notifications",
        "reactions",
        "saved_messages",
        "scheduled",
        "search_messages",
        "thread_followers",
    )
)
_DAY_MS: Final = 86_400_000
_YEAR_MS: Final = 365 * _DAY_MS


@dataclass(frozen=True, slots=True)
class Sizes:
    """`read_channels`: in how many channels the user is whose reads are measured."""

    messages: int = 1_000_000
    channels: int = 500
    users: int = 2_000
    read_channels: int = 150
    repeats: int = 5


SMOKE: Final = Sizes(messages=20_000, channels=50, users=200, read_channels=20, repeats=1)


@dataclass(slots=True)
class Cost:
    """Of one read: of all the statements it sends, the fastest of several times."""

    ms: float = 0.0
    buffers: int = 0
    rows: int = 0
    scanned: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Compared:
    """One read with a tenth of the history, and with all of it."""

    name: str
    tenth: Cost
    whole: Cost

    @property
    def verdict(self) -> str:
        if self.whole.scanned:
            return f"scans {', '.join(sorted(self.whole.scanned))}"
        more = max(0, self.whole.rows - self.tenth.rows)
        most = GROWTH * self.tenth.buffers + SLACK_BUFFERS + self.whole.rows + PROBE_BUFFERS * more
        if self.whole.buffers > most:
            return "grows"
        return "ok"


class ExplainedPool:
    """Explains what each statement did, besides doing it."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self.cost = Cost()

    async def fetch(self, query: str, *values: Any) -> Any:
        await self._explain(query, values)
        return await self._connection.fetch(query, *values)

    async def fetchrow(self, query: str, *values: Any) -> Any:
        await self._explain(query, values)
        return await self._connection.fetchrow(query, *values)

    async def fetchval(self, query: str, *values: Any) -> Any:
        await self._explain(query, values)
        return await self._connection.fetchval(query, *values)

    async def _explain(self, query: str, values: tuple[Any, ...]) -> None:
        if "EXPLAIN" in query:  # the product asks for an estimate: nothing is read for it
            return
        explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {query}"
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            (told,) = json.loads(await self._connection.fetchval(explain, *values))
        finally:
            await transaction.rollback()
        plan = told["Plan"]
        self.cost.ms += told["Execution Time"]
        self.cost.buffers += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        self.cost.rows += int(plan["Actual Rows"])
        self.cost.scanned |= _scanned(plan)


def _scanned(plan: Mapping[str, Any]) -> set[str]:
    """Tables that grow and are read from end to end somewhere in the plan."""
    found = set[str]()
    if "Seq Scan" in plan["Node Type"] and plan["Relation Name"] in _GROWING:
        found.add(plan["Relation Name"])
    for inner in plan.get("Plans", ()):
        found |= _scanned(inner)
    return found


# -- the history ---------------------------------------------------------------------------------

_PEOPLE: Final = """
    INSERT INTO users (id, handle, name, created_at)
    SELECT 'us_' || n, 'user' || n, 'User ' || n, 0 FROM generate_series(1, {users}) AS n;

    INSERT INTO channels (id, kind, visibility, name, created_by, created_at, info_rev, term, rev,
                          seq, nth, create_key, create_digest)
    SELECT 'ch_' || n, 'channel', CASE WHEN n % 5 = 0 THEN 'public' ELSE 'private' END, 'c' || n,
           'us_1', 0, 1, 1, 1, 0, 0, n::text, ''
    FROM generate_series(1, {channels}) AS n;

    INSERT INTO members (channel_id, user_id, role, joined_at, rev, floor_seq, read_seq, read_nth)
    SELECT DISTINCT ON (c, u) 'ch_' || c, 'us_' || u, 'member', 0, 1, 0, 0, 0
    FROM (
        SELECT c, 1 AS u FROM generate_series(1, {read_channels}) AS c
        UNION ALL
        SELECT c, (c * 37 + k * 7) % {users} + 1
        FROM generate_series(1, {channels}) AS c, generate_series(1, 60) AS k
    ) AS pairs;

    INSERT INTO files (id, owner_id, name, version_id, created_at, updated_at)
    SELECT 'fi_' || n, 'us_2', 'name', 'fv_' || n, 0, 0 FROM generate_series(1, 1000) AS n;

    INSERT INTO file_versions (id, file_id, number, size_bytes, mime, crc32c, object, created_at)
    SELECT 'fv_' || n, 'fi_' || n, 1, 1, 'text/plain', 0, 'blobs/' || n, 0
    FROM generate_series(1, 1000) AS n;

    INSERT INTO presences (user_id, dnd)
    SELECT 'us_' || n, false FROM generate_series(1, {users}) AS n;
"""

# A few channels have most of the messages, as a few words are most of what is said (log-uniform,
# about Zipf's law). They are spread evenly over {period} ms that end now.
_MESSAGES: Final = """
    WITH drawn AS (
        SELECT n, floor(exp(random() * ln({channels} + 1)))::int AS c,
               (n * 31) % 60 AS k,
               {now} - {period} + n * ({period} / {messages}) AS at,
               (SELECT string_agg('w' || floor(exp(random() * ln(20000)))::int, ' ')
                FROM generate_series(1, 12) WHERE n > 0) AS body
        FROM generate_series(1, {messages}) AS n
    ), numbered AS (
        SELECT *, row_number() OVER (PARTITION BY c ORDER BY n) AS seq FROM drawn
    )
    INSERT INTO messages (channel_id, seq, nth, rev, id, author_id, key, digest, body, created_at,
                          files)
    SELECT 'ch_' || c, seq, seq, seq + 1, 'me_' || n, 'us_' || (c * 37 + k * 7) % {users} + 1,
           n::text, '', body, at,
           CASE WHEN n % 50 = 0 THEN jsonb_build_array('fi_' || n % 1000) END
    FROM numbered;

    UPDATE channels c SET seq = m.seq, nth = m.seq, rev = m.seq + 1
    FROM (SELECT channel_id, max(seq) AS seq FROM messages GROUP BY 1) m
    WHERE c.id = m.channel_id;

    INSERT INTO mentions (user_id, channel_id, nth, seq)
    SELECT DISTINCT 'us_' || (seq * 7 + 37) % {users} + 1, channel_id, nth, seq
    FROM messages
    WHERE substr(id, 4)::int % 20 = 0;

    INSERT INTO reactions (message_id, kind, user_id, rev)
    SELECT 'me_' || n, '+1', 'us_' || n % {users} + 1, 1
    FROM generate_series(1, {messages}, 10) AS n;

    INSERT INTO notifications (user_id, channel_id, place, id, kind, seq, by_id, created_at,
                               read_at)
    SELECT user_id, channel_id, seq, 'no_' || channel_id || '_' || seq || '_' || user_id, 'mention',
           seq, 'us_2', seq, seq
    FROM mentions;

    UPDATE members m SET read_seq = greatest(0, c.seq - 50), read_nth = greatest(0, c.nth - 50)
    FROM channels c WHERE c.id = m.channel_id;
"""

# One thread goes through all of the busiest channel, the others have one reply each. Of what a user
# may have only so much, the reader has that much.
_MORE: Final = """
    UPDATE messages m
    SET thread_id = r.id, reply_number = CASE r.seq WHEN 1 THEN m.seq / 10 ELSE 1 END
    FROM messages r
    WHERE m.seq % 10 = 0 AND r.channel_id = m.channel_id
      AND r.seq = CASE m.channel_id WHEN 'ch_1' THEN 1 ELSE m.seq - 1 END;

    UPDATE messages r SET replies = t.replies, last_reply_seq = t.seq, last_reply_at = t.at
    FROM (SELECT thread_id, max(reply_number) AS replies, max(seq) AS seq, max(created_at) AS at
          FROM messages WHERE thread_id IS NOT NULL GROUP BY 1) t
    WHERE r.id = t.thread_id;

    INSERT INTO thread_followers (user_id, root_id, following, read_number)
    SELECT DISTINCT author_id, thread_id, true, 0 FROM messages WHERE thread_id IS NOT NULL
    UNION
    (SELECT 'us_1', r.id, true, 0 FROM messages r JOIN members m USING (channel_id)
     WHERE r.replies > 0 AND m.user_id = 'us_1' LIMIT 1000);

    INSERT INTO saved_messages (user_id, message_id, saved_at)
    SELECT author_id, id, created_at FROM messages WHERE seq % 20 = 1
    UNION
    (SELECT 'us_1', s.id, s.created_at FROM messages s JOIN members m USING (channel_id)
     WHERE m.user_id = 'us_1' LIMIT 1000);

    INSERT INTO editions (message_id, body, written_at)
    SELECT id, body, created_at FROM messages, generate_series(1, 3) WHERE seq % 20 = 2;

    UPDATE messages SET edited_at = created_at WHERE seq % 20 = 2;

    UPDATE messages SET deleted_at = created_at, body = '' WHERE seq % 30 = 3;

    UPDATE messages SET pinned_at = created_at, pinned_by = author_id WHERE seq BETWEEN 4 AND 100;

    INSERT INTO notifications (user_id, channel_id, place, id, kind, seq, by_id, created_at)
    SELECT 'us_1', channel_id, seq, 'no_' || n.id, 'mention', seq, author_id, created_at
    FROM messages n JOIN members m USING (channel_id)
    WHERE m.user_id = 'us_1' LIMIT 1000
    ON CONFLICT (user_id, channel_id, place) DO UPDATE SET read_at = NULL;

    INSERT INTO scheduled (id, user_id, channel_id, body, silent, send_at, created_at, due_at,
                           state, ended_at, key, digest)
    SELECT 'jo_' || n, 'us_' || n % {users} + 1, 'ch_1', '', false, n, n, n,
           CASE WHEN n > 10 * {users} THEN 'sent' ELSE 'pending' END,
           CASE WHEN n > 10 * {users} THEN n END, n::text, ''
    FROM generate_series(1, 10 * {users} + {messages} / 20) AS n;
"""

# The reader's own files, most with rare words in their names, and what others share with everybody
# of a channel. Direct conversations with a tenth of the users; some hints nobody took yet.
_BESIDE: Final = """
    INSERT INTO files (id, owner_id, name, version_id, created_at, updated_at, folder_id)
    SELECT 'fi_r' || n, 'us_1',
           'Report w' || floor(exp(random() * ln(20000)))::int || '.pdf', 'fv_r' || n, n,
           (n * 7919) % 1000003, CASE WHEN n % 10 = 0 THEN 'fo_1' END
    FROM generate_series(1, {messages} / 10) AS n;

    INSERT INTO file_versions (id, file_id, number, size_bytes, mime, crc32c, object, created_at)
    SELECT 'fv_r' || n, 'fi_r' || n, 1, 1, 'text/plain', 0, 'blobs/r' || n, n
    FROM generate_series(1, {messages} / 10) AS n;

    INSERT INTO folders (id, owner_id, name, created_at, updated_at)
    VALUES ('fo_1', 'us_1', 'f', 0, 0);

    INSERT INTO favourite_files (user_id, file_id, marked_at)
    SELECT 'us_1', 'fi_r' || n, n FROM generate_series(1, least(1000, {messages} / 10)) AS n
    UNION ALL
    SELECT 'us_' || u, 'fi_' || n, n
    FROM generate_series(2, {users}, 20) AS u, generate_series(1, 50) AS n;

    INSERT INTO file_shares (file_id, reader_id, owner_id, shared_at)
    SELECT 'fi_' || n, 'ch_' || c, 'us_2', n
    FROM generate_series(1, {channels}) AS c,
         generate_series(1, least(1000, {messages} / 1000)) AS n;

    INSERT INTO channels (id, kind, visibility, created_by, created_at, users, info_rev, term, rev,
                          seq, nth, create_key, create_digest)
    SELECT 'di_' || n, 'direct', 'private', 'us_1', 0, ARRAY['us_1', 'us_' || n], 1, 1, 1, 0, 0,
           'di_' || n, ''
    FROM generate_series(2, {users} / 10) AS n;

    INSERT INTO members (channel_id, user_id, role, joined_at, rev, floor_seq, read_seq, read_nth)
    SELECT id, unnest(users), 'member', 0, 1, 0, 0, 0 FROM channels WHERE users IS NOT NULL;

    INSERT INTO outbox (user_id, kind, channel_id, rev, seq)
    SELECT user_id, 'mentioned', channel_id, nth, seq FROM mentions LIMIT {messages} / 1000;
"""

_READER: Final = UserId("us_1")
_BUSY: Final = ChannelId("ch_1")


def _day(ago: int) -> str:
    return datetime.fromtimestamp(time.time() - ago * 86_400, UTC).date().isoformat()


Read = Callable[["Stores"], Awaitable[object]]


class Stores:
    """The product's stores over one pool, where the channels stand, and two messages of the
    busiest: the root of its long thread, and one that was edited."""

    def __init__(
        self,
        pool: ExplainedPool,
        heads: Mapping[ChannelId, int],
        root: MessageId,
        edited: MessageId,
    ) -> None:
        given: Any = pool
        self.heads = heads
        self.head = heads[_BUSY]
        self.root, self.edited = root, edited
        self.channels = PostgresChannelStore(given)
        self.search = PostgresSearch(given)
        self.notifications = PostgresNotificationStore(given)
        self.presence = PostgresPresenceStore(given)
        self.files = PostgresFileStore(given)
        self.folders = PostgresFolderStore(given)
        self.sharing = PostgresSharingStore(given)
        self.jobs = PostgresJobStore(given)
        self.outbox = PostgresOutbox(given)
        self.retention = PostgresRetentionStore(given)

    async def sync(self) -> None:
        """20 channels, each a hundred changes behind."""
        for channel, head in [*self.heads.items()][:20]:
            await self.channels.changes(channel, _READER, max(0, head - 99), 100)

    async def found(self, words: str, author: UserId | None = None) -> object:
        authors = None if author is None else frozenset((author,))
        return await self.search.search(_READER, parsed(words), authors, None, 20)


READS: Final[Mapping[str, Read]] = {
    "ready: channels with unread and mentions": lambda s: s.channels.overviews(_READER),
    "ready: unread notifications": lambda s: s.notifications.unread(_READER),
    "history: newest page": lambda s: s.channels.history(_BUSY, _READER, limit=50),
    "history: in the middle": lambda s: s.channels.history(
        _BUSY, _READER, around=s.head // 2, limit=50
    ),
    "history: the first page": lambda s: s.channels.history(_BUSY, _READER, after=0, limit=50),
    "history: before a message far back": lambda s: s.channels.history(
        _BUSY, _READER, before=s.head // 4, limit=50
    ),
    "thread: a page of replies": lambda s: s.channels.replies(_BUSY, s.root, _READER, limit=50),
    "sync: 20 channels, 100 changes each": lambda s: s.sync(),
    "one message": lambda s: s.channels.message(s.root, _READER),
    "editions of one message": lambda s: s.channels.editions(s.edited, _READER),
    "pins": lambda s: s.channels.pins(_BUSY, _READER, None, 50),
    "saved": lambda s: s.channels.saved(_READER, None, 50),
    "threads": lambda s: s.channels.threads(_READER, None, 50),
    "members": lambda s: s.channels.members(_BUSY, _READER, None, 100),
    "discover": lambda s: s.channels.discover(_READER, None, 50),
    "notifications: a page": lambda s: s.notifications.page(_READER, None, 50),
    "search: a rare word": lambda s: s.found("w19990"),
    "search: a common word": lambda s: s.found("w2"),
    "search: two common words": lambda s: s.found("w1 w3"),
    "search: in one channel": lambda s: s.found("w2 in:c1"),
    "search: with a file": lambda s: s.found("w2 has:file"),
    "search: by one author": lambda s: s.found("w2", UserId("us_39")),
    "search: by one author, a rare word": lambda s: s.found("w19990", UserId("us_39")),
    "search: before a day": lambda s: s.found(f"w2 before:{_day(10)}"),
    "a file somebody attached": lambda s: s.files.readable(FileId("fi_50"), _READER),
    "files: the newest": lambda s: s.files.files(_READER, "kept", None, 50),
    "files: by a rare word of the name": lambda s: s.files.files(
        _READER, "kept", None, 50, "w1999"
    ),
    "files: by a common word of the name": lambda s: s.files.files(
        _READER, "kept", None, 50, "report"
    ),
    "files: in a folder": lambda s: s.files.within(_READER, FolderId("fo_1"), None, 50),
    "files: recent": lambda s: s.files.recent(_READER, None, 50),
    "files: favourites": lambda s: s.files.favourites(_READER, None, 50),
    "files: shared with one's channels": lambda s: s.sharing.shared(_READER, None, 50),
    "folders: at the top": lambda s: s.folders.folders(_READER, None, None, 50),
    "direct conversation of two": lambda s: s.channels.direct([_READER, UserId("us_2")]),
    "presence: 200 users looked at": lambda s: s.presence.sharing(
        _READER, [UserId(f"us_{n}") for n in range(1, 201)]
    ),
    "scheduled: a page": lambda s: s.jobs.jobs(_READER, None, None, 50),
    "outbox: what is due": lambda s: s.outbox.due(0, 100),
    "retention: channels that keep for a time": lambda s: s.retention.keeping(None, 100),
}


async def measure(tenth: Database, whole: Database, sizes: Sizes) -> list[Compared]:
    """Fill both databases, which must be fresh, and read."""
    before = await _measured(tenth, replace(sizes, messages=sizes.messages // 10), _YEAR_MS // 10)
    after = await _measured(whole, sizes, _YEAR_MS)
    return [Compared(name, before[name], after[name]) for name in READS]


async def _measured(database: Database, sizes: Sizes, period_ms: int) -> dict[str, Cost]:
    click.echo(f"{sizes.messages:,} messages ...", err=True)
    connection = await asyncpg.connect(database.url, command_timeout=1800)
    try:
        await _fill(connection, sizes, period_ms)
        return await _costs(connection, sizes.repeats)
    finally:
        await connection.close()


async def _fill(connection: Any, sizes: Sizes, period_ms: int) -> None:
    values = {**asdict(sizes), "now": time.time_ns() // 1_000_000, "period": period_ms}
    await connection.execute(_PEOPLE.format_map(values))
    await connection.execute(_MESSAGES.format_map(values))
    await connection.execute(_MORE.format_map(values))
    await connection.execute(_BESIDE.format_map(values))
    pool: Any = _Transacting(connection)
    index = PostgresSearch(pool)
    left = [ChannelId(f"ch_{n}") for n in range(1, sizes.channels + 1)]
    while left:
        left = list((await index.index(left, 5_000)).left)
    await connection.execute("VACUUM ANALYZE")


class _Transacting:
    """What the index needs of a pool."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.fetch = connection.fetch

    async def transact(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        async with self._connection.transaction():
            return await work(self._connection)


async def _costs(connection: Any, repeats: int) -> dict[str, Cost]:
    rows = await connection.fetch("SELECT id, rev FROM channels ORDER BY length(id), id LIMIT 20")
    heads = {ChannelId(id): rev for id, rev in rows}
    root, edited = await connection.fetchrow(
        "SELECT min(id) FILTER (WHERE seq = 1), min(id) FILTER (WHERE seq = 2) FROM messages"
        " WHERE channel_id = $1 AND seq <= 2",
        _BUSY,
    )
    costs: dict[str, Cost] = {}
    for name, read in READS.items():
        for _ in range(repeats):
            pool = ExplainedPool(connection)
            await read(Stores(pool, heads, MessageId(root), MessageId(edited)))
            if name not in costs or pool.cost.ms < costs[name].ms:
                costs[name] = pool.cost
    return costs


def show(compared: list[Compared], sizes: Sizes) -> None:
    """Print the table."""
    columns = ("read", "ms", "of a tenth", "buffers", "of a tenth ", "rows", "")
    show_table(
        f"{sizes.messages:,} messages, {sizes.channels} channels, {sizes.users:,} users",
        columns,
        [
            (
                one.name,
                f"{one.whole.ms:.1f}",
                f"{one.tenth.ms:.1f}",
                f"{one.whole.buffers:,}",
                f"{one.tenth.buffers:,}",
                f"{one.whole.rows:,}",
                one.verdict,
            )
            for one in compared
        ],
        right=columns[1:6],
    )
