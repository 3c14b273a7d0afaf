"""Access tokens: JSON Web Tokens (RFC 7519, best practices of RFC 8725) that hosts sign and check.

One algorithm, one header, byte for byte: a token that says anything else about itself is refused
before any of it is interpreted. Claims are checked as typed data, each required, no key twice.
"""

import json
import re
from typing import Annotated, Final, Literal, Never

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_decode

from streamhub.config import Secret
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import TOKEN, UserId, make_id

ALGORITHM: Final = "HS256"
AUDIENCE: Final = "streamhub"
MIN_KEY_BYTES: Final = 32  # RFC 7518, section 3.2
MAX_TOKEN_CHARS: Final = 4096
LEEWAY_S: Final = 5
"""How far the clocks of two hosts may differ."""

_HEADER: Final = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"  # {"alg":"HS256","typ":"JWT"}
# The last of 43 characters holds 4 bits: only these 16 are the one way to write 32 bytes.
_FORM: Final = re.compile(_HEADER + r"\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_JWS: Final = jwt.PyJWS(algorithms=[ALGORITHM])
_HMAC: Final = HMACAlgorithm(HMACAlgorithm.SHA256)

_Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**43)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who a valid access token speaks for; times in ms. `token` is its `jti`."""

    user: UserId
    family: FamilyId
    token: str
    issued_at: int
    expires_at: int


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    iss: _Text
    aud: _Text
    typ: Literal["access"]
    sub: _Text
    sid: _Text
    jti: _Text
    iat: _Seconds
    exp: _Seconds


class TokenIssuer:
    """Signs access tokens. Raises ValueError for a key of under 32 bytes."""

    def __init__(self, secret: Secret, issuer: str, ttl_s: int) -> None:
        self._key = _checked_key(secret)
        self._issuer = issuer
        self.ttl_s: Final = ttl_s

    def issue(self, user: UserId, family: FamilyId, now_ms: int, randomness: bytes) -> str:
        """An access token, valid for `ttl_s` from `now_ms` on. `randomness`: 10 bytes."""
        issued_s = now_ms // 1000
        claims = _Claims(
            iss=self._issuer,
            aud=AUDIENCE,
            typ="access",
            sub=user,
            sid=family,
            jti=make_id(TOKEN, now_ms, randomness),
            iat=issued_s,
            exp=issued_s + self.ttl_s,
        )
        return _JWS.encode(msgspec.json.encode(claims), self._key, algorithm=ALGORITHM)


class TokenVerifier:
    """Checks access tokens. Raises ValueError for a key of under 32 bytes.

    `jwt.decode` would look at the key again for each token, which takes 80 us: ten times as long
    as the signature. The form leaves it nothing else to find out.
    """

    def __init__(self, secret: Secret, issuer: str) -> None:
        self._key = _HMAC.prepare_key(_checked_key(secret))
        self._issuer = issuer

    def verify(self, token: str, now_ms: int) -> Caller:
        """Who it speaks for. Raises Refused: unauthenticated, token_expired."""
        if len(token) > MAX_TOKEN_CHARS or not _FORM.fullmatch(token):
            raise _refused()
        signed, _, signature = token.rpartition(".")
        if not _HMAC.verify(signed.encode(), self._key, base64url_decode(signature)):
            raise _refused()
        try:
            payload = base64url_decode(signed.rpartition(".")[2])
            claims = msgspec.convert(_JSON.decode(payload.decode()), _Claims)
        except (ValueError, RecursionError):
            raise _refused() from None
        if claims.iss != self._issuer or claims.aud != AUDIENCE:
            raise _refused()
        # `iat` is not compared: a host whose clock was ahead must not have logged anybody out.
        if now_ms >= (claims.exp + LEEWAY_S) * 1000:
            raise Refused("token_expired", "get a new access token by the refresh token")
        return Caller(
            user=UserId(claims.sub),
            family=FamilyId(claims.sid),
            token=claims.jti,
            issued_at=claims.iat * 1000,
            expires_at=claims.exp * 1000,
        )


class Revocations:
    """What one host knows of tokens that were revoked before they ran out.

    Fed from the cluster log. After the life of an access token an entry has nothing left to stop.
    """

    def __init__(self, access_ttl_s: int) -> None:
        self.keep_ms: Final = (access_ttl_s + 2 * LEEWAY_S) * 1000
        """How long an entry is kept, and how far back a host that starts must look."""
        self._since: dict[str, int] = {}  # the oldest first

    def add(self, subject: str, now_ms: int) -> None:
        """Refuse every token of the family `subject`, or those the user `subject` has by now."""
        self._since.pop(subject, None)
        self._since[subject] = now_ms
        while (oldest := next(iter(self._since))) != subject:
            if self._since[oldest] + self.keep_ms > now_ms:
                break
            del self._since[oldest]

    def is_revoked(self, caller: Caller) -> bool:
        """Tokens count whole seconds: one issued in the second its user was revoked is refused."""
        since = self._since.get(caller.user)
        return caller.family in self._since or (since is not None and caller.issued_at <= since)

    def __len__(self) -> int:
        return len(self._since)


def _refused() -> Refused:
    return Refused("unauthenticated", "the access token is not valid")


def _checked_key(secret: Secret) -> bytes:
    key = secret.reveal().encode()
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"a signing key must have at least {MIN_KEY_BYTES} bytes, not {len(key)}")
    return key


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    claims = dict(pairs)
    if len(claims) != len(pairs):
        raise ValueError("a key twice")
    return claims


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


_JSON: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
