"""Taking messages into the search index, after their commits."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from streamhub.actors.jobs import OneHost, repeat
from streamhub.actors.ports import Directory
from streamhub.domain.changes import Committed, Journal, Outcome
from streamhub.domain.drafts import Draft
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import ChannelId, HostId
from streamhub.domain.search import SearchIndex

log = structlog.get_logger()

EVERY_S: Final = 1.0
PAUSE_S: Final = 0.05
"""Between batches: a backlog must not take the database from those who write."""

CHANNELS: Final = 10
CHANGES: Final = 50
"""Of each of these channels. A batch is one statement: with messages of the greatest length it
takes some seconds, and the database ends statements after 10."""

_BATCHES: Final = 20
_LOOKED_AT: Final = 500
_ENOUGH: Final = 1_000
"""Channels that wait, above which no others are sought."""


class SearchIndexing:
    """Each host indexes the channels it wrote to. One host walks over all channels, some a second,
    for what others left undone: they ended in between, or the messages were there before.

    Channels whose rows another host has locked, and those with more than a batch, come again.
    """

    def __init__(self, host: HostId, index: SearchIndex, directory: Directory) -> None:
        self._index = index
        self._duty = OneHost("search", host, directory)
        self._waiting: dict[ChannelId, None] = {}
        self._after: ChannelId | None = None
        self._counted = 0
        self.indexed = 0
        self.behind = 0
        """Changes that the last whole walk found missing; 0 where another host walks."""

    @property
    def waiting(self) -> int:
        """Channels with something to index."""
        return len(self._waiting)

    def note(self, channel: ChannelId) -> None:
        """Something in it was committed."""
        self._waiting[channel] = None

    async def run(self) -> None:
        """Until cancelled."""
        await repeat("search", EVERY_S, self.catch_up)

    async def catch_up(self) -> None:
        """Look for what is missing, and index what waits, batch by batch."""
        try:
            await self._walk()
            for _ in range(_BATCHES):
                if not self._waiting:
                    break
                await self._take_batch()
                await asyncio.sleep(PAUSE_S)
        except StreamHubError as error:
            log.warning("search.not_indexed", error=error.code, waiting=len(self._waiting))

    async def _take_batch(self) -> None:
        channels = list(self._waiting)[:CHANNELS]
        for channel in channels:
            del self._waiting[channel]
        left: tuple[ChannelId, ...] = tuple(channels)
        try:
            done = await self._index.index(channels, CHANGES)
            self.indexed += done.messages
            left = done.left
        finally:
            for channel in left:
                self.note(channel)

    async def _walk(self) -> None:
        if not self._duty.is_this:
            self._after, self._counted, self.behind = None, 0, 0
            return
        if len(self._waiting) >= _ENOUGH:
            return
        found = await self._index.behind(self._after, _LOOKED_AT)
        for channel, changes in found.channels:
            self._counted += changes
            self.note(channel)
        self._after = found.after
        if found.after is None:
            self.behind, self._counted = self._counted, 0


class NotedJournal:
    """Implements Journal by another one: `note` hears of every channel in which it committed."""

    def __init__(self, journal: Journal, note: Callable[[ChannelId], None]) -> None:
        self._journal = journal
        self._note = note

    def submit(self, draft: Draft, done: Callable[[Outcome], None]) -> None:
        def noted(outcome: Outcome) -> None:
            if isinstance(outcome, Committed):
                self._note(draft.channel)
            done(outcome)

        self._journal.submit(draft, noted)
