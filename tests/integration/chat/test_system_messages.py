"""The history of a small channel says who came and who went: over sockets and over REST."""

import pytest
from support.chat_hosts import JSON, MSGPACK, ChatCluster

from streamhub.protocol import frames
from streamhub.protocol.codec import Codec


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"STREAMHUB_SYSTEM_MESSAGES_MEMBERS": "50"}


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_members_see_who_came_and_who_went(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob, carol = [await cluster.user(host) for host in (*cluster.hosts, *cluster.hosts)[:3]]
    made = {"name": "small", "visibility": "public"}
    _, channel = await ann.rest("POST", "/v1/channels", made)
    path = f"/v1/channels/{channel['id']}"
    socket = await ann.connect(cluster.hosts[1], codec=codec)

    async def told() -> tuple[frames.MessageObject, int | None]:
        event = await socket.event("message.created")
        assert isinstance(event.body, frames.MessageEvent)
        return event.body.message, event.rev

    async def noted(kind: str, *users: str) -> frames.MessageObject:
        message, rev = await told()
        assert message.system == frames.SystemNoteObject(kind=kind, users=users)
        assert (message.text, message.nth, message.rev) == ("", 0, rev)
        return message

    await bob.rest("POST", f"{path}/join")
    joined = await noted("joined", bob.id)
    assert joined.author == bob.id
    await ann.rest("POST", f"{path}/members", {"users": [carol.id]})
    await noted("added", carol.id)
    await ann.rest("DELETE", f"{path}/members/{carol.id}")
    await noted("removed", carol.id)
    await bob.rest("POST", f"{path}/leave")
    await noted("left", bob.id)

    _, page = await ann.rest("GET", f"{path}/messages")
    assert [one["system"]["kind"] for one in page["items"]] == [
        "joined",
        "added",
        "removed",
        "left",
    ]
    again = await ann.connect(cluster.hosts[0], codec=codec)
    [overview] = again.ready.channels
    assert (overview.last_seq, overview.unread) == (4, 0)

    where = f"{path}/messages/{joined.id}"
    status, problem = await ann.rest("PATCH", where, {"text": "not you"})
    assert (status, problem["code"]) == (403, "forbidden")
    assert (await ann.rest("DELETE", where))[0] in (200, 204), "she owns the channel"
    _, page = await ann.rest("GET", f"{path}/messages")
    assert page["items"][0]["deleted"]
    assert "system" not in page["items"][0]
