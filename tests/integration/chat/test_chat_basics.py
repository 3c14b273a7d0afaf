"""Two people chat, over one host and over two, in both encodings and over REST."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.chat_hosts import JSON, MSGPACK, ChatCluster

from streamhub.config import load_settings
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.migrations import migrate
from streamhub.protocol import frames
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


@pytest.fixture
async def cluster(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[ChatCluster]:
    settings = load_settings({}, cwd=tmp_path)
    await migrate(servers.postgres)
    cluster = ChatCluster(settings, servers.postgres)
    await cluster.start(2)
    yield cluster
    await cluster.close()


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
