"""Files found again: by name, as favourites, as the last that changed."""

import asyncpg
import pytest
from support.chat_hosts import ChatCluster, User
from support.uploads import Uploader

from streamhub.persistence import files
from streamhub.persistence.embedded.stack import EmbeddedUrls


async def put(user: User, *names: str) -> list[str]:
    made = []
    for name in names:
        status, file = await Uploader(user).put(b"x", name)
        assert status == 201, file
        made.append(str(file["id"]))
    return made


async def listed(user: User, query: str) -> list[str]:
    """The names of all pages, three at a time."""
    names: list[str] = []
    cursor = ""
    while True:
        page = await Uploader(user).json("GET", f"/v1/files?limit=3&{query}{cursor}")
        assert "items" in page, page
        names += [one["name"] for one in page["items"]]
        if "next_cursor" not in page:
            return names
        cursor = f"&cursor={page['next_cursor']}"


async def test_words_of_a_name_find_a_file(cluster: ChatCluster) -> None:
    ann, eve = await cluster.user(), await cluster.user()
    report, photo = "Report of the 2nd_Quarter.final.pdf", "Café à la carte.jpg"
    await put(ann, report, photo, "other.txt")
    await put(eve, "Report of eve.pdf")
    for asked, names in (
        ("quart rep", [report]),
        ("REPORT PDF", [report]),
        ("cafe", [photo]),
        ("2nd.final", [report]),
        ("eport", []),
        ("report jpg", []),
        ("...", []),
        ("'%26 | !x:* \\", []),
        (ann.id, []),
        (eve.id, []),
    ):
        assert await listed(ann, f"name={asked}") == names, asked
    numbered = [f"many {n}.txt" for n in range(7)]
    ids = await put(ann, *numbered)
    assert await listed(ann, "name=many") == numbered[::-1]
    await Uploader(ann).call("DELETE", f"/v1/files/{ids[0]}")
    assert await listed(ann, "name=many&which=trashed") == numbered[:1]
    answer, _ = await Uploader(ann).call("GET", "/v1/files?which=recent&name=x")
    assert answer.status == 400


async def test_what_changed_last_comes_first(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    ids = await put(ann, *"abcde")
    way = Uploader(ann)
    await way.call("PATCH", f"/v1/files/{ids[1]}", json={"name": "renamed"})
    await way.call("POST", f"/v1/files/{ids[0]}/versions", data=b"new")
    await way.call("DELETE", f"/v1/files/{ids[4]}")
    assert await listed(ann, "which=recent") == ["a", "renamed", "d", "c"]


async def test_favourites_are_ones_own_list(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    ids = await put(ann, *"abcd")
    anns, bobs = Uploader(ann), Uploader(bob)
    for file in (ids[2], ids[0], ids[2], ids[1], ids[3]):
        answer, _ = await anns.call("PUT", f"/v1/files/{file}/favourite")
        assert answer.status == 204
    assert await listed(ann, "which=favourite") == ["d", "b", "a", "c"]
    assert (await bobs.call("PUT", f"/v1/files/{ids[0]}/favourite"))[0].status == 404
    await anns.call("PUT", f"/v1/files/{ids[0]}/shares/{bob.id}")
    assert (await bobs.call("PUT", f"/v1/files/{ids[0]}/favourite"))[0].status == 204
    assert await listed(bob, "which=favourite") == ["a"]
    await anns.call("DELETE", f"/v1/files/{ids[0]}/shares/{bob.id}")
    assert await listed(bob, "which=favourite") == [], "what is no longer for one is not shown"
    for status in (204, 404):
        assert (await anns.call("DELETE", f"/v1/files/{ids[1]}/favourite"))[0].status == status
        await anns.call("DELETE", f"/v1/files/{ids[0]}")
    assert await listed(ann, "which=favourite") == ["d", "c"]
    left = "SELECT count(*) FROM favourite_files WHERE file_id = $1"
    assert await cluster.pool.fetchval(left, ids[0]) == 0


async def test_favourites_are_bounded(
    cluster: ChatCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_FAVOURITES", 2)
    ann = await cluster.user()
    ids = await put(ann, *"abc")
    statuses = [
        (await Uploader(ann).call("PUT", f"/v1/files/{file}/favourite"))[0].status
        for file in (*ids, ids[0])
    ]
    assert statuses == [204, 204, 422, 204]


@pytest.mark.parametrize(
    ("query", "values", "index"),
    [
        (files._NAMED_PAGES["kept"], ("us_x", "~", 51, "report"), "files_names"),
        (files._RECENT, ("us_x", 2**62, "~", 51), "files_recent"),
        (files._FAVOURITES, ("us_x", 2**62, "~", 51), "favourite_files_newest"),
    ],
    ids=["by name", "recent", "favourites"],
)
async def test_lists_are_read_by_their_indexes(
    cluster: ChatCluster, servers: EmbeddedUrls, query: str, values: tuple[object, ...], index: str
) -> None:
    connection = await asyncpg.connect(servers.postgres)
    try:
        await connection.execute("SET enable_seqscan = off")
        rows = await connection.fetch(f"EXPLAIN {query}", *values)
    finally:
        await connection.close()
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan" not in plan, plan
    assert index in plan, plan
