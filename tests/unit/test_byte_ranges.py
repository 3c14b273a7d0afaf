"""Every shape of a Range header (RFC 9110, section 14), against what a slow reading of it gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhub.transport.byte_ranges import MAX_RANGES, ranges_of


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-0", [(0, 0)]),
        ("bytes=0-499", [(0, 499)]),
        ("bytes=500-", [(500, 999)]),
        ("bytes=-500", [(500, 999)]),
        ("bytes=-5000", [(0, 999)]),
        ("bytes=990-5000", [(990, 999)]),
        ("Bytes=1-2", [(1, 2)]),
        ("bytes= 1-2 , 4-5", [(1, 2), (4, 5)]),
        ("bytes=1-2,,4-5,", [(1, 2), (4, 5)]),
        ("bytes=0-0,-1", [(0, 0), (999, 999)]),
        ("bytes=900-999,0-9", [(900, 999), (0, 9)]),
        ("bytes=1000-", []),
        ("bytes=-0", []),
        ("bytes=1000-2000,5-6", [(5, 6)]),
    ],
)
def test_what_is_asked_for(header: str, found: list[tuple[int, int]]) -> None:
    assert ranges_of(header, 1000) == tuple(found)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=-",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=1-2;3-4",
        "bytes=--1",
        "bytes=1-2-3",
        "items=0-5",
        "bytes=0-" + "9" * 20,
        "bytes=0-999,0-0",
        "bytes=0-600,500-999",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(MAX_RANGES + 1)),
    ],
)
def test_what_says_nothing_sensible_or_asks_for_too_much_is_the_whole(header: str | None) -> None:
    assert ranges_of(header, 1000) is None


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-1", "bytes=0-0"])
def test_of_nothing_there_is_no_range(header: str) -> None:
    assert ranges_of(header, 0) == ()


@given(st.text(max_size=40), st.integers(0, 10_000))
def test_no_header_breaks_it_or_gets_more_than_the_whole(text: str, size: int) -> None:
    for header in (text, f"bytes={text}"):
        found = ranges_of(header, size)
        assert found is None or sum(one.size for one in found) <= size
        assert all(0 <= one.first <= one.last < size for one in found or ())


SPAN = st.tuples(st.integers(0, 120), st.integers(0, 120) | st.none())


@given(st.lists(SPAN, min_size=1, max_size=5), st.integers(1, 100))
def test_the_ranges_are_the_bytes_that_are_there(
    spans: list[tuple[int, int | None]], size: int
) -> None:
    header = ",".join(f"{first}-{'' if last is None else last}" for first, last in spans)
    found = ranges_of(f"bytes={header}", size)
    if any(last is not None and last < first for first, last in spans):
        assert found is None
        return
    body = bytes(range(size))
    wanted = [body[first : size if last is None else last + 1] for first, last in spans]
    wanted = [piece for piece in wanted if piece]
    if sum(map(len, wanted)) > size:
        assert found is None
    else:
        assert [body[one.first : one.last + 1] for one in found or ()] == wanted
