"""Sharing files: with users, with channels, and with whoever has a link."""

import asyncio
import base64
import time
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiohttp import ClientResponse
from support.chat_hosts import PASSWORD, ChatCluster, User
from support.uploads import Uploader, content

from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.sharing import _SHARED

BODY = content(1000)
SECRET = "open sesame"


async def put(user: User, name: str = "a.bin") -> str:
    status, file = await Uploader(user).put(BODY, name)
    assert status == 201, file
    return str(file["id"])


async def can_read(user: User, file: str) -> bool:
    answer, got = await Uploader(user).content(file)
    assert answer.status == 404 or got == BODY
    return answer.status == 200


async def call(user: User, method: str, path: str, **options: Any) -> tuple[int, Any]:
    answer, _ = await Uploader(user).call(method, path, **options)
    return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def channel_of(owner: User, *members: User) -> str:
    _, made = await owner.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    users = {"users": [member.id for member in members]}
    await owner.rest("POST", f"/v1/channels/{made['id']}/members", users)
    return str(made["id"])


async def shared_with(user: User) -> list[str]:
    _, page = await call(user, "GET", "/v1/shared")
    return [one["file"]["name"] for one in page["items"]]


# -- with users and channels -----------------------------------------------------------------------


async def test_a_file_is_shared_with_a_user_and_no_longer(cluster: ChatCluster) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    file = await put(ann, "plan.txt")
    path = f"/v1/files/{file}/shares/{bob.id}"
    assert not await can_read(bob, file)
    for _ in range(2):  # twice is once
        assert await call(ann, "PUT", path) == (204, None)
    assert await can_read(bob, file)
    assert not await can_read(eve, file)
    assert await shared_with(bob) == ["plan.txt"]
    assert await shared_with(ann) == []
    _, listed = await call(ann, "GET", f"/v1/files/{file}/shares")
    assert [one["reader"] for one in listed["items"]] == [bob.id]
    for method, where in (
        ("PATCH", f"/v1/files/{file}"),
        ("DELETE", f"/v1/files/{file}"),
        ("GET", f"/v1/files/{file}/shares"),
        ("PUT", f"/v1/files/{file}/shares/{eve.id}"),
        ("GET", f"/v1/files/{file}/versions"),
        ("POST", f"/v1/files/{file}/links"),
        ("GET", f"/v1/files/{file}/links"),
    ):
        body = {"json": {"name": "x"} if method == "PATCH" else {}} if method[0] == "P" else {}
        assert (await call(bob, method, where, **body))[0] == 404, (method, where)
    assert await call(ann, "DELETE", f"/v1/files/{file}") == (204, None)
    assert not await can_read(bob, file), "what is in the trash is nobody else's"
    assert await shared_with(bob) == []
    await call(ann, "POST", f"/v1/files/{file}/restore", json={})
    assert await can_read(bob, file)
    assert await call(ann, "DELETE", path) == (204, None)
    assert not await can_read(bob, file)
    assert (await call(ann, "DELETE", path))[0] == 404


async def test_members_of_a_channel_read_what_is_shared_with_it(cluster: ChatCluster) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    channel, file = await channel_of(ann, bob), await put(ann)
    assert await call(ann, "PUT", f"/v1/files/{file}/shares/{channel}") == (204, None)
    assert await can_read(bob, file)
    assert not await can_read(eve, file)
    assert await shared_with(bob) == ["a.bin"]
    await bob.rest("POST", f"/v1/channels/{channel}/leave")
    assert not await can_read(bob, file)
    assert await shared_with(bob) == []


async def test_whom_a_file_is_shared_with_may_take_it_off_the_list(cluster: ChatCluster) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    file = await put(ann)
    path = f"/v1/files/{file}/shares/{bob.id}"
    await call(ann, "PUT", path)
    assert (await call(eve, "DELETE", path))[0] == 404
    assert await call(bob, "DELETE", path) == (204, None)
    assert not await can_read(bob, file)


async def test_with_whom_a_file_cannot_be_shared(cluster: ChatCluster) -> None:
    ann, bob, gone = [await cluster.user() for _ in range(3)]
    file, others = await put(ann), await channel_of(bob)
    proof = {"current_password": PASSWORD}
    assert await call(gone, "POST", "/v1/me/delete", json=proof) == (204, None)
    for reader, status in ((ann.id, 400), (others, 404), (gone.id, 404), ("us_x", 404)):
        assert (await call(ann, "PUT", f"/v1/files/{file}/shares/{reader}"))[0] == status, reader
    theirs = await put(bob)
    assert (await call(ann, "PUT", f"/v1/files/{theirs}/shares/{bob.id}"))[0] == 404
    _, listed = await call(ann, "GET", f"/v1/files/{file}/shares")
    assert listed["items"] == []


async def test_what_is_shared_is_listed_in_pages(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await channel_of(ann, bob)
    names = [f"{n}.bin" for n in range(5)]
    for n, name in enumerate(names):
        reader = bob.id if n % 2 else channel
        await call(ann, "PUT", f"/v1/files/{await put(ann, name)}/shares/{reader}")
    seen: list[str] = []
    cursor, page = "", dict[str, Any]()
    for _ in range(3):
        _, page = await call(bob, "GET", f"/v1/shared?limit=2{cursor}")
        seen += [one["file"]["name"] for one in page["items"]]
        cursor = f"&cursor={page.get('next_cursor')}"
    assert seen == names[::-1]
    assert "next_cursor" not in page
    await cluster.pool.execute(
        "UPDATE files SET trashed_at = 1 WHERE owner_id = $1 AND name <> '0.bin'", ann.id
    )
    _, page = await call(bob, "GET", "/v1/shared?limit=4")
    assert page["items"] == []
    _, page = await call(bob, "GET", f"/v1/shared?limit=4&cursor={page['next_cursor']}")
    assert [one["file"]["name"] for one in page["items"]] == ["0.bin"], "it goes on behind them"
    assert (await call(bob, "GET", "/v1/shared?cursor=1.x.y"))[0] == 400


async def test_finding_what_is_shared_reads_only_that(
    cluster: ChatCluster, servers: EmbeddedUrls
) -> None:
    connection = await asyncpg.connect(servers.postgres)
    try:
        await connection.execute("SET enable_seqscan = off")
        rows = await connection.fetch(f"EXPLAIN {_SHARED}", "us_x", 2**62, "~", "~", 51)
    finally:
        await connection.close()
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan" not in plan, plan
    assert "file_shares_newest" in plan, plan


# -- by links -------------------------------------------------------------------------------------


async def make(user: User, file: str, **body: Any) -> tuple[dict[str, Any], str]:
    """The link, and its path."""
    status, made = await call(user, "POST", f"/v1/files/{file}/links", json=body)
    assert status == 201, made
    return made["link"], urlsplit(made["url"]).path


async def get(
    cluster: ChatCluster,
    path: str,
    password: str | None = None,
    *,
    host: int = 0,
    method: str = "GET",
    **headers: str,
) -> tuple[ClientResponse, bytes]:
    if password is not None:
        headers["Authorization"] = f"Basic {base64.b64encode(f':{password}'.encode()).decode()}"
    url = cluster.hosts[host].url + path
    async with cluster.http.request(method, url, headers=headers) as answer:
        return answer, await answer.read()


async def test_whoever_has_a_link_reads_the_file(cluster: ChatCluster) -> None:
    ann, eve = await cluster.user(), await cluster.user()
    file = await put(ann, "plan.txt")
    link, path = await make(ann, file)
    about = path.removesuffix("/content")
    answer, _ = await get(cluster, about)
    said = await answer.json()
    assert (said["name"], said["size_bytes"]) == ("plan.txt", 1000)
    answer, got = await get(cluster, path, host=1)
    assert (answer.status, got) == (200, BODY)
    assert "plan.txt" in answer.headers["Content-Disposition"]
    answer, got = await get(cluster, path, Range="bytes=10-19")
    assert (answer.status, got) == (206, BODY[10:20])
    answer, got = await get(cluster, path, method="HEAD")
    assert (answer.status, answer.headers["Content-Length"], got) == (200, "1000", b"")
    _, listed = await call(ann, "GET", f"/v1/files/{file}/links")
    assert [(one["id"], one["downloads"], one["views"]) for one in listed["items"]] == [
        (link["id"], 1, 1)
    ]
    where = f"/v1/files/{file}/links/{link['id']}"
    assert (await call(eve, "DELETE", where))[0] == 404
    assert await call(ann, "DELETE", where) == (204, None)
    assert (await get(cluster, path))[0].status == (await get(cluster, about))[0].status == 404
    row = await cluster.pool.fetchrow("SELECT * FROM file_links WHERE file_id = $1", file)
    assert row is None


async def test_links_that_are_no_longer_good_look_like_none(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    file = await put(ann)
    _, late = await make(ann, file, expires_at=int(time.time() * 1000) + 60_000)
    await cluster.pool.execute(
        "UPDATE file_links SET expires_at = 1 WHERE expires_at IS NOT NULL AND file_id = $1", file
    )
    _, trashed = await make(ann, other := await put(ann))
    await call(ann, "DELETE", f"/v1/files/{other}")
    unknown = "/v1/links/shl_" + "A" * 43 + "/content"
    told = []
    for path in (late, trashed, unknown, "/v1/links/x/content"):
        answer, _ = await get(cluster, path)
        problem = await answer.json()
        told.append((answer.status, problem["code"], problem["detail"]))
    assert set(told) == {(404, "not_found", told[0][2])}
    await call(ann, "POST", f"/v1/files/{other}/restore", json={})
    assert (await get(cluster, trashed))[0].status == 200, "it is good again with its file"
    for standing, shown in {"suspended": 404, "deactivated": 404, "active": 200}.items():
        await cluster.pool.execute("UPDATE users SET status = $2 WHERE id = $1", ann.id, standing)
        assert (await get(cluster, trashed))[0].status == shown, standing
    status, problem = await call(ann, "POST", f"/v1/files/{file}/links", json={"expires_at": 1})
    assert (status, problem["field"]) == (400, "expires_at")


async def test_a_link_is_used_up(cluster: ChatCluster) -> None:
    """Whoever began goes on; nobody begins once more."""
    ann = await cluster.user()
    _, path = await make(ann, await put(ann), max_downloads=2)
    answer, _ = await get(cluster, path, Range="bytes=500-")
    assert answer.status == 404, "nobody has begun"
    answers = await asyncio.gather(*[get(cluster, path, host=n % 2) for n in range(6)])
    assert sorted(answer.status for answer, _ in answers) == [200] * 2 + [404] * 4
    answer, got = await get(cluster, path, Range="bytes=500-")
    assert (answer.status, got) == (206, BODY[500:])
    for whole in ("bytes=0-", "bytes=-1000", "bytes=500-, 0-1", "bites=1-"):
        assert (await get(cluster, path, Range=whole))[0].status == 404, whole
    assert (await get(cluster, path.removesuffix("/content")))[0].status == 404
    assert (await get(cluster, path, method="HEAD"))[0].status == 404


async def test_a_password_is_asked_for_as_browsers_know(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    file = await put(ann)
    link, path = await make(ann, file, password=SECRET)
    assert link["needs_password"]
    for wrong in (None, "", "wrong password", SECRET + "\0"):
        answer, said = await get(cluster, path, wrong)
        assert answer.status == 401, (wrong, said)
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert BODY not in said
    for host in (0, 1):
        answer, got = await get(cluster, path, SECRET, host=host)
        assert (answer.status, got) == (200, BODY)
    assert (await get(cluster, path.removesuffix("/content"), SECRET))[0].status == 200
    stored = await cluster.pool.fetchval(
        "SELECT password_hash FROM file_links WHERE file_id = $1", file
    )
    assert stored.startswith("$argon2id$")
    answer, _ = await get(cluster, path, Authorization="Bearer x")
    assert answer.status == 400
    status, problem = await call(ann, "POST", f"/v1/files/{file}/links", json={"password": "short"})
    assert (status, problem["field"]) == (400, "password")


async def test_guessing_passwords_is_slowed_down_and_holds_up_nobody_inside(
    cluster: ChatCluster,
) -> None:
    ann = await cluster.user()
    _, path = await make(ann, await put(ann), password=SECRET)
    assert (await get(cluster, path, SECRET))[0].status == 200
    statuses = [(await get(cluster, path, f"guess {n} long"))[0].status for n in range(25)]
    assert statuses[:19] == [401] * 19
    assert statuses[-1] == 429
    assert (await get(cluster, path, SECRET))[0].status == 200, "who was let in before"


async def test_a_file_has_so_many_links(
    cluster: ChatCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamhub.persistence.sharing.MAX_LINKS", 2)
    ann = await cluster.user()
    file = await put(ann)
    for _ in range(2):
        await make(ann, file)
    status, problem = await call(ann, "POST", f"/v1/files/{file}/links", json={})
    assert (status, problem["code"]) == (422, "limit_reached")


async def test_nothing_is_left_of_a_file_that_is_gone(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    file = await put(ann)
    await call(ann, "PUT", f"/v1/files/{file}/shares/{bob.id}")
    _, path = await make(ann, file)
    for _ in range(2):
        await call(ann, "DELETE", f"/v1/files/{file}")
    assert (await get(cluster, path))[0].status == 404
    left = await cluster.pool.fetchval(
        """
        SELECT (SELECT count(*) FROM file_shares WHERE file_id = $1)
             + (SELECT count(*) FROM file_links WHERE file_id = $1)
        """,
        file,
    )
    assert left == 0
