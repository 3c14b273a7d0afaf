"""Small files at once: `POST /v1/files`, raw and as a form."""

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator

import aiohttp
import crc32c
import pytest
from support.chat_hosts import ChatCluster
from support.polling import until
from support.uploads import Uploader, content, digest

MIB = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 5 * MIB + 1, 11 * MIB])
async def test_what_was_sent_is_what_comes_back(cluster: ChatCluster, size: int) -> None:
    ann = Uploader(await cluster.user())
    sent = content(size)
    status, file = await ann.put(sent, "a b.bin", **{"Content-Type": "image/png"})
    assert status == 201, file
    assert (file["name"], file["mime"], file["size_bytes"]) == ("a b.bin", "image/png", size)
    elsewhere = Uploader(ann.user, cluster.hosts[1])
    answer, got = await elsewhere.content(file["id"])
    assert answer.status == 200
    assert digest(got) == digest(sent)
    assert (await ann.json("GET", "/v1/storage")) == {
        "used_bytes": size,
        "reserved_bytes": 0,
        "quota_bytes": 64 * MIB,
    }


@pytest.mark.parametrize("size", [0, 3, 6 * MIB])
async def test_a_form_of_unknown_length_is_taken(cluster: ChatCluster, size: int) -> None:
    ann = Uploader(await cluster.user())
    form = aiohttp.FormData(quote_fields=False)  # as browsers send names
    form.add_field("note", "before the file")
    form.add_field(
        "file", io.BytesIO(content(size)), filename="häßlich.txt", content_type="text/plain"
    )
    answer, said = await ann.call("POST", "/v1/files", data=form)
    assert answer.status == 201, said
    file = await answer.json()
    assert (file["name"], file["size_bytes"]) == ("häßlich.txt", size)
    assert digest((await ann.content(file["id"]))[1]) == digest(content(size))
    storage = await ann.json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (size, 0)


async def test_a_chunked_body_of_unknown_length_is_taken(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    sent = content(12 * MIB)

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(sent), 1000_000):
            yield sent[start : start + 1000_000]

    status, file = await ann.put(body())
    assert status == 201, file
    assert digest((await ann.content(file["id"]))[1]) == digest(sent)


async def test_the_same_key_gives_the_same_file(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    sent = content(1000)
    first = await ann.put(sent, **{"Idempotency-Key": "k1"})
    again = await ann.put(sent, **{"Idempotency-Key": "k1"})
    assert (first[0], first[1]) == (again[0], again[1])
    status, problem = await ann.put(content(999), **{"Idempotency-Key": "k1"})
    assert (status, problem["code"]) == (409, "key_reused")
    assert (await ann.json("GET", "/v1/storage"))["used_bytes"] == 1000


async def test_the_quota_is_kept_however_many_come_at_once(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    there = Uploader(ann.user, cluster.hosts[1])
    sent = content(9 * MIB)
    answers = await asyncio.gather(
        *(one.put(sent, f"{number}") for number in range(5) for one in (ann, there))
    )
    statuses = sorted(status for status, _ in answers)
    assert statuses == [201] * 7 + [413] * 3
    assert {body["code"] for status, body in answers if status == 413} == {"quota_exceeded"}
    storage = await ann.json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (63 * MIB, 0)


async def test_one_that_breaks_off_leaves_nothing(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())

    async def body() -> AsyncIterator[bytes]:
        yield content(6 * MIB)
        raise ConnectionResetError

    with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
        await ann.put(body(), **{"Content-Length": str(12 * MIB)})

    async def given_back() -> bool:
        storage = await ann.json("GET", "/v1/storage")
        return (storage["used_bytes"], storage["reserved_bytes"]) == (0, 0)

    await until(given_back)
    assert (await ann.json("GET", "/v1/files"))["items"] == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "bad_request"),
        ("..", "bad_request"),
        ("a/..", "bad_request"),
        ("a\nb", "invalid_text"),
        ("photo\u202egnp.exe", "invalid_text"),
        ("x" * 256, "bad_request"),
    ],
)
async def test_a_name_that_misleads_is_refused(cluster: ChatCluster, given: str, code: str) -> None:
    ann = Uploader(await cluster.user())
    status, problem = await ann.put(b"abc", given)
    assert (status, problem["code"], problem["field"]) == (400, code, "name")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\a.txt", "a.txt"),
        ('a"b\\c;d=é 😀.txt', "c;d=é 😀.txt"),
        ("%00", "%00"),
        ("-rf *", "-rf *"),
    ],
)
async def test_a_name_comes_back_as_it_was_but_for_its_folders(
    cluster: ChatCluster, given: str, kept: str
) -> None:
    ann = Uploader(await cluster.user())
    status, file = await ann.put(b"abc", given)
    assert (status, file["name"]) == (201, kept)
    answer, _ = await ann.content(file["id"])
    shown = answer.content_disposition
    assert shown is not None
    assert (shown.type, shown.filename) == ("attachment", kept)


def coded(algorithm: str, body: bytes) -> str:
    """A member of `Repr-Digest`."""
    made = {
        "sha-256": lambda: hashlib.sha256(body).digest(),
        "sha-512": lambda: hashlib.sha512(body).digest(),
        "crc32c": lambda: crc32c.crc32c(body).to_bytes(4),
    }
    return f"{algorithm}=:{base64.b64encode(made[algorithm]()).decode()}:"


@pytest.mark.parametrize("size", [0, 3, 11 * MIB])
async def test_a_content_is_compared_with_the_digests_that_are_sent(
    cluster: ChatCluster, size: int
) -> None:
    ann = Uploader(await cluster.user())
    sent, other = content(size), content(size + 1, seed=2)
    right = ", ".join(coded(name, sent) for name in ("sha-256", "sha-512", "crc32c"))
    for header in ("Repr-Digest", "Content-Digest"):
        status, file = await ann.put(sent, **{header: f"{right}, unixsum=:AA==:"})
        assert status == 201, file
        for name in ("sha-256", "sha-512", "crc32c"):
            wrong = f"{coded('sha-256', sent)}, {coded(name, other)}"
            status, problem = await ann.put(sent, **{header: wrong})
            assert (status, problem["code"], problem["field"]) == (
                422,
                "checksum_mismatch",
                header,
            )
    assert len((await ann.json("GET", "/v1/files"))["items"]) == 2
    storage = await ann.json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (2 * size, 0)


async def test_a_part_of_a_form_has_digests_of_its_own(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    for said, status in ((b"abc", 201), (b"abd", 422)):
        with aiohttp.MultipartWriter("form-data") as form:
            part = form.append(b"abc", {"Repr-Digest": coded("sha-256", said)})
            part.set_content_disposition("form-data", name="file", filename="a.txt")
        answer, _ = await ann.call("POST", "/v1/files", data=form)
        assert answer.status == status


@pytest.mark.parametrize("header", ["sha-256=abc", "sha-256", "sha-256=:a:", "=:YQ==:", "ä=:YQ==:"])
async def test_digests_that_cannot_be_read_are_refused(cluster: ChatCluster, header: str) -> None:
    ann = Uploader(await cluster.user())
    status, problem = await ann.put(b"abc", **{"Repr-Digest": header})
    assert (status, problem["field"]) == (400, "Repr-Digest")


async def test_what_was_wrong_is_sent_again_by_another_key(cluster: ChatCluster) -> None:
    ann = Uploader(await cluster.user())
    wrong = {"Repr-Digest": coded("sha-256", b"abd"), "Idempotency-Key": "one"}
    assert (await ann.put(b"abc", **wrong))[0] == 422
    right = {"Repr-Digest": coded("sha-256", b"abc")}
    assert (await ann.put(b"abc", **right, **{"Idempotency-Key": "one"}))[0] == 410
    assert (await ann.put(b"abc", **right, **{"Idempotency-Key": "two"}))[0] == 201
