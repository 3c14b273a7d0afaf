"""`streamhub up --ray-address` comes and goes; what it started does not depend on it."""

import secrets

import aiohttp
import pytest
from support.nodes import Nodes
from support.operator import Operator
from support.up import START_WITHIN_S

pytestmark = pytest.mark.timeout(START_WITHIN_S + 240)


async def test_up_may_end_and_come_back_and_the_hosts_stay(nodes: Nodes) -> None:
    await Operator(nodes).all_green()
    before = await nodes.hosts()
    assert nodes.leave() == 0
    assert all(map(nodes.is_green, nodes.names))
    nodes.join()
    assert await nodes.hosts() == before


async def test_down_ends_every_host_and_up_and_both_may_come_again(nodes: Nodes) -> None:
    await Operator(nodes).all_green()
    assert nodes.down() == 0
    assert await nodes.hosts() == {}
    assert not any(map(nodes.is_green, nodes.names))
    nodes.join()
    await Operator(nodes).all_green()


async def test_a_secret_is_changed_host_by_host_and_nobody_is_signed_out(nodes: Nodes) -> None:
    await Operator(nodes).all_green()
    old, new = nodes.auth_secret, secrets.token_hex(32)
    signed_in = await register(nodes)
    for nodes.auth_secret, nodes.other_auth_secret in ((old, new), (new, old), (new, "")):
        before = await nodes.hosts()
        assert nodes.replace_settings() == 0
        assert await nodes.hosts() == before, "hosts are taken over as they are"
        assert await statuses(nodes, signed_in) == {200}
        nodes.command("restart", "--rolling")
        await Operator(nodes).all_green()
        after = await nodes.hosts()
        assert not {host.id for host in before.values()} & {host.id for host in after.values()}
        last = nodes.other_auth_secret == ""
        assert await statuses(nodes, signed_in) == {401 if last else 200}, "only once it is removed"
    assert await statuses(nodes, await register(nodes)) == {200}


async def register(nodes: Nodes) -> str:
    """The access token of a new account."""
    handle = f"u{secrets.token_hex(6)}"
    body = {"email": f"{handle}@example.org", "handle": handle, "name": "Ann"}
    body["password"] = "correct horse battery staple"
    url = f"{nodes.public_url(nodes.names[0])}/v1/auth/register"
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as answer:
        assert answer.status == 201
        return str((await answer.json())["access_token"])


async def statuses(nodes: Nodes, token: str) -> set[int]:
    """What each node answers who shows the token."""
    found = set()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
        for name in nodes.names:
            async with http.get(f"{nodes.public_url(name)}/v1/me") as answer:
                found.add(answer.status)
    return found
