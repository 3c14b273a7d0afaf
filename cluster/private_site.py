"""What hosts tell each other over HTTP, on the node's private address: one host's own metrics and
readiness. Links are mounted here too.

Each request shows a token made of the cluster's secret and the id of the host it is for: it opens
nothing at another host, and the secret itself never travels. With certificates for links all of it
is served over TLS.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

import aiohttp
import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from streamhub.config import Secret
from streamhub.domain.cluster import HostEntry
from streamhub.domain.errors import Refused
from streamhub.domain.ids import HostId
from streamhub.telemetry import merge
from streamhub.transport import links
from streamhub.transport.link_tls import LinkTls

METRICS: Final = "/metrics"
_AUTHENTICATES_ITSELF: Final = frozenset({links.PATH})  # by a challenge, in both directions
_TIMEOUT_S: Final = 2.0

log = structlog.get_logger(__name__)


def token_for(host: HostId, secret: Secret) -> str:
    """What a request to `host` must show."""
    purpose = f"streamhub private site of {host}"
    return hmac.new(secret.reveal().encode(), purpose.encode(), hashlib.sha256).hexdigest()


def guard_private_site(app: web.Application, host: HostId, secret: Secret) -> web.Application:
    """An application that serves `app` only to those who know the cluster's secret."""
    wanted = f"Bearer {token_for(host, secret)}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _AUTHENTICATES_ITSELF:
            return await handler(request)
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode()
        if not hmac.compare_digest(given, wanted):
            raise Refused("unauthenticated", "this port is for the hosts of the cluster")
        return await handler(request)

    app.middlewares.append(guard)
    return app


class Siblings:
    """Asks the hosts of a node for their metrics."""

    def __init__(self, secret: Secret, tls: LinkTls | None = None) -> None:
        self._secret = secret
        self._tls = tls
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))

    async def metrics(self, entries: Iterable[HostEntry], own: Mapping[str, bytes]) -> bytes:
        """One exposition of `own`, by host id, and of all `entries` that answer in time."""
        others = [entry for entry in entries if entry.id not in own]
        found = await asyncio.gather(*map(self._metrics_of, others))
        expositions: dict[str, bytes] = {**own}
        for entry, exposition in zip(others, found, strict=True):
            if exposition is not None:
                expositions[entry.id] = exposition
        return merge(expositions)

    async def close(self) -> None:
        await self._session.close()

    async def _metrics_of(self, entry: HostEntry) -> bytes | None:
        headers = {hdrs.AUTHORIZATION: f"Bearer {token_for(entry.id, self._secret)}"}
        url = f"{'https' if self._tls else 'http'}://{entry.address}{METRICS}"
        try:
            async with self._session.get(
                url,
                headers=headers,
                raise_for_status=True,
                ssl=self._tls.client if self._tls else True,
            ) as answer:
                return await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("metrics_of_a_host_are_missing", of=entry.id, error=type(error).__name__)
            return None
