"""What an upload is: its parts, what of it is stored, its states, names of files."""

import crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhub.domain.crc import combined
from streamhub.domain.errors import Refused
from streamhub.domain.file_names import UNKNOWN_TYPE, file_name, mime_type
from streamhub.domain.ids import UploadId, UserId
from streamhub.domain.uploads import (
    MAX_PARTS,
    MIB,
    OVER,
    TRANSITIONS,
    Ledger,
    Part,
    Tail,
    Upload,
    after,
    part_bytes_of,
)

GIB = 1 << 30


def upload(size: int | None, part_bytes: int = 10) -> Upload:
    return Upload(
        id=UploadId("up_1"),
        owner=UserId("us_1"),
        name="a",
        mime="b/c",
        size=size,
        part_bytes=part_bytes,
        object="blobs/1",
        created_at=0,
        expires_at=1,
        reserved_bytes=0,
    )


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_the_checksum_of_two_pieces_is_that_of_the_whole(first: bytes, second: bytes) -> None:
    whole = combined(crc32c.crc32c(first), crc32c.crc32c(second), len(second))
    assert whole == crc32c.crc32c(first + second)


def test_a_checksum_is_combined_over_any_length() -> None:
    """Of zeros, whose checksum can be worked out by halves."""
    value, size = crc32c.crc32c(bytes(MIB)), MIB
    while size < 256 * GIB:
        value, size = combined(value, value, size), size * 2
    assert combined(value, 0, 0) == value
    half = crc32c.crc32c(bytes(MIB))
    assert combined(half, half, MIB) == crc32c.crc32c(bytes(2 * MIB))


@pytest.mark.parametrize("size", [0, 1, 8 * MIB, 76 * GIB, 76 * GIB + 1, 256 * GIB])
def test_no_upload_has_more_parts_than_s3_takes(size: int) -> None:
    part_bytes = part_bytes_of(size)
    assert part_bytes % MIB == 0
    assert part_bytes >= 8 * MIB
    assert -(-size // part_bytes) <= MAX_PARTS
    assert part_bytes <= 28 * MIB


PARTS = st.sets(st.integers(1, 12))


@given(PARTS, st.integers(1, 120))
def test_what_is_missing_and_what_is_there_are_all(numbers: set[int], size: int) -> None:
    last = -(-size // 10)
    stored = sorted(number for number in numbers if number <= last)
    parts = tuple(
        Part(number=n, size=min(10, size - (n - 1) * 10), crc32c=0, etag="") for n in stored
    )
    ledger = Ledger(upload=upload(size), parts=parts)
    missing = {n for first, end in ledger.missing() for n in range(first, end + 1)}
    assert missing | set(stored) == set(range(1, last + 1))
    assert not missing & set(stored)
    assert ledger.complete is (not missing)
    whole = next((n for n in range(1, last + 2) if n not in stored), 1) - 1
    assert ledger.whole == whole
    assert ledger.offset == min(whole * 10, size)


def test_tails_that_follow_each_other_move_the_offset() -> None:
    part = Part(number=1, size=10, crc32c=crc32c.crc32c(bytes(10)), etag="")
    tails = [
        Tail(start=start, size=size, crc32c=crc32c.crc32c(bytes(size)), object=f"{start}")
        for start, size in ((10, 3), (13, 2), (17, 1))
    ]
    ledger = Ledger(upload=upload(100), parts=(part,), tails=tuple(tails))
    assert ledger.offset == 15, "the one at 17 is behind a hole"
    assert ledger.offset_crc32c == crc32c.crc32c(bytes(15))
    assert not ledger.complete


def test_of_unknown_length_anything_may_be_missing() -> None:
    assert Ledger(upload=upload(None)).missing() == ((1, MAX_PARTS),)
    assert not Ledger(upload=upload(None)).complete


def test_what_is_over_stays_so() -> None:
    for state in OVER:
        for event in ("finish", "reopen", "publish", "fail", "abort"):
            with pytest.raises(Refused):
                after(state, event)
    assert after("sealing", "reopen") == "receiving"
    assert set(TRANSITIONS.values()) == {"sealing", "receiving", *OVER}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\film.mp4", "film.mp4"),
        (" a ", "a"),
        ("e\u0301", "\xe9"),
        ("\N{GRINNING FACE}.png", "\N{GRINNING FACE}.png"),
        ('a"b;c\u00a0d.txt', 'a"b;c\u00a0d.txt'),
        (".hidden", ".hidden"),
        ("a" * 255, "a" * 255),
    ],
)
def test_the_name_of_a_file(given: str, name: str) -> None:
    assert file_name(given) == name


@pytest.mark.parametrize(
    "given",
    ["", " ", ".", "..", "a/", "a/..", "a\0b", "a\nb", "\ud800", "a\u202etxt.exe", "a" * 256],
)
def test_what_no_file_is_called(given: str) -> None:
    with pytest.raises(Refused):
        file_name(given)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("Image/PNG", "image/png"),
        ("text/plain; charset=utf-8", "text/plain"),
        (None, UNKNOWN_TYPE),
        ("", UNKNOWN_TYPE),
        ("text", UNKNOWN_TYPE),
        ("text/html\r\nX: y", UNKNOWN_TYPE),
    ],
)
def test_the_type_of_a_file(given: str | None, kind: str) -> None:
    assert mime_type(given) == kind
