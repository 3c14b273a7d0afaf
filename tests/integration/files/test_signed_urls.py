"""URLs of contents for caches and CDNs; downloads straight from S3."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientResponse
from support.chat_hosts import ChatCluster, User
from support.uploads import Uploader, content, digest

BODY = content(3000)


async def put(user: User, name: str = "a.bin", **headers: str) -> dict[str, Any]:
    status, file = await Uploader(user).put(BODY, name, **headers)
    assert status == 201, file
    made: dict[str, Any] = file
    return made


async def get(
    cluster: ChatCluster, path: str, *, method: str = "GET", host: int = 0, **options: Any
) -> tuple[ClientResponse, bytes]:
    """Without a token."""
    url = path if path.startswith("http") else cluster.hosts[host].url + path
    async with cluster.http.request(method, url, **options) as answer:
        return answer, await answer.read()


async def signed(user: User, file: str) -> str:
    said = await Uploader(user).json("GET", f"/v1/files/{file}/url")
    where = urlsplit(said["url"])
    return f"{where.path}?{where.query}"


async def test_a_signed_url_is_one_for_all_and_may_be_kept(cluster: ChatCluster) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    file = await put(ann, "plan.txt", **{"Content-Type": "text/plain"})
    path = await signed(ann, file["id"])
    answer, _ = await Uploader(eve).call("GET", f"/v1/files/{file['id']}/url")
    assert answer.status == 404
    await Uploader(ann).call("PUT", f"/v1/files/{file['id']}/shares/{bob.id}")
    assert await signed(bob, file["id"]) == path
    answer, got = await get(cluster, path, host=1)
    assert (answer.status, digest(got)) == (200, digest(BODY))
    kept = answer.headers["Cache-Control"].split(", ")
    assert kept[0] == "public"
    assert 3000 < int(kept[1].removeprefix("max-age=")) <= 7200
    assert "plan.txt" in answer.headers["Content-Disposition"]
    answer, got = await get(cluster, path, headers={"Range": "bytes=1-3"})
    assert (answer.status, got) == (206, BODY[1:4])
    answer, _ = await get(cluster, path, method="HEAD")
    assert answer.headers["Content-Length"] == "3000"
    for method in ("POST", "PUT", "DELETE"):
        assert (await get(cluster, path, method=method))[0].status == 405
    for wrong in (path[:-1], path.replace("until=1", "until=2"), path.partition("?")[0]):
        assert (await get(cluster, wrong))[0].status == 404, wrong

    await Uploader(ann).call("POST", f"/v1/files/{file['id']}/versions", data=b"new")
    assert digest((await get(cluster, path))[1]) == digest(BODY), "it is of one content"
    assert (await get(cluster, await signed(bob, file["id"])))[1] == b"new"
    await Uploader(ann).call("DELETE", f"/v1/files/{file['id']}")
    assert (await get(cluster, path))[0].status == 404


async def test_downloads_come_straight_from_s3(redirecting: ChatCluster) -> None:
    ann = await redirecting.user()
    file = await put(ann, "häßlich.html", **{"Content-Type": "text/html"})
    way, path = Uploader(ann), f"/v1/files/{file['id']}/content"
    answer, got = await way.call("GET", path, allow_redirects=False)
    assert (answer.status, got) == (302, b"")
    assert answer.headers["Cache-Control"] == "private, no-store"
    elsewhere = answer.headers["Location"]
    answer, got = await get(redirecting, elsewhere)
    assert (answer.status, digest(got)) == (200, digest(BODY)), got[:500]
    assert answer.headers["Content-Type"] == "text/html"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert "h%C3%A4%C3%9Flich.html" in disposition
    answer, got = await get(redirecting, elsewhere, headers={"Range": "bytes=10-19"})
    assert (answer.status, got) == (206, BODY[10:20])
    answer, _ = await get(redirecting, elsewhere.replace("Signature=", "Signature=0"))
    assert answer.status == 403
    answer, got = await way.call("HEAD", path)
    assert (answer.status, answer.headers["Content-Length"]) == (200, "3000")
    answer, _ = await way.call("GET", path, {"If-None-Match": answer.headers["ETag"]})
    assert answer.status == 304
    _, empty = await way.put(b"", "empty")
    answer, got = await way.content(empty["id"])
    assert (answer.status, got) == (200, b"")
    answer, got = await get(redirecting, await signed(ann, file["id"]))
    assert digest(got) == digest(BODY), "signed URLs and links lead there, too"
