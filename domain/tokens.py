"""Access tokens: JSON Web Tokens (RFC 7519, best practices of RFC 8725) that hosts sign and check.

A token begins with the header of a key that is known here, byte for byte: one that says anything
else about itself is refused before any of it is interpreted. Claims are checked as typed data, each
required, no key twice.
"""

import json
import re
from typing import Annotated, Final, Literal, Never

import msgspec
from jwt.utils import base64url_decode, base64url_encode

from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import TOKEN, UserId, make_id
from streamhub.domain.token_keys import TokenKeys

AUDIENCE: Final = "streamhub"
MAX_TOKEN_CHARS: Final = 4096
LEEWAY_S: Final = 5
"""How far the clocks of two hosts may differ."""

_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]+")

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
    """Signs access tokens."""

    def __init__(self, keys: TokenKeys, issuer: str, ttl_s: int) -> None:
        self._key = keys.current
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
        payload = base64url_encode(msgspec.json.encode(claims))
        signed = self._key.header.encode() + b"." + payload
        return f"{signed.decode()}.{base64url_encode(self._key.sign(signed)).decode()}"


class TokenVerifier:
    """Checks access tokens.

    `jwt.decode` would look at the key again for each token, which takes 80 us: ten times as long
    as the signature of a secret. The form leaves it nothing else to find out.
    """

    def __init__(self, keys: TokenKeys, issuer: str) -> None:
        self._keys = keys.by_header
        self._issuer = issuer

    def verify(self, token: str, now_ms: int) -> Caller:
        """Who it speaks for. Raises Refused: unauthenticated, token_expired."""
        claims = self._claims(token)
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

    def _claims(self, token: str) -> _Claims:
        """What a token says whose signature is right."""
        if len(token) > MAX_TOKEN_CHARS:
            raise _refused()
        header, _, rest = token.partition(".")
        payload, _, signature = rest.partition(".")
        key = self._keys.get(header)
        if key is None or not _PAYLOAD.fullmatch(payload) or not key.signature.fullmatch(signature):
            raise _refused()
        if not key.verifies(f"{header}.{payload}".encode(), base64url_decode(signature)):
            raise _refused()
        try:
            return msgspec.convert(_JSON.decode(base64url_decode(payload).decode()), _Claims)
        except (ValueError, RecursionError):
            raise _refused() from None


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


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    claims = dict(pairs)
    if len(claims) != len(pairs):
        raise ValueError("a key twice")
    return claims


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


_JSON: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
