"""One-time codes and links: what proves, once and within minutes, that somebody reads their mail.

Whoever asks gets the name of their *request*, and the mail has a code of six digits and a link. The
code works with its request only, so that one read over a shoulder opens nothing elsewhere; the
link carries its request. Either is good once, for the newest request of its purpose and account,
and is gone after five wrong codes. Only HMACs of both are stored.

The store may lose everything: then nobody gets in, and one asks again.
"""

import base64
import hmac
import re
from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

import msgspec

from streamhub.config import Secret
from streamhub.domain.ids import UserId
from streamhub.domain.sealing import derived

Purpose = Literal["sign_in", "password_reset", "email_change", "welcome", "registration"]

LIFE_S: Final = 600
MAX_TRIES: Final = 5
CODE_DIGITS: Final = 6
_REQUEST_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_LINK: Final = re.compile(r"shl_[A-Za-z0-9_-]{64}")  # 48 bytes fill 64 characters exactly
_REQUEST: Final = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")  # the one way to write 16 bytes
_CODE: Final = re.compile(r"[0-9]{6}")


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a request. `data`: what is to be done, such as a new address, sealed."""

    purpose: Purpose
    user: UserId
    code: bytes
    link: bytes
    data: bytes = b""


class OneTimeStore(Protocol):
    """Requests that are open. Both raise TryAgain("unavailable") when it is away."""

    async def put(self, request: str, pending: Pending, life_s: int) -> None:
        """Open a request; an older one of its purpose and user is over."""
        ...

    async def take(self, request: str, proofs: Sequence[bytes]) -> Pending | None:
        """The request, if one of `proofs` is that of its code or its link, and then it is over;
        atomically.

        Anything else counts as a try; after MAX_TRIES the request is over.
        """
        ...


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to the one who asked (`request`), and what into the mail."""

    request: str
    code: str
    link: str

    def __repr__(self) -> str:  # without what must not reach a log
        return "Offer(...)"


class OneTime:
    """Makes and redeems codes and links."""

    def __init__(
        self, store: OneTimeStore, secret: Secret, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._keys = derived(secret, b"one-time codes and links")
        self._random_bytes = random_bytes

    def request(self) -> str:
        """The name of a request, also for accounts that are not there."""
        return _text(self._random_bytes(_REQUEST_BYTES))

    async def offer(self, request: str, purpose: Purpose, user: UserId, data: bytes = b"") -> Offer:
        """Open the request. Raises TryAgain("unavailable")."""
        number = int.from_bytes(self._random_bytes(16)) % 10**CODE_DIGITS
        code = f"{number:0{CODE_DIGITS}}"
        secret = self._random_bytes(_SECRET_BYTES)
        pending = Pending(
            purpose=purpose,
            user=user,
            code=self._proofs(purpose, request, "code", code.encode())[0],
            link=self._proofs(purpose, request, "link", secret)[0],
            data=data,
        )
        await self._store.put(request, pending, LIFE_S)
        return Offer(request=request, code=code, link=f"shl_{_text(_bytes(request) + secret)}")

    async def redeem_code(self, purpose: Purpose, request: str, code: str) -> Pending | None:
        """What was asked for, if the code is right. Raises TryAgain("unavailable")."""
        if not _REQUEST.fullmatch(request) or not _CODE.fullmatch(code):
            return None
        proofs = self._proofs(purpose, request, "code", code.encode())
        return await self._store.take(request, proofs)

    async def redeem_link(self, purpose: Purpose, link: str) -> Pending | None:
        """What was asked for, if the link is right. Raises TryAgain("unavailable")."""
        if not _LINK.fullmatch(link):
            return None
        raw = _bytes(link.removeprefix("shl_"))
        request, secret = _text(raw[:_REQUEST_BYTES]), raw[_REQUEST_BYTES:]
        proofs = self._proofs(purpose, request, "link", secret)
        return await self._store.take(request, proofs)

    def _proofs(
        self, purpose: Purpose, request: str, kind: str, secret: bytes
    ) -> tuple[bytes, ...]:
        """Under each secret that is accepted, the present one first."""
        said = b"\0".join((purpose.encode(), request.encode(), kind.encode(), secret))
        return tuple(hmac.digest(key, said, "sha256") for key in self._keys)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
