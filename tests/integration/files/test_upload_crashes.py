"""The host that keeps an upload dies at each point of it: another one goes on from the ledger."""

import asyncio
from typing import Any

import pytest
from support.chat_hosts import ChatCluster, ChatHost, User
from support.polling import until
from support.upload_streams import STATE, Stream
from support.uploads import Uploader, content, digest

from streamhub.domain.ids import UploadId
from streamhub.domain.messages import upload_actor
from streamhub.protocol import uploads
from streamhub.protocol.received import reply_body

MIB = 1 << 20
PART = 5 * MIB


class Crash:
    """A call that is reached, done or not, and of which nobody hears."""

    def __init__(self, of: Any, name: str, *, done: bool) -> None:
        self._call = getattr(of, name)
        self._done = done
        self.reached = asyncio.Event()
        setattr(of, name, self)

    async def __call__(self, *args: Any) -> Any:
        if self._done:
            await self._call(*args)
        self.reached.set()
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that dies waits for nothing."""
    monkeypatch.setattr("streamhub.transport.upload_streams._LEAVE_S", 0.01)
    monkeypatch.setattr("streamhub.actors.care.EVERY_S", 0.5)


def owner_of(cluster: ChatCluster, stream: Stream) -> tuple[ChatHost, ChatHost]:
    """The host that keeps it, and another one."""
    actor = upload_actor(UploadId(stream.told.upload))
    first, second = cluster.hosts
    return (first, second) if first.chat.actors.active(actor) else (second, first)


async def dies(cluster: ChatCluster, host: ChatHost) -> None:
    await cluster.remove(host)
    await cluster.publish()


async def is_whole(user: User, survivor: ChatHost, file: str | None, sent: bytes) -> None:
    ann = Uploader(user, survivor)
    _, got = await ann.content(file or "")
    assert digest(got) == digest(sent)
    storage = await ann.json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (len(sent), 0)
    files = await ann.json("GET", "/v1/files")
    assert [one["id"] for one in files["items"]] == [file], "one file, and no second one"


@pytest.mark.parametrize("done", [False, True], ids=["not recorded", "recorded, not told"])
async def test_a_part_that_is_in_s3(cluster: ChatCluster, done: bool) -> None:
    user, sent = await cluster.user(), content(2 * PART + 9)
    opened = await Stream.open(user, len(sent))
    owner, survivor = owner_of(cluster, opened)
    await opened.close()
    # By the host that dies: another one would ask the new owner again.
    stream = await Stream.attach(user, opened.told.upload, owner)
    await stream.send_parts(sent, [1])
    crash = Crash(owner.filing._ledger, "record", done=done)
    await stream.send(PART, sent[PART : 2 * PART])
    await crash.reached.wait()
    await dies(cluster, owner)
    again = await Stream.attach(user, stream.told.upload, survivor)
    assert again.missing == ([3] if done else [2, 3]), "what was acknowledged is there"
    await again.send_parts(sent, again.missing)
    state = await again.finish()
    assert state.state == "ready"
    await is_whole(user, survivor, state.file, sent)


@pytest.mark.parametrize(
    ("of", "name", "done"),
    [
        ("_ledger", "seal", True),
        ("_blobs", "complete", False),
        ("_blobs", "complete", True),
        ("_ledger", "publish", False),
        ("_ledger", "publish", True),
    ],
    ids=[
        "sealing, not begun",
        "not completed",
        "completed, not told",
        "completed, not published",
        "published, not told",
    ],
)
async def test_an_upload_that_is_being_put_together(
    cluster: ChatCluster, of: str, name: str, done: bool
) -> None:
    user, sent = await cluster.user(), content(PART + 9)
    stream = await Stream.open(user, len(sent))
    await stream.send_parts(sent, [1, 2])
    owner, survivor = owner_of(cluster, stream)
    crash = Crash(getattr(owner.filing, of), name, done=done)
    other = await Stream.attach(user, stream.told.upload, survivor, term=stream.told.term)
    body = uploads.UploadFinish(upload=stream.told.upload)
    finishing = asyncio.create_task(other.socket.command("upload.finish", body))
    await crash.reached.wait()
    await dies(cluster, owner)
    reply = await finishing
    if reply.problem is not None:  # whoever was asked is gone
        assert reply.problem.code in ("unknown", "moved", "unavailable", "timeout"), reply
    else:
        state = reply_body("upload.finish", reply.body)
        assert isinstance(state, uploads.UploadState)
        if state.state == "sealing":
            event = await other.socket.event(STATE, 30)
            assert isinstance(event.body, uploads.UploadState)
            assert event.body.state == "ready"

    async def made() -> str | None:
        return (await Stream.attach(user, stream.told.upload, survivor)).told.file

    await is_whole(user, survivor, await until(made), sent)
