"""Who else may read a file: users, the members of a channel, and whoever has a link.

A link is `shl_` and 32 random bytes in base64url; only its SHA-256 is stored. It is good until it
expires, was used up or revoked, or its file is in the trash; then, and to who has none, it looks as
if there had never been one.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from streamhub.domain.channels import Page
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.files import File
from streamhub.domain.ids import CHANNEL, LINK, RANDOM_BYTES, USER, FileId, UserId, is_id, make_id
from streamhub.domain.limits import Allowance, Limiter
from streamhub.domain.origin import network_of
from streamhub.domain.passwords import PasswordHasher, presented

MAX_SHARES: Final = 200
MAX_LINKS: Final = 50
"""Of one file."""

MIN_PASSWORD: Final = 8
SECRET_BYTES: Final = 32
GOES_ON_MS: Final = 86_400_000
"""So long after a download began, the rest of it may be asked for, by ranges."""

GUESSES: Final = Allowance(rate=10 / 60, burst=20)
"""Passwords of one link that are tried from one network (an IPv4 address, an IPv6 /64)."""

_PREFIX: Final = "shl_"
_TEXT: Final = re.compile(r"shl_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # 32 bytes, one way
_REMEMBERED: Final = 1000


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """`reader` is a user or a channel; times in ms."""

    reader: str
    shared_at: int


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """A file of somebody else, and for whom it is: the user who asks, or a channel they are in."""

    file: File
    share: Share


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a link, but for its text. `downloads` are those that began, the last one at
    `downloaded_at` (ms); `views` say how often it was looked at."""

    id: str
    file: FileId
    created_at: int
    expires_at: int | None = None
    max_downloads: int | None = None
    password_hash: str | None = None
    downloads: int = 0
    downloaded_at: int | None = None
    views: int = 0

    def __repr__(self) -> str:  # without what must not reach a log
        return f"Link({self.id})"


class SharingStore(Protocol):
    """Every method raises TryAgain("unavailable")."""

    async def share(self, owner: UserId, file: FileId, reader: str, at: int) -> File | None:
        """The file; None if it was shared so before. Raises Refused: not_found (the owner has no
        such file, or may not share with that reader), limit_reached."""
        ...

    async def unshare(self, by: UserId, file: FileId, reader: str) -> bool:
        """By the owner, or by the reader. Whether it was shared."""
        ...

    async def shares(self, owner: UserId, file: FileId) -> tuple[Share, ...] | None:
        """The oldest first. None: the owner has no such file."""
        ...

    async def shared(self, reader: UserId, cursor: str | None, limit: int) -> Page[Shared]:
        """What others shared with the reader, the newest first; fewer than `limit` where files are
        in the trash. Raises Refused("bad_request",
        field="cursor")."""
        ...

    async def add_link(self, owner: UserId, link: Link, digest: bytes) -> bool:
        """False: the owner has no such file. Raises Refused("limit_reached")."""
        ...

    async def links(self, owner: UserId, file: FileId) -> tuple[Link, ...] | None:
        """The oldest first, whether good or not. None: the owner has no such file."""
        ...

    async def remove_link(self, owner: UserId, file: FileId, link: str) -> bool: ...

    async def linked(self, digest: bytes, now_ms: int) -> tuple[Link, File] | None:
        """The link that is called so, if it has not expired, its file is there, and the account of
        the file's owner is active."""
        ...

    async def count_view(self, link: str) -> None: ...

    async def count_download(self, link: str, now_ms: int) -> bool:
        """Whether there was one left."""
        ...


class Sharing:
    """Shares files, and makes and opens links. All raise TryAgain("unavailable")."""

    def __init__(
        self,
        store: SharingStore,
        hasher: PasswordHasher,
        limiter: Limiter,
        *,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.store = store
        self._hasher = hasher
        self._limiter = limiter
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._salt = random_bytes(16)
        self._opened: dict[bytes, None] = {}

    async def share(self, owner: UserId, file: FileId, reader: str) -> File | None:
        """The file; None if it was shared so before. Raises Refused: not_found, limit_reached,
        bad_request (with oneself)."""
        if reader == owner:
            raise Refused("bad_request", "it is yours", field="reader")
        if not (is_id(reader, USER) or is_id(reader, CHANNEL)):
            raise Refused("not_found", "there is no such user or channel", field="reader")
        return await self.store.share(owner, file, reader, self._now_ms())

    # -- links ------------------------------------------------------------------------------

    async def make_link(
        self,
        owner: UserId,
        file: FileId,
        *,
        expires_at: int | None,
        password: str | None,
        max_downloads: int | None,
    ) -> tuple[Link, str]:
        """A link to the file, and its text. Raises Refused: not_found, limit_reached, bad_request;
        TryAgain("overloaded")."""
        now_ms = self._now_ms()
        if expires_at is not None and expires_at <= now_ms:
            raise Refused("bad_request", "must be in the future", field="expires_at")
        link = Link(
            id=make_id(LINK, now_ms, self._random_bytes(RANDOM_BYTES)),
            file=file,
            created_at=now_ms,
            expires_at=expires_at,
            max_downloads=max_downloads,
            password_hash=None if password is None else await self._hashed(password),
        )
        text = link_text(self._random_bytes(SECRET_BYTES))
        if not await self.store.add_link(owner, link, link_digest(text)):
            raise Refused("not_found", "you have no such file", field="file")
        return link, text

    async def _hashed(self, password: str) -> str:
        known = presented(password)
        if known is None or len(known) < MIN_PASSWORD:
            detail = f"must have {MIN_PASSWORD} to 1024 characters"
            raise Refused("bad_request", detail, field="password")
        return await self._hasher.hash(known)

    async def view(self, text: str, password: str | None, address: str) -> tuple[Link, File]:
        """The link, which is counted as looked at, and its file. Raises as `download`."""
        link, file = await self._open(text, password, address)
        if _used_up(link):
            raise _unknown()
        await self.store.count_view(link.id)
        return link, file

    async def download(
        self, text: str, password: str | None, address: str, *, begins: bool
    ) -> File:
        """The file, to be sent from its beginning, which counts, or (not `begins`) the rest of a
        download that was counted before.

        Raises Refused: not_found, unauthenticated (it needs a password, or another one);
        TryAgain: rate_limited, overloaded.
        """
        link, file = await self._open(text, password, address)
        now_ms = self._now_ms()
        if begins:
            if not await self.store.count_download(link.id, now_ms):
                raise _unknown()
        elif link.max_downloads is not None and (
            link.downloaded_at is None or link.downloaded_at + GOES_ON_MS < now_ms
        ):
            raise _unknown()
        return file

    async def look(self, text: str, password: str | None, address: str) -> File:
        """The file, without counting anything. Raises as `download`."""
        link, file = await self._open(text, password, address)
        if _used_up(link):
            raise _unknown()
        return file

    async def _open(self, text: str, password: str | None, address: str) -> tuple[Link, File]:
        if not _TEXT.fullmatch(text):
            raise _unknown()
        found = await self.store.linked(link_digest(text), self._now_ms())
        if found is None:
            raise _unknown()
        link, _ = found
        if link.password_hash is not None:
            await self._check(link, link.password_hash, password, address)
        return found

    async def _check(
        self, link: Link, password_hash: str, password: str | None, address: str
    ) -> None:
        """Who was let in a moment ago is not held up again: players ask for many ranges."""
        known = presented(password) if password else None
        if known is None:
            raise Refused("unauthenticated", "this link has a password: send it")
        said = f"{link.id} {password_hash} {known}".encode()
        mark = hashlib.blake2b(said, key=self._salt).digest()
        if mark in self._opened:
            return
        wait_ms = await self._limiter.take(f"link:{link.id}:{network_of(address)}", *GUESSES)
        if wait_ms:
            detail = "too many passwords were tried for this link"
            raise TryAgain("rate_limited", detail, retry_after_ms=wait_ms)
        if not (await self._hasher.verify(password_hash, known)).matches:
            raise Refused("unauthenticated", "this is not the password of the link")
        self._opened[mark] = None
        if len(self._opened) > _REMEMBERED:
            del self._opened[next(iter(self._opened))]


def link_text(secret: bytes) -> str:
    return _PREFIX + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def link_digest(text: str) -> bytes:
    """What is stored of a link's text."""
    return hashlib.sha256(text.encode()).digest()


def _used_up(link: Link) -> bool:
    return link.max_downloads is not None and link.downloads >= link.max_downloads


def _unknown() -> Refused:
    return Refused("not_found", "there is no such link, or it is no longer good", field="link")
