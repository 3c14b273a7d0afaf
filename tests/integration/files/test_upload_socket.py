"""The socket of uploads: parts in any order over any connection, and what resuming must hold."""

from collections.abc import Awaitable, Callable

import crc32c
import pytest
from aiohttp import WSMsgType
from support.chat_hosts import ChatCluster, ChatHost, Socket, User
from support.polling import until
from support.upload_streams import PATH, Stream, asked
from support.uploads import Uploader, content, digest

from streamhub.protocol import frames, uploads
from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.codec import JSON, MSGPACK, Codec
from streamhub.transport.framing import masked_frame

MIB = 1 << 20
PART = 5 * MIB


async def is_file(user: User, state: uploads.UploadState, sent: bytes) -> None:
    """The upload is a file with just this content, and the quota knows."""
    assert (state.state, state.problem) == ("ready", None)
    assert state.file is not None
    ann = Uploader(user)
    answer, got = await ann.content(state.file)
    assert answer.status == 200, got[:500]
    assert digest(got) == digest(sent)
    storage = await ann.json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (len(sent), 0)


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 12 * MIB + 77])
async def test_an_upload_over_one_connection(cluster: ChatCluster, size: int, codec: Codec) -> None:
    user, sent = await cluster.user(), content(size)
    stream = await Stream.open(user, size, codec=codec, name="ä.bin", crc32c=crc32c.crc32c(sent))
    assert stream.told.part_bytes == PART
    await stream.send_parts(sent, stream.missing)
    await is_file(user, await stream.finish(), sent)
    again = await stream.finish()
    assert again.state == "ready", "finish may be repeated"
    await stream.close()


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 11 * MIB])
async def test_a_file_whose_length_is_not_known_before_its_end(
    cluster: ChatCluster, size: int
) -> None:
    user, sent = await cluster.user(), content(size)
    stream = await Stream.open(user, None)
    part_bytes = stream.told.part_bytes
    for at in range(0, size, part_bytes):
        await stream.send(at, sent[at : at + part_bytes])
    await stream.give(stream.frame(size, b"", uploads.FILE_END))
    while len(stream.durable) < -(-size // part_bytes):
        await stream.hear()
    await is_file(user, await _finished(stream), sent)


async def _finished(stream: Stream) -> uploads.UploadState:
    """Its length may still be on its way to the ledger."""
    body = uploads.UploadFinish(upload=stream.told.upload)

    async def taken() -> bool:
        reply = await stream.socket.command("upload.finish", body)
        return reply.problem is None

    await until(taken)
    return await stream.finish()


async def test_an_upload_goes_on_where_its_connection_ended(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(12 * MIB)
    stream = await Stream.open(user, len(sent))
    await stream.send_parts(sent, [1])
    await stream.send(PART, sent[PART : PART + 3_000_001])
    await stream.heard()
    stream.cut()
    stream = await Stream.attach(user, stream.told.upload, cluster.hosts[0])
    assert stream.missing == [2, 3], "what is durable stays so"
    assert stream.told.partial == ((2, 3_000_001),)
    await stream.send_parts(sent, [2, 3])
    await is_file(user, await stream.finish(), sent)


async def test_a_part_may_be_sent_anew_although_it_was_begun(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(PART + 9)
    stream = await Stream.open(user, len(sent))
    await stream.send(0, sent[:1_000_000])
    await stream.close()
    again = await Stream.attach(user, stream.told.upload)
    await again.send(0, sent[:PART])
    await again.send_parts(sent, [2])
    while 1 not in again.durable:
        await again.hear()
    await is_file(user, await again.finish(), sent)


async def test_lanes_over_both_hosts_in_any_order(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(24 * MIB)
    first = await Stream.open(user, len(sent), cluster.hosts[0])
    second = await Stream.attach(user, first.told.upload, cluster.hosts[1], term=first.told.term)
    assert second.told.term == first.told.term
    await second.send_parts(sent, [5])
    await first.send_parts(sent, [4, 1])
    await second.send_parts(sent, [2])
    await first.send_parts(sent, [3])
    await is_file(user, await second.finish(), sent)


async def test_who_attaches_takes_over(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(11 * MIB)
    old = await Stream.open(user, len(sent), cluster.hosts[0])
    await old.send_parts(sent, [1])
    await old.send(PART, sent[PART : PART + MIB])
    new = await Stream.attach(user, old.told.upload, cluster.hosts[0])
    assert new.told.term == old.told.term + 1
    assert (await old.refused()).code == "stale_term"
    late = await Stream.attach(user, old.told.upload, cluster.hosts[1])
    await new.send(PART, sent[PART : 2 * PART])
    assert (await new.refused()).code == "stale_term", "another host, told when the part is stored"
    assert late.missing == [2, 3]
    await late.send_parts(sent, [2, 3])
    await is_file(user, await late.finish(), sent)


async def test_a_lane_of_an_old_term_is_refused(cluster: ChatCluster) -> None:
    user = await cluster.user()
    stream = await Stream.open(user, 100)
    body = uploads.UploadAttach(upload=stream.told.upload, term=stream.told.term + 1)
    reply = await stream.socket.command("upload.attach", body)
    assert reply.problem is not None
    assert reply.problem.code == "stale_term"


async def test_wrong_frames_are_named_and_change_nothing(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(2 * PART + 5)
    stream = await Stream.open(user, len(sent))
    await stream.send(0, sent[:1000])
    good = stream.frame(1000, sent[1000:2000])
    wrong = {
        "out of order": (good._replace(offset=1500), "offset_conflict"),
        "repeated": (good._replace(offset=0), "offset_conflict"),
        "overlapping": (good._replace(offset=900), "offset_conflict"),
        "another part": (good._replace(offset=PART), "offset_conflict"),
        "damaged": (good._replace(checksum=good.checksum ^ 1), "checksum_mismatch"),
        "stale": (good._replace(term=good.term - 1), "stale_term"),
        "of no stream": (good._replace(stream=99), "not_found"),
        "too long": (stream.frame(2 * PART, bytes(6)), "length_exceeded"),
        "across parts": (stream.frame(PART - 1, bytes(2)), "length_exceeded"),
        "no end": (good._replace(flags=uploads.PART_END), "bad_request"),
        "not the file's end": (good._replace(flags=uploads.FILE_END), "bad_request"),
        "empty": (stream.frame(1000, b""), "bad_request"),
    }
    for what, (frame, code) in wrong.items():
        await stream.give(frame)
        refused = await stream.refused()
        assert (refused.code, refused.offset) == (code, frame.offset), what
    await stream.send(1000, sent[1000:PART])
    while 1 not in stream.durable:
        await stream.hear()
    await stream.give(stream.frame(0, sent[:1000]))
    assert (await stream.refused()).code == "offset_conflict", "that part is durable"
    await stream.send_parts(sent, [2, 3])
    await is_file(user, await stream.finish(), sent)


async def test_more_than_the_credit_is_refused(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(30 * MIB)
    cluster.hosts[0].filing.buffers.budget_bytes = PART
    stream = await Stream.open(user, len(sent), cluster.hosts[0])
    assert stream.credit == PART
    other = await Stream.open(user, 10, cluster.hosts[0])
    assert other.credit == 0, "there is no room left"
    await other.give(other.frame(0, b"x"))
    assert (await other.refused()).code == "credit_exceeded"
    await stream.send_parts(sent, [1])
    while not other.credit:
        await other.hear()
    await other.send_parts(b"0123456789", [1])
    await stream.send_parts(sent, [2, 3, 4, 5, 6])
    assert cluster.hosts[0].filing.buffers.held_bytes <= PART
    assert (await stream.finish()).state == "ready"


@pytest.mark.parametrize(
    "message", [b"\x01", b"\x01\x01" + bytes(30), b"\x01" * 100], ids=["short", "zeros", "ones"]
)
async def test_what_is_no_frame_closes_the_socket(cluster: ChatCluster, message: bytes) -> None:
    socket = await (await cluster.user()).connect(path=PATH)
    await socket.ws.send_bytes(message)
    assert (await socket.ws.receive(5)).data == CloseCode.BAD_FRAME


async def test_data_before_auth_closes_the_socket(cluster: ChatCluster) -> None:
    url = f"{cluster.hosts[0].url}{PATH}"
    async with cluster.http.ws_connect(url, protocols=(MSGPACK.subprotocol,)) as ws:
        await ws.receive(5)
        frame = uploads.DataFrame(1, 0, 1, b"x", crc32c.crc32c(b"x"))
        await ws.send_bytes(uploads.data_message(frame))
        assert (await ws.receive(5)).data == CloseCode.BAD_FRAME


async def test_each_socket_refuses_the_commands_of_the_other(cluster: ChatCluster) -> None:
    user = await cluster.user()
    on_uploads, on_chat = await user.connect(path=PATH), await user.connect()
    reply = await on_uploads.command("channel.list", frames.ChannelList())
    assert reply.problem is not None
    assert (reply.problem.code, reply.problem.field) == ("bad_request", None)
    reply = await on_chat.command("upload.open", uploads.UploadOpen(name="a", size_bytes=1))
    assert reply.problem is not None
    assert reply.problem.code == "bad_request"


async def test_an_upload_of_somebody_else_is_none(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    stream = await Stream.open(ann, 100)
    socket = await bob.connect(path=PATH)
    upload = stream.told.upload
    unknown = "up_" + "0" * 26
    for name, body in {
        "upload.attach": uploads.UploadAttach,
        "upload.finish": uploads.UploadFinish,
        "upload.cancel": uploads.UploadCancel,
    }.items():
        problems = [
            (await socket.command(name, body(upload=one))).problem for one in (upload, unknown)
        ]
        told = {(problem.code, problem.detail) for problem in problems if problem is not None}
        assert len(told) == 1, told
        assert all(problem is not None and problem.code == "not_found" for problem in problems)


async def test_a_part_can_be_compared(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(PART + 1)
    stream = await Stream.open(user, len(sent))
    await stream.send_parts(sent, [1])
    checksum = crc32c.crc32c(sent[:PART])
    body = uploads.UploadPart(upload=stream.told.upload, part=1, crc32c=checksum)
    part = await asked(stream.socket, "upload.part", body)
    assert (part.size_bytes, part.crc32c) == (PART, checksum)
    for wrong, code in (
        (replace_part(body, crc32c=checksum ^ 1), "checksum_mismatch"),
        (replace_part(body, part=2), "not_found"),
    ):
        reply = await stream.socket.command("upload.part", wrong)
        assert reply.problem is not None
        assert reply.problem.code == code


def replace_part(body: uploads.UploadPart, **changes: int) -> uploads.UploadPart:
    return uploads.UploadPart(
        upload=body.upload,
        part=changes.get("part", body.part),
        crc32c=changes.get("crc32c", body.crc32c),
    )


async def test_other_bytes_than_announced_fail_the_upload(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(1000)
    stream = await Stream.open(user, len(sent), crc32c=crc32c.crc32c(sent) ^ 1)
    await stream.send_parts(sent, [1])
    state = await stream.finish()
    assert (state.state, state.problem) == ("failed", "checksum_mismatch")
    storage = await Uploader(user).json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (0, 0)


async def test_begun_over_tus_and_finished_over_the_socket(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(12 * MIB)
    path = await (ann := Uploader(user)).begin(len(sent))
    answer, body = await ann.patch(path, 0, sent[: PART + 123])
    assert answer.status == 204, body
    stream = await Stream.attach(user, path.rsplit("/", 1)[1], cluster.hosts[1])
    assert stream.missing == [2, 3]
    assert stream.told.partial == ((2, 123),)
    await stream.send_parts(sent, [2, 3])
    await is_file(user, await stream.finish(), sent)


async def test_begun_over_the_socket_and_finished_over_tus(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(12 * MIB)
    stream = await Stream.open(user, len(sent))
    await stream.send_parts(sent, [1])
    await stream.send(PART, sent[PART : PART + 70_000])
    await stream.close()
    ann, path = Uploader(user), f"/v1/tus/{stream.told.upload}"

    async def kept() -> bool:
        return await ann.offset(path) > PART

    await until(kept)
    at = await ann.offset(path)
    answer, body = await ann.patch(path, at, sent[at:])
    assert answer.status == 204, body
    answer, got = await ann.call("GET", path)
    assert digest(got) == digest(sent)


async def test_opening_twice_with_one_key_is_one_upload(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(10)
    first = await Stream.open(user, 10, key="one")
    again = await Stream.open(user, 10, key="one")
    assert again.told.upload == first.told.upload
    await again.send_parts(sent, [1])
    done = await again.finish()
    late = await Stream.open(user, 10, key="one")
    assert (late.told.state, late.told.file, late.told.missing) == ("ready", done.file, ())


async def test_a_cancelled_upload_takes_nothing(cluster: ChatCluster) -> None:
    user = await cluster.user()
    stream = await Stream.open(user, 50 * MIB)
    await stream.send(0, b"some")
    state = await asked(
        stream.socket, "upload.cancel", uploads.UploadCancel(upload=stream.told.upload)
    )
    assert (state.state, state.problem) == ("aborted", "cancelled")
    await stream.give(stream.frame(4, b"more"))
    assert (await stream.refused()).code == "gone"
    storage = await Uploader(user).json("GET", "/v1/storage")
    assert storage["reserved_bytes"] == 0


async def test_the_owners_sessions_see_it_come(cluster: ChatCluster) -> None:
    user, sent = await cluster.user(), content(PART + 1)
    chat = await user.connect(cluster.hosts[1])
    stream = await Stream.open(user, len(sent), cluster.hosts[0], name="film")
    await stream.send_parts(sent, [1])
    progress = await _progress(chat)
    assert (progress.name, progress.bytes, progress.state) == ("film", PART, "receiving")
    await stream.send_parts(sent, [2])
    done = await stream.finish()
    while progress.state != "ready":
        progress = await _progress(chat)
    assert (progress.file, progress.bytes) == (done.file, len(sent))


async def _progress(chat: Socket) -> uploads.UploadProgress:
    event = await chat.event("upload.progress")
    assert isinstance(event.body, uploads.UploadProgress)
    return event.body


@pytest.mark.parametrize("stalled", [True, False], ids=["stalled", "drained"])
async def test_no_byte_is_sent_twice(
    cluster: ChatCluster, monkeypatch: pytest.MonkeyPatch, stalled: bool
) -> None:
    monkeypatch.setattr("streamhub.transport.upload_stream.STALLED_S", 0.5)
    user, sent = await cluster.user(), content(PART)
    host: ChatHost = cluster.hosts[0]
    stream = await Stream.open(user, len(sent), host)
    await stream.send(0, sent[:MIB])

    if stalled:  # its room is given to others, and it goes on

        async def is_free() -> bool:
            return host.filing.buffers.held_bytes == 0

        await until(is_free)
    else:
        await stream.heard()
        host.chat.sockets.drain(0.1)
        while (await stream.socket.ws.receive(5)).type is not WSMsgType.CLOSE:
            pass
        await until(_kept(cluster, stream.told.upload))
        stream = await Stream.attach(user, stream.told.upload, cluster.hosts[1])
        assert stream.told.partial == ((1, MIB),)
    await stream.send(MIB, sent[MIB:])
    while not stream.durable:
        assert (await stream.hear()).name != "upload.refused"
    await is_file(user, await stream.finish(), sent)


def _kept(cluster: ChatCluster, upload: str) -> Callable[[], Awaitable[bool]]:
    async def kept() -> bool:
        count = "SELECT count(*) FROM upload_tails WHERE upload_id = $1"
        return bool(await cluster.pool.fetchval(count, upload))

    return kept


async def test_cut_anywhere_a_small_upload_resumes(cluster: ChatCluster) -> None:
    """At every 97th byte of what a connection carries, frames' heads included."""
    user, sent = await cluster.user(), content(4096)
    message = len(uploads.data_message(uploads.DataFrame(1, 0, 1, sent[:1000], 0)))
    for at in range(1, 5 * message, 97):
        stream = await Stream.open(user, len(sent), cluster.hosts[at % 2])
        sending = b"".join(
            masked_frame(uploads.data_message(stream.frame(offset, sent[offset : offset + 1000])))
            for offset in range(0, len(sent), 1000)
        )
        stream.transport.write(sending[:at])
        if at % 3:
            stream.cut()
        else:
            stream.transport.close()
        again = await Stream.attach(user, stream.told.upload, cluster.hosts[(at + 1) % 2])
        came = dict(again.told.partial).get(1, 0)
        assert came in (0, 1000, 2000, 3000, 4000)
        await again.send_parts(sent, again.missing)
        state = await again.finish()
        _, got = await Uploader(user).content(state.file or "")
        assert got == sent
        await again.close()
