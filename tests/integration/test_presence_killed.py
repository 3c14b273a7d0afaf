"""Presence when a host is killed (SIGKILL), with hosts in processes of their own."""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path

from support.load import PASSWORD
from support.lone_hosts import LoneHost, lone_hosts
from support.polling import until_true

from streamhub.client import AccountTokens, HttpApi, StreamHubClient
from streamhub.persistence.embedded.stack import EmbeddedUrls

USERS = 4


async def client_of(host: LoneHost, stack: AsyncExitStack) -> StreamHubClient:
    """A new user at this very host."""
    handle = f"u{secrets.token_hex(6)}"
    api = await stack.enter_async_context(HttpApi(host.url))
    signed_in = await api.register(
        email=f"{handle}@example.org", handle=handle, name=handle, password=PASSWORD
    )
    tokens = AccountTokens(api, signed_in=signed_in)
    return await stack.enter_async_context(StreamHubClient(host.url, tokens=tokens))


async def test_the_users_of_a_host_that_is_killed_go_offline(
    servers: EmbeddedUrls, tmp_path: Path
) -> None:
    async with lone_hosts(servers, tmp_path) as stage, AsyncExitStack() as stack:
        here, there = await stage.start_host(), await stage.start_host()
        await stage.publish(here, there)
        looking = await client_of(here, stack)
        channel = await looking.create_channel("a")
        others = [await client_of(there, stack) for _ in range(USERS)]
        for other in others:
            await other.join_channel(channel.id)
        ids = tuple(other.user.id for other in others)
        await looking.focus(users=ids)

        def states() -> list[str]:
            return [presence.state for presence in looking.presences.values()]

        await until_true(lambda: states() == ["online"] * USERS, within_s=20)
        there.process.kill()
        await there.process.wait()
        await stage.publish(here)
        await until_true(lambda: states() == ["offline"] * USERS, within_s=30)
        assert looking.connected
        assert looking.presences.keys() == set(ids)
