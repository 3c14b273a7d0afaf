"""Which bytes of a file a request asks for: RFC 9110, section 14."""

import re
from typing import Final, NamedTuple

MAX_RANGES: Final = 16

_RANGES: Final = re.compile(r"bytes=[\t ]*([0-9,\t -]+)", re.IGNORECASE)
_RANGE: Final = re.compile(r"(\d{0,19})-(\d{0,19})")


class ByteRange(NamedTuple):
    """The bytes numbered `first` to `last`, of which the first of all is 0."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def ranges_of(header: str | None, size: int) -> tuple[ByteRange, ...] | None:
    """Those of a `Range` header that are there, in a content of `size` bytes; none is: 416.

    None: the whole is to be sent, as without a header; so it is for headers that say nothing
    sensible, and for those that ask for more than the whole, as repeated and overlapping ranges do.
    """
    match = _RANGES.fullmatch((header or "").strip())
    if match is None:
        return None
    given = [part.strip() for part in match[1].split(",")]
    found: list[ByteRange] = []
    for part in filter(None, given):
        one = _RANGE.fullmatch(part)
        if one is None or part == "-":
            return None
        first, last = one[1], one[2]
        if first and last and int(first) > int(last):
            return None
        if not first:
            byte_range = ByteRange(max(0, size - int(last)), size - 1)
        else:
            byte_range = ByteRange(int(first), min(int(last), size - 1) if last else size - 1)
        if byte_range.size > 0 and byte_range.first < size:
            found.append(byte_range)
    if len(found) > MAX_RANGES or sum(one.size for one in found) > size:
        return None
    return tuple(found)
