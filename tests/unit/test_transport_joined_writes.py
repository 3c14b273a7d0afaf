"""What one loop pass writes to a socket leaves in one write, in order, and before the close."""

import asyncio

from streamhub.transport.joined_writes import Flusher, JoinedWriter


class Recorder(asyncio.WriteTransport):
    """Keeps each write it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 1000


async def test_the_frames_of_one_pass_leave_in_one_write_and_in_order() -> None:
    transport = Recorder()
    writer = JoinedWriter(transport, Flusher())
    writer.write(b"one ")
    writer.write(b"two ")
    writer.write(b"three")
    assert transport.writes == []
    await asyncio.sleep(0)
    assert transport.writes == [b"one two three"]


async def test_each_pass_writes_for_itself() -> None:
    transport = Recorder()
    writer = JoinedWriter(transport, Flusher())
    for frame in (b"one", b"two"):
        writer.write(frame)
        await asyncio.sleep(0)
    assert transport.writes == [b"one", b"two"]


async def test_a_frame_for_many_sockets_is_never_copied() -> None:
    flusher, frame, written = Flusher(), b"an event for many", []

    class Keeper(Recorder):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            written.append(data)

    for _ in range(3):
        JoinedWriter(Keeper(), flusher).write(frame)
    await asyncio.sleep(0)
    assert [data is frame for data in written] == [True] * 3


async def test_what_waits_counts_as_unsent() -> None:
    writer = JoinedWriter(Recorder(), Flusher())
    writer.write(b"12345")
    assert writer.unsent_bytes() == 1005
    writer.flush()
    assert writer.unsent_bytes() == 1000


async def test_a_socket_that_is_gone_does_not_stop_the_others() -> None:
    gone, here, flusher = Recorder(), Recorder(), Flusher()
    JoinedWriter(gone, flusher).write(b"x")
    JoinedWriter(here, flusher).write(b"y")
    gone.closing = True
    await asyncio.sleep(0)
    assert (gone.writes, here.writes) == ([], [b"y"])


async def test_what_waits_goes_out_before_the_close_and_nothing_after_it() -> None:
    transport = Recorder()
    writer = JoinedWriter(transport, Flusher())
    writer.write(b"before")
    writer.finish()
    assert transport.writes == [b"before"]
    writer.write(b"after")
    await asyncio.sleep(0)
    assert transport.writes == [b"before"]
    assert writer.unsent_bytes() == 1000
