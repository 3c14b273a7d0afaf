"""Two people chat, over one host and over two, in both encodings and over REST."""

import pytest
from support.chat_hosts import JSON, MSGPACK, ChatCluster, Socket, User, until

from streamhub.protocol import frames
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_two_people_chat_over_two_hosts(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    mine = await ann.connect(cluster.hosts[0], codec=codec)
    his = await bob.connect(cluster.hosts[1], codec=codec)
    created = await mine.command(
        "channel.create", frames.ChannelCreate(name="general", visibility="public"), key="c1"
    )
    channel = reply_body("channel.create", created.body)
    assert isinstance(channel, frames.ChannelObject)
    await mine.event("channel.added")
    joined = await his.command("channel.join", frames.ChannelJoin(channel=channel.id))
    assert joined.problem is None
    await his.event("channel.added")
    await mine.event("member.joined")
    for n in range(5):
        reply = await mine.command(
            "message.send", frames.MessageSend(channel=channel.id, text=f"hi {n}"), key=f"k{n}"
        )
        receipt = reply_body("message.send", reply.body)
        assert isinstance(receipt, frames.Receipt)
        assert receipt.seq == n + 1
        heard = await his.event("message.created")
        assert isinstance(heard.body, frames.MessageEvent)
        assert (heard.body.message.text, heard.body.message.seq) == (f"hi {n}", n + 1)
    await mine.close()
    await his.close()


async def test_rest_does_what_commands_do(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    status, channel = await ann.rest(
        "POST", "/v1/channels", {"name": "ops", "visibility": "public"}
    )
    assert status == 201
    path = f"/v1/channels/{channel['id']}"
    assert (await bob.rest("GET", path))[0] == 200
    assert (await bob.rest("POST", f"{path}/join"))[0] == 200
    sent = {"text": f"hello @{ann.handle}"}
    status, receipt = await bob.rest(
        "POST", f"{path}/messages", sent, headers={"Idempotency-Key": "once"}
    )
    assert (status, receipt["seq"]) == (201, 1)
    again = await bob.rest("POST", f"{path}/messages", sent, headers={"Idempotency-Key": "once"})
    assert again == (201, receipt)
    other = await bob.rest(
        "POST", f"{path}/messages", {"text": "another"}, headers={"Idempotency-Key": "once"}
    )
    assert (other[0], other[1]["code"]) == (409, "key_reused")
    status, page = await ann.rest("GET", f"{path}/messages?limit=10")
    assert status == 200
    (message,) = page["items"]
    assert message["entities"] == [
        {"type": "mention", "user": ann.id, "offset": 6, "length": len(ann.handle) + 1}
    ]
    assert (await ann.rest("GET", f"{path}/messages/{message['id']}"))[1] == message
    status, read = await ann.rest("POST", f"{path}/read", {"seq": 1})
    assert (status, read["unread"], read["mentions"]) == (200, 0, 0)
    status, members = await ann.rest("GET", f"{path}/members")
    assert [member["user"] for member in members["items"]] == [ann.id, bob.id]
    status, synced = await ann.rest("GET", f"{path}/sync?rev=0")
    assert status == 200
    assert len(synced["messages"]) == 1
    assert len(synced["members"]) == 2
    status, removed = await ann.rest("DELETE", f"{path}/members/{bob.id}")
    assert (status, removed["members"][0]["left"]) == (200, True)
    assert (await bob.rest("POST", f"{path}/messages", sent))[1]["code"] == "not_a_member"
    status, problem = await bob.rest("POST", f"{path}/messages", {"text": "x", "to": 1})
    assert (status, problem["code"], problem["field"]) == (400, "unknown_field", "to")


async def test_a_private_channel_looks_like_none_to_a_stranger(cluster: ChatCluster) -> None:
    ann, eve = await cluster.user(), await cluster.user()
    body = {"name": "secret", "visibility": "private"}
    _, channel = await ann.rest("POST", "/v1/channels", body)
    unknown = f"/v1/channels/ch_{'0' * 26}"
    for method, rest, sent in (
        ("GET", "", None),
        ("GET", "/messages", None),
        ("GET", "/members", None),
        ("GET", "/sync?rev=0", None),
        ("POST", "/join", {}),
        ("POST", "/leave", {}),
        ("POST", "/read", {"seq": 1}),
        ("POST", "/messages", {"text": "hi"}),
        ("POST", "/members", {"users": [eve.id]}),
        ("DELETE", f"/members/{ann.id}", None),
    ):
        answers = []
        for path in (f"/v1/channels/{channel['id']}", unknown):
            status, problem = await eve.rest(method, path + rest, sent)
            problem.pop("request_id")
            problem.pop("detail", None)
            problem.pop("field", None)
            answers.append((status, problem))
        assert answers[0] == answers[1], (method, rest)
        assert answers[0][0] == 404


async def test_a_removed_member_hears_of_it_and_nothing_later(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await _channel(ann, bob)
    his = await bob.connect(cluster.hosts[1])
    assert (await ann.rest("DELETE", f"/v1/channels/{channel}/members/{bob.id}"))[0] == 200
    left = await his.event("member.left")
    assert isinstance(left.body, frames.MemberEvent)
    assert left.body.members[0].user == bob.id
    assert (await _send(ann, channel, "without him"))[0] == 201
    removed = await his.event("channel.removed")
    assert removed.body == frames.ChannelRef(channel=channel)
    reply = await his.command("channel.sync", frames.ChannelSync(channel=channel, rev=0))
    assert reply.problem is not None
    assert not [event for event in his.seen if event.name == "message.created"]
    await his.close()


async def test_who_comes_back_gets_what_was_missed_as_pages_and_then_live(
    cluster: ChatCluster,
) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await _channel(ann, bob)
    his = await bob.connect(cluster.hosts[0])
    held = his.ready.channels[0].rev
    await his.close()
    for n in range(250):
        assert (await _send(ann, channel, f"missed {n}"))[0] == 201
    his = await bob.connect(cluster.hosts[1], since={channel: held})
    assert his.ready.channels[0].unread == 250
    texts: list[str | None] = []
    while len(texts) < 250:
        page = (await his.event("sync.page")).body
        assert isinstance(page, frames.SyncPage)
        assert page.from_rev == held
        held = page.to_rev
        texts.extend(message.text for message in page.messages)
    assert texts == [f"missed {n}" for n in range(250)]
    assert (await _send(ann, channel, "live"))[0] == 201
    live = await his.event("message.created")
    assert live.rev == held + 1
    await his.close()


async def test_another_epoch_drops_every_copy(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    channel = await _channel(ann)
    mine = await ann.connect()
    await mine.close()
    ws = await cluster.http.ws_connect(
        f"{cluster.hosts[0].url}/v1/ws", protocols=(MSGPACK.subprotocol,)
    )
    socket = Socket(ws, MSGPACK)
    hello = await socket.next()
    assert isinstance(hello, frames.Hello)
    since = frames.Since(epoch=hello.epoch + 1, channels={channel: 1})
    await socket.send(frames.Auth(token=ann.token, since=since))
    await socket.next()
    reset = await socket.event("sync.reset")
    assert reset.body == frames.SyncReset(channel=channel, rev=mine.ready.channels[0].rev)
    await socket.close()


async def test_typing_reaches_only_those_who_look(cluster: ChatCluster) -> None:
    ann, bob, cid = [await cluster.user() for _ in range(3)]
    channel = await _channel(ann, bob, cid)
    looking = await bob.connect(cluster.hosts[1])
    away = await cid.connect(cluster.hosts[1])
    await looking.command("focus", frames.Focus(channels=(channel,)))
    typist = await ann.connect(cluster.hosts[0])
    await until(lambda: all(host.chat.relay.held(channel) for host in cluster.hosts))
    reply = await typist.command("typing.start", frames.TypingStart(channel=channel))
    assert reply.problem is None
    typing = await looking.event("typing.started")
    assert typing.body == frames.Typing(channel=channel, user=ann.id)
    assert (await _send(ann, channel, "done"))[0] == 201
    await away.event("message.created")
    assert not [event for event in away.seen if event.name == "typing.started"]
    for socket in (looking, away, typist):
        await socket.close()


async def test_read_markers_rise_and_reach_the_other_sessions(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await _channel(ann, bob)
    for n in range(3):
        await _send(ann, channel, f"{n} @{bob.handle}")
    first = await bob.connect(cluster.hosts[0])
    second = await bob.connect(cluster.hosts[1])
    assert (first.ready.channels[0].unread, first.ready.channels[0].mentions) == (3, 3)
    await until(lambda: all(host.chat.relay.held(bob.id) for host in cluster.hosts))
    for seq, unread in ((2, 1), (1, 1)):
        reply = await first.command("channel.read", frames.ChannelRead(channel=channel, seq=seq))
        state = reply_body("channel.read", reply.body)
        assert isinstance(state, frames.ReadState)
        assert (state.read_seq, state.unread, state.mentions) == (2, unread, 1)
        while (await second.event("read.updated")).body != state:
            pass  # the mentions before were told of too
    await first.close()
    await second.close()


async def _channel(owner: User, *others: User) -> str:
    """A private channel with these members."""
    body = {"name": "room", "visibility": "private"}
    status, channel = await owner.rest("POST", "/v1/channels", body)
    assert status == 201, channel
    if others:
        users = {"users": [other.id for other in others]}
        status, added = await owner.rest("POST", f"/v1/channels/{channel['id']}/members", users)
        assert status == 200, added
    return str(channel["id"])


async def _send(user: User, channel: str, text: str) -> tuple[int, object]:
    return await user.rest("POST", f"/v1/channels/{channel}/messages", {"text": text})


async def test_users_are_found_by_handle_in_any_case(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    found = {"id": ann.id, "handle": ann.handle, "name": ann.handle.title()}
    status, page = await ann.rest("GET", f"/v1/users?handle={ann.handle.upper()}")
    assert (status, page) == (200, {"items": [found]})
    assert (await ann.rest("GET", f"/v1/users/{ann.id}"))[1] == found
    assert (await ann.rest("GET", "/v1/users?handle=nobody.here"))[1] == {"items": []}
    assert (await ann.rest("GET", "/v1/users"))[1]["field"] == "handle"


async def test_a_keyed_command_gets_its_first_reply_again(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await _channel(ann)
    path, key = f"/v1/channels/{channel}/members", {"Idempotency-Key": "add"}
    first = await ann.rest("POST", path, {"users": [bob.id]}, headers=key)
    assert [member["user"] for member in first[1]["members"]] == [bob.id]
    again = await ann.rest("POST", path, {"users": [bob.id]}, host=cluster.hosts[1], headers=key)
    assert again == first
    other = await ann.rest("POST", path, {"users": [ann.id]}, headers=key)
    assert (other[0], other[1]["code"]) == (409, "key_reused")
    without_key = await ann.rest("POST", path, {"users": [bob.id]})
    assert without_key[1]["members"] == []
