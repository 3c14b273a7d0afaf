"""The chat of one host, put together: actors, links, relay, sockets, commands and accounts."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol

import structlog
from aiohttp import web

from streamhub.actors.cell import Kind
from streamhub.actors.channel import ChannelActor
from streamhub.actors.forgetting import Forgetting
from streamhub.actors.inbox import InboxActor
from streamhub.actors.indexing import NotedJournal, SearchIndexing
from streamhub.actors.presence import PresenceActor
from streamhub.actors.retention import RetentionSweep
from streamhub.actors.ring import RingBudget
from streamhub.actors.scheduled_sends import ScheduledSends
from streamhub.actors.session import SessionActor
from streamhub.actors.sweep import OutboxSweep
from streamhub.actors.system import ActorSystem
from streamhub.cluster.accounts import Accounts
from streamhub.cluster.clock import SystemClock
from streamhub.cluster.complete import public_url_of
from streamhub.cluster.files import Filing
from streamhub.cluster.membership import Membership
from streamhub.config import Secret, Settings
from streamhub.domain import envelopes
from streamhub.domain.access import RIGHTS_CHANGED
from streamhub.domain.channels import Loaded
from streamhub.domain.cluster import LogEntry, View
from streamhub.domain.fair_use import FairUse
from streamhub.domain.families import REVOKED
from streamhub.domain.ids import ChannelId, HostId, SessionId, UserId
from streamhub.domain.messages import Reconsider, presence_actor
from streamhub.domain.presence import PRESENCE_CHANGED, Kept
from streamhub.persistence.channels import PostgresChannelStore
from streamhub.persistence.files import PostgresFileStore
from streamhub.persistence.hiding import PostgresHidingStore
from streamhub.persistence.kept_drafts import PostgresDraftStore
from streamhub.persistence.notifications import PostgresNotificationStore
from streamhub.persistence.outbox import PostgresOutbox
from streamhub.persistence.postgres import Pool
from streamhub.persistence.presence import PostgresPresenceStore
from streamhub.persistence.replies import PostgresReplyStore
from streamhub.persistence.reports import PostgresReportStore
from streamhub.persistence.retention import PostgresRetentionStore
from streamhub.persistence.scheduling import PostgresJobStore
from streamhub.persistence.search import PostgresSearch
from streamhub.persistence.writer import PostgresJournal
from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.connection import Rules
from streamhub.telemetry import Metrics
from streamhub.transport import (
    http_channels,
    http_openapi,
    http_presence,
    http_reports,
    link_calls,
    upload_socket,
)
from streamhub.transport.admission import Admission
from streamhub.transport.asking import Asking
from streamhub.transport.commands import Commands
from streamhub.transport.link_tls import LinkTls
from streamhub.transport.links import Links
from streamhub.transport.lobby import Lobby, Socket
from streamhub.transport.relay import Relay
from streamhub.transport.upload_socket import UploadSocket
from streamhub.transport.websocket import Sockets

log = structlog.get_logger(__name__)

_CHANNEL_IDLE_S: Final = 300.0
_INBOX_IDLE_S: Final = 60.0


class _Job(Protocol):
    async def run(self) -> None: ...


class Chat:
    """What a host does for its clients. Made and started once it has stores and a membership."""

    def __init__(
        self,
        host: HostId,
        settings: Settings,
        *,
        pool: Pool,
        accounts: Accounts,
        membership: Membership,
        metrics: Metrics,
        cluster_secret: Secret,
        epoch: int,
        fair_use: FairUse,
        filing: Filing | None = None,
        rules: Rules | None = None,
        tls: LinkTls | None = None,
    ) -> None:
        clock = SystemClock()
        self._membership = membership
        self._store = PostgresChannelStore(pool)
        self._presences = PostgresPresenceStore(pool)
        self._sees_presence = settings.chat.presence
        self._outbox = PostgresOutbox(pool)
        self._drafts = PostgresDraftStore(pool)
        self._scheduled = PostgresJobStore(pool)
        self._notifications = PostgresNotificationStore(pool)
        self._journal = PostgresJournal(pool, lanes=settings.cluster.lanes)
        search = PostgresSearch(pool)
        self.indexing = SearchIndexing(host, search, membership)
        self.links = Links(
            host,
            cluster_secret,
            address=self._address_of,
            on_lost=self._on_link_lost,
            on_stranger=membership.look,
            tls=tls,
        )
        kinds = self._kinds(settings.chat.system_messages_members)
        if filing is not None:
            kinds["upload"] = filing.kind
        self.actors = ActorSystem(
            host,
            kinds,
            directory=membership,
            switch=self.links,
            journal=NotedJournal(self._journal, self.indexing.note),
            clock=clock,
        )
        self.relay = Relay(membership, self.links, self._store.heads)
        self._accounts = accounts
        self._fair_use = fair_use
        self.principals = accounts.principals
        asking = Asking(self.actors)
        reports = PostgresReportStore(pool)
        commands = Commands(
            asking=asking,
            store=self._store,
            people=accounts.people,
            replies=PostgresReplyStore(pool),
            reports=reports,
            drafts=self._drafts,
            scheduled=self._scheduled,
            hiding=PostgresHidingStore(pool),
            notifications=self._notifications,
            search=search,
            files=PostgresFileStore(pool),
            now_ms=clock.now_ms,
            random_bytes=clock.random_bytes,
            edit_within_ms=settings.chat.edit_within_s * 1000 or None,
            presence=self._presences if self._sees_presence else None,
        )
        edge = settings.edge
        lobby = Lobby(
            rules=rules
            or Rules(heartbeat_ms=edge.heartbeat_ms, auth_timeout_ms=edge.auth_timeout_ms),
            principals=accounts.principals,
            store=self._store,
            notifications=self._notifications,
            commands=commands,
            admission=Admission(),
            fair_use=fair_use,
            make_session=self._make_session,
            epoch=epoch,
            features=features(settings),
            max_frame_bytes=edge.max_frame_bytes,
            pause_bytes=edge.pause_bytes,
            paused_limit_s=edge.paused_limit_s,
        )
        self._pause_bytes = edge.pause_bytes
        files = filing.edge(asking, clock) if filing is not None else None
        self._uploads = files.streams if files is not None else None
        others = {upload_socket.PATH: partial(UploadSocket, files.streams)} if files else {}
        self.sockets = Sockets(
            lobby,
            metrics,
            allowed_origins=edge.allowed_origins,
            unauthenticated_per_address=edge.unauthenticated_per_address,
            others=others,
        )
        self.routes: Sequence[web.AbstractRouteDef] = (
            *self.sockets.routes(),
            *accounts.routes,
            *http_channels.routes(commands),
            *http_reports.routes(reports, asking, clock.now_ms),
            *http_presence.routes(commands, asking),
            *http_openapi.routes(),
        )
        self.private_routes = [web.get(link_calls.PATH, self.links.accept)]
        sweep = OutboxSweep(host, self._outbox, self.actors, membership)
        retention = PostgresRetentionStore(pool)
        expiry = RetentionSweep(host, retention, self.actors, membership, clock.now_ms)
        self.sends = ScheduledSends(
            host, self._scheduled, accounts.people, asking, membership, clock.now_ms
        )
        forgetting = Forgetting(host, self._notifications, membership, clock.now_ms)
        self._jobs: list[_Job] = [sweep, expiry, forgetting, self.indexing, self.sends]
        if filing is not None and files is not None:
            sharing = filing.sharing(
                accounts.hasher,
                accounts.limiter,
                accounts.secret,
                asking,
                clock,
                public_url_of(settings.server),
            )
            self.routes = (*self.routes, *files.routes, *sharing)
            self._jobs.append(filing.care(host, self.actors, membership, clock))
        self._working: list[asyncio.Task[None]] = []
        self._measure(metrics)

    async def start(self) -> None:
        """Begin to carry envelopes, to compare digests and to sweep."""
        await self._accounts.start()
        self.links.start(self._handlers())
        self.relay.start()
        self.sockets.start()
        self._membership.on_view(self._on_view)
        self._membership.on_entry(self._on_entry)
        self._working = [asyncio.create_task(job.run()) for job in self._jobs]

    async def stop(self) -> None:
        """Close the sockets, drop the actors, flush the journal."""
        await self.sockets.close(CloseCode.RESTARTING)
        if self._uploads is not None:
            await self._uploads.close()
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        await self.relay.close()
        await self.actors.close()
        await self.links.close()
        await self._journal.close()
        await self._accounts.stop()

    # -- parts ------------------------------------------------------------------------------

    def _kinds(self, noted_members: int) -> dict[str, Kind]:
        budget = RingBudget()

        def make_channel(loaded: Loaded) -> ChannelActor:
            return ChannelActor(loaded, budget, noted_members=noted_members)

        def make_inbox(user: UserId) -> InboxActor:
            return InboxActor(
                user,
                self._store,
                self._outbox,
                self._drafts,
                self._scheduled,
                self._notifications,
                view,
            )

        def view() -> int:
            return self._membership.version

        async def load_inbox(key: str) -> UserId:
            return UserId(key)

        async def load_presence(key: str) -> tuple[UserId, Kept]:
            user = UserId(key)
            return user, await self._presences.kept(user, self.actors.clock.now_ms())

        def make_presence(loaded: tuple[UserId, Kept]) -> PresenceActor:
            return PresenceActor(*loaded, self._presences, self.actors.whereabouts)

        return {
            "channel": Kind(
                lambda key: self._store.take_over(ChannelId(key), self._membership.version),
                make_channel,
                _CHANNEL_IDLE_S,
            ),
            "inbox": Kind(load_inbox, make_inbox, _INBOX_IDLE_S),
            "presence": Kind(load_presence, make_presence, _INBOX_IDLE_S),
        }

    def _make_session(self, session_id: SessionId, user: UserId, socket: Socket) -> SessionActor:
        return SessionActor(
            session_id,
            user,
            socket=socket,
            relay=self.relay,
            store=self._store,
            pause_bytes=self._pause_bytes,
            sharing=self._presences.sharing if self._sees_presence else None,
        )

    def _handlers(self) -> dict[type, Callable[[HostId, Any], None]]:
        interests = self.actors.interests
        return {
            envelopes.Ask: self.actors.on_ask,
            envelopes.Answered: self.actors.on_answered,
            envelopes.Tell: self.actors.on_tell,
            envelopes.Interest: interests.on_interest,
            envelopes.NoInterest: interests.on_no_interest,
            envelopes.Digest: interests.on_digest,
            envelopes.Listening: self.relay.on_listening,
            envelopes.NotOwner: self.relay.on_not_owner,
            envelopes.Changed: self.relay.on_changed,
            envelopes.Passed: self.relay.on_passed,
            envelopes.Away: self.actors.whereabouts.on_away,
        }

    # -- news of the cluster ----------------------------------------------------------------

    async def _on_view(self, view: View) -> None:
        self._fair_use.spread_over(len(view.hosts))
        self.links.drop([peer for peer in self.links.peers if view.host(peer) is None])
        self.actors.on_view()
        self.relay.on_view()

    def _on_entry(self, entry: LogEntry) -> None:
        self._accounts.on_entry(entry)
        if entry.kind == REVOKED:
            self.sockets.revoke(entry.subject)
        elif entry.kind == RIGHTS_CHANGED:
            self.sockets.rights_changed(entry.subject)
        elif entry.kind == PRESENCE_CHANGED:
            actor = presence_actor(UserId(entry.subject))
            self.actors.tell_if_awake(actor, Reconsider(reload=True))

    def _on_link_lost(self, host: HostId) -> None:
        self.actors.on_link_lost(host)
        self.relay.on_link_lost(host)

    def _address_of(self, host: HostId) -> str | None:
        entry = self._membership.view.host(host)
        return entry.address if entry else None

    def _measure(self, metrics: Metrics) -> None:
        metrics.read("streamhub_actors", "Actors awake on this host.", self.actors.__len__)
        metrics.read(
            "streamhub_mailbox_messages",
            "Messages that wait for actors.",
            lambda: self.actors.queued,
        )
        metrics.read("streamhub_topics", "Topics this host listens to.", self.relay.__len__)
        metrics.read(
            "streamhub_relay_repairs",
            "Changes that only a digest found; 0 without faults.",
            lambda: self.relay.repairs,
        )
        metrics.read("streamhub_links", "Links to other hosts.", self.links.__len__)
        metrics.read(
            "streamhub_link_envelopes_waiting",
            "Envelopes that wait to be sent to other hosts.",
            lambda: self.links.queued,
        )
        metrics.read(
            "streamhub_links_failing",
            "Hosts of the view that could not be linked for 10 s.",
            lambda: len(self.links.unlinked()),
        )
        metrics.read(
            "streamhub_search_waiting_channels",
            "Channels with messages this host has yet to index.",
            lambda: self.indexing.waiting,
        )
        metrics.read(
            "streamhub_search_behind_changes",
            "Changes of channels the search index lacked when it was last compared with all.",
            lambda: self.indexing.behind,
        )
        metrics.count(
            "streamhub_search_messages",
            "Messages this host took into the search index.",
            lambda: self.indexing.indexed,
        )
        sent = self.links.sent
        metrics.count(
            "streamhub_link_batches", "Batches sent to other hosts.", lambda: sent.batches
        )
        metrics.count(
            "streamhub_link_envelopes", "Envelopes in these batches.", lambda: sent.envelopes
        )
        metrics.count("streamhub_link_bytes", "Bytes of these batches.", lambda: sent.bytes)


def features(settings: Settings) -> tuple[str, ...]:
    """What clients may use here, as `hello` and `GET /v1/server` say."""
    shown = ("presence",) if settings.chat.presence else ()
    return ("chat", *shown, "files")
