"""Digests a client says its content has: `Repr-Digest` and `Content-Digest` of RFC 9530."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import crc32c
from multidict import CIMultiDict, CIMultiDictProxy

from streamhub.domain.errors import Refused

Headers = CIMultiDict[str] | CIMultiDictProxy[str]

HEADERS: Final = ("Repr-Digest", "Content-Digest")

_KNOWN: Final[Mapping[str, Callable[[], Any]]] = MappingProxyType(
    {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512, "crc32c": crc32c.CRC32CHash}
)
_MEMBER: Final = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):")


class Expected:
    """What a content is to have; nothing, if the client did not say. Other algorithms than those
    known here say nothing either, as the RFC has it."""

    def __init__(self, headers: Headers) -> None:
        """`headers` of a request, or of a part of a form. Raises Refused("bad_request")."""
        self._wanted = [
            (header, name, digest, _KNOWN[name]())
            for header in HEADERS
            for name, digest in _members(headers, header)
            if name in _KNOWN
        ]

    async def over(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same, looked at as it passes."""
        async for chunk in chunks:
            for *_, seen in self._wanted:
                seen.update(chunk)
            yield chunk

    def check(self) -> None:
        """All has passed. Raises Refused("checksum_mismatch")."""
        for header, name, digest, seen in self._wanted:
            if seen.digest() != digest:
                detail = f"what came has another {name}: nothing of it was kept"
                raise Refused("checksum_mismatch", detail, field=header)


def _members(headers: Headers, header: str) -> list[tuple[str, bytes]]:
    """A dictionary of byte sequences, RFC 8941."""
    found = []
    given = ",".join(headers.getall(header, ()))
    for member in filter(None, map(str.strip, given.split(","))):
        match = _MEMBER.fullmatch(member)
        if match is None:
            raise Refused("bad_request", "must be like sha-256=:BASE64:", field=header)
        try:
            found.append((match[1], base64.b64decode(match[2], validate=True)))
        except ValueError as error:
            raise Refused("bad_request", "is not base64", field=header) from error
    return found
