"""Finding messages: over sockets in both encodings, over REST and by the SDK; indexing them."""

import asyncio

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, ChatHost, User
from support.polling import until

from streamhub.client import StreamHubClient
from streamhub.protocol import frames, searching
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts index when they are told to."""
    monkeypatch.setattr("streamhub.actors.indexing.EVERY_S", 3600)
    monkeypatch.setattr("streamhub.actors.indexing.PAUSE_S", 0)


async def texts(user: User, query: str) -> list[str]:
    _, page = await user.rest("GET", f"/v1/search?{query}")
    return [one["text"] for one in page["items"]]


async def indexed(cluster: ChatCluster, *hosts: ChatHost) -> None:
    """By these hosts, or all; when nothing is left to do for them."""
    for host in hosts or cluster.hosts:
        await host.chat.indexing.catch_up()
        while host.chat.indexing.waiting:
            await host.chat.indexing.catch_up()


async def channel_of(user: User, name: str = "a", visibility: str = "public") -> str:
    made = {"name": name, "visibility": visibility}
    return str((await user.rest("POST", "/v1/channels", made))[1]["id"])


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
@pytest.mark.usefixtures("by_hand")
async def test_messages_are_found_by_words_and_filters(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    channel = await channel_of(ann, "Rockets")
    path = f"/v1/channels/{channel}"
    await bob.rest("POST", f"{path}/join")
    for text in ("Lift-off at noon", "lift the crate", "see https://example.com"):
        await ann.rest("POST", f"{path}/messages", {"text": text})
    await bob.rest("POST", f"{path}/messages", {"text": "lift it"})
    await indexed(cluster)
    socket = await ann.connect(cluster.hosts[1], codec=codec)

    async def search(query: str, **more: int) -> list[str | None]:
        body = searching.MessageSearch(query=query, **more)  # type: ignore[arg-type]
        page = reply_body("message.search", (await socket.command("message.search", body)).body)
        assert isinstance(page, frames.MessagePage)
        return [one.text for one in page.items]

    assert await search("LIFT") == ["lift it", "lift the crate", "Lift-off at noon"]
    assert await search("lift", limit=1) == ["lift it"]
    assert await search(f"lift from:@{ann.handle} -crate") == ["Lift-off at noon"]
    assert await search("lift from:@nobody-at-all") == []
    assert await search('"lift off" in:rockets') == ["Lift-off at noon"]
    assert await search("lift in:elsewhere") == []
    assert await search("has:link") == ["see https://example.com"]
    assert await search("lift before:2020-01-01") == []
    body = searching.MessageSearch(query="lift by:ann")
    problem = (await socket.command("message.search", body)).problem
    assert problem is not None
    assert (problem.code, problem.field) == ("bad_request", "query")
    await socket.close()


@pytest.mark.usefixtures("by_hand")
async def test_rest_does_the_same_page_by_page(cluster: ChatCluster) -> None:
    ann, stranger = await cluster.user(), await cluster.user()
    path = f"/v1/channels/{await channel_of(ann)}/messages"
    for text in ("word a", "word b", "word c"):
        await ann.rest("POST", path, {"text": text})
    await indexed(cluster)
    _, first = await ann.rest("GET", "/v1/search?query=word&limit=2")
    _, rest = await ann.rest("GET", f"/v1/search?query=word&cursor={first['next_cursor']}")
    pages = first["items"] + rest["items"]
    assert [one["text"] for one in pages] == ["word c", "word b", "word a"]
    assert "next_cursor" not in rest
    assert await texts(stranger, "query=word") == [], "public, but not joined"
    for query, field in (("", "query"), ("query=...", "query"), ("query=a&cursor=x", "cursor")):
        status, problem = await ann.rest("GET", f"/v1/search?{query}")
        assert (status, problem["code"], problem["field"]) == (400, "bad_request", field)


@pytest.mark.usefixtures("by_hand")
async def test_a_page_of_long_messages_fits_a_frame(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    path = f"/v1/channels/{await channel_of(ann)}/messages"
    for number in range(20):
        await ann.rest("POST", path, {"text": f"{number} long " + "x" * 15_900})
    await indexed(cluster)
    cursor, found = "", list[int]()
    for size in (16, 4):
        _, page = await ann.rest("GET", f"/v1/search?query=long{cursor}")
        assert len(page["items"]) == size
        found += [int(one["text"].split()[0]) for one in page["items"]]
        cursor = f"&cursor={page.get('next_cursor')}"
    assert found == [*range(19, -1, -1)]
    assert cursor == "&cursor=None"


@pytest.mark.usefixtures("by_hand")
async def test_edits_deletes_and_leaving_change_what_is_found(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user(cluster.hosts[1])
    path = f"/v1/channels/{await channel_of(ann)}"
    await bob.rest("POST", f"{path}/join")
    for text in ("one apple", "two apples"):
        await ann.rest("POST", f"{path}/messages", {"text": text})
    _, sent = await ann.rest("POST", f"{path}/messages", {"text": "an apple"})
    await indexed(cluster)
    one = f"{path}/messages/{sent['id']}"
    await ann.rest("PATCH", one, {"text": "a pear"})
    assert await texts(bob, "query=apple") == ["one apple"]
    await indexed(cluster)
    assert await texts(bob, "query=pear") == ["a pear"]
    await ann.rest("DELETE", one)
    assert await texts(bob, "query=pear") == []
    await bob.rest("POST", f"{path}/leave")
    assert await texts(bob, "query=apple") == []


@pytest.mark.usefixtures("by_hand")
async def test_what_nobody_indexed_is_found_by_the_walk(cluster: ChatCluster) -> None:
    """As after an update from a version without search, or the end of the host that wrote it."""
    ann = await cluster.user()
    path = f"/v1/channels/{await channel_of(ann)}/messages"
    for number in range(60):
        await ann.rest("POST", path, {"text": f"word {number}"})
    await indexed(cluster)
    await cluster.pool.execute("TRUNCATE search_messages, search_progress")
    assert await texts(ann, "query=word") == []
    walks = [0]
    while not (max(walks) >= 60 and walks[-1] == 0):  # over what other tests left, too
        await asyncio.gather(*(host.chat.indexing.catch_up() for host in cluster.hosts))
        walks.append(sum(host.chat.indexing.behind for host in cluster.hosts))
    assert len(await texts(ann, "query=word&limit=100")) == 60
    assert sum(host.chat.indexing.indexed for host in cluster.hosts) >= 120
    assert b"streamhub_search_behind_changes 0" in cluster.hosts[0].metrics.render()


async def test_it_happens_by_itself(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    channel = await channel_of(ann)
    url = cluster.hosts[0].url
    async with StreamHubClient(url, login=ann.handle, password=PASSWORD) as client:
        receipt = await client.send(channel, "sooner or later")

        async def found() -> tuple[frames.MessageObject, ...]:
            return (await client.search("sooner")).items

        assert [one.id for one in await until(found)] == [receipt.id]
