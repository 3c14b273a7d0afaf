"""The composition root of a host: from settings and stores to the applications it serves."""

from collections.abc import Callable, Mapping

from streamhub.cluster.accounts import Accounts, ShortLived, ways_in
from streamhub.cluster.chat import Chat, features
from streamhub.cluster.clock import SystemClock
from streamhub.cluster.files import Filing
from streamhub.cluster.keys import with_others
from streamhub.cluster.limits import fair_use_of
from streamhub.cluster.membership import Membership
from streamhub.cluster.plan import needed
from streamhub.cluster.stores import Stores
from streamhub.config import Settings
from streamhub.domain.cluster import HostReport
from streamhub.domain.ids import HostId
from streamhub.persistence.redis import RedisLimiter
from streamhub.telemetry import Metrics
from streamhub.transport import http_auth
from streamhub.transport.app import Parts, create_app
from streamhub.transport.health import Check
from streamhub.transport.link_tls import LinkTls
from streamhub.transport.websocket import Sockets


class Wired:
    """What one host is made of: what it knows of the cluster, its checks, its applications."""

    def __init__(
        self,
        host: HostId,
        settings: Settings,
        stores: Stores,
        *,
        epoch: int,
        on_left: Callable[[str], None],
        tls: LinkTls | None = None,
    ) -> None:
        self.metrics = Metrics()
        self.membership = Membership(
            host, stores.cluster, settings.cluster.lease_s, on_left=on_left
        )
        self.checks: Mapping[str, Check] = {**stores.checks, "view": self.membership.check}
        clock = SystemClock()
        secret = with_others(settings.auth, needed(settings.auth.secret))
        fair_use = fair_use_of(settings.limits, stores.redis)
        self._chat = Chat(
            host,
            settings,
            pool=stores.pool,
            accounts=Accounts(
                settings,
                pool=stores.pool,
                limiter=RedisLimiter(stores.redis),
                short_lived=ShortLived.in_redis(stores.redis, secret, clock),
                secret=secret,
                clock=clock,
            ),
            membership=self.membership,
            metrics=self.metrics,
            cluster_secret=needed(settings.cluster.secret),
            epoch=epoch,
            fair_use=fair_use,
            filing=Filing(settings.files, stores.pool, stores.blobs),
            tls=tls,
        )
        self.public = create_app(
            Parts(
                edge=settings.edge,
                metrics=self.metrics,
                routes=self._chat.routes,
                features=features(settings),
                ways_in=ways_in(settings),
                fair_use=fair_use,
            )
        )
        self.public[http_auth.PRINCIPALS] = self._chat.principals
        self.private_routes = self._chat.private_routes

    def report(self, *, takes_traffic: bool) -> HostReport:
        """What this host is doing; it is ready if it `takes_traffic` and may answer as an owner."""
        return HostReport(
            ready=takes_traffic and self.membership.serving,
            sockets=len(self._chat.sockets),
            actors=len(self._chat.actors),
            queued=self._chat.actors.queued,
            links=len(self._chat.links),
            view=self.membership.version,
            unlinked=self._chat.links.unlinked(),
        )

    @property
    def sockets(self) -> Sockets:
        """The clients' sockets."""
        return self._chat.sockets

    async def start(self) -> None:
        """Take part: read the view, carry envelopes. Raises TryAgain when PostgreSQL is away."""
        await self._chat.start()
        await self.membership.start()

    async def stop(self) -> None:
        """Close the clients' sockets, drop the actors, read no more."""
        await self.membership.stop()
        await self._chat.stop()
