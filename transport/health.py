"""The admin port: is the process alive, may it get traffic, what does it measure."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog
from aiohttp import web

from streamhub.domain.errors import StreamHubError
from streamhub.telemetry.metrics import CONTENT_TYPE
from streamhub.transport.middleware import explained, finish_headers, identified

Check = Callable[[], Awaitable[str]]
"""Returns a word about the state of what it looks at; raises when that is not usable."""

DEADLINE_S: Final = 2.0

_log = structlog.get_logger(__name__)


class Finding(msgspec.Struct, frozen=True):
    """What a check found. `detail` never holds the text of an unexpected error."""

    ok: bool
    detail: str
    latency_ms: float


class _Admin:
    def __init__(
        self,
        checks: Mapping[str, Check],
        metrics: Callable[[], Awaitable[bytes]],
        deadline_s: float,
    ) -> None:
        self._checks = checks
        self._metrics = metrics
        self._deadline_s = deadline_s

    async def livez(self, _request: web.Request) -> web.Response:
        """Answers while the event loop turns."""
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.Response:
        """200 if every check passes, else 503; `?verbose=1` says which does not."""
        findings = dict(
            zip(
                self._checks,
                await asyncio.gather(*(self._look(*check) for check in self._checks.items())),
                strict=True,
            )
        )
        ok = all(finding.ok for finding in findings.values())
        status = 200 if ok else 503
        if request.query.get("verbose", "0") in ("", "0"):
            return web.Response(text="ok\n" if ok else "not ready\n", status=status)
        body = msgspec.json.encode({"ok": ok, "checks": findings})
        return web.Response(body=body, status=status, content_type="application/json")

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._metrics(), headers={"Content-Type": CONTENT_TYPE})

    async def _look(self, name: str, check: Check) -> Finding:
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(self._deadline_s):
                detail, ok = await check(), True
        except StreamHubError as error:
            detail, ok = str(error), False
        except TimeoutError:
            detail, ok = f"no answer within {self._deadline_s} s", False
        except Exception as error:
            _log.warning("check_failed", check=name, exc_info=error)
            detail, ok = type(error).__name__, False
        return Finding(ok, detail, round((time.perf_counter() - begun) * 1000, 1))


def create_admin_app(
    checks: Mapping[str, Check],
    metrics: Callable[[], Awaitable[bytes]],
    *,
    deadline_s: float = DEADLINE_S,
) -> web.Application:
    """The application of the admin port: `/livez`, `/readyz[?verbose=1]`, `/metrics`.

    The checks run at once, each within `deadline_s`. `metrics` gives the exposition of all the
    node's hosts.
    """
    admin = _Admin(checks, metrics, deadline_s)
    app = web.Application(middlewares=(identified, explained))
    app.on_response_prepare.append(finish_headers)
    app.router.add_get("/livez", admin.livez)
    app.router.add_get("/readyz", admin.readyz)
    app.router.add_get("/metrics", admin.metrics)
    return app
