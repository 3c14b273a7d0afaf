"""The private site of a host: open to the cluster's own hosts only."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from streamhub.cluster.private_site import Siblings, guard_private_site, token_for
from streamhub.config import Secret
from streamhub.domain.cluster import HostEntry
from streamhub.domain.ids import HostId
from streamhub.transport.health import create_admin_app
from streamhub.transport.link_calls import PATH
from streamhub.transport.site import listen_socket, run_site

SECRET = Secret("the secret of this cluster, long enough")
ME, OTHER = HostId("ho_me"), HostId("ho_other")


async def own_metrics() -> bytes:
    return b"# TYPE up gauge\nup 1\n"


@pytest.fixture
async def entry() -> AsyncIterator[HostEntry]:
    """A private site that is served."""
    app = create_admin_app({}, own_metrics)

    async def link(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app.router.add_get(PATH, link)
    guard_private_site(app, ME, SECRET)
    sock = listen_socket("127.0.0.1", 0, False)
    site = await run_site(app, sock, keepalive_timeout_s=5, shutdown_timeout_s=0.1)
    yield HostEntry(id=ME, node="n", address=f"127.0.0.1:{site.port}", pid=1)
    await site.close()


async def status(entry: HostEntry, path: str, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{entry.address}{path}", headers=headers) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/livez", "/nothing"])
@pytest.mark.parametrize(
    "token",
    [None, "", SECRET.reveal(), token_for(OTHER, SECRET), token_for(ME, Secret("x" * 40)), "\xff"],
)
async def test_who_does_not_know_the_secret_sees_nothing(
    entry: HostEntry, path: str, token: str | None
) -> None:
    assert await status(entry, path, token) == 401


async def test_who_knows_it_may_look(entry: HostEntry) -> None:
    assert await status(entry, "/metrics", token_for(ME, SECRET)) == 200


async def test_links_authenticate_themselves(entry: HostEntry) -> None:
    assert await status(entry, PATH, None) == 200


async def test_metrics_of_those_who_answer_are_joined(entry: HostEntry) -> None:
    away = HostEntry(id=HostId("ho_away"), node="n", address="127.0.0.1:1", pid=1)
    siblings = Siblings(SECRET)
    page = await siblings.metrics([entry, away], {OTHER: await own_metrics()})
    await siblings.close()
    assert page == b'# TYPE up gauge\nup{host="ho_other"} 1\nup{host="ho_me"} 1\n'
