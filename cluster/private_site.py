"""What hosts tell each other over HTTP, on the node's private address: one host's own metrics,
readiness and report. Links are mounted here too.

Each request shows a token made of the cluster's secret and the id of the host it is for: it opens
nothing at another host, and the secret itself never travels. With certificates for links all of it
is served over TLS.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import aiohttp
import msgspec
import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from streamhub.config import Secret
from streamhub.domain.cluster import HostEntry, HostReport
from streamhub.domain.errors import Refused
from streamhub.domain.ids import HostId
from streamhub.telemetry import merge
from streamhub.transport import link_calls
from streamhub.transport.link_tls import LinkTls

METRICS: Final = "/metrics"
REPORT: Final = "/report"
_AUTHENTICATES_ITSELF: Final = frozenset({link_calls.PATH})  # by a challenge, in both directions
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


def report_route(report: Callable[[], HostReport]) -> web.RouteDef:
    """Where a host tells operators what it tells the supervisor."""

    async def answer(_: web.Request) -> web.Response:
        body = msgspec.json.encode(report())
        return web.Response(body=body, content_type="application/json")

    return web.get(REPORT, answer)


class Siblings:
    """Asks hosts for what their private sites tell; leaves out who does not answer in time."""

    def __init__(self, secret: Secret, tls: LinkTls | None = None) -> None:
        self._secret = secret
        self._tls = tls
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))

    async def metrics(self, entries: Iterable[HostEntry], own: Mapping[str, bytes]) -> bytes:
        """One exposition of `own`, by host id, and of all `entries` that answer."""
        others = [entry for entry in entries if entry.id not in own]
        return merge({**own, **await self._ask(others, METRICS)})

    async def reports(self, entries: Iterable[HostEntry]) -> dict[HostId, HostReport]:
        """What the hosts say of themselves."""
        answers = await self._ask(list(entries), REPORT)
        return {
            HostId(host): msgspec.json.decode(answer, type=HostReport)
            for host, answer in answers.items()
        }

    async def close(self) -> None:
        await self._session.close()

    async def _ask(self, entries: Sequence[HostEntry], path: str) -> dict[str, bytes]:
        answers = await asyncio.gather(*(self._ask_one(entry, path) for entry in entries))
        return {
            entry.id: answer
            for entry, answer in zip(entries, answers, strict=True)
            if answer is not None
        }

    async def _ask_one(self, entry: HostEntry, path: str) -> bytes | None:
        headers = {hdrs.AUTHORIZATION: f"Bearer {token_for(entry.id, self._secret)}"}
        url = f"{'https' if self._tls else 'http'}://{entry.address}{path}"
        try:
            async with self._session.get(
                url,
                headers=headers,
                raise_for_status=True,
                ssl=self._tls.client if self._tls else True,
            ) as answer:
                return await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            name = type(error).__name__
            log.warning("private_site_not_read", of=entry.id, path=path, error=name)
            return None
