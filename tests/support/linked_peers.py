"""Hosts' links alone, each served on a port of its own."""

from collections.abc import Callable
from contextlib import AsyncExitStack

from aiohttp import web

from streamhub.config import Secret
from streamhub.domain.envelopes import NoInterest
from streamhub.domain.ids import HostId
from streamhub.transport import link_calls
from streamhub.transport.link_handshake import SPOKEN, Versions
from streamhub.transport.link_tls import LinkTls
from streamhub.transport.links import Links
from streamhub.transport.site import listen_socket, run_site

SECRET = Secret("the cluster secret of these tests")
ANN, BOB = HostId("ho_ann"), HostId("ho_bob")


class Peer:
    """A host's links, what came over them, and which were lost. `look` is called when somebody
    calls who has no address yet."""

    def __init__(
        self,
        host: HostId,
        addresses: dict[HostId, str],
        secret: Secret = SECRET,
        tls: LinkTls | None = None,
        spoken: Versions = SPOKEN,
    ) -> None:
        self.host = host
        self.got: list[tuple[HostId, tuple[str, ...]]] = []
        self.lost: list[HostId] = []
        self.look: Callable[[], None] = lambda: None
        self.links = Links(
            host,
            secret,
            address=addresses.get,
            on_lost=self.lost.append,
            on_stranger=lambda: self.look(),
            tls=tls,
            spoken=spoken,
        )

    def take(self, sender: HostId, envelope: NoInterest) -> None:
        self.got.append((sender, envelope.topics))

    def send(self, to: HostId, *words: str) -> bool:
        return self.links.send(to, NoInterest(topics=words))


class Wire:
    """Starts peers that know each other's addresses."""

    def __init__(self) -> None:
        self.addresses: dict[HostId, str] = {}
        self.stack = AsyncExitStack()

    async def peer(
        self,
        host: HostId,
        secret: Secret = SECRET,
        tls: LinkTls | None = None,
        spoken: Versions = SPOKEN,
    ) -> Peer:
        peer = Peer(host, self.addresses, secret, tls, spoken)
        app = web.Application()
        app.router.add_get(link_calls.PATH, peer.links.accept)
        site = await run_site(
            app,
            listen_socket("127.0.0.1", 0, False),
            keepalive_timeout_s=10,
            shutdown_timeout_s=0.1,
            tls=tls.server if tls else None,
        )
        self.stack.push_async_callback(site.close)
        self.addresses[host] = f"127.0.0.1:{site.port}"
        peer.links.start({NoInterest: peer.take})
        self.stack.push_async_callback(peer.links.close)
        return peer
