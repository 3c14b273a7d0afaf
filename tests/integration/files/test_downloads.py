"""Downloads: whole, by ranges, unchanged, damaged; and what a browser may do with them."""

import asyncio
import email.parser
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientResponse
from support.chat_hosts import ChatCluster
from support.fault_proxy import FaultProxy
from support.polling import until
from support.uploads import Uploader, content, digest

MIB = 1 << 20
SENT = content(1_000_000)


class Downloads:
    """A file, and its ways out."""

    def __init__(self, ann: Uploader, file: Any) -> None:
        self.ann = ann
        self.file = file
        self.path = f"/v1/files/{file['id']}/content"

    @classmethod
    async def of(
        cls, cluster: ChatCluster, sent: bytes = SENT, name: str = "a.bin", **headers: str
    ) -> "Downloads":
        ann = Uploader(await cluster.user())
        status, file = await ann.put(sent, name, **headers)
        assert status == 201, file
        return cls(ann, file)

    async def get(self, method: str = "GET", **headers: str) -> tuple[ClientResponse, bytes]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ann.call(method, self.path, given)


async def test_the_whole_and_its_head(cluster: ChatCluster) -> None:
    downloads = await Downloads.of(cluster)
    answer, got = await downloads.get()
    assert (answer.status, digest(got)) == (200, digest(SENT))
    head, nothing = await downloads.get("HEAD")
    assert (head.status, nothing) == (200, b"")
    for name in (
        "Content-Length",
        "Content-Type",
        "ETag",
        "Last-Modified",
        "Accept-Ranges",
        "Content-Disposition",
        "Content-Security-Policy",
        "Cache-Control",
    ):
        assert head.headers[name] == answer.headers[name], name
    assert answer.headers["Content-Length"] == str(len(SENT))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("0-0", 0, 0), ("10-19", 10, 19), ("999990-", 999_990, 999_999), ("-5", 999_995, 999_999)],
)
async def test_one_range(cluster: ChatCluster, asked: str, first: int, last: int) -> None:
    answer, got = await (await Downloads.of(cluster)).get(Range=f"bytes={asked}")
    assert (answer.status, got) == (206, SENT[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(SENT)}"


async def test_several_ranges_are_parts(cluster: ChatCluster) -> None:
    answer, got = await (await Downloads.of(cluster)).get(Range="bytes=0-9,500000-500099,-1")
    assert answer.status == 206
    kind = answer.headers["Content-Type"]
    assert kind.startswith("multipart/byteranges; boundary=")
    parts = email.parser.BytesParser().parse(
        io.BytesIO(f"Content-Type: {kind}\r\n\r\n".encode() + got)
    )
    found = [(part["Content-Range"], part.get_payload(decode=True)) for part in parts.walk()][1:]
    assert found == [
        (f"bytes {first}-{last}/{len(SENT)}", SENT[first : last + 1])
        for first, last in ((0, 9), (500_000, 500_099), (999_999, 999_999))
    ]


async def test_ranges_that_are_not_there(cluster: ChatCluster) -> None:
    downloads = await Downloads.of(cluster)
    answer, _ = await downloads.get(Range="bytes=1000000-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */1000000")
    answer, got = await downloads.get(Range="bytes=0-999999,0-999999")
    assert (answer.status, len(got)) == (200, len(SENT)), "overlapping ones get the whole, once"


async def test_a_range_of_what_the_client_has(cluster: ChatCluster) -> None:
    downloads = await Downloads.of(cluster)
    answer, _ = await downloads.get("HEAD")
    tag, date = answer.headers["ETag"], answer.headers["Last-Modified"]
    for fresh, status in (
        (tag, 206),
        (date, 206),
        ('"other"', 200),
        (f"W/{tag}", 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ):
        answer, got = await downloads.get(Range="bytes=0-9", If_Range=fresh)
        assert (answer.status, len(got)) == (status, 10 if status == 206 else len(SENT)), fresh


async def test_what_the_client_has_is_not_sent_again(cluster: ChatCluster) -> None:
    downloads = await Downloads.of(cluster)
    answer, _ = await downloads.get("HEAD")
    tag, date = answer.headers["ETag"], answer.headers["Last-Modified"]
    for headers in (
        {"If_None_Match": tag},
        {"If_None_Match": f'"x", W/{tag}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": date},
    ):
        answer, got = await downloads.get(**headers)
        assert (answer.status, got, answer.headers["ETag"]) == (304, b"", tag), headers
    for headers in (
        {"If_None_Match": '"x"', "If_Modified_Since": date},
        {"If_Modified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If_Modified_Since": "yesterday"},
    ):
        answer, _ = await downloads.get(**headers)
        assert answer.status == 200, headers


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("image/png", "inline"),
        ("text/plain", "inline"),
        ("application/pdf", "inline"),
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("text/javascript", "attachment"),
        ("no type at all", "attachment"),
    ],
)
async def test_only_what_runs_nothing_is_shown(cluster: ChatCluster, kind: str, shown: str) -> None:
    page = b"<html><script>alert(1)</script></html>"
    downloads = await Downloads.of(cluster, page, "page.html", **{"Content-Type": kind})
    answer, got = await downloads.get()
    assert got == page
    assert answer.headers["Content-Disposition"].startswith(shown)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    downloads.path += "?download=1"
    answer, _ = await downloads.get()
    assert answer.headers["Content-Disposition"].startswith("attachment")


async def test_a_damaged_object_is_not_passed_on_as_whole(cluster: ChatCluster) -> None:
    downloads = await Downloads.of(cluster, content(3 * MIB))
    object = await cluster.pool.fetchval(
        "SELECT object FROM file_versions WHERE file_id = $1", downloads.file["id"]
    )
    damaged = bytearray(content(3 * MIB))
    damaged[MIB] ^= 1

    async def body() -> AsyncIterator[bytes]:
        yield bytes(damaged)

    await cluster.hosts[0].blobs.put(object, body, len(damaged))
    with pytest.raises(ClientPayloadError):
        await downloads.get()


async def test_a_client_that_goes_away_costs_nothing_more(
    disturbed: ChatCluster, s3: FaultProxy
) -> None:
    downloads = await Downloads.of(disturbed, content(20 * MIB))
    before = s3.answered_bytes
    url = downloads.ann.url + downloads.path
    given = {"Authorization": f"Bearer {downloads.ann.user.token}"}
    answer = await disturbed.http.get(url, headers=given)
    await answer.content.readexactly(1000)
    answer.close()

    seen = -1

    async def settled() -> bool:
        nonlocal seen
        before, seen = seen, s3.answered_bytes
        await asyncio.sleep(0.3)
        return before == seen

    await until(settled)
    assert s3.answered_bytes - before < 17 * MIB, "what was asked for in one piece, and buffers"


async def test_without_s3_the_answer_says_when_to_come_back(
    disturbed: ChatCluster, s3: FaultProxy
) -> None:
    downloads = await Downloads.of(disturbed, content(1000))
    s3.refuses = True
    s3.cut()
    answer, said = await downloads.get()
    assert answer.status == 503, said
    assert int(answer.headers["Retry-After"]) >= 1
    s3.refuses = False
    answer, got = await downloads.get()
    assert (answer.status, got) == (200, content(1000))
