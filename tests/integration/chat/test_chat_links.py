"""Hosts whose link breaks under a request, and hosts of two versions in one cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from support.chat_hosts import until
from support.faulty_hosts import FaultyCluster, faulty_cluster, history, room
from support.strict_reader import StrictReader

from streamhub.cluster import chat
from streamhub.domain.envelopes import Envelope
from streamhub.domain.ids import ChannelId, HostId, UserId
from streamhub.domain.messages import AWAY, Answer, Post, Problem, channel_actor
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.transport.link_handshake import WIRE, Versions
from streamhub.transport.links import Links

SENDS = 20
LONG_S = 60.0


class LinksOfTomorrow(Links):
    """Says more than hosts of today know: kinds, fields of envelopes, fields of what they carry."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, spoken=Versions(1, WIRE + 1))

    def send(self, host: HostId, envelope: Envelope) -> bool:
        if host == self.host:
            return super().send(host, envelope)
        grown: Any = [*_more(msgspec.to_builtins(envelope, builtin_types=(bytes,))), "a field"]
        kind: Any = [99, "a kind of tomorrow", {"with": "fields"}]
        return super().send(host, kind) and super().send(host, grown)


def _more(value: Any) -> Any:
    """The same, with a further field in each object."""
    match value:
        case dict():
            return {**{key: _more(item) for key, item in value.items()}, "tomorrow": [1]}
        case list() | tuple():
            return [_more(item) for item in value]
        case _:
            return value


@pytest.fixture
async def cluster(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[FaultyCluster]:
    async with faulty_cluster(servers.postgres, tmp_path) as cluster:
        yield cluster


async def test_a_request_whose_link_breaks_is_answered_at_once_and_may_be_sent_again(
    cluster: FaultyCluster,
) -> None:
    ann = await cluster.user()
    channel = await room(ann)
    owner, other = cluster.owners(channel)
    author = UserId(ann.id)
    post = Post(author=author, key="k1", digest=b"x", text="hello", mentions=())
    answers: list[Answer] = []
    owner.database.requests_flow.clear()
    other.chat.actors.ask(channel_actor(ChannelId(channel)), post, answers.append, LONG_S)
    await until(
        lambda: (
            owner.chat.actors.active(channel_actor(ChannelId(channel))) is not None
            or len(owner.chat.links) > 0
        )
    )
    begun = asyncio.get_running_loop().time()
    owner.chat.links.drop([other.id])
    await until(lambda: bool(answers))
    assert asyncio.get_running_loop().time() - begun < LONG_S / 2, "not by running out of time"
    (answer,) = answers
    assert isinstance(answer, Problem)
    assert (answer.code, answer.again) == ("unknown", True)
    owner.database.flow()
    other.chat.actors.ask(channel_actor(ChannelId(channel)), post, answers.append, LONG_S)
    await until(lambda: len(answers) == 2)
    assert await history(ann, channel) == [(1, "hello")]


async def test_a_request_to_a_host_that_cannot_be_linked_is_answered_at_once(
    cluster: FaultyCluster,
) -> None:
    ann = await cluster.user()
    channel = await room(ann)
    owner, other = cluster.owners(channel)
    await owner.chat.links.close()
    post = Post(author=UserId(ann.id), key="k1", digest=b"x", text="hello", mentions=())
    answers: list[Answer] = []

    def ask() -> bool:
        other.chat.actors.ask(channel_actor(ChannelId(channel)), post, answers.append, LONG_S)
        return answers[-1:] == [AWAY]

    await until(ask)
    asked = len(answers)
    ask()
    assert len(answers) == asked + 1, "within the call"


async def test_hosts_of_two_versions_chat_in_one_cluster(
    servers: EmbeddedUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        async with AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(
                faulty_cluster(servers.postgres, tmp_path, hosts=1)
            )
            monkeypatch.setattr(chat, "Links", LinksOfTomorrow)
            await cluster.add()
            await cluster.publish()
            kinds = [type(host.chat.links) for host in cluster.hosts]
            assert kinds == [Links, LinksOfTomorrow]
            await _chat_through_all(cluster)
            assert [host.chat.relay.repairs for host in cluster.hosts] == [0, 0]
    opened = [entry["version"] for entry in logs if entry["event"] == "link.open"]
    assert set(opened) == {WIRE}
    assert any(entry["event"] == "link.unknown_envelope" for entry in logs)
    assert not [entry for entry in logs if entry["event"] == "link.handler_failed"]


async def _chat_through_all(cluster: FaultyCluster) -> None:
    """Channels of either host, written and read through both."""
    ann, bob = await cluster.user(cluster.hosts[0]), await cluster.user(cluster.hosts[1])
    owners: set[HostId] = set()
    rooms: list[str] = []
    while len(owners) < 2 or len(rooms) < 4:
        rooms.append(await room(ann, bob))
        owners.add(cluster.owner(channel_actor(ChannelId(rooms[-1]))).id)
    for channel in rooms:
        readers = []
        for user, host in ((ann, cluster.hosts[0]), (bob, cluster.hosts[1])):
            readers.append(StrictReader(user, channel))
            await readers[-1].connect(host.url)
        texts = [f"{n}" for n in range(SENDS)]
        for n, text in enumerate(texts):
            user, host = (ann, cluster.hosts[0]) if n % 2 else (bob, cluster.hosts[1])
            path = f"/v1/channels/{channel}/messages"
            status, answer = await user.rest(
                "POST", path, {"text": text}, host=host, headers={"Idempotency-Key": text}
            )
            assert status == 201, answer
        for reader in readers:
            await reader.follow(SENDS + 2)
            assert [message.text for message in reader.messages] == texts
            await reader.hang_up()
