"""Folders: made, filled, moved, into the trash and back with all that is in them."""

import asyncio
import base64
from typing import Any

import pytest
from support.chat_hosts import ChatCluster, User
from support.polling import until
from support.upload_streams import Stream
from support.uploads import TUS, Uploader

from streamhub.persistence import folders


async def call(user: User, method: str, path: str, **body: Any) -> tuple[int, Any]:
    given = {"json": body} if method in ("POST", "PATCH") else {}
    answer, _ = await Uploader(user).call(method, path, **given)
    return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def make(user: User, name: str, parent: str | None = None) -> str:
    body = {"name": name} if parent is None else {"name": name, "parent": parent}
    status, made = await call(user, "POST", "/v1/folders", **body)
    assert status == 201, made
    assert (made["name"], made.get("parent")) == (name, parent)
    return str(made["id"])


async def put(user: User, name: str, folder: str | None = None) -> str:
    query = "" if folder is None else f"?folder={folder}"
    headers = {"X-File-Name": name}
    answer, said = await Uploader(user).call("POST", f"/v1/files{query}", headers, data=b"x")
    assert answer.status == 201, said
    made = await answer.json()
    assert made.get("folder") == folder
    return str(made["id"])


async def names(user: User, path: str) -> list[str]:
    """Of all pages, two at a time."""
    found: list[str] = []
    cursor = ""
    while True:
        status, page = await call(user, "GET", f"{path}limit=2{cursor}")
        assert status == 200, page
        found += [one["name"] for one in page["items"]]
        if "next_cursor" not in page:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def tree(user: User, folder: str | None = None) -> dict[str, Any]:
    """Folders by name, and the names of files."""
    parent = "" if folder is None else f"?parent={folder}"
    _, page = await call(user, "GET", f"/v1/folders{parent}")
    found: dict[str, Any] = {}
    for one in reversed(page["items"]):
        found[one["name"]] = await tree(user, one["id"])
    for name in reversed(await names(user, f"/v1/files?folder={folder or 'top'}&")):
        found[name] = None
    return found


async def test_folders_hold_folders_and_files(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    work = await make(ann, "work")
    plans = await make(ann, "plans", work)
    await put(ann, "top.txt")
    a = await put(ann, "a.txt", work)
    await put(ann, "b.txt", plans)
    assert await tree(ann) == {
        "work": {"plans": {"b.txt": None}, "a.txt": None},
        "top.txt": None,
    }
    status, moved = await call(ann, "PATCH", f"/v1/files/{a}", folder=plans)
    assert (status, moved["folder"], moved["name"]) == (200, plans, "a.txt")
    status, moved = await call(ann, "PATCH", f"/v1/files/{a}", folder="top", name="c.txt")
    assert (status, moved.get("folder"), moved["name"]) == (200, None, "c.txt")
    status, moved = await call(ann, "PATCH", f"/v1/folders/{plans}", parent="top", name="Plans")
    assert (status, moved.get("parent"), moved["name"]) == (200, None, "Plans")
    assert await tree(ann) == {
        "work": {},
        "Plans": {"b.txt": None},
        "c.txt": None,
        "top.txt": None,
    }
    many = [f"{n}" for n in range(5)]
    for name in many:
        await make(ann, name, work)
    assert await names(ann, f"/v1/folders?parent={work}&") == many[::-1]


async def test_every_way_in_leads_into_folders(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    folder = await make(ann, "inbox")
    way = Uploader(ann)
    coded = {"filename": "by tus", "folder": folder}
    metadata = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in coded.items())
    headers = {**TUS, "Upload-Length": "3", "Upload-Metadata": metadata}
    answer, _ = await way.call("POST", "/v1/tus/", headers)
    assert (await way.patch(answer.headers["Location"], 0, b"abc"))[0].status == 204
    stream = await Stream.open(ann, 0, name="by socket", folder=folder)
    assert (await stream.finish()).state == "ready"
    await stream.close()
    assert set(await tree(ann, folder)) == {"by tus", "by socket"}


async def test_a_folder_goes_and_comes_back_with_what_is_in_it(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    outer = await make(ann, "outer")
    inner = await make(ann, "inner", outer)
    gone = await put(ann, "gone before", inner)
    await put(ann, "a", outer)
    b = await put(ann, "b", inner)
    await call(ann, "DELETE", f"/v1/files/{gone}")
    assert (await call(ann, "DELETE", f"/v1/folders/{outer}"))[0] == 204
    assert await tree(ann) == {}
    assert await names(ann, "/v1/folders?trashed=true&") == ["outer"]
    assert set(await names(ann, "/v1/files?which=trashed&")) == {"a", "b", "gone before"}
    for path in (f"/v1/files?folder={inner}", "/v1/folders?parent=" + inner):
        assert (await call(ann, "GET", path))[1]["items"] == []
    headers = {"X-File-Name": "late"}
    answer, _ = await Uploader(ann).call("POST", f"/v1/files?folder={inner}", headers, data=b"x")
    assert answer.status == 404

    status, back = await call(ann, "POST", f"/v1/files/{b}/restore")
    assert (status, back.get("folder")) == (200, None), "alone it comes to the top"
    assert (await call(ann, "POST", f"/v1/folders/{outer}/restore"))[0] == 200
    assert await tree(ann) == {"outer": {"inner": {}, "a": None}, "b": None}
    await call(ann, "POST", f"/v1/files/{gone}/restore")
    assert await tree(ann, inner) == {"gone before": None}

    assert (await call(ann, "DELETE", f"/v1/folders/{inner}"))[0] == 204
    assert (await call(ann, "DELETE", f"/v1/folders/{outer}"))[0] == 204
    assert set(await names(ann, "/v1/folders?trashed=true&")) == {"inner", "outer"}
    status, back = await call(ann, "POST", f"/v1/folders/{inner}/restore")
    assert (status, back.get("parent")) == (200, None), "its parent is in the trash"
    assert await tree(ann) == {"inner": {"gone before": None}, "b": None}


async def test_a_folder_goes_for_good(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    outer = await make(ann, "outer")
    inner = await make(ann, "inner", outer)
    await put(ann, "a", inner)
    await put(ann, "b")
    for _ in range(2):
        assert (await call(ann, "DELETE", f"/v1/folders/{outer}"))[0] == 204
    for folder in (outer, inner):
        assert (await call(ann, "GET", f"/v1/folders/{folder}"))[0] == 404

    async def freed() -> bool:
        _, storage = await call(ann, "GET", "/v1/storage")
        return bool(storage["used_bytes"] == 1)

    await until(freed, within_s=60)
    assert await names(ann, "/v1/files?which=trashed&") == []
    assert await tree(ann) == {"b": None}


async def test_what_arrives_when_its_folder_is_gone_is_at_the_top(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    folder = await make(ann, "brief")
    stream = await Stream.open(ann, 3, name="late", folder=folder)
    await call(ann, "DELETE", f"/v1/folders/{folder}")
    await stream.send_parts(b"abc", stream.missing)
    assert (await stream.finish()).state == "ready"
    await stream.close()
    assert await tree(ann) == {"late": None}


async def test_a_tree_stays_a_tree(cluster: ChatCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_DEPTH", 3)
    ann = await cluster.user()
    a = await make(ann, "a")
    b = await make(ann, "b", a)
    c = await make(ann, "c", b)
    for moved, parent in ((a, a), (a, b), (a, c), (b, c)):
        status, problem = await call(ann, "PATCH", f"/v1/folders/{moved}", parent=parent)
        assert (status, problem["code"]) == (409, "conflict")
    status, problem = await call(ann, "POST", "/v1/folders", name="d", parent=c)
    assert (status, problem["code"], problem["field"]) == (422, "limit_reached", "parent")
    d = await make(ann, "d")
    assert (await call(ann, "PATCH", f"/v1/folders/{a}", parent=d))[0] == 422
    assert (await call(ann, "PATCH", f"/v1/folders/{b}", parent=d))[0] == 200
    pairs = [(a, d), (d, a)] * 4  # each alone would do
    moves = [call(ann, "PATCH", f"/v1/folders/{moved}", parent=into) for moved, into in pairs]
    assert {status for status, _ in await asyncio.gather(*moves)} <= {200, 409, 422}
    shown = await tree(ann)
    assert {"a", "d"} & set(shown), "one of them is still at the top"


async def test_folders_of_others_look_like_none(cluster: ChatCluster) -> None:
    ann, eve = await cluster.user(), await cluster.user()
    hers, mine = await make(ann, "hers"), await make(eve, "mine")
    own = await put(eve, "own")
    for method, path, body in (
        ("GET", f"/v1/folders/{hers}", {}),
        ("GET", f"/v1/folders?parent={hers}", {}),
        ("PATCH", f"/v1/folders/{hers}", {"name": "x"}),
        ("PATCH", f"/v1/folders/{mine}", {"parent": hers}),
        ("DELETE", f"/v1/folders/{hers}", {}),
        ("POST", f"/v1/folders/{hers}/restore", {}),
        ("POST", "/v1/folders", {"name": "x", "parent": hers}),
        ("PATCH", f"/v1/files/{own}", {"folder": hers}),
    ):
        status, problem = await call(eve, method, path, **body)
        assert (status, problem["code"]) == (404, "not_found"), (method, path)
    assert (await call(eve, "GET", f"/v1/files?folder={hers}"))[1]["items"] == []
    assert await tree(ann) == {"hers": {}}


async def test_folders_of_one_user_are_bounded(
    cluster: ChatCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MAX_FOLDERS", 2)
    ann = await cluster.user()
    for name in "ab":
        await make(ann, name)
    status, problem = await call(ann, "POST", "/v1/folders", name="c")
    assert (status, problem["code"]) == (422, "limit_reached")
