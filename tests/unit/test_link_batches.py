"""Batches of envelopes: bounded, in order, and understood by versions before and after."""

import msgspec
import pytest

from streamhub.actors.ring import RingBudget
from streamhub.domain.envelopes import Envelope, NoInterest, NotOwner
from streamhub.transport import link_batches
from streamhub.transport.link_batches import BATCH_BYTES, BEAT, MAX_BATCH, Encoder, Outbox
from streamhub.transport.link_batches import envelopes_of as decoded


def word(text: str) -> NoInterest:
    return NoInterest(topics=(text,))


def batches(outbox: Outbox) -> list[list[Envelope]]:
    found = []
    while batch := outbox.take():
        data, count = batch
        found.append(decoded(data))
        assert len(found[-1]) == count
    return found


def test_what_waits_is_one_batch_in_order() -> None:
    encoder, outbox = Encoder(), Outbox()
    words = [word(str(n)) for n in range(100)]
    for one in words:
        outbox.put(encoder.encode(one))
    assert outbox.envelopes == 100
    assert batches(outbox) == [words]
    assert (outbox.envelopes, outbox.bytes, outbox.take()) == (0, 0, None)


def test_a_batch_has_a_bounded_number_of_envelopes() -> None:
    outbox, data = Outbox(), Encoder().encode(word("x"))
    for _ in range(2 * MAX_BATCH + 1):
        outbox.put(data)
    assert [len(batch) for batch in batches(outbox)] == [MAX_BATCH, MAX_BATCH, 1]


def test_a_batch_has_a_bounded_number_of_bytes_unless_one_envelope_has_more() -> None:
    encoder, outbox = Encoder(), Outbox()
    sizes = [BATCH_BYTES // 2, BATCH_BYTES, 10, 10]
    for size in sizes:
        outbox.put(encoder.encode(word("x" * size)))
    assert outbox.bytes > sum(sizes)
    assert [len(batch) for batch in batches(outbox)] == [1, 1, 2]


def test_an_envelope_for_many_hosts_is_encoded_once() -> None:
    encoder, envelope = Encoder(), word("x")
    first = encoder.encode(envelope)
    assert encoder.encode(envelope) is first
    assert encoder.encode(word("y")) != first


def test_a_heartbeat_is_an_empty_batch() -> None:
    assert decoded(BEAT) == []


def test_kinds_and_fields_of_a_newer_version_are_left_out() -> None:
    batch = [[99, "a kind"], [7, ["a"], "a field"], [9, [], 3, {"deep": [1]}]]
    data = msgspec.msgpack.encode(batch)
    assert decoded(data) == [NoInterest(topics=("a",)), NotOwner(topics=(), version=3)]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91", b"\x01", b"\xdd\xff\xff\xff\xff"])
def test_what_is_no_batch_is_an_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decoded(data)


def test_the_largest_batch_is_no_smaller_than_what_all_rings_hold() -> None:
    assert 2 * RingBudget().limit_bytes <= link_batches.MAX_BATCH_BYTES
