"""Versions of a file: a further content, an older one again, one less."""

import asyncio
import base64
import io
from typing import Any

import aiohttp
from support.chat_hosts import ChatCluster, User
from support.upload_streams import Stream
from support.uploads import TUS, Uploader, content, digest

from streamhub.persistence.blobs import S3Blobs
from streamhub.persistence.embedded.stack import EmbeddedUrls

MIB = 1 << 20


async def add(ann: Uploader, file: str, body: bytes) -> dict[str, Any]:
    """A further version, raw."""
    answer, said = await ann.call("POST", f"/v1/files/{file}/versions", data=body)
    assert answer.status == 201, said
    made: dict[str, Any] = await answer.json()
    return made


async def versions(ann: Uploader, file: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await ann.json("GET", f"/v1/files/{file}/versions"))["items"]
    return items


async def used(ann: Uploader) -> tuple[int, int]:
    storage = await ann.json("GET", "/v1/storage")
    return storage["used_bytes"], storage["reserved_bytes"]


async def test_a_file_gets_further_contents_and_an_older_one_again(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    sent = [content(100 * n, seed=n) for n in (1, 2, 3)]
    _, first = await ann.put(sent[0], "plan.txt", **{"Content-Type": "text/plain"})
    file = first["id"]
    made = [first, *[await add(ann, file, body) for body in sent[1:]]]
    assert [one["id"] for one in made] == [file] * 3
    assert [one["name"] for one in made] == ["plan.txt"] * 3, "it keeps its name"
    listed = await versions(ann, file)
    assert [(one["number"], one["size_bytes"]) for one in listed] == [(3, 300), (2, 200), (1, 100)]
    assert [one.get("current", False) for one in listed] == [True, False, False]
    assert digest((await ann.content(file))[1]) == digest(sent[2])
    assert await used(ann) == (600, 0)
    for one, body in zip(reversed(listed), sent, strict=True):
        answer, got = await ann.call("GET", f"/v1/files/{file}/versions/{one['id']}/content")
        assert digest(got) == digest(body)
        assert "immutable" in answer.headers["Cache-Control"]

    path = f"/v1/files/{file}/versions/{listed[2]['id']}"
    shown = await ann.json("POST", f"{path}/restore")
    assert (shown["version"], shown["size_bytes"], shown["mime"]) == (
        first["version"],
        100,
        "text/plain",
    )
    answer, got = await ann.content(file)
    assert digest(got) == digest(sent[0])
    assert answer.headers["ETag"] == f'"{first["version"]}"'
    answer, _ = await ann.call("DELETE", path)
    assert answer.status == 409, "it is the one that is shown"
    answer, _ = await ann.call("DELETE", f"/v1/files/{file}/versions/{listed[1]['id']}")
    assert answer.status == 204
    assert await used(ann) == (400, 0)
    assert [one["number"] for one in await versions(ann, file)] == [3, 1]
    await add(ann, file, b"new")
    listed = await versions(ann, file)
    assert [one["number"] for one in listed] == [4, 3, 1], "a number is given once"
    assert listed[0]["current"]

    for _ in range(2):  # into the trash, and from there for good
        assert (await ann.call("DELETE", f"/v1/files/{file}"))[0].status == 204
    assert await used(ann) == (0, 0)


async def test_every_way_in_makes_versions(cluster: ChatCluster) -> None:
    user = await cluster.user()
    ann = Uploader(user)
    _, made = await ann.put(b"0")
    file = made["id"]
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(b"by a form"), filename="other.txt")
    answer, _ = await ann.call("POST", f"/v1/files/{file}/versions", data=form)
    assert (answer.status, (await answer.json())["id"]) == (201, file)

    named = f"file {base64.b64encode(file.encode()).decode()}"
    headers = {**TUS, "Upload-Length": "6", "Upload-Metadata": named}
    answer, _ = await ann.call("POST", "/v1/tus/", headers)
    assert answer.status == 201
    answer, _ = await ann.patch(answer.headers["Location"], 0, b"by tus")
    assert answer.status == 204

    large = content(11 * MIB)
    stream = await Stream.open(user, len(large), file=file)
    await stream.send_parts(large, stream.missing)
    assert (await stream.finish()).file == file
    await stream.close()
    assert [one["size_bytes"] for one in await versions(ann, file)] == [len(large), 6, 9, 1]
    assert digest((await ann.content(file))[1]) == digest(large)


async def test_versions_at_once_have_numbers_of_their_own(cluster: ChatCluster) -> None:
    user = await cluster.user()
    hosts = [Uploader(user, host) for host in cluster.hosts]
    _, made = await hosts[0].put(b"first")
    await asyncio.gather(*[add(hosts[n % 2], made["id"], bytes(n)) for n in range(1, 9)])
    listed = await versions(hosts[0], made["id"])
    assert [one["number"] for one in listed] == [*range(9, 0, -1)]
    assert await used(hosts[0]) == (5 + sum(range(1, 9)), 0)


async def test_the_oldest_go_when_there_are_more_than_are_kept(
    cluster: ChatCluster, servers: EmbeddedUrls
) -> None:
    ann = Uploader(await cluster.user())
    _, made = await ann.put(b"x")
    first = await cluster.pool.fetchval(
        "SELECT object FROM file_versions WHERE file_id = $1", made["id"]
    )
    for n in range(21):
        await add(ann, made["id"], b"x" * n)
    listed = await versions(ann, made["id"])
    assert [one["number"] for one in listed] == [*range(22, 2, -1)]
    assert await used(ann) == (sum(range(1, 21)), 0)
    objects = await cluster.pool.fetch(
        "SELECT object FROM file_versions WHERE file_id = $1", made["id"]
    )
    store = S3Blobs.connect(servers.objects)
    try:
        held = {one.object for one in await store.named("", 10_000)}
    finally:
        await store.close()
    assert {row["object"] for row in objects} <= held
    assert first not in held


async def test_a_file_that_goes_meanwhile_loses_nothing(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    _, made = await ann.put(b"first")
    named = f"file {base64.b64encode(made['id'].encode()).decode()}"
    headers = {**TUS, "Upload-Length": "6", "Upload-Metadata": named}
    answer, _ = await ann.call("POST", "/v1/tus/", headers)
    for _ in range(2):
        await ann.call("DELETE", f"/v1/files/{made['id']}")
    answer, _ = await ann.patch(answer.headers["Location"], 0, b"second")
    assert answer.status == 204
    [left] = (await ann.json("GET", "/v1/files"))["items"]
    assert left["id"] != made["id"]
    assert (await ann.content(left["id"]))[1] == b"second"
    assert await used(ann) == (6, 0)


async def test_versions_of_others_look_like_none(cluster: ChatCluster) -> None:
    ann, eve = Uploader(await cluster.user()), Uploader(await cluster.user())
    _, made = await ann.put(b"first")
    file = made["id"]
    await add(ann, file, b"second")
    _, hers = await eve.put(b"hers")
    old = made["version"]
    for method, path in (
        ("GET", f"/v1/files/{file}/versions"),
        ("POST", f"/v1/files/{file}/versions"),
        ("DELETE", f"/v1/files/{file}/versions/{old}"),
        ("POST", f"/v1/files/{file}/versions/{old}/restore"),
        ("GET", f"/v1/files/{file}/versions/{old}/content"),
        ("GET", f"/v1/files/{hers['id']}/versions/{old}/content"),
        ("POST", f"/v1/files/{hers['id']}/versions/{old}/restore"),
        ("DELETE", f"/v1/files/{hers['id']}/versions/{old}"),
    ):
        answer, said = await eve.call(
            method, path, data=b"x" if path.endswith("s") and method == "POST" else None
        )
        assert answer.status == 404, (method, path, said)
    named = f"file {base64.b64encode(file.encode()).decode()}"
    headers = {**TUS, "Upload-Length": "6", "Upload-Metadata": named}
    assert (await eve.call("POST", "/v1/tus/", headers))[0].status == 404
    assert await used(eve) == (4, 0), "nothing is reserved for what was refused"


async def test_who_reads_a_message_reads_the_version_that_is_shown(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    _, made = await Uploader(ann).put(b"draft")
    status, channel = await ann.rest("POST", "/v1/directs", {"users": [bob.id]})
    assert status == 201
    path = f"/v1/channels/{channel['id']}/messages"
    assert (await ann.rest("POST", path, {"files": [made["id"]]}))[0] == 201
    now = await add(Uploader(ann), made["id"], b"final")
    assert await _read(bob, now) == (200, b"final")
    assert (await _read(bob, made))[0] == 404
    assert await _read(ann, made) == (200, b"draft")


async def _read(user: User, file: dict[str, Any]) -> tuple[int, bytes]:
    path = f"/v1/files/{file['id']}/versions/{file['version']}/content"
    answer, got = await Uploader(user).call("GET", path)
    return answer.status, got
