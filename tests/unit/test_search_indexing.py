"""Which channels a host indexes, and when it looks at them again."""

from collections.abc import Callable, Sequence

import pytest

from streamhub.actors.indexing import CHANNELS, NotedJournal, SearchIndexing
from streamhub.domain.changes import Committed, NotStored, Outcome
from streamhub.domain.channels import Head
from streamhub.domain.drafts import Draft, LeaveDraft
from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import ChannelId, HostId
from streamhub.domain.messages import ActorId
from streamhub.domain.search import Behind, Indexed

A, B = ChannelId("ch_a"), ChannelId("ch_b")
US, THEM = HostId("ho_us"), HostId("ho_them")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamhub.actors.indexing.PAUSE_S", 0)


class Cluster:
    """Implements Directory and SearchIndex: who walks, what lacks, and what was asked."""

    def __init__(self) -> None:
        self.serving = True
        self.walker = US
        self.pages: list[Behind] = []
        self.left: list[tuple[ChannelId, ...]] = []
        self.away = False
        self.asked: list[tuple[ChannelId, ...]] = []
        self.looked_after: list[ChannelId | None] = []

    def owner(self, id: ActorId) -> HostId:
        return self.walker

    async def behind(self, after: ChannelId | None, limit: int) -> Behind:
        self.looked_after.append(after)
        return self.pages.pop(0) if self.pages else Behind((), None)

    async def index(self, channels: Sequence[ChannelId], limit: int) -> Indexed:
        self.asked.append(tuple(channels))
        if self.away:
            raise TryAgain("unavailable", "away", retry_after_ms=1)
        return Indexed(3 * len(channels), self.left.pop(0) if self.left else ())


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def indexing(cluster: Cluster) -> SearchIndexing:
    return SearchIndexing(US, cluster, cluster)  # type: ignore[arg-type]


async def test_what_was_noted_is_indexed_once(cluster: Cluster, indexing: SearchIndexing) -> None:
    for channel in (A, B, A):
        indexing.note(channel)
    await indexing.catch_up()
    await indexing.catch_up()
    assert cluster.asked == [(A, B)]
    assert (indexing.indexed, indexing.waiting) == (6, 0)


async def test_many_channels_go_in_batches(cluster: Cluster, indexing: SearchIndexing) -> None:
    for number in range(CHANNELS + 1):
        indexing.note(ChannelId(f"ch_{number}"))
    await indexing.catch_up()
    assert list(map(len, cluster.asked)) == [CHANNELS, 1]


async def test_what_is_left_comes_again(cluster: Cluster, indexing: SearchIndexing) -> None:
    indexing.note(A)
    cluster.left = [(A,), (A,)]
    await indexing.catch_up()
    assert cluster.asked == [(A,)] * 3
    assert indexing.waiting == 0


async def test_nothing_is_forgotten_while_the_store_is_away(
    cluster: Cluster, indexing: SearchIndexing
) -> None:
    indexing.note(A)
    cluster.away = True
    await indexing.catch_up()
    assert (cluster.asked, indexing.waiting) == ([(A,)], 1)
    cluster.away = False
    await indexing.catch_up()
    assert (cluster.asked, indexing.waiting) == ([(A,)] * 2, 0)


async def test_the_walk_goes_on_where_it_was_and_counts_when_it_is_round(
    cluster: Cluster, indexing: SearchIndexing
) -> None:
    cluster.pages = [Behind(((A, 2),), A), Behind(((B, 5),), None)]
    counted = []
    for _ in range(3):
        await indexing.catch_up()
        counted.append(indexing.behind)
    assert cluster.looked_after == [None, A, None]
    assert counted == [0, 7, 0]
    assert cluster.asked == [(A,), (B,)]


async def test_only_the_one_that_the_view_names_walks(
    cluster: Cluster, indexing: SearchIndexing
) -> None:
    cluster.pages = [Behind(((A, 2),), None), Behind((), None)]
    await indexing.catch_up()
    assert indexing.behind == 2
    cluster.walker = THEM
    indexing.note(B)
    await indexing.catch_up()
    assert (indexing.behind, len(cluster.looked_after)) == (0, 1)
    assert cluster.asked == [(A,), (B,)]
    cluster.walker, cluster.serving = US, False
    await indexing.catch_up()
    assert len(cluster.looked_after) == 1


class OneOutcome:
    """Implements Journal."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def submit(self, draft: Draft, done: Callable[[Outcome], None]) -> None:
        done(self._outcome)


def test_commits_are_noted_and_nothing_else() -> None:
    draft = LeaveDraft(channel=A, term=1, users=(), at=0)
    committed = Committed(change=None, head=Head(term=1, rev=1, seq=0, nth=0))  # type: ignore[arg-type]
    noted: list[ChannelId] = []
    told: list[Outcome] = []
    for outcome in (NotStored(reason="unavailable"), committed):
        NotedJournal(OneOutcome(outcome), noted.append).submit(draft, told.append)
    assert noted == [A]
    assert told == [NotStored(reason="unavailable"), committed]
