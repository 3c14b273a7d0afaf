"""tus 1.0.0: what its page asks of servers, and what resuming must hold."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import aiohttp
import crc32c
import pytest
from support.chat_hosts import ChatCluster
from support.polling import until
from support.uploads import BYTES, TUS, Uploader, content, digest

MIB = 1 << 20


async def finished(ann: Uploader, path: str, sent: bytes) -> None:
    """The upload is a file with just this content, and the quota knows."""
    answer, got = await ann.call("GET", path)
    assert answer.status == 200, got[:500]
    assert digest(got) == digest(sent)
    storage = await ann.json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (len(sent), 0)


async def test_what_is_spoken_is_told(cluster: ChatCluster) -> None:
    answer = await cluster.http.options(f"{cluster.hosts[0].url}/v1/tus/")
    assert answer.status == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert "creation-defer-length" in answer.headers["Tus-Extension"]
    assert answer.headers["Tus-Max-Size"] == str(100 * MIB)
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,crc32c"


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 5 * MIB + 1, 11 * MIB])
async def test_an_upload_in_one_patch(cluster: ChatCluster, size: int) -> None:
    ann, sent = Uploader(await cluster.user()), content(size)
    path = await ann.begin(size, "ä.bin")
    if size:
        answer, body = await ann.patch(path, 0, sent)
        assert answer.status == 204, body
        assert answer.headers["Upload-Offset"] == str(size)
        file = await ann.json("GET", f"/v1/files/{answer.headers['StreamHub-File']}")
        assert (file["name"], file["size_bytes"]) == ("ä.bin", size)
        assert file["crc32c"] == crc32c.crc32c(sent)
    assert await ann.offset(path) == size
    await finished(ann, path, sent)


@pytest.mark.parametrize("known", [True, False])
async def test_an_upload_in_pieces_over_both_hosts(cluster: ChatCluster, known: bool) -> None:
    user = await cluster.user()
    writers = [Uploader(user, host) for host in cluster.hosts]
    sent = content(12 * MIB + 77)
    path = await writers[0].begin(len(sent) if known else None)
    at = 0
    for number, size in enumerate((10, 5 * MIB - 10, 1, 6 * MIB, len(sent))):
        piece = sent[at : at + size]
        answer, body = await writers[number % 2].patch(path, at, piece)
        assert answer.status == 204, body
        at += len(piece)
        assert await writers[(number + 1) % 2].offset(path) == at
    if not known:
        end = {"Upload-Length": str(len(sent))}
        answer, body = await writers[0].patch(path, at, b"", **end)
        assert answer.status == 204, body
    await finished(writers[1], path, sent)


async def test_it_may_be_created_with_its_first_bytes(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    headers = {**TUS, "Upload-Length": "10", "Content-Type": BYTES}
    answer, body = await ann.call("POST", "/v1/tus/", headers, data=b"01234")
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, "5"), body
    path = answer.headers["Location"]
    assert (await ann.patch(path, 5, b"56789"))[0].status == 204
    await finished(ann, path, b"0123456789")


async def test_a_cut_at_any_byte_loses_nothing(cluster: ChatCluster) -> None:
    ann, sent = Uploader(await cluster.user()), content(4096)
    path = await ann.begin(len(sent))
    at = 0
    for cut in (1, 2, 3, 100, 1000, 1001, 4095):

        async def broken(at: int = at, cut: int = cut) -> AsyncIterator[bytes]:
            yield sent[at:cut]
            await asyncio.sleep(0.02)
            raise ConnectionResetError

        length = {"Content-Length": str(len(sent) - at)}
        with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
            await ann.patch(path, at, broken(), **length)

        async def arrived(cut: int = cut) -> bool:
            return await ann.offset(path) == cut

        await until(arrived)
        at = cut
    assert (await ann.patch(path, at, sent[at:]))[0].status == 204
    await finished(ann, path, sent)


async def test_cuts_at_random_in_many_parts(cluster: ChatCluster) -> None:
    user = await cluster.user()
    writers = [Uploader(user, host) for host in cluster.hosts]
    sent = content(17 * MIB)
    path = await writers[0].begin(len(sent))
    at, before = 0, -1
    for number, cut in enumerate((3 * MIB + 1, 5 * MIB, 5 * MIB + 1, 9 * MIB, 16 * MIB)):
        writer = writers[number % 2]

        async def broken(at: int = at, cut: int = cut) -> AsyncIterator[bytes]:
            for start in range(at, cut, 100_000):
                yield sent[start : min(cut, start + 100_000)]
            await asyncio.sleep(0.05)
            raise ConnectionResetError

        length = {"Content-Length": str(len(sent) - at)}
        with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
            await writer.patch(path, at, broken(), **length)

        async def arrived(cut: int = cut) -> bool:
            return await writers[0].offset(path) == cut

        await until(arrived)
        at = cut
        assert at > before
        before = at
    assert (await writers[0].patch(path, at, sent[at:]))[0].status == 204
    await finished(writers[0], path, sent)


async def test_another_offset_is_refused_and_changes_nothing(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    path = await ann.begin(10)
    assert (await ann.patch(path, 0, b"01234"))[0].status == 204
    for offset in (0, 4, 6, 10):
        answer, _ = await ann.patch(path, offset, b"x")
        assert answer.status == 409
        assert (await answer.json())["code"] == "offset_conflict"
    assert await ann.offset(path) == 5


async def test_more_than_was_announced_is_refused(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    path = await ann.begin(3)
    answer, _ = await ann.patch(path, 0, b"0123")
    assert (answer.status, (await answer.json())["code"]) == (413, "length_exceeded")
    assert await ann.offset(path) == 0
    assert (await ann.patch(path, 0, b"012"))[0].status == 204
    await finished(ann, path, b"012")


@pytest.mark.parametrize("name", ["sha1", "sha256", "crc32c"])
async def test_a_patch_with_a_wrong_checksum_counts_for_nothing(
    cluster: ChatCluster, name: str
) -> None:
    ann, sent = Uploader(await cluster.user()), content(11 * MIB)
    path = await ann.begin(len(sent))
    value = {
        "sha1": lambda: hashlib.sha1(sent).digest(),  # noqa: S324 - what is uploaded
        "sha256": lambda: hashlib.sha256(sent).digest(),
        "crc32c": lambda: crc32c.crc32c(sent).to_bytes(4, "big"),
    }[name]()
    right = {"Upload-Checksum": f"{name} {base64.b64encode(value).decode()}"}
    answer, _ = await ann.patch(path, 0, sent[:-1] + b"x", **right)
    assert (answer.status, (await answer.json())["code"]) == (460, "checksum_mismatch")
    assert await ann.offset(path) == 0
    answer, body = await ann.patch(path, 0, sent, **right)
    assert answer.status == 204, body
    await finished(ann, path, sent)


async def test_an_upload_may_be_given_up(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    path = await ann.begin(20 * MIB)
    await ann.patch(path, 0, content(6 * MIB))
    assert (await ann.call("DELETE", path, TUS))[0].status == 204
    assert (await ann.call("HEAD", path, TUS))[0].status == 410
    assert (await ann.call("DELETE", path, TUS))[0].status == 410
    assert (await ann.patch(path, 6 * MIB, b"x"))[0].status == 410
    storage = await ann.json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (0, 0)


async def test_an_upload_of_another_user_looks_like_none(cluster: ChatCluster) -> None:
    ann, bob = Uploader(await cluster.user()), Uploader(await cluster.user())
    path = await ann.begin(10)
    await ann.patch(path, 0, b"01234")
    for at in (path, path[:-1] + ("0" if path[-1] != "0" else "1"), "/v1/tus/nothing"):
        assert (await bob.call("HEAD", at, TUS))[0].status == 404
        answer, _ = await bob.patch(at, 5, b"56789")
        assert (answer.status, (await answer.json())["code"]) == (404, "not_found")
        assert (await bob.call("DELETE", at, TUS))[0].status == 404
        assert (await bob.call("GET", at))[0].status == 404
    assert await ann.offset(path) == 5


@pytest.mark.parametrize("method", ["PATCH", "HEAD", "DELETE"])
async def test_methods_may_travel_in_a_header(cluster: ChatCluster, method: str) -> None:
    ann = Uploader(await cluster.user())
    path = await ann.begin(3)
    headers = {**TUS, "X-HTTP-Method-Override": method, "Content-Type": BYTES}
    answer, _ = await ann.call("POST", path, {**headers, "Upload-Offset": "0"}, data=b"012")
    assert answer.status == {"PATCH": 204, "HEAD": 200, "DELETE": 204}[method]
    assert answer.headers["Cache-Control"] == "no-store"


async def test_another_version_of_the_protocol_is_refused(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    for headers in ({}, {"Tus-Resumable": "0.2.2"}):
        answer, _ = await ann.call("POST", "/v1/tus/", {**headers, "Upload-Length": "3"})
        assert (answer.status, answer.headers["Tus-Version"]) == (412, "1.0.0")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "bad_request"),
        ({"Upload-Length": "-1"}, 400, "bad_request"),
        ({"Upload-Length": "3", "Upload-Defer-Length": "1"}, 400, "bad_request"),
        ({"Upload-Length": str(101 * MIB)}, 413, "too_large"),
        ({"Upload-Length": str(65 * MIB)}, 413, "quota_exceeded"),
        ({"Upload-Length": "3", "Upload-Metadata": "filename %%"}, 400, "bad_request"),
        ({"Upload-Length": "3", "Upload-Metadata": "filename Li4="}, 400, "bad_request"),
    ],
)
async def test_what_cannot_be_begun_is_told(
    cluster: ChatCluster, headers: dict[str, str], status: int, code: str
) -> None:
    ann = Uploader(await cluster.user())
    answer, _ = await ann.call("POST", "/v1/tus/", {**TUS, **headers})
    assert (answer.status, (await answer.json())["code"]) == (status, code)
    storage = await ann.json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (0, 0)


async def test_pages_of_allowed_origins_may_upload(cluster: ChatCluster) -> None:
    asked = {
        "Origin": "https://chat.example.org",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "upload-offset",
    }
    for path in ("/v1/tus/", "/v1/tus/up_01j00000000000000000000000"):
        answer = await cluster.http.options(f"{cluster.hosts[0].url}{path}", headers=asked)
        assert answer.headers["Access-Control-Allow-Origin"] == "https://chat.example.org"
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        assert "Upload-Offset" in answer.headers["Access-Control-Allow-Headers"]
        assert "Upload-Offset" in answer.headers["Access-Control-Expose-Headers"]


async def test_a_whole_that_is_not_what_was_announced_is_no_file(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    sent = content(6 * MIB)
    for said, status in ((crc32c.crc32c(sent), 204), (crc32c.crc32c(sent) ^ 1, 460)):
        coded = base64.b64encode(str(said).encode()).decode()
        headers = {**TUS, "Upload-Length": str(len(sent)), "Upload-Metadata": f"crc32c {coded}"}
        answer, _ = await ann.call("POST", "/v1/tus/", headers)
        assert answer.status == 201
        answer, _ = await ann.patch(answer.headers["Location"], 0, sent)
        assert answer.status == status
    assert len((await ann.json("GET", "/v1/files"))["items"]) == 1
    assert (await ann.json("GET", "/v1/storage"))["reserved_bytes"] == 0
    for wrong in ("-1", "x", str(2**32), ""):
        coded = base64.b64encode(wrong.encode()).decode()
        headers = {**TUS, "Upload-Length": "1", "Upload-Metadata": f"crc32c {coded}"}
        assert (await ann.call("POST", "/v1/tus/", headers))[0].status == 400
