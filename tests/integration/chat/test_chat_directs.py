"""Direct conversations over two hosts, in both encodings and over REST."""

import asyncio

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, Socket, User

from streamhub.client import HiddenChanged, MessagePosted, StreamHubClient
from streamhub.domain.access import Status
from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.ids import UserId
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.protocol import frames
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


async def opened(cluster: ChatCluster, user: User, *others: str) -> tuple[int, dict[str, object]]:
    status, body = await user.rest("POST", "/v1/directs", {"users": list(others)})
    return status, body


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_two_people_talk_in_private(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    mine = await ann.connect(cluster.hosts[0], codec=codec)
    his = await bob.connect(cluster.hosts[1], codec=codec)
    reply = await mine.command("direct.open", frames.DirectOpen(users=(bob.id,)))
    direct = reply_body("direct.open", reply.body)
    assert isinstance(direct, frames.ChannelObject)
    assert (direct.kind, direct.visibility, direct.name) == ("direct", "private", None)
    assert direct.users == tuple(sorted((ann.id, bob.id)))
    added = await his.event("channel.added")
    assert isinstance(added.body, frames.ChannelAdded)
    assert (added.body.channel.id, added.body.channel.users) == (direct.id, direct.users)
    again = await his.command("direct.open", frames.DirectOpen(users=(ann.id,)))
    assert reply_body("direct.open", again.body) == direct
    sent = await mine.command("message.send", frames.MessageSend(channel=direct.id, text="hi"))
    assert sent.problem is None
    heard = await his.event("message.created")
    assert isinstance(heard.body, frames.MessageEvent)
    assert heard.body.message.text == "hi"
    await mine.close()
    await his.close()


async def test_a_hundred_openings_at_once_make_one(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    answers = await asyncio.gather(
        *(
            opened(cluster, user, other.id)
            for user, other in ((ann, bob), (bob, ann))
            for _ in range(50)
        )
    )
    assert sorted(status for status, _ in answers) == [200] * 99 + [201]
    assert len({body["id"] for _, body in answers}) == 1
    _, page = await ann.rest("GET", "/v1/channels?limit=200")
    assert len([item for item in page["items"] if item["kind"] == "direct"]) == 1


async def test_a_group_is_known_by_its_people_in_any_order(cluster: ChatCluster) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    _, group = await opened(cluster, ann, bob.id, eve.id)
    assert group["kind"] == "group"
    assert (await opened(cluster, eve, ann.id, bob.id, ann.id, eve.id))[1] == group
    assert (await opened(cluster, ann, bob.id))[1]["id"] != group["id"]
    _, notes = await opened(cluster, ann, ann.id)
    assert notes["users"] == [ann.id]


@pytest.mark.parametrize("state", ["suspended", "deactivated", "deleted"])
async def test_who_may_not_be_written_to_is_unknown(cluster: ChatCluster, state: Status) -> None:
    ann, bob, gone = [await cluster.user() for _ in range(3)]
    _, known = await opened(cluster, bob, gone.id)
    edits = PostgresAccountEdits(cluster.pool)
    await edits.edit(UserId(gone.id), AccountEdit(status=state), [])
    status, refused = await opened(cluster, ann, bob.id, gone.id)
    missing = "us_" + "0" * 26
    unknown_status, unknown = await opened(cluster, ann, bob.id, missing)
    for answer in (refused, unknown):
        answer.pop("request_id")
    assert (status, refused) == (unknown_status, unknown)
    assert (status, refused["code"], refused["field"]) == (404, "not_found", "users[1]")
    assert (await opened(cluster, bob, gone.id))[1] == known, "what was said can still be read"


async def test_nobody_comes_into_a_conversation_or_out_of_it(cluster: ChatCluster) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    _, direct = await opened(cluster, ann, bob.id)
    path = f"/v1/channels/{direct['id']}"
    for stranger_asks in (("GET", path), ("GET", f"{path}/messages"), ("POST", f"{path}/join")):
        assert (await eve.rest(*stranger_asks))[0] == 404
    _, page = await eve.rest("GET", "/v1/channels?limit=200")
    assert direct["id"] not in [item["id"] for item in page["items"]]
    assert (await ann.rest("POST", f"{path}/members", {"users": [eve.id]}))[0] == 403
    assert (await ann.rest("POST", f"{path}/leave"))[0] == 403
    assert (await ann.rest("DELETE", f"{path}/members/{bob.id}"))[0] == 403
    _, members = await bob.rest("GET", f"{path}/members")
    assert {member["user"] for member in members["items"]} == {ann.id, bob.id}


def in_list(ready: frames.Ready, direct: object) -> frames.ChannelOverview:
    (overview,) = [one for one in ready.channels if one.id == direct]
    return overview


def is_hidden(overview: frames.ChannelOverview) -> bool:
    nth = overview.hidden_nth
    return nth is not None and overview.nth <= nth and not overview.unread


async def told_of(socket: Socket, *, hidden: bool) -> None:
    """Wait until it is told so; what was told of its beginning may come later than it."""
    while True:
        told = (await socket.event("channel.added")).body
        assert isinstance(told, frames.ChannelAdded)
        if is_hidden(told.channel) == hidden:
            return


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_a_hidden_conversation_comes_back_with_the_next_message(
    cluster: ChatCluster, codec: Codec
) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    _, direct = await opened(cluster, ann, bob.id)
    desk, phone = [await ann.connect(host, codec=codec) for host in cluster.hosts]
    body = frames.DirectHide(channel=str(direct["id"]))
    for _ in range(2):
        assert (await desk.command("direct.hide", body)).problem is None
        for socket in (desk, phone):
            await told_of(socket, hidden=True)
    again = await ann.connect(cluster.hosts[1], codec=codec)
    assert is_hidden(in_list(again.ready, direct["id"]))
    his = await bob.connect(codec=codec)
    assert in_list(his.ready, direct["id"]).hidden_nth is None, "he does not notice"
    path = f"/v1/channels/{direct['id']}/messages"
    await bob.rest("POST", path, {"text": "hush", "silent": True})
    await phone.event("message.created")
    still = await ann.connect(codec=codec)
    assert is_hidden(in_list(still.ready, direct["id"])), "a silent message is no news"
    await bob.rest("POST", path, {"text": "are you there?"})
    await phone.event("message.created")
    back = await ann.connect(codec=codec)
    overview = in_list(back.ready, direct["id"])
    assert (is_hidden(overview), overview.unread) == (False, 1)
    for socket in (desk, phone, again, his, still, back):
        await socket.close()


async def test_opening_a_hidden_conversation_brings_it_back(cluster: ChatCluster) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    _, direct = await opened(cluster, ann, bob.id)
    hide = ("POST", f"/v1/directs/{direct['id']}/hide")
    assert await ann.rest(*hide) == (200, {})
    phone = await ann.connect(cluster.hosts[1])
    assert is_hidden(in_list(phone.ready, direct["id"]))
    await opened(cluster, bob, ann.id)
    assert await opened(cluster, ann, bob.id) == (200, direct)
    await told_of(phone, hidden=False)
    status, problem = await eve.rest(*hide)
    assert (status, problem["code"]) == (404, "not_found")
    _, channel = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    status, problem = await ann.rest("POST", f"/v1/directs/{channel['id']}/hide")
    assert (status, problem["code"]) == (403, "forbidden")
    await phone.close()


async def test_the_sdk_hides_a_conversation_in_all_sessions(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    _, direct = await opened(cluster, ann, bob.id)
    id, urls = str(direct["id"]), [host.url for host in cluster.hosts]
    async with (
        StreamHubClient(urls[0], login=ann.handle, password=PASSWORD) as desk,
        StreamHubClient(urls[1], login=ann.handle, password=PASSWORD) as phone,
    ):
        await desk.hide_direct(id)
        async for event in phone.events():
            if isinstance(event, HiddenChanged):
                break
        assert event == HiddenChanged(id, True)
        assert phone.channels[id].hidden
        await bob.rest("POST", f"/v1/channels/{id}/messages", {"text": "hi"})
        async for event in phone.events():
            if isinstance(event, MessagePosted):
                break
        assert not phone.channels[id].hidden


async def test_openings_are_checked(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    others = [(await cluster.user()).id for _ in range(2)]
    for users in ([], ["us_x"], [*others] * 10):
        status, problem = await opened(cluster, ann, *users)
        assert (status, problem["code"]) == (400, "bad_request"), users
    key = {"Idempotency-Key": "once"}
    status, first = await ann.rest("POST", "/v1/directs", {"users": others[:1]}, headers=key)
    assert status == 201
    again = await ann.rest("POST", "/v1/directs", {"users": others[:1]}, headers=key)
    assert again == (200, first), "it was there already"
    status, problem = await ann.rest("POST", "/v1/directs", {"users": others}, headers=key)
    assert (status, problem["code"]) == (409, "key_reused")


async def test_the_sdk_opens_a_conversation_and_follows_it(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    urls = [host.url for host in cluster.hosts]
    async with (
        StreamHubClient(urls[0], login=ann.handle, password=PASSWORD) as mine,
        StreamHubClient(urls[1], login=bob.handle, password=PASSWORD) as his,
    ):
        direct = await mine.open_direct(bob.id)
        assert await his.open_direct(ann.id) == direct
        for client in (mine, his):
            assert client.channels[direct.id].overview.users == direct.users
