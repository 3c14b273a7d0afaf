"""An OpenID Connect provider as StreamHub speaks with it: discovery, code flow with PKCE, ID token.

OpenID Connect Core 1.0, sections 3.1 and 3.1.3.7; Discovery 1.0. The network part is authlib's,
the signatures joserfc's; what remains here is what to ask for and what to insist on.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2
import msgspec
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from streamhub.config import Secret
from streamhub.domain.errors import Refused, TryAgain
from streamhub.domain.identities import Authorization, Identity

TIMEOUT_S: Final = 10.0
METADATA_S: Final = 3600.0
"""How long what a provider says of itself is believed."""

KEYS_AGAIN_S: Final = 60.0
"""How often its keys are asked for at most, when a token names one that is not known."""

ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"]
LEEWAY_S: Final = 30
_SCOPE: Final = "openid profile email"
_DISCOVERY: Final = "/.well-known/openid-configuration"


class _Metadata(msgspec.Struct, frozen=True):
    """What is needed of a provider's metadata."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Claims(msgspec.Struct, frozen=True):
    """The claims of an ID token that count here."""

    sub: str
    nonce: str
    email: str | None = None
    email_verified: bool = False
    name: str = ""
    preferred_username: str = ""


class OpenIdProvider:
    """Implements IdentityProvider."""

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: Secret | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = asyncio.Lock()
        self._metadata: tuple[_Metadata, float] | None = None
        self._keys: tuple[jwk.KeySet, float] | None = None

    async def page(self, authorization: Authorization) -> str:
        metadata = await self._described()
        async with self._client(metadata) as client:
            url, _ = client.create_authorization_url(
                metadata.authorization_endpoint,
                state=authorization.state,
                code_verifier=authorization.verifier,
                nonce=authorization.nonce,
                redirect_uri=authorization.redirect_uri,
            )
        return str(url)

    async def identity(self, authorization: Authorization, code: str) -> Identity:
        metadata = await self._described()
        tokens = await self._tokens(metadata, authorization, code)
        signed = tokens.get("id_token")
        if not isinstance(signed, str):
            raise _refused("it gave no ID token")
        claims = await self._claims(metadata, signed)
        if claims.nonce != authorization.nonce:
            raise _refused("its ID token is another log-in's")
        return Identity(
            issuer=metadata.issuer,
            subject=claims.sub,
            email=claims.email if claims.email_verified else None,
            name=claims.name,
            handle=claims.preferred_username,
        )

    # -- private ----------------------------------------------------------------------------

    async def _tokens(
        self, metadata: _Metadata, authorization: Authorization, code: str
    ) -> Mapping[str, Any]:
        try:
            async with self._client(metadata) as client:
                tokens: Mapping[str, Any] = await client.fetch_token(
                    metadata.token_endpoint,
                    code=code,
                    code_verifier=authorization.verifier,
                    redirect_uri=authorization.redirect_uri,
                )
        except OAuthError as error:
            raise _refused("it does not know this code") from error
        except (httpx2.HTTPError, ValueError) as error:
            raise _away() from error
        return tokens

    async def _claims(self, metadata: _Metadata, signed: str) -> _Claims:
        """The claims of an ID token whose signature and recipient are right."""
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": metadata.issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True},
        )
        try:
            try:
                token = jwt.decode(signed, await self._key_set(metadata), algorithms=ALGORITHMS)
            except (JoseError, ValueError):  # perhaps by a key that is newer than what we know
                keys = await self._key_set(metadata, again=True)
                token = jwt.decode(signed, keys, algorithms=ALGORITHMS)
            rules.validate(token.claims)
            return msgspec.convert(token.claims, _Claims)
        except (JoseError, ValueError) as error:
            raise _refused(f"its ID token is not valid ({type(error).__name__})") from error

    async def _described(self) -> _Metadata:
        async with self._lock:
            if self._metadata and self._clock() - self._metadata[1] < METADATA_S:
                return self._metadata[0]
            raw = await self._get(self._issuer + _DISCOVERY)
            try:
                metadata = msgspec.json.decode(raw, type=_Metadata)
            except msgspec.DecodeError as error:
                raise _away() from error
            if metadata.issuer.rstrip("/") != self._issuer:  # Discovery 1.0, section 4.3
                raise _refused("it says that it is another one")
            self._metadata = metadata, self._clock()
            return metadata

    async def _key_set(self, metadata: _Metadata, *, again: bool = False) -> jwk.KeySet:
        async with self._lock:
            if self._keys is not None:
                keys, read_at = self._keys
                if self._clock() - read_at < (KEYS_AGAIN_S if again else METADATA_S):
                    return keys
            raw = await self._get(metadata.jwks_uri)
            try:
                keys = jwk.KeySet.import_key_set(msgspec.json.decode(raw))
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise _away() from error
            self._keys = keys, self._clock()
            return keys

    async def _get(self, url: str) -> bytes:
        try:
            async with httpx2.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
                answer = await client.get(url, headers={"Accept": "application/json"})
                answer.raise_for_status()
                return bytes(answer.content)
        except httpx2.HTTPError as error:
            raise _away() from error

    def _client(self, metadata: _Metadata) -> AsyncOAuth2Client:
        secret = self._client_secret.reveal() if self._client_secret else None
        methods = metadata.token_endpoint_auth_methods_supported
        posted = "client_secret_basic" not in methods and "client_secret_post" in methods
        method = "none" if secret is None else "client_secret_post" if posted else None
        return AsyncOAuth2Client(
            client_id=self._client_id,
            client_secret=secret,
            token_endpoint_auth_method=method or "client_secret_basic",
            scope=_SCOPE,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
            follow_redirects=False,
        )


def _refused(why: str) -> Refused:
    return Refused("unauthenticated", f"the provider does not confirm the log-in: {why}")


def _away() -> TryAgain:
    return TryAgain("unavailable", "the provider does not answer", retry_after_ms=5000)
