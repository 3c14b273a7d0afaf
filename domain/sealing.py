"""Encryption of what must be kept and may not be read from a copy of the database.

AES-256-GCM under a key of its own for each purpose, derived from one secret by HKDF (RFC 5869).
While that secret is changed, what was sealed under another one that is accepted opens too.
"""

import hmac
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from streamhub.config import Secret

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Unsealable(Exception):
    """The bytes were sealed under another secret or for another purpose, or were altered."""


class Sealer:
    """Seals and unseals for one purpose. `about` ties a sealed text to what it belongs to (an id):
    moved to another row it does not open."""

    def __init__(self, secret: Secret, purpose: str, random_bytes: Callable[[int], bytes]) -> None:
        self._cipher, *self._others = (
            AESGCM(_derived(value, purpose)) for value in secret.reveal_all()
        )
        self._random_bytes = random_bytes

    def seal(self, plain: bytes, about: str) -> bytes:
        nonce = self._random_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about.encode())

    def unseal(self, sealed: bytes, about: str) -> bytes:
        """Raises Unsealable."""
        for cipher in (self._cipher, *self._others):
            plain = _opened(cipher, sealed, about)
            if plain is not None:
                return plain
        raise Unsealable(f"what is kept of {about} cannot be read with this secret")

    def is_current(self, sealed: bytes, about: str) -> bool:
        """Whether it needs no other secret to be opened."""
        return _opened(self._cipher, sealed, about) is not None


def derived(secret: Secret, purpose: bytes) -> tuple[bytes, ...]:
    """Keys of HMACs for one purpose: of the secret, and of each that is accepted in its place."""
    return tuple(hmac.digest(value.encode(), purpose, "sha256") for value in secret.reveal_all())


def _derived(secret: str, purpose: str) -> bytes:
    derive = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode())
    return derive.derive(secret.encode())


def _opened(cipher: AESGCM, sealed: bytes, about: str) -> bytes | None:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError):
        return None
