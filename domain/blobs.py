"""Blobs: contents of files as S3 keeps them, immutable and without a name of their own."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from streamhub.domain.uploads import Part

Body = Callable[[], AsyncIterator[bytes]]
"""Makes the bytes anew each time: what S3 did not take is sent again."""


class BlobStat(NamedTuple):
    """What S3 says of an object."""

    size: int
    etag: str


class Named(NamedTuple):
    """An object S3 has, since `at` (ms)."""

    object: str
    at: int


class NoMultipart(Exception):
    """S3 has no such multipart upload: it was completed, given up, or thrown away for its age."""


class PartsDiffer(Exception):
    """S3 does not have the parts that were to be put together."""


class Blobs(Protocol):
    """Every method raises TryAgain("unavailable") when S3 is away."""

    async def begin(self, object: str) -> str:
        """A multipart upload; S3's name of it."""
        ...

    async def put_part(
        self, object: str, multipart: str, number: int, body: Body, size: int
    ) -> str:
        """S3's tag of what it stored. Raises NoMultipart."""
        ...

    async def put(self, object: str, body: Body, size: int) -> str:
        """Store an object as one; S3's tag of it."""
        ...

    async def complete(self, object: str, multipart: str, parts: Sequence[Part]) -> None:
        """Make the object of its parts. Raises NoMultipart, PartsDiffer."""
        ...

    async def parts(self, object: str, multipart: str) -> Mapping[int, BlobStat]:
        """What S3 has of a multipart upload, by number. Raises NoMultipart."""
        ...

    async def abort(self, object: str, multipart: str) -> None:
        """Give a multipart upload up, whether or not there is one."""
        ...

    async def stat(self, object: str) -> BlobStat | None: ...

    def read(self, object: str, first: int, size: int) -> AsyncIterator[bytes]:
        """`size` bytes from the one numbered `first` on (the first of all is 0), in pieces. Raises
        TryAgain("unavailable") as well when S3 gives fewer."""
        ...

    async def outside(self, object: str, headers: Mapping[str, str]) -> str | None:
        """Where clients get the object from S3 themselves, for some minutes, with these headers.
        None: they do not reach it."""
        ...

    async def delete(self, objects: Iterable[str]) -> None:
        """Whether or not they are there."""
        ...

    async def named(self, after: str, limit: int) -> tuple[Named, ...]:
        """What S3 has, by name, behind the one called `after`."""
        ...
