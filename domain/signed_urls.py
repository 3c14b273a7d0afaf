"""URLs that give one content of a file to whoever has them, for a while, without an account.

All who ask within one stretch of time get the same URL, so that caches on the way serve it to all
of them. It is good for as long as it says: taking a share back does not end it; the trash does,
where no cache has it.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final, NamedTuple

from streamhub.config import Secret
from streamhub.domain.errors import Refused
from streamhub.domain.ids import FILE, VERSION, FileId, VersionId, is_id
from streamhub.domain.sealing import derived

_PURPOSE: Final = b"URLs of files"


class SignedUrl(NamedTuple):
    """`path` with its query; good until `until_s` (seconds since 1970)."""

    path: str
    until_s: int


class UrlSigner:
    """Signs URLs that are good for `lifetime_s` at least, and less than twice that."""

    def __init__(self, secret: Secret, lifetime_s: int, now_ms: Callable[[], int]) -> None:
        self._keys = derived(secret, _PURPOSE)
        self._lifetime_s = lifetime_s
        self._now_ms = now_ms

    def sign(self, file: FileId, version: VersionId) -> SignedUrl:
        until_s = (self._now_s() // self._lifetime_s + 2) * self._lifetime_s
        signature = _signature(self._keys[0], file, version, str(until_s))
        return SignedUrl(f"/v1/signed/{file}/{version}?until={until_s}&sig={signature}", until_s)

    def left_s(self, file: str, version: str, until: str, signature: str) -> int:
        """For how many seconds this one is good yet. Raises Refused("not_found")."""
        named = is_id(file, FILE) and is_id(version, VERSION)
        if named and until.isdecimal() and until.isascii() and len(until) <= 12:
            given = signature.encode()
            for key in self._keys:
                if hmac.compare_digest(given, _signature(key, file, version, until).encode()):
                    left_s = int(until) - self._now_s()
                    if left_s > 0:
                        return left_s
        raise Refused("not_found", "this URL was not made here, or it has expired: ask for another")

    def _now_s(self) -> int:
        return self._now_ms() // 1000


def _signature(key: bytes, file: str, version: str, until: str) -> str:
    said = f"{file} {version} {until}".encode()
    return urlsafe_b64encode(hmac.digest(key, said, "sha256")).rstrip(b"=").decode()
