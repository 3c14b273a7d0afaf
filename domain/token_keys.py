"""The keys that sign access tokens, and those whose tokens are taken besides.

Each key has one header, byte for byte: it names the algorithm, which so belongs to the key and is
never a token's choice, and the key (`kid`). What has another header was not made here.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from jwt.algorithms import HMACAlgorithm, OKPAlgorithm

from streamhub.config import Secret

MIN_KEY_BYTES: Final = 32  # RFC 7518, section 3.2

_PEM: Final = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)
_HMAC: Final = HMACAlgorithm(HMACAlgorithm.SHA256)
_OKP: Final = OKPAlgorithm()
_HMAC_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_ED25519_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_-]{85}[AQgw]")
# In both only such a last character is the one way to write those bytes.


class TokenKey(Protocol):
    """One key: `header` begins each of its tokens, encoded, and their signatures have the form
    `signature`."""

    kid: str
    header: str
    signature: re.Pattern[str]

    def verifies(self, signed: bytes, signature: bytes) -> bool: ...


class SigningKey(TokenKey, Protocol):
    """A key that can sign too."""

    def sign(self, signed: bytes) -> bytes: ...


class SecretKey:
    """A shared secret: HS256. Raises ValueError for under 32 bytes."""

    signature = _HMAC_SIGNATURE

    def __init__(self, secret: str) -> None:
        key = secret.encode()
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(
                f"a signing key must have at least {MIN_KEY_BYTES} bytes, not {len(key)}"
            )
        self._key = _HMAC.prepare_key(key)
        self.kid = _text(hmac.digest(key, b"the name of this key", "sha256")[:12])
        self.header = _header("HS256", self.kid)

    def sign(self, signed: bytes) -> bytes:
        return _HMAC.sign(signed, self._key)

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        return _HMAC.verify(signed, self._key, signature)


class PublicKey:
    """The public half of an Ed25519 pair: EdDSA (RFC 8037). Its `kid` is its thumbprint
    (RFC 7638)."""

    signature = _ED25519_SIGNATURE

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._public = key
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.jwk: Mapping[str, str] = {"crv": "Ed25519", "kty": "OKP", "x": _text(raw)}
        self.kid = _text(sha256(msgspec.json.encode(self.jwk)).digest())
        self.header = _header("EdDSA", self.kid)

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        return _OKP.verify(signed, self._public, signature)


class PrivateKey(PublicKey):
    """An Ed25519 pair."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        super().__init__(key.public_key())
        self._private = key

    def sign(self, signed: bytes) -> bytes:
        return _OKP.sign(signed, self._private)


class TokenKeys:
    """All keys of a host. The first key of `pem` signs if it is private, else the secret does;
    tokens of every key here are taken.

    Raises ValueError for a secret that is too short, and for text that holds other than Ed25519
    keys in PEM (PKCS #8, SubjectPublicKeyInfo).
    """

    def __init__(self, secret: Secret, pem: bytes | None = None) -> None:
        pairs = () if pem is None else _keys_of(pem)
        secrets = [SecretKey(value) for value in secret.reveal_all()]
        first = pairs[0] if pairs else None
        self.current: SigningKey = first if isinstance(first, PrivateKey) else secrets[0]
        known: Sequence[TokenKey] = (*secrets, *pairs)
        self.by_header: Mapping[str, TokenKey] = {key.header: key for key in known}
        self.public: tuple[PublicKey, ...] = tuple(pairs)


def _keys_of(pem: bytes) -> Sequence[PublicKey]:
    blocks = [found[0] for found in _PEM.finditer(pem)]
    if not blocks or _PEM.sub(b"", pem).strip():
        raise ValueError("it holds something else than keys in PEM, or none")
    return [_key_of(block, number) for number, block in enumerate(blocks, 1)]


def _key_of(block: bytes, number: int) -> PublicKey:
    key: Any
    try:
        if b"PRIVATE" in block.partition(b"\n")[0]:
            key = load_pem_private_key(block, password=None)
        else:
            key = load_pem_public_key(block)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"key {number} cannot be read, or has a password") from None
    if isinstance(key, Ed25519PrivateKey):
        return PrivateKey(key)
    if isinstance(key, Ed25519PublicKey):
        return PublicKey(key)
    raise ValueError(f"key {number} is no Ed25519 key")


def _header(algorithm: str, kid: str) -> str:
    return _text(msgspec.json.encode({"alg": algorithm, "kid": kid, "typ": "JWT"}))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
