"""What people's sessions are told about files, over both hosts and in both encodings."""

from typing import Any

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, Socket
from support.uploads import Uploader

from streamhub.client import FileDeleted, FileReady, FileShared, QuotaUpdated, StreamHubClient
from streamhub.protocol import files, frames
from streamhub.protocol.codec import Codec


async def told(socket: Socket, name: str) -> Any:
    return (await socket.event(name)).body


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_ones_sessions_are_told_of_ones_files(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    way = Uploader(ann)
    sockets = [await ann.connect(host, codec=codec) for host in cluster.hosts]
    his = await bob.connect(cluster.hosts[1], codec=codec)

    async def all_told(name: str) -> Any:
        first, second = [await told(socket, name) for socket in sockets]
        assert first == second
        return first

    async def quota(used: int) -> None:
        shown = await all_told("quota.updated")
        assert isinstance(shown, files.StorageObject)
        assert (shown.used_bytes, shown.reserved_bytes) == (used, 0)

    folder = await way.json("POST", "/v1/folders", json={"name": "work"})
    answer, _ = await way.call(
        "POST", f"/v1/files?folder={folder['id']}", {"X-File-Name": "plan.txt"}, data=b"abc"
    )
    made = await answer.json()
    ready = await all_told("file.ready")
    assert isinstance(ready, files.FileEvent)
    assert ready.file == files.FileObject(**made)
    await quota(3)
    path = f"/v1/files/{made['id']}"
    answer, _ = await way.call("POST", f"{path}/versions", data=b"abcde")
    again = await answer.json()
    assert (await all_told("file.ready")).file == files.FileObject(**again)
    assert (again["name"], again["folder"]) == ("plan.txt", folder["id"])
    await quota(8)
    await way.call("DELETE", f"{path}/versions/{made['version']}")
    await quota(5)

    for _ in range(2):  # the second time it is so already
        await way.call("PUT", f"{path}/shares/{bob.id}")
    assert await told(his, "file.shared") == files.FileEvent(file=files.FileObject(**again))

    await way.call("DELETE", path)
    assert await all_told("file.deleted") == files.FileGone(file=made["id"])
    await way.call("DELETE", path)
    await quota(0)
    assert await all_told("file.deleted") == files.FileGone(file=made["id"])
    await his.command("channel.list", frames.ChannelList())
    others = [event.name for event in his.seen if event.name.startswith(("file.", "quota."))]
    assert others == [], "he was told once, and of nothing else"


async def test_the_sdk_hears_of_files(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    url = cluster.hosts[0].url
    async with StreamHubClient(url, login=bob.handle, password=PASSWORD) as client:
        heard: list[object] = []
        _, own = await Uploader(bob).put(b"abc")
        _, hers = await Uploader(ann).put(b"abcd")
        await Uploader(ann).call("PUT", f"/v1/files/{hers['id']}/shares/{bob.id}")
        await Uploader(bob).call("DELETE", f"/v1/files/{own['id']}")
        async for event in client.events():
            if isinstance(event, FileReady | FileShared | FileDeleted | QuotaUpdated):
                heard.append(event)
            if isinstance(event, FileDeleted):
                break
    kinds = {type(event) for event in heard}
    assert kinds == {FileReady, FileShared, FileDeleted, QuotaUpdated}
    [shared] = [event for event in heard if isinstance(event, FileShared)]
    assert shared.file.id == hers["id"]
